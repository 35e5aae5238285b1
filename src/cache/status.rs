//! What the cache says of itself in every answer (`Cache-Status`, RFC 9211).

use std::fmt::Write;

use http::{HeaderValue, StatusCode};

/// Why a call goes on to the department.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Forward {
    /// The entry is not cached.
    Bypass,
    /// The method is not one that is cached.
    Method,
    /// Nothing is kept for the target.
    UriMiss,
    /// What is kept for the target was chosen for other requests.
    VaryMiss,
    /// What is kept is fresh, but the consumer wants it validated.
    Request,
    /// What is kept is stale.
    Stale,
}

impl Forward {
    /// The name it has in `Cache-Status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Request => "request",
            Self::Stale => "stale",
        }
    }
}

/// How the cache took part in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheStatus {
    /// It answered alone.
    Hit {
        /// Seconds the answer stays fresh.
        ttl: i64,
    },
    /// The department was asked.
    Forwarded {
        /// Why.
        why: Forward,
        /// What the department answered, where the caller is answered otherwise (a 304 as 200).
        status: Option<StatusCode>,
        /// Whether its answer is kept now.
        stored: bool,
        /// Whether another caller's fetch served this one too.
        collapsed: bool,
    },
}

impl CacheStatus {
    /// The header's value.
    pub fn header(self) -> HeaderValue {
        let mut text = String::with_capacity(48);
        text.push_str("helan");
        let written = match self {
            Self::Hit { ttl } => {
                text.push_str("; hit; ttl=");
                text.push_str(itoa::Buffer::new().format(ttl));
                Ok(())
            }
            Self::Forwarded {
                why: Forward::Bypass,
                status: None,
                stored: false,
                collapsed: false,
            } => {
                return HeaderValue::from_static("helan; fwd=bypass");
            }
            Self::Forwarded { why, status, stored, collapsed } => {
                text.push_str("; fwd=");
                text.push_str(why.as_str());
                if stored {
                    text.push_str("; stored");
                }
                if collapsed {
                    text.push_str("; collapsed");
                }
                status.map_or(Ok(()), |status| write!(text, "; fwd-status={}", status.as_u16()))
            }
        };
        // Letters and digits only, so neither can fail.
        match (written, HeaderValue::try_from(text)) {
            (Ok(()), Ok(value)) => value,
            (_, _) => HeaderValue::from_static("helan"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_a_structured_field_that_names_what_happened() {
        let forwarded = |why, status: Option<u16>, stored, collapsed| CacheStatus::Forwarded {
            why,
            status: status.map(|status| StatusCode::from_u16(status).unwrap()),
            stored,
            collapsed,
        };
        for (status, expected) in [
            (CacheStatus::Hit { ttl: 30 }, "helan; hit; ttl=30"),
            (CacheStatus::Hit { ttl: -2 }, "helan; hit; ttl=-2"),
            (forwarded(Forward::Bypass, None, false, false), "helan; fwd=bypass"),
            (forwarded(Forward::UriMiss, None, true, false), "helan; fwd=uri-miss; stored"),
            (
                forwarded(Forward::UriMiss, None, true, true),
                "helan; fwd=uri-miss; stored; collapsed",
            ),
            (
                forwarded(Forward::Stale, Some(304), true, false),
                "helan; fwd=stale; stored; fwd-status=304",
            ),
            (forwarded(Forward::VaryMiss, None, false, false), "helan; fwd=vary-miss"),
        ] {
            let value = status.header();
            assert_eq!(value, expected);
            sfv::Parser::new(value.as_bytes()).parse::<sfv::List>().unwrap();
        }
    }
}
