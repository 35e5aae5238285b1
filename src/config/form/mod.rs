//! What a document must look like: its type's JSON Schema first, then the type itself.
//!
//! Everything wrong is reported at once. The schema finds unknown and missing keys, wrong types and
//! values out of range; the probes find what a schema cannot say, such as a checksum; the type has the
//! last word, so that a value that exists is a value that was checked.

mod explain;
mod probe;

use std::marker::PhantomData;

use jsonschema::Validator;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::yaml::{Fault, Node};

/// The form of a document that holds a `T`.
pub struct Form<T> {
    schema: Value,
    validator: Validator,
    holds: PhantomData<fn() -> T>,
}

/// A type's schema is no schema. A fault of ours, not of any file.
#[derive(Debug, thiserror::Error)]
#[error("the schema of {name} cannot be used: {cause}")]
pub struct FormError {
    name: &'static str,
    cause: String,
}

/// A fault, and whether a better one at the same place replaces it.
struct Found {
    fault: Fault,
    vague: bool,
}

impl<T: DeserializeOwned + JsonSchema> Form<T> {
    /// The form of a type.
    pub fn new() -> Result<Self, FormError> {
        let schema = schemars::schema_for!(T).to_value();
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .with_format("date", |text: &str| text.parse::<jiff::civil::Date>().is_ok())
            .with_format("date-time", |text: &str| crate::domain::Timestamp::parse(text).is_ok())
            .build(&schema)
            .map_err(|error| FormError {
                name: std::any::type_name::<T>(),
                cause: error.to_string(),
            })?;
        Ok(Self { schema, validator, holds: PhantomData })
    }

    /// Reads a document, or says all that is wrong with it.
    pub fn read(&self, node: &Node) -> Result<T, Vec<Fault>> {
        let json = node.to_json();
        let late = if self.validator.is_valid(&json) {
            match T::deserialize(node) {
                Ok(value) => return Ok(value),
                Err(error) => Some(error),
            }
        } else {
            None
        };
        let mut found = Vec::new();
        for error in self.validator.iter_errors(&json) {
            explain::explain(&self.schema, &error, node, &mut found);
        }
        probe::walk(&self.schema, &self.schema, node, &mut found);
        let mut faults = distinct(found);
        if let (Some(error), true) = (late, faults.is_empty()) {
            let at = error.at.unwrap_or(node.at);
            faults.push(Fault { at, message: error.message, mend: None });
        }
        Err(faults)
    }
}

impl<T> std::fmt::Debug for Form<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Form").finish_non_exhaustive()
    }
}

/// In the order of places; a vague fault gives way to a telling one at the same place.
fn distinct(mut found: Vec<Found>) -> Vec<Fault> {
    found.sort_by_key(|found| (found.fault.at, found.vague));
    let mut faults: Vec<Fault> = Vec::new();
    for Found { fault, vague } in found {
        let covered = faults.iter().any(|other| *other == fault || (vague && other.at == fault.at));
        if !covered {
            faults.push(fault);
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::yaml::parse;
    use crate::domain::{Entry, Grant, Mask, Organization};

    fn faults<T: DeserializeOwned + JsonSchema>(text: &str) -> Vec<String> {
        let node = &parse(text).unwrap()[0];
        let form = Form::<T>::new().unwrap();
        let Err(faults) = form.read(node) else { panic!("this should not have been read") };
        faults
            .into_iter()
            .map(|f| format!("{} {} | {}", f.at, f.message, f.mend.unwrap_or_default()))
            .collect()
    }

    #[test]
    fn everything_wrong_with_an_organization_is_said_at_once() {
        let text = "id: Tax\nname: 税务\nuscc: 11640100MB9T00011Y\nkind: departement\n\
                    region: 640100\nstewarts: []\nstewards:\n- person: p-1\n  filing: f\n  \
                    term: {from: 2026-02-01, until: 2026-01-01}\napplications:\n- id: tax\n  \
                    name: x\n  credentials:\n  - kind: certificate\n    thumbprint: zz\n  - kind: nam\n  \
                    - kind: token\n    issuer: i\n    until: tomorrow\n";

        let faults = faults::<Organization>(text);

        assert_eq!(
            faults,
            [
                "1:5 `Tax` is no id: use lower-case letters, digits and single hyphens, at most 63 bytes | ",
                "3:7 the check character should be `X` (GB 32100-2015) | ",
                "4:7 `departement` is not one of the names known here | write `department`; known are `bureau`, `department`, `authorized`, `institution`, `enterprise`, `county`",
                "5:9 a text is needed here, and this is a number | put quotes around it: \"640100\"",
                "6:1 the key `stewarts` is not known here | write `stewards`; known are `id`, `name`, `uscc`, `kind`, `region`, `state`, `stewards`, `applications`, `upstreams`",
                "10:9 a term must end after it begins, and 2026-01-01 is not after 2026-02-01 | ",
                "12:7 `tax` is no id of two parts: write `organization/name` | ",
                "16:17 `zz` does not have the form ^[0-9a-f]{64}$ | 64 hexadecimal digits.",
                "17:11 `nam` is not one of the names known here | write `name`; known are `certificate`, `name`, `token`, `key`",
                "18:5 the key `subject` is missing | add `subject: …`: The `sub` claim.",
                "20:12 `tomorrow` is no time | write a moment such as 2026-02-01T08:00:00+08:00",
            ]
        );
    }

    #[test]
    fn bounds_lists_and_options_are_held_to_as_well() {
        let text = "id: g\nconsumer: a\nentry: a/b\nitems: []\npurposes: x\nmodes: [api, fax]\n\
                    limits: {rate: {calls: 0}, per_day: many}\nmasks: {9x: m}\n\
                    term: {from: 2026-01-01}\nbasis: {rank: law, title: t, article: 1}\n\
                    state: active\nagreement: {a: 1}\n";

        let faults = faults::<Grant>(text).join("\n");

        for part in [
            "4:8 at least 1",
            "5:11 a list is needed here, and this is a text",
            "6:14 `fax` is not one of the names known here",
            "7:24 0 is too small",
            "7:37 a whole number is needed here",
            "8:9 `9x` cannot be a key here",
            "9:7 the key `until` is missing",
            "10:39 a text is needed here",
            "12:12 a text is needed here, and this is a mapping",
        ] {
            assert!(faults.contains(part), "{part} is not in\n{faults}");
        }
    }

    #[test]
    fn where_one_of_several_keys_is_needed_all_of_them_are_named() {
        let faults = faults::<crate::domain::Secret>("env: TOKEN\n");

        assert_eq!(
            faults,
            ["1:1 the key `env` is not known here | known are `file`, `environment`"]
        );
    }

    #[test]
    fn a_day_that_does_not_exist_is_refused() {
        let faults = faults::<Entry>("published: 2026-02-30\n").join("\n");

        assert!(faults.contains("1:12 `2026-02-30` is no day"), "{faults}");
    }

    #[test]
    fn a_good_document_is_read() {
        let form = Form::<Mask>::new().unwrap();

        let node = &parse("kind: keep\nfirst: 3\n").unwrap()[0];
        assert_eq!(form.read(node), Ok(Mask::Keep { first: 3, last: 0 }));
    }
}
