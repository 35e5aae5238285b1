//! Query parameters: each described, each once, forwarded encoded anew.

use std::borrow::Cow;
use std::sync::Arc;

use percent_encoding::{percent_decode_str, utf8_percent_encode};

use super::Target;
use super::path::ENCODED;
use crate::domain::ParameterUse;
use crate::gateway::Refusal;
use crate::policy::Place;

/// Longest query, in bytes.
const LONGEST: usize = 8 * 1024;

/// Reads the query into what the parameters work on, and appends it to what is forwarded.
pub(super) fn read(target: &mut Target, query: Option<&str>) -> Result<(), Refusal> {
    let query = query.unwrap_or("");
    if query.len() > LONGEST {
        return Err(Refusal::TargetTooLong);
    }
    let entry = Arc::clone(&target.entry);
    let Some(operation) = entry.operations.get(target.operation) else { return Ok(()) };
    let mut mark = '?';
    for pair in query.split('&').filter(|_| !query.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        let rule = operation.rule(&name, Place::Query).ok_or(Refusal::ParameterNotDescribed)?;
        if target.names.contains(&rule.name) {
            return Err(Refusal::ParameterRepeated);
        }
        if rule.meaning.as_ref().is_some_and(|meaning| meaning.usage == ParameterUse::Fixed) {
            return Err(Refusal::ParameterNotDescribed);
        }
        target.names.push(Arc::clone(&rule.name));
        if let Some(meaning) = &rule.meaning {
            target.note(meaning, &value)?;
        }
        append(&mut target.forward, &mut mark, &rule.name, &value);
    }
    for rule in operation.rules.iter().filter(|rule| rule.place == Place::Query) {
        let fixed = rule.meaning.as_ref().and_then(|meaning| meaning.value.as_deref());
        match fixed {
            Some(value) => append(&mut target.forward, &mut mark, &rule.name, value),
            None if rule.required && !target.names.contains(&rule.name) => {
                return Err(Refusal::ParameterMissing { name: rule.name.to_string() });
            }
            None => {}
        }
    }
    Ok(())
}

fn append(forward: &mut String, mark: &mut char, name: &str, value: &str) {
    forward.push(*mark);
    forward.extend(utf8_percent_encode(name, ENCODED));
    forward.push('=');
    forward.extend(utf8_percent_encode(value, ENCODED));
    *mark = '&';
}

/// Decodes a name or value; `+` is a space, as forms write it.
fn decode(raw: &str) -> Result<Cow<'_, str>, Refusal> {
    if !raw.bytes().any(|byte| matches!(byte, b'%' | b'+' | b'\0')) {
        return Ok(Cow::Borrowed(raw));
    }
    let broken = raw.split('%').skip(1).any(|part| {
        let mut digits = part.bytes();
        !(digits.next().is_some_and(|b| b.is_ascii_hexdigit())
            && digits.next().is_some_and(|b| b.is_ascii_hexdigit()))
    });
    if broken {
        return Err(Refusal::ParameterNotValid);
    }
    let spaced = raw.replace('+', " ");
    let decoded = percent_decode_str(&spaced)
        .decode_utf8()
        .map_err(|_| Refusal::ParameterNotValid)?
        .into_owned();
    if decoded.contains('\0') { Err(Refusal::ParameterNotValid) } else { Ok(decoded.into()) }
}
