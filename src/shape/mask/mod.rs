//! Masks laid over values (脱敏), with the conventions departments know.
//!
//! A mask that cannot read its value fails, and then the value does not leave. A value that already
//! looks exactly as the mask would make it passes, so that laying a mask twice changes nothing; one
//! masked otherwise cannot be read.

mod address;
mod amount;
mod cover;

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::Mask;

/// The key of [`Mask::Hash`] (HMAC-SHA-256).
#[derive(Clone)]
pub struct MaskKey(hmac::Key);

impl MaskKey {
    /// Takes the bytes of the key.
    pub fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }
}

impl fmt::Debug for MaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskKey(***)")
    }
}

/// A plain value; what else may stand there no mask can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Boolean(&'a str),
    /// A number as it is written, so that 18 digits stay 18 digits.
    Number(&'a str),
    /// A text.
    Text(&'a str),
}

/// What a mask made of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The text written.
    Text,
    /// The number written.
    Number,
    /// It stays null.
    Null,
    /// It disappears, as it should.
    Gone,
    /// The mask could not read it: it must not leave.
    Failed,
}

/// Lays a mask over a value, writing what may leave to `out`, which it clears first.
pub fn apply(mask: &Mask, value: Value<'_>, key: Option<&MaskKey>, out: &mut String) -> Outcome {
    out.clear();
    let (text, number) = match (mask, value) {
        (Mask::Drop, _) => return Outcome::Gone,
        (Mask::Constant { text }, _) => {
            out.push_str(text);
            return Outcome::Text;
        }
        (_, Value::Null) => return Outcome::Null,
        (_, Value::Boolean(_)) if *mask != Mask::Hash => return Outcome::Failed,
        (_, Value::Number(text)) => (text, true),
        (_, Value::Text(text) | Value::Boolean(text)) => (text, false),
    };
    let made = match mask {
        Mask::Name | Mask::Address | Mask::Plate | Mask::Mail | Mask::Passport if number => None,
        Mask::Drop | Mask::Constant { .. } => None,
        Mask::Keep { first, last } => {
            cover::keep(text, *first, *last, out);
            Some(())
        }
        Mask::IdNumber { first, last } => cover::id_number(text, *first, *last, out),
        Mask::Phone => cover::phone(text, out),
        Mask::Name => {
            cover::name(text, out);
            Some(())
        }
        Mask::Card => cover::card(text, out),
        Mask::Address => address::mask(text, out),
        Mask::Plate => cover::plate(text, out),
        Mask::Mail => cover::mail(text, out),
        Mask::Passport => cover::passport(text, out),
        Mask::Year => amount::year(text, out),
        Mask::Round { decimals } => amount::round(text, *decimals, out),
        Mask::Band { width } => amount::band(text, *width, out),
        Mask::Hash => hash(text, key, out),
    };
    match made {
        None => {
            out.clear();
            Outcome::Failed
        }
        Some(()) if number && matches!(mask, Mask::Round { .. }) => Outcome::Number,
        Some(()) => Outcome::Text,
    }
}

fn hash(text: &str, key: Option<&MaskKey>, out: &mut String) -> Option<()> {
    let tag = hmac::sign(&key?.0, text.as_bytes());
    URL_SAFE_NO_PAD.encode_string(tag, out);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a mask makes of a text; `!` if it fails.
    pub(super) fn masked(mask: &Mask, text: &str) -> String {
        let mut out = String::new();
        match apply(mask, Value::Text(text), Some(&MaskKey::new(b"key")), &mut out) {
            Outcome::Text => out,
            Outcome::Failed => "!".to_owned(),
            other @ (Outcome::Number | Outcome::Null | Outcome::Gone) => format!("{other:?}"),
        }
    }

    /// Every mask but the one that cannot be laid twice.
    pub(super) fn masks() -> Vec<Mask> {
        vec![
            Mask::Drop,
            Mask::Constant { text: "保密".to_owned() },
            Mask::Keep { first: 3, last: 4 },
            Mask::IdNumber { first: 6, last: 4 },
            Mask::Phone,
            Mask::Name,
            Mask::Card,
            Mask::Address,
            Mask::Plate,
            Mask::Mail,
            Mask::Passport,
            Mask::Year,
            Mask::Round { decimals: 2 },
            Mask::Band { width: 5000 },
        ]
    }

    #[test]
    fn null_stays_null_but_where_the_mask_says_otherwise() {
        let mut out = String::new();
        for mask in masks() {
            let outcome = apply(&mask, Value::Null, None, &mut out);
            let expected = if mask == Mask::Drop {
                Outcome::Gone
            } else if matches!(mask, Mask::Constant { .. }) {
                Outcome::Text
            } else {
                Outcome::Null
            };
            assert_eq!(outcome, expected, "{mask:?}");
        }
    }

    #[test]
    fn a_mask_that_cannot_read_its_value_writes_nothing() {
        let mut out = String::new();
        for mask in masks().into_iter().skip(2).chain([Mask::Hash]) {
            let failed = apply(&mask, Value::Boolean("true"), None, &mut out) == Outcome::Failed;
            assert!(failed && out.is_empty(), "{mask:?}");
        }
        for mask in [Mask::Name, Mask::Address, Mask::Plate, Mask::Mail, Mask::Passport] {
            let outcome = apply(&mask, Value::Number("12345678"), None, &mut out);
            assert_eq!(outcome, Outcome::Failed, "{mask:?}");
        }
    }

    #[test]
    fn numbers_are_masked_as_they_are_written() {
        let mut out = String::new();
        let id = Mask::IdNumber { first: 1, last: 1 };

        assert_eq!(apply(&id, Value::Number("640104199003070018"), None, &mut out), Outcome::Text);
        assert_eq!(out, "6****************8");
        assert_eq!(
            apply(&id, Value::Number("6.40104199003070e17"), None, &mut out),
            Outcome::Failed
        );
        let round = Mask::Round { decimals: 2 };
        assert_eq!(apply(&round, Value::Number("38.48721"), None, &mut out), Outcome::Number);
        assert_eq!(out, "38.48");
    }

    #[test]
    fn a_hash_tells_values_apart_only_with_its_key() {
        let hash = |text, key: &[u8]| {
            let mut out = String::new();
            assert_eq!(
                apply(&Mask::Hash, Value::Text(text), Some(&MaskKey::new(key)), &mut out),
                Outcome::Text
            );
            out
        };

        assert_eq!(hash("640104199003070018", b"k").len(), 43);
        assert_eq!(hash("a", b"k"), hash("a", b"k"));
        assert_ne!(hash("a", b"k"), hash("b", b"k"));
        assert_ne!(hash("a", b"k"), hash("a", b"l"));
        assert_eq!(apply(&Mask::Hash, Value::Text("a"), None, &mut String::new()), Outcome::Failed);
        assert_eq!(format!("{:?}", MaskKey::new(b"secret")), "MaskKey(***)");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

        #[test]
        fn laying_a_mask_twice_changes_nothing(text in "\\PC{0,24}|[0-9*]{0,20}|.{0,3}[市区县*]{1,4}") {
            for mask in masks() {
                let once = masked(&mask, &text);
                if once != "!" {
                    proptest::prop_assert_eq!(masked(&mask, &once), once, "{:?}", mask);
                }
            }
        }

        #[test]
        fn keep_shows_no_more_than_it_says(text in "\\PC{0,12}", first in 0_u8..5, last in 0_u8..5) {
            let shown = masked(&Mask::Keep { first, last }, &text);
            let hidden = text.chars().count().saturating_sub(usize::from(first + last));

            proptest::prop_assert_eq!(shown.chars().count(), text.chars().count());
            let covered = shown.chars().filter(|c| *c == '*').count();
            proptest::prop_assert!(covered >= hidden);
            if hidden == 0 {
                proptest::prop_assert!(shown.chars().all(|c| c == '*'));
            }
        }
    }
}
