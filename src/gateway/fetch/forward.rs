//! The request as the department gets it: only what was compared, plus what the gateway adds.

use http::header::InvalidHeaderValue;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version, header};
use uuid::Uuid;

use crate::gateway::Refusal;
use crate::gateway::decide::Asker;
use crate::gateway::listen::Fields;
use crate::gateway::route::Target;
use crate::net::headers::goes_no_further;
use crate::policy::Place;

/// W3C trace context.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A request to a department, without its body.
#[derive(Clone, Debug)]
pub struct Asking<'a> {
    /// The method at the department, and those headers that may select the answer. Boxed, for it is handed
    /// down to the connection.
    pub head: Box<Parts>,
    /// Those of them that the description names.
    pub described: Vec<(HeaderName, HeaderValue)>,
    /// Whether the consumer set a condition that cannot be checked here.
    pub conditional: bool,
    /// What the consumer's `Cache-Control` wishes.
    pub wishes: crate::cache::Wishes,
    origin: &'a Origin<'a>,
}

/// Who asks and through what, for `Forwarded`, `Via` and `traceparent`.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Who asks.
    pub asker: &'a Asker,
    /// The call.
    pub transaction: Uuid,
    /// What the node says of itself.
    pub via: &'a Via,
    /// Whether the call came over TLS.
    pub secure: bool,
}

/// `Via` of a node, by the version of the request (RFC 9110 §7.6.3).
#[derive(Clone, Debug)]
pub struct Via([HeaderValue; 3]);

impl Via {
    /// As this node says it; an error if its name cannot stand in a header.
    pub fn new(node: &str) -> Result<Self, InvalidHeaderValue> {
        let of = |version: &str| HeaderValue::try_from([version, " ", node].concat());
        Ok(Self([of("1.0")?, of("1.1")?, of("2.0")?]))
    }

    fn of(&self, version: Version) -> HeaderValue {
        let Self([old, usual, new]) = self;
        match version {
            Version::HTTP_10 => old,
            Version::HTTP_2 => new,
            _ => usual,
        }
        .clone()
    }
}

impl<'a> Asking<'a> {
    /// Builds it from what was compared.
    pub fn new(fields: &Fields<'_>, target: &Target, origin: &'a Origin<'a>) -> Self {
        let head = fields.head;
        let mut headers = HeaderMap::with_capacity(8);
        // Everything else of the consumer's – credentials, cookies, method overrides, hop-by-hop fields,
        // conditions, ranges, all of Helan's own – goes no further.
        let preferences =
            [(header::ACCEPT, fields.accept), (header::ACCEPT_LANGUAGE, fields.accept_language)];
        // A kept answer serves everybody, so nobody's preferences select it.
        let is_kept = target.entry.source.entry.cache.is_some();
        let preferences = preferences.into_iter().filter(|_| !is_kept);
        for (name, field) in preferences.chain([(header::CONTENT_TYPE, fields.content_type)]) {
            if let Some(value) = field.first {
                headers.insert(name, value.clone());
            }
        }
        let described = described(head, target);
        headers.extend(described.iter().cloned());
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let (mut asked, ()) = Request::new(()).into_parts();
        (asked.method, asked.version, asked.headers) = (method(target), head.version, headers);
        Self {
            head: Box::new(asked),
            described,
            conditional: is_conditional(fields),
            wishes: match fields.cache_control.first {
                Some(_) => crate::cache::Wishes::read(&head.headers),
                None => crate::cache::Wishes::default(),
            },
            origin,
        }
    }

    /// The head as it is sent, but for credentials: with path and query at the department, and with what says
    /// who asks, which nothing that is kept depends on.
    pub(super) fn sent(mut self, target: &Target) -> Result<Box<Parts>, Refusal> {
        let origin = self.origin;
        let head = &mut *self.head;
        head.uri = target.forward.parse().map_err(|_| Refusal::PathAmbiguous)?;
        head.headers.insert(header::VIA, origin.via.of(head.version));
        add(&mut head.headers, header::FORWARDED, forwarded(origin).into())?;
        add(&mut head.headers, TRACEPARENT, traceparent(origin.transaction))?;
        Ok(self.head)
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
fn is_conditional(fields: &Fields<'_>) -> bool {
    fields.if_match.is_there()
        || fields.if_unmodified_since.is_there()
        || (fields.if_none_match.is_there() && !fields.head.method.is_safe())
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

fn add(headers: &mut HeaderMap, name: HeaderName, value: Vec<u8>) -> Result<(), Refusal> {
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
fn traceparent(transaction: Uuid) -> Vec<u8> {
    let mut hex = [0; uuid::fmt::Simple::LENGTH];
    let trace = transaction.simple().encode_lower(&mut hex).as_bytes();
    let parent = trace.get(16..).unwrap_or(b"0000000000000001");
    let mut text = Vec::with_capacity(55);
    for part in [b"00-", trace, b"-", parent, b"-01"] {
        text.extend_from_slice(part);
    }
    text
}
