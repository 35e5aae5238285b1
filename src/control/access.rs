//! Who may change things: the bearer of an operator's token, or whoever may open the Unix socket.

use std::sync::Arc;

use http::HeaderMap;

use crate::config::keys::{KeyPurpose, Keys};
use crate::net::hex;

/// Where an admin call came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Over TCP: a write needs a token, on loopback too.
    Tcp,
    /// Over the Unix socket, whose permissions are the proof.
    Socket,
}

/// The token of an operator: the name and a keyed hash of it, so that nothing need be stored and a
/// new operator key ends all old tokens.
pub fn admin_token(keys: &Keys, name: &str) -> String {
    let (_, mac) = keys.hmac(KeyPurpose::Operator, text(name).as_bytes());
    format!("{name}.{}", hex(&mac))
}

fn text(name: &str) -> String {
    format!("admin-token:{name}")
}

impl Access {
    /// Who is writing; none if nobody proved it.
    pub(super) fn writer(self, keys: &Arc<Keys>, headers: &HeaderMap) -> Option<String> {
        if self == Self::Socket {
            return Some("socket".to_owned());
        }
        let value = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, given) = value.split_once(' ')?;
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
