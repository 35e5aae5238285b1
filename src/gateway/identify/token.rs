//! Tokens: what they say, read strictly (RFC 7515, RFC 7519, RFC 8725).

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::TokenFault;
use crate::domain::Timestamp;
use crate::net::jwks::{Algorithm, Jwks, LONGEST_ID};

/// Bytes of the longest token.
const LONGEST: usize = 8 * 1024;
/// How far `nbf` and `iat` may lie ahead of our clock. `exp` gets nothing: a token that has expired
/// has expired, and its issuer can make it live longer.
const LEEWAY_MS: i64 = 30_000;

/// A token taken apart. Nothing in it is believed yet.
pub(super) struct Unverified<'a> {
    pub(super) token: Token,
    pub(super) key: Option<String>,
    signed: &'a [u8],
    signature: &'a str,
}

/// What a token says.
pub(super) struct Token {
    pub(super) algorithm: Algorithm,
    pub(super) issuer: String,
    pub(super) subject: String,
    audience: Vec<String>,
    pub(super) expires: Timestamp,
    not_before: Option<Timestamp>,
    issued: Timestamp,
    bound_to: Option<[u8; 32]>,
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    typ: Option<Cow<'a, str>>,
    #[serde(borrow)]
    kid: Option<Cow<'a, str>>,
    // Present at all is too much, even as `null`.
    #[serde(default, deserialize_with = "present")]
    jku: Option<Forbidden>,
    #[serde(default, deserialize_with = "present")]
    jwk: Option<Forbidden>,
    #[serde(default, deserialize_with = "present")]
    x5u: Option<Forbidden>,
    #[serde(default, deserialize_with = "present")]
    x5c: Option<Forbidden>,
    #[serde(default, deserialize_with = "present")]
    crit: Option<Forbidden>,
    #[serde(default, deserialize_with = "present")]
    b64: Option<Forbidden>,
}

/// The claims we read. A member that stands twice is refused by serde; others are not read.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: Seconds,
    nbf: Option<Seconds>,
    iat: Seconds,
    cnf: Option<Confirmation>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Confirmation {
    #[serde(rename = "x5t#S256")]
    thumbprint: Option<String>,
}

/// A `NumericDate` (RFC 7519 §2): seconds, perhaps with a fraction, never a text.
#[derive(Deserialize)]
#[serde(try_from = "f64")]
struct Seconds(Timestamp);

impl TryFrom<f64> for Seconds {
    type Error = &'static str;

    fn try_from(seconds: f64) -> Result<Self, Self::Error> {
        Duration::try_from_secs_f64(seconds)
            .ok()
            .and_then(|since| i64::try_from(since.as_millis()).ok())
            .map(|millis| Self(Timestamp::from_millis(millis)))
            .ok_or("no moment")
    }
}

/// A header that may not be there.
#[derive(Clone, Copy)]
struct Forbidden;

fn present<'de, D>(deserializer: D) -> Result<Option<Forbidden>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    IgnoredAny::deserialize(deserializer).map(|_| Some(Forbidden))
}

impl<'a> Unverified<'a> {
    /// Takes a token apart and refuses what no token of ours looks like.
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, TokenFault> {
        if text.len() > LONGEST {
            return Err(TokenFault::TooLong);
        }
        let mut parts = text.split(|&b| b == b'.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenFault::Form);
        };
        let (algorithm, key) = read_header(&decode(header)?)?;
        let claims = decode(claims)?;
        let signed = text
            .len()
            .checked_sub(signature.len().saturating_add(1))
            .and_then(|end| text.get(..end))
            .ok_or(TokenFault::Form)?;
        Ok(Self {
            token: Token::read(algorithm, &claims)?,
            key,
            signed,
            signature: std::str::from_utf8(signature).map_err(|_| TokenFault::Form)?,
        })
    }

    /// Whether a key of the set made the signature; `None` if the set lacks the key it names.
    pub(super) fn is_signed_by(&self, keys: &Jwks) -> Option<Result<(), TokenFault>> {
        let id = self.key.as_deref();
        match keys.find(id, self.token.algorithm) {
            Some(key) if key.signed(self.signed, self.signature) => Some(Ok(())),
            Some(_) => Some(Err(TokenFault::Signature)),
            // The key is there, but not for this algorithm: no refetch would change that.
            None if id.is_some_and(|id| keys.knows(id)) => Some(Err(TokenFault::Algorithm)),
            None => None,
        }
    }
}

fn read_header(text: &[u8]) -> Result<(Algorithm, Option<String>), TokenFault> {
    let header: Header<'_> = read_object(text)?;
    let forbidden = [header.jku, header.jwk, header.x5u, header.x5c, header.crit, header.b64];
    if forbidden.iter().any(Option::is_some) {
        return Err(TokenFault::Header);
    }
    // RFC 7515 §4.1.9: compared without case, `application/` left out.
    let typ = header.typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
    if typ.is_some_and(|typ| !["jwt", "at+jwt"].iter().any(|t| typ.eq_ignore_ascii_case(t))) {
        return Err(TokenFault::Type);
    }
    if header.kid.as_ref().is_some_and(|kid| kid.len() > LONGEST_ID) {
        return Err(TokenFault::Form);
    }
    let algorithm = Algorithm::parse(&header.alg).ok_or(TokenFault::Algorithm)?;
    Ok((algorithm, header.kid.map(Cow::into_owned)))
}

impl Token {
    fn read(algorithm: Algorithm, claims: &[u8]) -> Result<Self, TokenFault> {
        let claims: Claims = read_object(claims)?;
        let bound_to = match claims.cnf {
            None => None,
            // Bound in a way we do not know is bound all the same: refuse (RFC 7800 §3.1).
            Some(cnf) => Some(thumbprint(&cnf).ok_or(TokenFault::Binding)?),
        };
        Ok(Self {
            algorithm,
            issuer: claims.iss,
            subject: claims.sub,
            audience: match claims.aud {
                Audience::One(one) => vec![one],
                Audience::Many(many) => many,
            },
            expires: claims.exp.0,
            not_before: claims.nbf.map(|nbf| nbf.0),
            issued: claims.iat.0,
            bound_to,
        })
    }

    /// Whether it is meant for this audience.
    pub(super) fn is_for(&self, audience: &str) -> bool {
        self.audience.iter().any(|named| named == audience)
    }

    /// Whether it has begun. Compared with some leeway, because clocks differ.
    pub(super) fn has_begun(&self, now: Timestamp) -> bool {
        let now = now.plus_millis(LEEWAY_MS);
        self.issued <= now && self.not_before.is_none_or(|begin| begin <= now)
    }

    /// Whether it lives no longer than that, from `iat` to `exp`.
    pub(super) fn lives_at_most(&self, seconds: u32) -> bool {
        self.expires <= self.issued.plus_millis(i64::from(seconds).saturating_mul(1000))
    }

    /// Whether it may be used with this certificate. `must` if its issuer binds every token.
    pub(super) fn fits(&self, certificate: Option<&[u8; 32]>, must: bool) -> bool {
        match &self.bound_to {
            Some(thumbprint) => certificate == Some(thumbprint),
            None => !must,
        }
    }
}

fn thumbprint(cnf: &Confirmation) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(cnf.thumbprint.as_ref()?).ok()?.try_into().ok()
}

fn read_object<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, TokenFault> {
    // serde would also take an array for a struct.
    if !text.trim_ascii_start().starts_with(b"{") {
        return Err(TokenFault::Form);
    }
    serde_json::from_slice(text).map_err(|_| TokenFault::Form)
}

fn decode(part: &[u8]) -> Result<Vec<u8>, TokenFault> {
    // Without padding, and without stray bits in the last character: one token, one text.
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::Form)
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

#[cfg(test)]
impl Default for Token {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Es256,
            issuer: String::new(),
            subject: String::new(),
            audience: Vec::new(),
            expires: Timestamp::default(),
            not_before: None,
            issued: Timestamp::default(),
            bound_to: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str, claims: &str) -> Result<(), TokenFault> {
        let text =
            format!("{}.{}.AA", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        Unverified::parse(text.as_bytes()).map(|_| ())
    }

    const HEADER: &str = r#"{"alg":"ES256"}"#;
    const CLAIMS: &str = r#"{"iss":"i","sub":"s","aud":"a","iat":1,"exp":2}"#;

    #[test]
    fn a_member_that_stands_twice_is_refused() {
        assert_eq!(parse(HEADER, CLAIMS), Ok(()));
        assert_eq!(parse(r#"{"alg":"ES256","alg":"ES256"}"#, CLAIMS), Err(TokenFault::Form));
        let twice = CLAIMS.replace('}', r#","sub":"t"}"#);
        assert_eq!(parse(HEADER, &twice), Err(TokenFault::Form));
    }

    #[test]
    fn a_time_is_a_number_of_seconds() {
        for good in ["2", "2.5", "2e0", "253402300800"] {
            let claims = CLAIMS.replace(":2", &format!(":{good}"));
            assert_eq!(parse(HEADER, &claims), Ok(()), "{good}");
        }
        for bad in ["\"2\"", "-2", "null", "1e400", "1e300", "[2]", "{}", "true"] {
            let claims = CLAIMS.replace(":2", &format!(":{bad}"));
            assert_eq!(parse(HEADER, &claims), Err(TokenFault::Form), "{bad}");
        }
    }

    #[test]
    fn what_must_be_said_must_be_said() {
        for member in [r#""iss":"i","#, r#""sub":"s","#, r#""aud":"a","#, r#""iat":1,"#] {
            assert_eq!(
                parse(HEADER, &CLAIMS.replace(member, "")),
                Err(TokenFault::Form),
                "{member}"
            );
        }
        assert_eq!(parse(HEADER, &CLAIMS.replace(r#","exp":2"#, "")), Err(TokenFault::Form));
        assert_eq!(parse("{}", CLAIMS), Err(TokenFault::Form));
    }

    #[test]
    fn a_header_that_is_present_but_null_is_present() {
        for name in ["jku", "jwk", "x5u", "x5c", "crit", "b64"] {
            for value in ["null", "\"x\"", "[]", "{}", "false"] {
                let header = format!(r#"{{"alg":"ES256","{name}":{value}}}"#);
                assert_eq!(parse(&header, CLAIMS), Err(TokenFault::Header), "{header}");
            }
        }
    }
}
