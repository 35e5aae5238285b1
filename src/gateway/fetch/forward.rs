//! The request as the department gets it: only what was compared, plus what the gateway adds.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use uuid::Uuid;

use crate::domain::Zone;
use crate::gateway::Refusal;
use crate::gateway::decide::Asker;
use crate::gateway::route::Target;
use crate::policy::Place;
use crate::upstream::RequestBody;

/// Headers of a consumer that may be passed on. Everything else – credentials, cookies, method
/// overrides, hop-by-hop fields, conditions, ranges, all of Helan's own – goes no further.
const PASSED: [HeaderName; 3] = [header::ACCEPT, header::ACCEPT_LANGUAGE, header::CONTENT_TYPE];

/// A request to a department, without its body.
#[derive(Clone, Debug)]
pub struct Asking {
    /// The method.
    pub method: Method,
    /// Path and query at the department.
    pub uri: Uri,
    /// Headers as they are forwarded; credentials come later.
    pub headers: HeaderMap,
    /// What the consumer's `Cache-Control` wishes.
    pub wishes: crate::cache::Wishes,
}

/// Who asks and through what, for `Forwarded`, `Via` and `traceparent`.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Who asks.
    pub asker: &'a Asker,
    /// The call.
    pub transaction: Uuid,
    /// Name of the node.
    pub node: &'a str,
    /// The side of the gate.
    pub zone: Zone,
}

impl Asking {
    /// Builds it from what was compared.
    pub fn new(head: &Parts, target: &Target, origin: Origin<'_>) -> Result<Self, Refusal> {
        let uri: Uri = target.forward.parse().map_err(|_| Refusal::PathAmbiguous)?;
        let mut headers = HeaderMap::with_capacity(8);
        for name in PASSED {
            if let Some(value) = head.headers.get(&name) {
                headers.insert(name, value.clone());
            }
        }
        if target.entry.source.entry.cache.is_some() {
            // The kept answer serves everybody, so nobody's preferences select it.
            headers.remove(header::ACCEPT);
            headers.remove(header::ACCEPT_LANGUAGE);
        }
        described(&mut headers, head, target);
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        add(&mut headers, header::VIA, &format!("1.1 {}", origin.node))?;
        add(&mut headers, header::FORWARDED, &forwarded(&origin))?;
        add(
            &mut headers,
            HeaderName::from_static("traceparent"),
            &traceparent(origin.transaction),
        )?;
        let wishes = crate::cache::Wishes::read(&head.headers);
        Ok(Self { method: target.method.clone(), uri, headers, wishes })
    }

    /// The request, with its body.
    pub(super) fn request(self, body: RequestBody) -> Request<RequestBody> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        request
    }
}

/// Header parameters that the description names.
fn described(headers: &mut HeaderMap, head: &Parts, target: &Target) {
    let Some(operation) = target.operation() else { return };
    for rule in operation.rules.iter().filter(|rule| rule.place == Place::Header) {
        let Ok(name) = HeaderName::from_bytes(rule.name.as_bytes()) else { continue };
        let fixed = rule.meaning.as_ref().and_then(|meaning| meaning.value.as_deref());
        let value = match fixed {
            Some(value) => HeaderValue::from_str(value).ok(),
            None => head.headers.get(&name).cloned(),
        };
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
}

fn add(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), Refusal> {
    let value = HeaderValue::from_str(value)
        .map_err(|_| Refusal::Internal { what: "a header of ours is not valid" })?;
    headers.insert(name, value);
    Ok(())
}

/// `Forwarded` with an obfuscated node (RFC 7239 §6.3): the application, never an address.
fn forwarded(origin: &Origin<'_>) -> String {
    let node = origin.asker.known.as_ref().map_or_else(
        || "public".to_owned(),
        |(_, application)| application.as_str().replace('/', "."),
    );
    let proto = match origin.zone {
        Zone::Opening => "http",
        Zone::Sharing | Zone::Peering => "https",
    };
    format!("for=_{node};proto={proto}")
}

/// W3C trace context whose trace is the transaction, so that the department's logs can be joined.
fn traceparent(transaction: Uuid) -> String {
    let trace = transaction.simple().to_string();
    let parent = trace.get(16..).unwrap_or("0000000000000001");
    format!("00-{trace}-{parent}-01")
}
