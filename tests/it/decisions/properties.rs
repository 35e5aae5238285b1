//! What holds for situations nobody thought of.

use std::sync::LazyLock;

use helan::domain::ProfileId;
use proptest::prelude::*;
use proptest::sample::select;

use super::city::{City, Situation};

static CITY: LazyLock<City> = LazyLock::new(City::new);

const WORDS: [(&str, &[&str]); 22] = [
    ("profile", &["yc-2018", "sc-809-2025"]),
    ("zone", &["sharing", "sharing", "sharing", "peering", "opening"]),
    (
        "caller",
        &["public", "bureau", "department", "county", "enterprise", "enterprise-authorized"],
    ),
    ("class", &["unconditional", "conditional", "withheld"]),
    ("opening", &["open", "desensitized", "closed"]),
    (
        "grant",
        &[
            "none",
            "standing",
            "active",
            "active",
            "active",
            "early",
            "late",
            "pending",
            "suspended",
            "terminated",
            "expired",
            "foreign",
        ],
    ),
    ("approvals", &["none", "provider", "bureau", "both", "both", "own", "unfiled", "future"]),
    ("agreement", &["none", "good", "good", "draft", "over", "short", "narrow", "foreign"]),
    (
        "items",
        &[
            "plain",
            "plain",
            "sensitive",
            "business",
            "part",
            "ungranted",
            "overridden",
            "withheld",
            "secret",
            "masked",
            "partial",
            "nothing",
        ],
    ),
    ("mode", &["api", "file", "browse", "batch"]),
    ("purpose", &["declared", "wrong", "absent", "ambiguous", "required"]),
    ("matter", &["free", "declared", "wrong", "absent"]),
    ("negotiation", &["none", "negotiated", "coordinated", "future"]),
    ("authorization", &["yes", "no"]),
    ("rank", &["law", "department-rule", "normative-document"]),
    ("review", &["given", "missing", "unfiled", "future"]),
    ("consumer", &["live", "live", "suspended"]),
    ("provider", &["live", "live", "suspended"]),
    ("entry", &["live", "live", "offline"]),
    ("application", &["granted", "granted", "other"]),
    ("update", &["daily", "realtime"]),
    ("modes", &["api", "api+file+browse+batch", "file", ""]),
];

/// Any situation; every word may be anything, but near the lawful case more often than not.
fn situations() -> impl Strategy<Value = Situation> {
    let words: Vec<_> = WORDS
        .iter()
        .map(|(name, words)| {
            prop_oneof![
                3 => Just(String::new()),
                1 => select(*words).prop_map(move |word| format!("{name}={word} ")),
            ]
        })
        .collect();
    words.prop_map(|changes| Situation::lawful(ProfileId::Yc2018).but(&changes.concat()))
}

fn allowed(told: &Situation) -> bool {
    CITY.decide(told).outcome.is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_cites_an_article(told in situations()) {
        let verdict = CITY.decide(&told);

        prop_assert!(!verdict.articles.is_empty());
        prop_assert!(verdict.outcome != Err(helan::domain::Denial::RulesFailed));
        for cited in &verdict.articles {
            prop_assert!(!cited.law.is_empty() && !cited.article.is_empty());
            prop_assert_eq!(verdict.outcome.is_ok(), cited.denial.is_none());
        }
    }

    #[test]
    fn outside_the_opening_zone_a_yes_needs_a_live_grant_or_a_standing_one(told in situations()) {
        if !allowed(&told) || told.word("zone") == "opening" {
            return Ok(());
        }
        prop_assert!(told.word("caller") != "public");
        prop_assert!(["sharing", "peering"].contains(&told.word("zone")));
        let standing = told.word("grant") == "standing"
            && told.word("profile") == "yc-2018"
            && told.word("class") == "unconditional"
            && told.word("zone") == "sharing";
        prop_assert!(standing || told.word("grant") == "active");
        prop_assert!(!standing || ["plain", "part", "ungranted"].contains(&told.word("items")));
    }

    #[test]
    fn what_the_law_asks_for_never_turns_a_yes_into_a_no(
        told in situations(),
        more in select(vec![
            "approvals=twice", "approvals=both", "agreement=good", "negotiation=coordinated",
            "authorization=yes", "review=given", "purpose=declared", "rank=law", "consumer=live",
        ]),
    ) {
        // A bureau that calls needs another bureau's consent; `both` would take that from it.
        let kept = told.word("caller") != "bureau";
        if allowed(&told) && kept {
            prop_assert!(allowed(&told.but(more)), "{more} turned a yes into a no: {told:?}");
        }
    }

    #[test]
    fn a_secret_never_passes(told in situations()) {
        prop_assert!(!allowed(&told.but("items=secret")));
    }

    #[test]
    fn an_answer_says_how_long_it_holds(told in situations()) {
        let now = helan::domain::Timestamp::parse(super::city::NOW).unwrap();
        let verdict = CITY.decide(&told);

        prop_assert!(verdict.until.is_none_or(|until| until > now));
        if verdict.outcome.is_ok() && told.word("grant") == "active" && told.word("zone") != "opening" {
            prop_assert!(verdict.until.is_some(), "a granted call ends with its grant");
        }
    }
}
