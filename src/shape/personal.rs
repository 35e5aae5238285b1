//! What looks like personal information in what leaves, counted while it leaves.
//!
//! Works on bytes that are shaped already, whatever their format. A value has to stand by itself, without a
//! letter or digit beside it. Every sixth byte is looked at; only where that may be part of a number or
//! plate is the run around it read.

use jiff::civil::Date;

use crate::domain::Personal;

/// The shortest run that is looked into: a plate behind its province.
const SHORTEST: usize = 6;

/// The longest: a bank card.
const LONGEST: usize = 19;

/// Bytes of a province's character.
const PROVINCE: usize = 3;

/// Provinces as plates name them.
const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";

/// Counts in an answer that comes in parts.
#[derive(Clone, Default)]
pub struct Watch {
    counts: Personal,
    /// What the next part may complete: a run that may go on, behind a character that was read.
    held: Vec<u8>,
    /// How much of that was read.
    read: usize,
}

impl std::fmt::Debug for Watch {
    /// Without values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl Watch {
    /// Reads the next part.
    pub fn read(&mut self, part: &[u8]) {
        if self.held.is_empty() {
            self.take(part);
            return;
        }
        let mut joined = std::mem::take(&mut self.held);
        joined.extend_from_slice(part);
        self.take(&joined);
    }

    /// What was counted so far; a run at the very end counts as whole.
    pub fn counts(&self) -> Personal {
        let mut counts = self.counts;
        scan(&self.held, self.read, self.held.len(), &mut counts);
        counts
    }

    /// Reads a text up to the run at its end, and holds that back.
    fn take(&mut self, text: &[u8]) {
        let run = text.iter().rev().take_while(|byte| is_word(**byte)).count();
        let to = text.len().saturating_sub(run);
        scan(text, self.read.min(to), to, &mut self.counts);
        // A run that is too long to be anything stays too long when its beginning is forgotten.
        let from = if run > LONGEST { text.len().saturating_sub(LONGEST + 1) } else { to };
        let before = from.saturating_sub(PROVINCE);
        self.read = from.saturating_sub(before);
        self.held.clear();
        self.held.extend_from_slice(text.get(before..).unwrap_or_default());
    }
}

/// Counts the runs that begin at `from` or behind it and end before `to`, where no run goes on.
fn scan(text: &[u8], from: usize, to: usize, counts: &mut Personal) {
    let at = |place: usize| text.get(place).copied().filter(|_| place < to);
    let mut begin = from;
    while let Some(byte) = at(begin.saturating_add(SHORTEST - 1)) {
        let mut end = begin.saturating_add(SHORTEST);
        if byte.is_ascii_digit() || byte.is_ascii_uppercase() {
            let mut start = end.saturating_sub(1);
            while start > begin && at(start.saturating_sub(1)).is_some_and(is_word) {
                start = start.saturating_sub(1);
            }
            while at(end).is_some_and(is_word) {
                end = end.saturating_add(1);
            }
            let run = text.get(start..end).unwrap_or_default();
            let before = text.get(..start).unwrap_or_default();
            if (SHORTEST..=LONGEST).contains(&run.len()) {
                judge(before, run, counts);
            }
        }
        begin = end;
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

/// Counts a run that stands by itself, if it looks personal.
fn judge(before: &[u8], run: &[u8], counts: &mut Personal) {
    // The fraction of a number is none.
    let is_fraction = before.last() == Some(&b'.');
    let count = match run.len() {
        _ if is_fraction => return,
        6 | 7 if is_plate(before, run) => &mut counts.plate,
        11 if is_mobile(run) => &mut counts.mobile,
        18 if is_identity(run) => &mut counts.identity,
        16..=19 if is_card(run) => &mut counts.card,
        _ => return,
    };
    *count = count.saturating_add(1);
}

fn is_plate(before: &[u8], run: &[u8]) -> bool {
    let province = before.last_chunk::<PROVINCE>().and_then(|end| std::str::from_utf8(end).ok());
    let fits = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    province.is_some_and(|province| PROVINCES.contains(province))
        && run.first().is_some_and(u8::is_ascii_uppercase)
        && run.iter().all(fits)
        && run.iter().any(u8::is_ascii_digit)
}

fn is_mobile(run: &[u8]) -> bool {
    matches!(run, [b'1', b'3'..=b'9', ..]) && run.iter().all(u8::is_ascii_digit)
}

/// A resident identity number (GB 11643): region, day of birth, order, check character.
fn is_identity(run: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let Some((last, digits)) = run.split_last() else { return false };
    if run.first() == Some(&b'0') || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| value(*digit) * weight).sum();
    let check = usize::try_from(sum % 11).ok().and_then(|at| b"10X98765432".get(at));
    check == Some(&last.to_ascii_uppercase()) && digits.get(6..14).is_some_and(is_day)
}

fn is_day(digits: &[u8]) -> bool {
    let number = |from, to| {
        digits.get(from..to).and_then(|part| std::str::from_utf8(part).ok()?.parse::<i16>().ok())
    };
    let small = |from, to| number(from, to).and_then(|part| i8::try_from(part).ok());
    match (number(0, 4), small(4, 6), small(6, 8)) {
        (Some(year @ 1900..2100), Some(month), Some(day)) => Date::new(year, month, day).is_ok(),
        (_, _, _) => false,
    }
}

/// A bank card by its issuer's first digits and the sum of Luhn.
fn is_card(run: &[u8]) -> bool {
    let is_issued = match run {
        [b'6', b'2', ..] => true,
        [b'4', ..] | [b'5', b'1'..=b'5', ..] => run.len() == 16,
        _ => false,
    };
    if !is_issued || !run.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum: u32 = run
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match value(*digit) * (1 + u32::from(place % 2 == 1)) {
            double @ 10.. => double - 9,
            single => single,
        })
        .sum();
    sum.is_multiple_of(10)
}

fn value(digit: u8) -> u32 {
    u32::from(digit.wrapping_sub(b'0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(text: &str) -> Personal {
        let mut watch = Watch::default();
        watch.read(text.as_bytes());
        watch.counts()
    }

    fn kinds(text: &str) -> Vec<&'static str> {
        counted(text).counts().filter(|(_, count)| *count > 0).map(|(kind, _)| kind).collect()
    }

    #[test]
    fn each_kind_is_known_by_its_form_and_checksum() {
        for (text, kind) in [
            (r#"{"id":"640104199001010018"}"#, "identity"),
            ("11010519491231002X", "identity"),
            ("11010519491231002x,", "identity"),
            ("联系人13995006789，", "mobile"),
            (r#"{"phone":13995006789}"#, "mobile"),
            ("+86-13995006789", "mobile"),
            ("6222020200112233446,", "card"),
            ("4111111111111111", "card"),
            ("宁A12345", "plate"),
            (r#"["粤BD12345"]"#, "plate"),
        ] {
            assert_eq!(kinds(text), [kind], "{text}");
        }
    }

    #[test]
    fn what_only_looks_alike_is_not_counted() {
        for text in [
            "640104199001010019",    // checksum
            "640104199013010018",    // month
            "640104199001010018000", // longer
            "a640104199001010018",   // beside a letter
            "12995006789",           // no mobile
            "0951-6000001",          // a fixed line
            "106.13995006789",       // a fraction
            "1769904000",            // a moment
            "4111111111111112",      // Luhn
            "91640100MA9T001308",    // a business
            "640106001001GB00012F00010001",
            "A12345", // no province
            "宁夏12345678",
            "人社民640100001",
        ] {
            assert_eq!(kinds(text), Vec::<&str>::new(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn where_parts_are_cut_changes_nothing(cuts in prop::collection::vec(0_usize..200, 0..12)) {
            let text = "[\"640104199001010018\",\"x13995006789\",13995006789,\"宁A12345 粤BD12345\",\
                        \"4111111111111111\",0000000000000000000000000013995006789,11010519491231002X]"
                .as_bytes();
            let whole = {
                let mut watch = Watch::default();
                watch.read(text);
                watch.counts()
            };
            prop_assert_eq!(
                whole,
                Personal { identity: 2, mobile: 1, card: 1, plate: 2 }
            );
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let mut watch = Watch::default();
            let mut from = 0;
            for cut in cuts.into_iter().chain([text.len()]) {
                watch.read(&text[from..cut]);
                from = cut;
            }
            prop_assert_eq!(watch.counts(), whole);
        }
    }
}
