//! The request as the department gets it: only what was compared, plus what the gateway adds.

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header};
use uuid::Uuid;

use crate::gateway::Refusal;
use crate::gateway::decide::Asker;
use crate::gateway::route::Target;
use crate::net::headers::goes_no_further;
use crate::policy::Place;
use crate::upstream::RequestBody;

/// Headers of a consumer that may be passed on. Everything else – credentials, cookies, method
/// overrides, hop-by-hop fields, conditions, ranges, all of Helan's own – goes no further.
const PASSED: [HeaderName; 3] = [header::ACCEPT, header::ACCEPT_LANGUAGE, header::CONTENT_TYPE];

/// W3C trace context.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A request to a department, without its body.
#[derive(Clone, Debug)]
pub struct Asking {
    /// The method.
    pub method: Method,
    /// Path and query at the department.
    pub uri: Uri,
    /// Headers as they are forwarded; credentials come later.
    pub headers: HeaderMap,
    /// Those of them that the description names.
    pub described: Vec<(HeaderName, HeaderValue)>,
    /// Whether the consumer set a condition that cannot be checked here.
    pub conditional: bool,
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
    /// Whether the call came over TLS.
    pub secure: bool,
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
        let described = described(head, target);
        headers.extend(described.iter().cloned());
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        add(&mut headers, header::VIA, [protocol(head.version), " ", origin.node].concat())?;
        add(&mut headers, header::FORWARDED, forwarded(&origin))?;
        add(&mut headers, TRACEPARENT, traceparent(origin.transaction))?;
        Ok(Self {
            method: method(target),
            uri,
            headers,
            described,
            conditional: is_conditional(head),
            wishes: crate::cache::Wishes::read(&head.headers),
        })
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

/// HEAD is asked as GET: what GET would answer is known only once that is shaped, rows out of scope
/// included, and what is kept can answer both.
fn method(target: &Target) -> Method {
    let offers_get = target.entry.operations.iter().any(|operation| {
        operation.method == Method::GET && Some(&operation.template) == target.template()
    });
    if target.method == Method::HEAD && offers_get { Method::GET } else { target.method.clone() }
}

/// Conditions that would have to hold at the department, whose validators the consumer never saw
/// (RFC 9110 §13). `If-None-Match` of a safe method is answered from the shaped answer.
fn is_conditional(head: &Parts) -> bool {
    let has = |name| head.headers.contains_key(name);
    has(header::IF_MATCH)
        || has(header::IF_UNMODIFIED_SINCE)
        || (has(header::IF_NONE_MATCH) && !head.method.is_safe())
}

/// Header parameters that the description names, but for those that end at the gate whatever it
/// says.
fn described(head: &Parts, target: &Target) -> Vec<(HeaderName, HeaderValue)> {
    let Some(operation) = target.operation() else { return Vec::new() };
    let named = operation.rules.iter().filter(|rule| rule.place == Place::Header);
    named
        .filter(|rule| !goes_no_further(&rule.name))
        .filter_map(|rule| {
            let name = HeaderName::from_bytes(rule.name.as_bytes()).ok()?;
            let fixed = rule.meaning.as_ref().and_then(|meaning| meaning.value.as_deref());
            let value = match fixed {
                Some(value) => HeaderValue::from_str(value).ok(),
                None => head.headers.get(&name).cloned(),
            };
            Some((name, value?))
        })
        .collect()
}

/// The version as `Via` writes it (RFC 9110 §7.6.3).
fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2.0",
        _ => "1.1",
    }
}

fn add(headers: &mut HeaderMap, name: HeaderName, value: String) -> Result<(), Refusal> {
    let value = HeaderValue::try_from(value)
        .map_err(|_| Refusal::Internal { what: "a header of ours is not valid" })?;
    headers.insert(name, value);
    Ok(())
}

/// `Forwarded` with an obfuscated node (RFC 7239 §6.3): the application, never an address.
fn forwarded(origin: &Origin<'_>) -> String {
    let known = origin.asker.known.as_ref().map(|(_, application)| application.as_str());
    let (organization, name) =
        known.and_then(|application| application.split_once('/')).unwrap_or(("public", ""));
    let dot = if name.is_empty() { "" } else { "." };
    let proto = if origin.secure { "https" } else { "http" };
    ["for=_", organization, dot, name, ";proto=", proto].concat()
}

/// W3C trace context whose trace is the transaction, so that the department's logs can be joined.
fn traceparent(transaction: Uuid) -> String {
    let mut text = [0; uuid::fmt::Simple::LENGTH];
    let trace = &*transaction.simple().encode_lower(&mut text);
    let parent = trace.get(16..).unwrap_or("0000000000000001");
    ["00-", trace, "-", parent, "-01"].concat()
}
