//! Unified social credit codes (统一社会信用代码, GB 32100-2015).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The 31 characters a code may hold: no I, O, S, V, Z.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// The code of an organization; both check characters fit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-9A-HJ-NPQRTUWXY]{18}$"))]
pub struct Uscc(String);

/// Why a text is no code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsccError {
    /// Not 18 characters of the alphabet.
    #[error(
        "a unified social credit code has 18 digits or capital letters other than I, O, S, V, Z (GB 32100-2015)"
    )]
    Shape,
    /// The organization code inside (positions 9 to 17) does not check.
    #[error("positions 9 to 17 do not check (GB 11714): the last of them should be `{expected}`")]
    Organization {
        /// The character that would fit.
        expected: char,
    },
    /// The last character does not check.
    #[error("the check character should be `{expected}` (GB 32100-2015)")]
    Check {
        /// The character that would fit.
        expected: char,
    },
}

impl Uscc {
    /// Reads a code and verifies both check characters.
    pub fn parse(text: &str) -> Result<Self, UsccError> {
        let values: Vec<usize> = text
            .bytes()
            .map(|byte| ALPHABET.iter().position(|&a| a == byte))
            .collect::<Option<_>>()
            .filter(|values: &Vec<usize>| values.len() == 18)
            .ok_or(UsccError::Shape)?;

        let body: Vec<u8> = text.bytes().skip(8).take(9).collect();
        let expected = organization_check(&body);
        if body.last().copied() != Some(expected) {
            return Err(UsccError::Organization { expected: char::from(expected) });
        }

        let mut weight = 1;
        let mut sum = 0;
        for value in values.iter().take(17) {
            sum += value * weight;
            weight = weight * 3 % 31;
        }
        let expected = ALPHABET.get((31 - sum % 31) % 31).copied().unwrap_or(b'0');
        if text.bytes().last() == Some(expected) {
            Ok(Self(text.to_owned()))
        } else {
            Err(UsccError::Check { expected: char::from(expected) })
        }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The check character of an organization code (GB 11714): eight characters and their weights.
fn organization_check(body: &[u8]) -> u8 {
    const WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = body
        .iter()
        .zip(WEIGHTS)
        .map(|(&byte, weight)| char::from(byte).to_digit(36).unwrap_or(0) * weight)
        .sum();
    match 11 - sum % 11 {
        10 => b'X',
        11 => b'0',
        digit => u8::try_from(digit).map_or(b'0', |digit| b'0' + digit),
    }
}

impl fmt::Display for Uscc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Uscc {
    type Error = UsccError;

    fn try_from(text: String) -> Result<Self, UsccError> {
        Self::parse(&text)
    }
}

impl From<Uscc> for String {
    fn from(code: Uscc) -> Self {
        code.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_with_both_check_characters_right_is_read() {
        for good in ["11640100MB9T00011X", "11640100MB9T0002XM", "91640100MA9T001308"] {
            assert!(Uscc::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_mistyped_code_is_refused_with_the_character_that_would_fit() {
        assert_eq!(Uscc::parse("11640100MB9T00011Y"), Err(UsccError::Check { expected: 'X' }));
        assert!(matches!(Uscc::parse("11640100MB9T00021X"), Err(UsccError::Organization { .. })));
        assert_eq!(Uscc::parse("11640100MB9T0001I"), Err(UsccError::Shape));
        assert_eq!(Uscc::parse("１１640100MB9T00011X"), Err(UsccError::Shape));
    }
}
