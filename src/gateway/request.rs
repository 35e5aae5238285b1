//! A request as it came in, and what its headers declare.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{Method, Request, header};
use http_body_util::BodyExt as _;

use crate::config::Bounds;
use crate::domain::{MatterCode, PurposeId, Timestamp};
use crate::gateway::decide::Permit;
use crate::gateway::listen::{Conn, Field, Fields, HeadProblem, RequestBody, check_head};
use crate::gateway::prepare::PreparedView;
use crate::gateway::record::Trail;
use crate::gateway::refusal::Refusal;
use crate::gateway::route::{Target, check_body};

/// Longest value of `Helan-Operator` and of a case number.
const LONGEST: usize = 128;

/// A request as it came in.
#[derive(Debug)]
pub struct Inbound {
    /// Its head.
    pub head: Parts,
    /// Its body, bounded in length and time.
    pub body: RequestBody,
    /// The connection it came on.
    pub conn: Arc<Conn>,
    /// When its head was complete.
    pub received: Timestamp,
    /// The same moment, for measuring.
    pub began: Instant,
}

impl Inbound {
    /// A request at the moment its head is complete. Boxed, for it is handed through the whole path.
    #[expect(clippy::disallowed_methods, reason = "a span that is measured, never recorded time")]
    pub fn new(conn: Arc<Conn>, request: Request<RequestBody>, received: Timestamp) -> Box<Self> {
        let (head, body) = request.into_parts();
        Box::new(Self { head, body, conn, received, began: Instant::now() })
    }
}

/// What the caller declares.
#[derive(Debug, Default)]
pub struct Declared {
    /// The purpose (使用用途), if an entry or a grant names it.
    pub purpose: Option<PurposeId>,
    /// The purpose as written, if none does.
    pub unregistered_purpose: Option<String>,
    /// The kind of matter (事项), if it is registered.
    pub matter: Option<MatterCode>,
    /// The matter as written, if it is not.
    pub unregistered: Option<String>,
    /// The case number.
    pub case: Option<String>,
    /// Whether the case number fits the matter's pattern; none if there is nothing to check.
    pub case_fits: Option<bool>,
    /// The person at the caller.
    pub operator: Option<String>,
    /// The grant chosen, or `standing`.
    pub grant: Option<String>,
}

impl Declared {
    /// The purpose that is judged.
    pub fn judged_purpose(&self) -> Option<PurposeId> {
        let unregistered = self.unregistered_purpose.as_ref().map(|_| PurposeId::unregistered());
        self.purpose.clone().or(unregistered)
    }
}

/// The request body as it will be forwarded.
#[derive(Debug)]
pub enum Forwarded {
    /// There is none.
    None,
    /// Read, checked and written anew.
    Checked(Bytes),
    /// Passed on as it comes.
    Stream(RequestBody),
}

impl Forwarded {
    /// Refuses what cannot be held against the rows that are granted.
    pub fn check_against(&self, permit: &Permit) -> Result<(), Refusal> {
        match self {
            Self::Stream(_) if permit.is_scoped() => Err(Refusal::BodyNotDescribed),
            Self::None | Self::Checked(_) | Self::Stream(_) => Ok(()),
        }
    }
}

/// Refuses a head that breaks HTTP or pretends to come from a gateway.
pub fn check(fields: &Fields<'_>, bounds: &Bounds) -> Result<(), Refusal> {
    check_head(fields, bounds).map_err(|problem| match problem {
        HeadProblem::BodyTooLarge => Refusal::BodyTooLong,
        HeadProblem::AmbiguousLength
        | HeadProblem::BareLineFeed
        | HeadProblem::BadHost
        | HeadProblem::TwoHosts
        | HeadProblem::BadTarget
        | HeadProblem::MethodNotOffered
        | HeadProblem::UnknownTransferCoding
        | HeadProblem::UnknownExpectation
        | HeadProblem::TooManyHeaders => Refusal::Malformed { problem },
    })?;
    if fields.forged { Err(Refusal::HeaderForged) } else { Ok(()) }
}

/// Reads what the caller declares in headers.
pub fn declared(view: &PreparedView, fields: &Fields<'_>) -> Result<Declared, Refusal> {
    let mut declared = Declared::default();
    if let Some(text) = single(fields.purpose, "Helan-Purpose")? {
        declared.purpose = view.view.purpose(text).cloned();
        if declared.purpose.is_none() {
            PurposeId::parse(text)
                .map_err(|_| Refusal::HeaderNotValid { name: "Helan-Purpose" })?;
            declared.unregistered_purpose = Some(text.to_owned());
        }
    }
    if let Some(text) = single(fields.grant, "Helan-Grant")? {
        crate::domain::GrantId::parse(text)
            .map_err(|_| Refusal::HeaderNotValid { name: "Helan-Grant" })?;
        declared.grant = Some(text.to_owned());
    }
    if let Some(text) = single(fields.operator, "Helan-Operator")? {
        if text.is_empty() || text.len() > LONGEST {
            return Err(Refusal::HeaderNotValid { name: "Helan-Operator" });
        }
        declared.operator = Some(text.to_owned());
    }
    if let Some(text) = single(fields.matter, "Helan-Matter")? {
        matter(view, text, &mut declared)
            .ok_or(Refusal::HeaderNotValid { name: "Helan-Matter" })?;
    }
    Ok(declared)
}

/// A header that may stand once.
fn single<'a>(field: Field<'a>, name: &'static str) -> Result<Option<&'a str>, Refusal> {
    let Some(value) = field.first else { return Ok(None) };
    match value.to_str() {
        Ok(text) if !field.repeated => Ok(Some(text.trim())),
        Ok(_) | Err(_) => Err(Refusal::HeaderNotValid { name }),
    }
}

/// Reads `"code";case="number"` (RFC 9651, an item with one parameter).
fn matter(view: &PreparedView, text: &str, declared: &mut Declared) -> Option<()> {
    let item: sfv::Item = sfv::Parser::new(text).parse().ok()?;
    let code = item.bare_item.as_string()?.as_str();
    if item.params.keys().any(|key| key.as_str() != "case") {
        return None;
    }
    let case = match item.params.get("case") {
        Some(value) => Some(value.as_string()?.as_str().to_owned()),
        None => None,
    };
    if code.is_empty() || case.as_ref().is_some_and(|case| case.is_empty() || case.len() > LONGEST)
    {
        return None;
    }
    match view.view.matter(code) {
        Some((code, known)) => {
            declared.matter = Some(code.clone());
            declared.case_fits = known
                .case
                .as_ref()
                .map(|pattern| case.as_ref().is_some_and(|case| fits(pattern, case)));
        }
        None => declared.unregistered = Some(code.to_owned()),
    }
    declared.case = case;
    Some(())
}

/// Whether a case number fits a pattern: `#` a digit, `@` a letter, anything else itself.
fn fits(pattern: &str, case: &str) -> bool {
    let mut given = case.chars();
    pattern.chars().all(|wanted| {
        given.next().is_some_and(|c| match wanted {
            '#' => c.is_ascii_digit(),
            '@' => c.is_ascii_alphabetic(),
            literal => literal == c,
        })
    }) && given.next().is_none()
}

/// Reads a JSON body to check it. Another kind may stream only if the entry says that it selects
/// nothing: what cannot be checked is refused.
pub async fn body(
    target: &mut Target,
    request: Box<Inbound>,
    trail: &mut Trail,
) -> Result<Forwarded, Refusal> {
    let kind = request.head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let Some(kind) = kind else { return Ok(Forwarded::None) };
    let Some(interface) = &target.entry.source.entry.interface else {
        return Err(Refusal::BodyNotDescribed);
    };
    if super::route::is_json(kind) {
        let Some(described) = &interface.body else { return Err(Refusal::BodyNotDescribed) };
        let patience = Duration::from_millis(request.conn.bounds().body_total_ms.into());
        let bytes = tokio::time::timeout(patience, read(request.body, described.largest))
            .await
            .map_err(|_| Refusal::BodyStalled)??;
        let bytes = check_body(target, &bytes)?;
        trail.names(target);
        trail.waited();
        return Ok(Forwarded::Checked(bytes.into()));
    }
    let method = &request.head.method;
    let opaque = interface.opaque.iter().any(|known| super::route::same_type(known, kind));
    if opaque && *method != Method::GET && *method != Method::HEAD {
        Ok(Forwarded::Stream(request.body))
    } else {
        Err(Refusal::BodyNotDescribed)
    }
}

async fn read(mut body: RequestBody, largest: u32) -> Result<Bytes, Refusal> {
    let largest = usize::try_from(largest).unwrap_or(usize::MAX);
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| Refusal::from(&error))?.into_data() else { continue };
        if bytes.len().saturating_add(data.len()) > largest {
            return Err(Refusal::BodyTooLong);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_number_fits_its_pattern_character_by_character() {
        assert!(fits("YC-####-@", "YC-2026-A"));
        for bad in ["YC-2026-", "YC-2026-1", "YC-2026-AB", "XX-2026-A", ""] {
            assert!(!fits("YC-####-@", bad), "{bad}");
        }
    }
}
