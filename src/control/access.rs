//! Who may change things: the bearer of an operator's token, or whoever may open the Unix socket.

use http::HeaderMap;

use crate::config::keys::{KeyPurpose, Keys};
use crate::net::hex;

/// Where an admin call came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Over TCP: a write needs a token, on loopback too.
    Tcp,
    /// Over the Unix socket, whose permissions are the proof.
    Socket {
        /// The user at the other end, as the system says.
        user: Option<u32>,
    },
}

/// The code of a write without a token.
pub(super) const MISSING: &str = "credential-missing";
/// The code of a write with a token that is none of ours.
pub(super) const NOT_VALID: &str = "token-not-valid";

/// Why nobody is known to be writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotProved {
    /// No token.
    Missing,
    /// Not one of ours, or not any more.
    NotValid,
}

impl NotProved {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Missing => MISSING,
            Self::NotValid => NOT_VALID,
        }
    }

    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Missing => {
                "send an operator's token as `Authorization: Bearer …`, or use the Unix socket"
            }
            Self::NotValid => {
                "the token is not valid here, or no longer: `helan keys admin` prints one"
            }
        }
    }
}

/// The token of an operator: the name and a keyed hash of it, so that nothing need be stored and a
/// new admin key ends all old tokens. The key makes nothing else: where callers could have texts of
/// their choice hashed under it, as records hash their headers, they could have tokens made.
pub fn admin_token(keys: &Keys, name: &str) -> String {
    let (_, mac) = keys.hmac(KeyPurpose::Admin, text(name).as_bytes());
    format!("{name}.{}", hex(&mac))
}

fn text(name: &str) -> String {
    format!("admin-token:{name}")
}

impl Access {
    /// Who is writing.
    pub(super) fn writer(self, keys: &Keys, headers: &HeaderMap) -> Result<String, NotProved> {
        if let Self::Socket { user } = self {
            return Ok(user.map_or_else(|| "socket".to_owned(), |user| format!("uid:{user}")));
        }
        let value = headers.get(http::header::AUTHORIZATION).ok_or(NotProved::Missing)?;
        Self::bearer(keys, value).ok_or(NotProved::NotValid)
    }

    fn bearer(keys: &Keys, value: &http::HeaderValue) -> Option<String> {
        let (scheme, given) = value.to_str().ok()?.split_once(' ')?;
        let (name, _) = given.split_once('.')?;
        let known = crate::domain::PersonId::parse(name).is_ok();
        let expected = admin_token(keys, name);
        let same = aws_lc_rs::constant_time::verify_slices_are_equal(
            expected.as_bytes(),
            given.as_bytes(),
        );
        (scheme.eq_ignore_ascii_case("bearer") && known && same.is_ok()).then(|| name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(token: Option<&str>) -> Result<String, NotProved> {
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            headers.insert(http::header::AUTHORIZATION, token.parse().unwrap());
        }
        Access::Tcp.writer(&Keys::ephemeral(), &headers)
    }

    #[test]
    fn only_the_token_of_a_name_lets_that_name_write() {
        let token = admin_token(&Keys::ephemeral(), "wang-li");
        assert_eq!(writer(Some(&format!("Bearer {token}"))), Ok("wang-li".to_owned()));

        assert_eq!(writer(None), Err(NotProved::Missing));
        let other = token.replacen("wang-li", "li-wang", 1);
        for wrong in [&token, &format!("Basic {token}"), &format!("Bearer {other}"), "Bearer ."] {
            assert_eq!(writer(Some(wrong)), Err(NotProved::NotValid), "{wrong}");
        }
    }

    #[test]
    fn whoever_may_open_the_socket_writes_under_the_name_of_his_user() {
        let socket = Access::Socket { user: Some(1000) };
        let writer = socket.writer(&Keys::ephemeral(), &HeaderMap::new());
        assert_eq!(writer, Ok("uid:1000".to_owned()));
    }
}
