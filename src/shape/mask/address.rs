//! An address, kept up to its county or district. Where a level cannot be told for certain, the
//! coarser one is kept: showing less is the safe mistake.

/// What stands for the rest of the address: the same for any length.
const VEIL: &str = "****";

/// Longest name of a province, city or county, in characters.
const LONGEST: usize = 11;

/// How far down a name reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Country,
    Province,
    City,
    County,
}

/// Keeps an address up to its county or district.
pub(super) fn mask(text: &str, out: &mut String) -> Option<()> {
    let (mut kept, mut reached) = (0, Level::Country);
    while reached < Level::County {
        let Some((length, level)) = text.get(kept..).and_then(|rest| area(rest, reached)) else {
            break;
        };
        kept += length;
        reached = level;
    }
    out.push_str(text.get(..kept).filter(|area| !area.is_empty())?);
    out.push_str(VEIL);
    Some(())
}

/// The next name, its length in bytes and its level; none if what comes is a street, a village, a
/// house, or no area at all.
fn area(rest: &str, reached: Level) -> Option<(usize, Level)> {
    for (count, (at, letter)) in rest.char_indices().take(LONGEST).enumerate() {
        let end = at + letter.len_utf8();
        let name = rest.get(..end)?;
        let after = rest.get(end..)?;
        if !is_han(letter) || (count >= 2 && "路街道巷弄号镇乡村组楼栋幢院".contains(letter))
        {
            return None;
        }
        let level = match letter {
            _ if count == 0 => None,
            '省' => Some(Level::Province),
            '区' if name.ends_with("自治区") || name.ends_with("特别行政区") => {
                Some(Level::Province)
            }
            '区' if name.ends_with("地区") => Some(Level::City),
            '州' if name.ends_with("自治州") => Some(Level::City),
            '盟' if after.contains(['旗', '市', '县']) => Some(Level::City),
            '市' if after.starts_with(['场', '政', '民', '中', '区', '里']) => return None,
            '市' if reached < Level::City => Some(Level::City),
            '区' if is_compound(name) => return None,
            '市' | '县' | '区' => Some(Level::County),
            '旗' if name.ends_with("自治旗") || is_banner(name) => Some(Level::County),
            _ => None,
        };
        match level {
            Some(level) if level > reached => return Some((end, level)),
            Some(_) => return None,
            None => {}
        }
    }
    None
}

fn is_han(letter: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&letter)
}

/// Banners of Inner Mongolia (旗), not flags in the name of a street.
fn is_banner(name: &str) -> bool {
    ["左旗", "右旗", "中旗", "前旗", "后旗", "托克旗", "金霍洛旗", "拉特旗", "锦旗", "审旗"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// Places called 区 that are no district: housing estates, campuses, plants.
fn is_compound(name: &str) -> bool {
    let before = name.chars().rev().nth(1);
    before.is_some_and(|letter| "小社园校厂景院住宅业货库营牧片街发术险务生".contains(letter))
}

#[cfg(test)]
mod tests {
    use super::super::tests::masked;
    use crate::domain::Mask;

    #[test]
    fn an_address_is_kept_to_its_county_and_no_further() {
        for (address, shown) in [
            ("宁夏银川市兴庆区文化西街42号", "宁夏银川市兴庆区****"),
            ("宁夏回族自治区银川市金凤区阳光小区3栋", "宁夏回族自治区银川市金凤区****"),
            ("宁夏回族自治区固原市泾源县香水镇", "宁夏回族自治区固原市泾源县****"),
            ("宁夏银川市灵武市东塔镇园艺村", "宁夏银川市灵武市****"),
            ("贺兰县习岗镇和平村", "贺兰县****"),
            ("兴庆区新华市场3号", "兴庆区****"),
            ("北京市朝阳区建国路1号", "北京市朝阳区****"),
            ("新疆维吾尔自治区阿克苏地区库车市", "新疆维吾尔自治区阿克苏地区库车市****"),
            ("甘肃省临夏回族自治州东乡族自治县", "甘肃省临夏回族自治州东乡族自治县****"),
            ("内蒙古自治区阿拉善盟阿拉善左旗巴彦浩特", "内蒙古自治区阿拉善盟阿拉善左旗****"),
            ("黑龙江省哈尔滨市道里区中央大街", "黑龙江省哈尔滨市道里区****"),
            ("上海市浦东新区世纪大道1号", "上海市浦东新区****"),
            ("银川市", "银川市****"),
            ("银川市兴庆区****", "银川市兴庆区****"),
        ] {
            assert_eq!(masked(&Mask::Address, address), shown, "{address}");
        }
    }

    #[test]
    fn what_only_looks_like_a_district_is_hidden() {
        for (address, shown) in [
            ("银川市阳光小区3栋", "银川市****"),
            ("银川市北京中路社区服务站", "银川市****"),
            ("银川市红旗路12号", "银川市****"),
            ("银川市新华百货市场5号", "银川市****"),
            ("银川市王村工业区", "银川市****"),
            ("银川市文化西街42号兴庆区", "银川市****"),
        ] {
            assert_eq!(masked(&Mask::Address, address), shown, "{address}");
        }
        for unreadable in ["", "文化西街42号", "阳光小区3栋", "****", "42号", "No. 42 Street", "区"]
        {
            assert_eq!(masked(&Mask::Address, unreadable), "!", "{unreadable}");
        }
    }
}
