//! Who may change things, and in which role: the bearer of an operator's token, or whoever may open the
//! Unix socket.

use std::net::IpAddr;

use http::HeaderMap;

use crate::config::keys::{KeyPurpose, Keys};
use crate::domain::{PersonId, Role};
use crate::net::hex;

/// Where an admin call came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Over TCP: a write needs a token, on loopback too.
    Tcp {
        /// The address at the other end.
        from: IpAddr,
    },
    /// Over the Unix socket, whose permissions are the proof. They stand for every role: whoever may
    /// open it can read the keys that tokens are made of.
    Socket {
        /// The user at the other end, as the system says.
        user: Option<u32>,
    },
}

/// Who was proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    /// The name of the token, or the user of the socket.
    pub(super) name: String,
    /// The role of the token; every role over the socket.
    pub(super) role: Option<Role>,
}

impl Who {
    pub(super) fn may(&self, role: Role) -> bool {
        self.role.is_none_or(|own| own == role)
    }
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
                "the token is not valid here, or no longer, or carries no role: `helan keys admin --role …` prints one"
            }
        }
    }
}

/// The token of an operator: name, role and a keyed hash of both, so that nothing need be stored and a
/// new admin key ends all old tokens. The key makes nothing else: where callers could have texts of
/// their choice hashed under it, as records hash their headers, they could have tokens made.
pub fn admin_token(keys: &Keys, name: &str, role: Role) -> String {
    let (_, mac) = keys.hmac(KeyPurpose::Admin, format!("admin-token:{role}:{name}").as_bytes());
    format!("{name}.{role}.{}", hex(&mac))
}

/// Whose token this is; nobody's if any part of it was changed.
pub(super) fn bearer_of(keys: &Keys, token: &str) -> Option<Who> {
    let mut parts = token.splitn(3, '.');
    let (name, role, _) = (parts.next()?, Role::parse(parts.next()?)?, parts.next()?);
    PersonId::parse(name).ok()?;
    let expected = admin_token(keys, name, role);
    is_same(&expected, token).then(|| Who { name: name.to_owned(), role: Some(role) })
}

/// Compares secrets without telling where they differ.
pub(super) fn is_same(expected: &str, given: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_bytes(), given.as_bytes()).is_ok()
}

impl Access {
    /// Who is writing.
    pub(super) fn writer(self, keys: &Keys, headers: &HeaderMap) -> Result<Who, NotProved> {
        if let Self::Socket { user } = self {
            let name = user.map_or_else(|| "socket".to_owned(), |user| format!("uid:{user}"));
            return Ok(Who { name, role: None });
        }
        let value = headers.get(http::header::AUTHORIZATION).ok_or(NotProved::Missing)?;
        let value = value.to_str().map_err(|_| NotProved::NotValid)?;
        match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                bearer_of(keys, token).ok_or(NotProved::NotValid)
            }
            Some(_) | None => Err(NotProved::NotValid),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn writer(token: Option<&str>) -> Result<Who, NotProved> {
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            headers.insert(http::header::AUTHORIZATION, token.parse().unwrap());
        }
        let access = Access::Tcp { from: Ipv4Addr::LOCALHOST.into() };
        access.writer(&Keys::ephemeral(), &headers)
    }

    #[test]
    fn only_the_token_of_a_name_and_a_role_lets_that_name_write_in_that_role() {
        let token = admin_token(&Keys::ephemeral(), "wang-li", Role::Security);
        let who = writer(Some(&format!("Bearer {token}"))).unwrap();
        assert_eq!(who, Who { name: "wang-li".to_owned(), role: Some(Role::Security) });
        assert!(who.may(Role::Security) && !who.may(Role::System) && !who.may(Role::Audit));

        assert_eq!(writer(None), Err(NotProved::Missing));
        let other = token.replacen("wang-li", "li-wang", 1);
        let raised = token.replacen("security", "system", 1);
        let (_, mac) = token.rsplit_once('.').unwrap();
        let without_role = format!("wang-li.{mac}");
        for wrong in [
            &token,
            &format!("Basic {token}"),
            &format!("Bearer {other}"),
            &format!("Bearer {raised}"),
            &format!("Bearer {without_role}"),
            "Bearer ..",
            "Bearer .",
        ] {
            assert_eq!(writer(Some(wrong)), Err(NotProved::NotValid), "{wrong}");
        }
    }

    #[test]
    fn whoever_may_open_the_socket_writes_under_the_name_of_his_user_in_every_role() {
        let socket = Access::Socket { user: Some(1000) };
        let writer = socket.writer(&Keys::ephemeral(), &HeaderMap::new()).unwrap();
        assert_eq!(writer.name, "uid:1000");
        assert!(Role::ALL.into_iter().all(|role| writer.may(role)));
    }
}
