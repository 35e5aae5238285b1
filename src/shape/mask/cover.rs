//! Masks that keep the ends of a value and cover the rest with `*`.

/// What stands between a mail address's first character and its domain: the same for any length.
const VEIL: &str = "****";

const STARS: &str = "********************************";

/// Dots between the parts of a name, as they are typed.
const DOTS: [char; 6] = ['·', '•', '‧', '・', '．', '∙'];

/// Covers all but the ends; a text no longer than the ends is covered whole.
pub(super) fn keep(text: &str, first: u8, last: u8, out: &mut String) {
    veil(split(text, first, last).unwrap_or(("", text, "")), out);
}

fn veil((head, middle, tail): (&str, &str, &str), out: &mut String) {
    out.push_str(head);
    stars(middle.chars().count(), out);
    out.push_str(tail);
}

/// The ends of a text and what lies between them; none if nothing does.
fn split(text: &str, first: u8, last: u8) -> Option<(&str, &str, &str)> {
    if text.is_ascii() {
        // Nearly every number is, and needs no counting of characters.
        let (rest, tail) = text.split_at_checked(text.len().checked_sub(last.into())?)?;
        let (head, middle) = rest.split_at_checked(first.into())?;
        return (!middle.is_empty()).then_some((head, middle, tail));
    }
    let (begin, _) = text.char_indices().nth(first.into())?;
    let (head, rest) = text.split_at_checked(begin)?;
    let end = match usize::from(last).checked_sub(1) {
        Some(before) => rest.char_indices().nth_back(before)?.0,
        None => rest.len(),
    };
    let (middle, tail) = rest.split_at_checked(end)?;
    (!middle.is_empty()).then_some((head, middle, tail))
}

/// Covers the middle of a text that is read by `fits`, also if it is covered already.
fn cover(
    text: &str,
    (first, last): (u8, u8),
    fits: impl Fn(&str) -> bool,
    out: &mut String,
) -> Option<()> {
    let (head, middle, tail) = split(text, first, last)?;
    let readable = if middle.bytes().all(|byte| byte == b'*') {
        // What is under the cover cannot be known: a zero stands for it.
        fits(&[head, &"0".repeat(middle.len()), tail].concat())
    } else {
        fits(text)
    };
    readable.then(|| veil((head, middle, tail), out))
}

fn digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// 公民身份号码: 17 digits and a digit or X, or the 15 digits of before 1999. Whether the check
/// character fits is not asked: a mistyped number points at somebody too.
pub(super) fn id_number(text: &str, first: u8, last: u8, out: &mut String) -> Option<()> {
    let fits = |text: &str| match text.len() {
        15 => digits(text),
        18 => digits(text.strip_suffix(['X', 'x']).unwrap_or(text)),
        _ => false,
    };
    cover(text, (first.min(6), last.min(4)), fits, out)
}

/// 3 + 4 of a mobile number; area code and last two of a fixed line.
pub(super) fn phone(text: &str, out: &mut String) -> Option<()> {
    let mobile = |text: &str| {
        let second = text.strip_prefix('1').and_then(|rest| rest.bytes().next());
        text.len() == 11 && digits(text) && second.is_some_and(|byte| byte >= b'3')
    };
    if cover(text, (3, 4), mobile, out).is_some() {
        return Some(());
    }
    out.clear();
    let (area, number) = area(text)?;
    out.push_str(area);
    cover(number, (0, 2), |number| (7..=8).contains(&number.len()) && digits(number), out)
}

/// Splits a fixed line behind its area code: three digits for 010 and 02x, else four.
fn area(text: &str) -> Option<(&str, &str)> {
    if !text.starts_with('0') {
        return Some(("", text));
    }
    let length = if text.starts_with("01") || text.starts_with("02") { 3 } else { 4 };
    let (code, number) = text.split_at_checked(length)?;
    let dashed = usize::from(number.starts_with('-'));
    if digits(code) { text.split_at_checked(length + dashed) } else { None }
}

/// The first character, or the first part of a name with dots. A name of one character is covered.
pub(super) fn name(text: &str, out: &mut String) {
    let first_part = text.find(DOTS).filter(|at| text.split_at(*at).1.chars().count() > 1);
    let kept = match first_part {
        Some(at) => text.split_at(at).0.chars().count() + 1,
        None => usize::from(text.chars().count() > 1),
    };
    let rest = text.chars().count() - kept;
    out.extend(text.chars().take(kept));
    stars(rest, out);
}

/// Several at once: one by one they took 1.4 % of a large answer.
fn stars(mut count: usize, out: &mut String) {
    while count > 0 {
        let short = STARS.get(..count).unwrap_or(STARS);
        out.push_str(short);
        count -= short.len();
    }
}

/// 4 + 4 of 16 to 19 digits.
pub(super) fn card(text: &str, out: &mut String) -> Option<()> {
    cover(text, (4, 4), |text| (16..=19).contains(&text.len()) && digits(text), out)
}

/// Province, letter and the last two; a new-energy plate has one more.
pub(super) fn plate(text: &str, out: &mut String) -> Option<()> {
    let fits = |text: &str| {
        let mut letters = text.chars();
        let province = letters.next().is_some_and(|letter| !letter.is_ascii());
        let city = letters.next().is_some_and(|letter| letter.is_ascii_alphabetic());
        let rest: Vec<char> = letters.collect();
        // The last may be 警, 学, 挂, 领, 港 or 澳.
        let plain = rest.split_last().is_some_and(|(last, rest)| {
            (last.is_ascii_alphanumeric() || "警学挂领港澳".contains(*last))
                && rest.iter().all(char::is_ascii_alphanumeric)
        });
        province && city && plain && (5..=6).contains(&rest.len())
    };
    cover(text, (2, 2), fits, out)
}

/// The first character and the domain.
pub(super) fn mail(text: &str, out: &mut String) -> Option<()> {
    let (local, domain) = text.split_once('@')?;
    let host = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if !domain.contains('.') || !domain.split('.').all(host) {
        return None;
    }
    out.push(local.chars().next().filter(char::is_ascii_graphic)?);
    out.push_str(VEIL);
    out.push('@');
    out.push_str(domain);
    Some(())
}

/// The first and the last two of 7 to 12 letters and digits.
pub(super) fn passport(text: &str, out: &mut String) -> Option<()> {
    let fits = |text: &str| {
        (7..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    cover(text, (1, 2), fits, out)
}

#[cfg(test)]
mod tests {
    use super::super::tests::masked;
    use crate::domain::Mask;

    /// What each mask makes of each text; `!` if it fails.
    fn check(mask: &Mask, table: &[(&str, &str)]) {
        for (text, expected) in table {
            assert_eq!(&masked(mask, text), expected, "{mask:?} over {text}");
        }
    }

    #[test]
    fn keep_covers_the_middle_and_short_texts_whole() {
        check(
            &Mask::Keep { first: 3, last: 4 },
            &[
                ("12345678", "123*5678"),
                ("1234567", "*******"),
                ("12345", "*****"),
                ("", ""),
                ("银川市兴庆区文化街", "银川市**区文化街"),
                ("a\u{301}bcdefgh", "a\u{301}b**efgh"),
            ],
        );
        check(&Mask::Keep { first: 0, last: 0 }, &[("ab", "**")]);
    }

    #[test]
    fn an_identity_number_keeps_region_and_end_at_most() {
        check(
            &Mask::IdNumber { first: 6, last: 4 },
            &[
                ("640104199003070018", "640104********0018"),
                ("64010419900307001X", "640104********001X"),
                ("64010419900307001x", "640104********001x"),
                ("640104900307001", "640104*****7001"),
                ("640104********0018", "640104********0018"),
                ("6****************8", "!"),
                ("64010419****070018", "!"),
                ("64010419900307001", "!"),
                ("6401041990030700181", "!"),
                ("X40104199003070018", "!"),
                ("６４０１０４１９９００３０７００１８", "!"),
                ("", "!"),
            ],
        );
        check(
            &Mask::IdNumber { first: 18, last: 18 },
            &[("640104199003070018", "640104********0018")],
        );
        check(
            &Mask::IdNumber { first: 1, last: 2 },
            &[("640104199003070018", "6***************18"), ("640104********0018", "!")],
        );
    }

    #[test]
    fn a_phone_keeps_three_and_four_or_its_area_code_and_two() {
        check(
            &Mask::Phone,
            &[
                ("13812345678", "138****5678"),
                ("138****5678", "138****5678"),
                ("09516888888", "0951*****88"),
                ("0951-6888888", "0951-*****88"),
                ("010-12345678", "010-******78"),
                ("6888888", "*****88"),
                ("12812345678", "!"),
                ("1381234567", "!"),
                ("+8613812345678", "!"),
                ("138 1234 5678", "!"),
                ("0951-6888888-12", "!"),
                ("", "!"),
            ],
        );
    }

    #[test]
    fn a_name_keeps_its_first_character_or_its_first_part() {
        check(
            &Mask::Name,
            &[
                ("张三", "张*"),
                ("王小明", "王**"),
                ("欧阳修", "欧**"),
                ("马", "*"),
                ("阿依古丽·买买提", "阿依古丽·***"),
                ("阿依古丽•买买提", "阿依古丽•***"),
                ("阿·", "阿*"),
                ("Ivan Petrov", "I**********"),
                ("", ""),
            ],
        );
    }

    #[test]
    fn cards_plates_mails_and_passports_keep_their_ends() {
        check(
            &Mask::Card,
            &[
                ("6222020000000000000", "6222***********0000"),
                ("6222020000000000", "6222********0000"),
                ("622202000000000", "!"),
                ("6222 0200 0000 0000", "!"),
            ],
        );
        check(
            &Mask::Plate,
            &[
                ("宁A12345", "宁A***45"),
                ("宁AD12345", "宁A****45"),
                ("宁A1234警", "宁A***4警"),
                ("宁A***45", "宁A***45"),
                ("A12345", "!"),
                ("宁A1234", "!"),
            ],
        );
        check(
            &Mask::Mail,
            &[
                ("li.ming@yinchuan.gov.cn", "l****@yinchuan.gov.cn"),
                ("l@a.cn", "l****@a.cn"),
                ("@a.cn", "!"),
                ("a@b@c.cn", "!"),
                ("a@localhost", "!"),
                ("a@x..cn", "!"),
                ("a@13812345678 b.cn", "!"),
                ("none", "!"),
            ],
        );
        check(
            &Mask::Passport,
            &[("E12345678", "E******78"), ("H1234567890", "H********90"), ("E12", "!")],
        );
    }
}
