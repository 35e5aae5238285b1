//! The articles that findings rest on, under each set of rules.

use super::Detector;
use crate::domain::ProfileId;

/// The articles, such as `yc-2018 §18`. Where Order 809 has no rule of its own (opening), the Measures
/// stand, as they do in the opening zone.
pub(super) fn articles(detector: Detector, profile: ProfileId) -> Vec<String> {
    let (measures, order): (&[&str], &[&str]) = match detector {
        Detector::Unmounted => (&["§14", "§31"], &["§22", "§39"]),
        Detector::Stale => (&["§12", "§31"], &["§17", "§39"]),
        Detector::Withheld => (&["§16", "§31"], &["§15", "§39"]),
        Detector::Drift => (&["§14", "§31"], &["§13", "§39"]),
        Detector::ApiRequired => (&["§18"], &["§22"]),
        Detector::OverGrant | Detector::Probing => (&["§19", "§31"], &["§25", "§40"]),
        Detector::Hygiene => (&["§16"], &["§20"]),
        Detector::Agreement => (&["§16"], &[]),
        Detector::Personal => (&["§5", "§9", "§32"], &[]),
        Detector::Steward => (&["§27"], &[]),
        Detector::Integrity => (&["§19", "§29"], &["§29"]),
    };
    let (profile, articles) = match profile {
        ProfileId::Sc809 if !order.is_empty() => (ProfileId::Sc809, order),
        ProfileId::Sc809 | ProfileId::Yc2018 => (ProfileId::Yc2018, measures),
    };
    articles.iter().map(|article| format!("{profile} {article}")).collect()
}

/// An article that a finding rests on as people cite it, in Chinese and English: `yc-2018 §12` is
/// 《银川市城市数据共享开放管理办法》第十二条. What is no article stays as it is.
pub fn cited(article: &str) -> [String; 2] {
    let known = article.split_once(" §").and_then(|(profile, number)| {
        let law = ProfileId::ALL.into_iter().find(|law| law.as_str() == profile)?;
        Some((law, number.parse::<usize>().ok()?))
    });
    match known {
        Some((ProfileId::Yc2018, number)) => [
            format!("《银川市城市数据共享开放管理办法》第{}条", numeral(number)),
            format!("Yinchuan Measures (yc-2018), art. {number}"),
        ],
        Some((ProfileId::Sc809, number)) => [
            format!("《政务数据共享条例》第{}条", numeral(number)),
            format!("State Council Order 809 (sc-809-2025), art. {number}"),
        ],
        None => [article.to_owned(), article.to_owned()],
    }
}

/// A number below a hundred in Chinese.
fn numeral(number: usize) -> String {
    const DIGITS: [&str; 10] = ["", "一", "二", "三", "四", "五", "六", "七", "八", "九"];
    let digit = |of: usize| DIGITS.get(of % 10).copied().unwrap_or_default();
    match number / 10 {
        0 => digit(number).to_owned(),
        1 => format!("十{}", digit(number)),
        tens => format!("{}十{}", digit(tens), digit(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_article_of_every_detector_is_cited_by_the_title_of_its_law() {
        for profile in ProfileId::ALL {
            for article in Detector::ALL.iter().flat_map(|one| articles(*one, profile)) {
                let [chinese, english] = cited(&article);
                assert!(chinese.starts_with('《') && chinese.ends_with('条'), "{chinese}");
                assert!(english.contains(", art. "), "{english}");
            }
        }
        assert_eq!(cited("yc-2018 §12")[0], "《银川市城市数据共享开放管理办法》第十二条");
        assert_eq!(cited("sc-809-2025 §40")[0], "《政务数据共享条例》第四十条");
        assert_eq!(cited("yc-2018 §5")[0], "《银川市城市数据共享开放管理办法》第五条");
        assert_eq!(cited("else")[0], "else");
    }
}
