//! What Helan shows to an interface so that it is let in.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderName, HeaderValue};

use super::UpstreamProblem;
use crate::domain::{Secret, UpstreamCredential, Zone};

/// No secret is longer; a bigger file is something else.
const MOST_BYTES: u64 = 16 * 1024;

/// Headers that say how a message is framed or where it goes: not for secrets.
const NOT_THESE: [HeaderName; 7] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
];

/// The headers to send, of the credentials issued for `zone` and no other.
pub(super) fn headers(
    credentials: &[UpstreamCredential],
    zone: Zone,
    base: &Path,
) -> Result<Vec<(HeaderName, HeaderValue)>, UpstreamProblem> {
    let mut headers = Vec::new();
    for credential in credentials.iter().filter(|credential| credential.zone() == zone) {
        let (name, value) = header_of(credential, base)?;
        if headers.iter().any(|(taken, _)| *taken == name) {
            return Err(UpstreamProblem::HeaderTwice { name: name.to_string(), zone });
        }
        headers.push((name, value));
    }
    Ok(headers)
}

fn header_of(
    credential: &UpstreamCredential,
    base: &Path,
) -> Result<(HeaderName, HeaderValue), UpstreamProblem> {
    let secret = read(credential.secret(), base)?;
    let (name, value) = match credential {
        UpstreamCredential::Header { name, .. } => (header_name(name)?, secret),
        UpstreamCredential::Basic { user, .. } => {
            // RFC 7617 §2: the first colon ends the user.
            if user.contains(':') || has_control(user) {
                return Err(UpstreamProblem::User);
            }
            if has_control(&secret) {
                return Err(UpstreamProblem::SecretText);
            }
            let pair = STANDARD.encode(format!("{user}:{secret}"));
            (header::AUTHORIZATION, format!("Basic {pair}"))
        }
        UpstreamCredential::Bearer { .. } => {
            if !is_token68(&secret) {
                return Err(UpstreamProblem::SecretText);
            }
            (header::AUTHORIZATION, format!("Bearer {secret}"))
        }
    };
    let mut value = HeaderValue::try_from(value).map_err(|_| UpstreamProblem::SecretText)?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn header_name(name: &str) -> Result<HeaderName, UpstreamProblem> {
    let refused = || UpstreamProblem::HeaderName { name: name.to_owned() };
    let name = HeaderName::try_from(name).map_err(|_| refused())?;
    if NOT_THESE.contains(&name) { Err(refused()) } else { Ok(name) }
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// RFC 6750 §2.1.
fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !body.is_empty() && body.bytes().all(fits)
}

fn read(secret: &Secret, base: &Path) -> Result<String, UpstreamProblem> {
    let text = match secret {
        Secret::File(path) => read_file(&base.join(path))?,
        Secret::Environment(name) => {
            std::env::var(name).map_err(|_| UpstreamProblem::SecretUnset { name: name.clone() })?
        }
    };
    if text.is_empty() { Err(UpstreamProblem::SecretText) } else { Ok(text) }
}

fn read_file(path: &Path) -> Result<String, UpstreamProblem> {
    let unread = |cause| UpstreamProblem::SecretRead { path: path.to_owned(), cause };
    let file = File::open(path).map_err(unread)?;
    // Of the file that is open, so that nobody can put another in its place in between.
    let mode = file.metadata().map_err(unread)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(UpstreamProblem::SecretExposed { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text).map_err(unread)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn basic_is_utf_8_in_base64_and_its_value_is_never_printed() {
        let folder = folder_with("pass\u{8bcd}\n", 0o600);
        let basic = UpstreamCredential::Basic {
            zone: Zone::Sharing,
            user: "用户".to_owned(),
            password: secret(),
        };

        let headers = headers(&[basic], Zone::Sharing, folder.path()).unwrap();

        let (name, value) = &headers[0];
        let pair = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(STANDARD.decode(pair).unwrap(), "用户:pass\u{8bcd}".as_bytes());
        assert_eq!(name, header::AUTHORIZATION);
        assert!(!format!("{headers:?}").contains(pair));
    }

    #[test]
    fn a_credential_of_another_zone_is_not_even_read() {
        let missing = Secret::File("missing".into());
        let bearer = UpstreamCredential::Bearer { zone: Zone::Sharing, token: missing };
        let folder = tempfile::tempdir().unwrap();

        let read = |zone| headers(std::slice::from_ref(&bearer), zone, folder.path());

        assert!(read(Zone::Opening).unwrap().is_empty());
        assert!(matches!(read(Zone::Sharing), Err(UpstreamProblem::SecretRead { .. })));
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        for mode in [0o640, 0o604, 0o660] {
            let folder = folder_with("abc", mode);

            let refused = headers(&[bearer()], Zone::Sharing, folder.path());

            assert!(matches!(refused, Err(UpstreamProblem::SecretExposed { .. })), "{mode:o}");
        }
    }

    #[test]
    fn what_cannot_be_a_header_is_refused() {
        for text in ["", "\n", "two words", "a\nb", "=="] {
            let folder = folder_with(text, 0o600);
            let refused = headers(&[bearer()], Zone::Sharing, folder.path());
            assert!(matches!(refused, Err(UpstreamProblem::SecretText)), "{text:?}");
        }
        for name in ["", "Content-Length", "host", "a b"] {
            let folder = folder_with("abc", 0o600);
            let header = UpstreamCredential::Header {
                zone: Zone::Sharing,
                name: name.to_owned(),
                value: secret(),
            };
            let refused = headers(&[header], Zone::Sharing, folder.path());
            assert!(matches!(refused, Err(UpstreamProblem::HeaderName { .. })), "{name:?}");
        }
    }

    #[test]
    fn two_secrets_for_one_header_are_refused() {
        let folder = folder_with("abc", 0o600);

        let refused = headers(&[bearer(), bearer()], Zone::Sharing, folder.path());

        assert!(matches!(refused, Err(UpstreamProblem::HeaderTwice { .. })));
    }

    fn bearer() -> UpstreamCredential {
        UpstreamCredential::Bearer { zone: Zone::Sharing, token: secret() }
    }

    fn secret() -> Secret {
        Secret::File("secret".into())
    }

    fn folder_with(text: &str, mode: u32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        folder
    }
}
