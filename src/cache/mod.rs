//! What may be kept of a department's answers, and for how long (RFC 9111), as a shared cache.
//!
//! It holds answers as the department gave them, *unshaped*, for entries that declare that the
//! answer does not depend on who asks; every hit is decided and recorded anew by the gateway, and
//! shaped: what an answer was shaped to is kept beside it, and serves whoever is granted exactly the
//! same. One [`Cache`] belongs to one zone. The rules are pure functions over heads and moments;
//! the store and the flights behind them know nothing of HTTP.
//!
//! How a call uses it: [`Cache::lookup`]; unless that is fresh, [`Cache::join`], which makes one
//! caller lead and the others wait. The leader's fetch is a task of its own: [`admit`] the head,
//! collect the body within [`Admitted::room`], [`Admitted::keep`] it (or [`freshen`] the stale
//! answer after a 304) and [`Lead::share`] it; what cannot be kept is [`Lead::decline`]d, and a fetch
//! that came to nothing [`Lead::fail`]s. Nothing
//! stale is ever served without validation, so `must-revalidate` holds by itself; RFC 5861 would
//! widen [`Lookup`].

mod directives;
mod flight;
mod freshness;
mod key;
mod lead;
mod moment;
mod rules;
mod shaped;
mod slot;
mod status;
mod store;
mod stored;
mod unkept;
mod validate;
mod vary;

pub use self::flight::{Landed, Waiter};
pub use self::key::{Ask, Key, Wishes};
pub use self::lead::{Join, Lead};
pub use self::moment::read_date;
pub use self::rules::{Admitted, Exchange, Reserve, admit, invalidates, reserve};
pub use self::shaped::Shaped;
pub use self::slot::Lookup;
pub use self::status::{CacheStatus, Forward};
pub use self::store::{Cache, Held};
pub use self::stored::Stored;
pub use self::unkept::Unkept;
pub use self::validate::{conditions, freshen};

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

    use super::*;
    use crate::domain::{self, EntryId, Timestamp, UpstreamId};

    pub(super) const NOON: Timestamp = Timestamp::from_millis(784_111_777_000);
    pub(super) const POLICY: domain::Cache =
        domain::Cache { shared: true, seconds: Some(60), largest: 1_000 };

    pub(super) type Lines<'a> = &'a [(&'static str, &'static str)];

    pub(super) fn headers(lines: Lines<'_>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    pub(super) fn entry() -> EntryId {
        EntryId::parse("market/licences").unwrap()
    }

    pub(super) fn key(target: &str) -> Key {
        Key::new(entry(), UpstreamId::parse("main").unwrap(), target)
    }

    pub(super) fn ask<'a>(key: &'a Key, headers: &'a HeaderMap, now: Timestamp) -> Ask<'a> {
        Ask { key, headers, wishes: Wishes::default(), now }
    }

    pub(super) fn stored(lines: Lines<'_>, body: &'static str) -> Stored {
        stored_for(&HeaderMap::new(), lines, body)
    }

    pub(super) fn stored_for(request: &HeaderMap, lines: Lines<'_>, body: &'static str) -> Stored {
        let exchange = Exchange { policy: &POLICY, request, sent: NOON, received: NOON };
        let admitted = admit(&exchange, StatusCode::OK, &headers(lines)).unwrap();
        admitted.keep(Bytes::from_static(body.as_bytes())).unwrap()
    }
}
