//! Who gets in, what each role may, and what stands on record of it.

use super::{Visitor, curl, header, login, named, status};
use crate::support::city::City;

const PAGES: [&str; 12] = [
    "/console/",
    "/console/organizations",
    "/console/organizations/civil-affairs",
    "/console/entries",
    "/console/entries/civil-affairs/marriage",
    "/console/grants",
    "/console/grants/g-02",
    "/console/findings",
    "/console/findings?state=all",
    "/console/records",
    "/console/records?entry=civil-affairs/marriage&outcome=answered",
    "/console/health",
];

#[test]
fn nobody_sees_a_page_without_a_token_and_every_answer_is_guarded() {
    let city = City::start();
    let at = |path: &str| format!("{}{path}", city.shown.admin);
    for path in PAGES {
        let answer = curl(&[&at(path)]);
        assert_eq!(status(&answer), 303, "{path}: {answer}");
        assert!(
            header(&answer, "location").starts_with("/console/login?next=%2Fconsole"),
            "{answer}"
        );
    }
    let audit = Visitor::login(&city, "audit");
    let style = curl(&[&at("/console/style.css")]);
    let pages = PAGES.map(|path| audit.get(path));
    for answer in pages.iter().chain([&style, &curl(&[&at("/console/login")])]) {
        assert_eq!(status(answer), 200, "{answer}");
        let policy = header(answer, "content-security-policy");
        for part in ["default-src 'none'", "frame-ancestors 'none'", "style-src 'self'"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
        assert_eq!(header(answer, "x-content-type-options"), "nosniff");
        assert_eq!(header(answer, "x-frame-options"), "DENY");
        assert!(!answer.contains("<script") && !answer.contains(" style="), "{answer}");
    }
    assert!(pages.iter().all(|answer| header(answer, "cache-control") == "no-store"));
    assert_eq!(status(&audit.get("/console/grants/no-such-grant")), 404);
    assert_eq!(status(&audit.get("/console/x")), 404);
}

#[test]
fn a_session_is_a_guarded_cookie_that_logging_out_or_a_new_key_ends() {
    let city = City::start();
    let token = &city.shown.admin_tokens["audit"];
    let answer = login(&city, token);
    let cookie = header(&answer, "set-cookie");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/console/", "Max-Age=28800"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Secure") && !answer.contains(token), "{answer}");
    let url = format!("{}/console/login", city.shown.admin);
    let field = format!("token={token}");
    let behind_tls = curl(&["-H", "X-Forwarded-Proto: https", "--data-urlencode", &field, &url]);
    assert!(header(&behind_tls, "set-cookie").contains("; Secure"), "{behind_tls}");

    let next = format!("next=/console/grants/g-02&token={token}");
    let back = curl(&["-d", &next, &url]);
    assert_eq!(header(&back, "location"), "/console/grants/g-02");
    let elsewhere = curl(&["-d", &format!("next=//evil.example/console/&token={token}"), &url]);
    assert_eq!(header(&elsewhere, "location"), "/console/");

    let leaving = Visitor::login(&city, "audit");
    assert_eq!(status(&leaving.post("/console/logout", &leaving.word(), &[], &[])), 303);
    assert_eq!(status(&leaving.get("/console/")), 303);

    let staying = Visitor::login(&city, "audit");
    assert_eq!(status(&staying.get("/console/")), 200);
    let made = std::process::Command::new(crate::support::city::program())
        .args(["keys", "make", "--purpose", "admin", "--folder"])
        .arg(city.work().join("keys"))
        .status()
        .unwrap();
    assert!(made.success());
    city.hang_up();
    crate::support::eventually(
        "the end of all sessions",
        std::time::Duration::from_secs(10),
        || (status(&staying.get("/console/")) == 303).then_some(()),
    );
    assert_eq!(status(&login(&city, token)), 403, "a token of the old key");
}

#[test]
fn failed_logins_are_limited_and_on_record_without_what_was_typed() {
    let city = City::start();
    let codes: Vec<_> = (0..13)
        .map(|number| status(&login(&city, &format!("wang-li.audit.{number:064}"))))
        .collect();
    assert_eq!(codes[..10], [403; 10]);
    assert_eq!(codes[10..], [429; 3]);
    let good = login(&city, &city.shown.admin_tokens["audit"]);
    assert_eq!(status(&good), 429, "a good token is not looked at either");

    let fits = |outcome: &'static str| {
        move |event: &serde_json::Value| event["action"] == "login" && event["outcome"] == outcome
    };
    let sum = |outcome| {
        crate::support::eventually("all on record", std::time::Duration::from_secs(10), || {
            let all = named(&city, "admin-write", fits(outcome), 1);
            let sum: u64 = all.iter().map(|event| event["count"].as_u64().unwrap_or(1)).sum();
            assert!(all.iter().all(|event| event["by"] == "unproved"), "{all:?}");
            (sum == if outcome == "login-limited" { 4 } else { 10 }).then_some(sum)
        })
    };
    assert_eq!((sum("token-not-valid"), sum("login-limited")), (10, 4));
}

#[test]
fn each_role_sees_its_own_sections_and_what_is_seen_of_others_is_on_record() {
    let city = City::start();
    super::traffic(&city);
    let may = |role: &str| -> Vec<u16> {
        let visitor = Visitor::login(&city, role);
        PAGES.iter().map(|path| status(&visitor.get(path))).collect()
    };
    assert_eq!(may("system"), [403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 200]);
    assert_eq!(may("security"), [200, 200, 200, 200, 200, 200, 200, 200, 200, 403, 403, 200]);
    assert_eq!(may("audit"), [200; 12]);

    let decided = named(&city, "decided", |event| event["entry"] == "civil-affairs/marriage", 1);
    let transaction = decided[0]["transaction"].as_str().unwrap();
    let audit = Visitor::login(&city, "audit");
    let page = format!("/console/records/{transaction}?lang=en");
    for _ in 0..3 {
        let shown = audit.get(&page);
        assert!(status(&shown) == 200 && shown.contains(transaction), "{shown}");
    }
    let target = format!("record {transaction}");
    let looked = named(&city, "admin-write", |event| event["target"] == target, 1);
    assert_eq!(looked.len(), 1, "one event, the others are counted: {looked:?}");
    assert_eq!((&looked[0]["action"], &looked[0]["by"]), (&"view".into(), &"demo".into()));
    assert_eq!(looked[0]["role"], "audit");
    let searched = "records entry=civil-affairs/marriage outcome=answered";
    named(&city, "admin-write", |event| event["target"] == searched, 1);

    let security = Visitor::login(&city, "security");
    assert_eq!(status(&security.get(&page)), 200, "evidence can be looked at");
    let system = Visitor::login(&city, "system");
    assert_eq!(status(&system.get(&page)), 403);
}

#[test]
fn a_form_needs_the_word_of_its_session_its_own_site_and_the_right_role() {
    let city = City::start();
    let freeze = [("kind", "grant"), ("id", "g-02"), ("reason", "a leak")];
    let security = Visitor::login(&city, "security");
    let word = security.word();
    for (word, headers) in [
        ("", &[][..]),
        ("00", &[]),
        (Visitor::login(&city, "security").word().as_str(), &[]),
        (word.as_str(), &["Sec-Fetch-Site: cross-site"]),
    ] {
        let answer = security.post("/console/freeze", word, &freeze, headers);
        assert_eq!(status(&answer), 403, "{answer}");
    }
    for role in ["audit", "system"] {
        let visitor = Visitor::login(&city, role);
        let answer = visitor.post("/console/freeze?lang=en", &visitor.word(), &freeze, &[]);
        assert!(
            status(&answer) == 403 && answer.contains("The role that may: security"),
            "{answer}"
        );
    }
    assert!(curl(&[&format!("{}/freezes", city.shown.admin)]).ends_with("[]"), "it was frozen");
    let refused = named(&city, "admin-write", |event| event["outcome"] == "role-not-allowed", 2);
    assert!(refused.iter().all(|event| event["action"] == "freeze"), "{refused:?}");

    let done = security.post("/console/freeze", &word, &freeze, &["Sec-Fetch-Site: same-origin"]);
    assert_eq!(header(&done, "location"), "/console/grants/g-02", "{done}");
    let page = security.get("/console/grants/g-02?lang=en");
    assert!(page.contains("a leak") && page.contains("/console/thaw"), "{page}");
    let thawed = security.post("/console/thaw", &word, &freeze, &[]);
    assert_eq!(status(&thawed), 303, "{thawed}");

    let system = Visitor::login(&city, "system");
    let purge = [("entry", "transport/bus-stops")];
    let purged = system.post("/console/purge?lang=en", &system.word(), &purge, &[]);
    assert!(status(&purged) == 200 && purged.contains("kept answers forgotten"), "{purged}");
    let reloaded = system.post("/console/reload", &system.word(), &[], &[]);
    assert_eq!(status(&reloaded), 202, "{reloaded}");
}

/// What a page of the console says, its markup left out.
fn text(answer: &str) -> String {
    let mut text = String::new();
    let mut is_markup = false;
    for c in answer.chars() {
        match c {
            '<' => is_markup = true,
            '>' => is_markup = false,
            _ if !is_markup => text.push(c),
            _ => {}
        }
    }
    text
}

#[test]
fn a_refused_call_shows_the_paragraph_that_its_answer_cited() {
    let city = City::start();
    let call = city.shown.calls.iter().find(|call| call.code == Some("item-not-granted".into()));
    let answer = std::process::Command::new("sh")
        .args(["-c", &call.unwrap().command])
        .current_dir("/")
        .output()
        .unwrap();
    let answer = String::from_utf8(answer.stdout).unwrap();
    let quoted = "未授权的数据项不予提供";
    assert!(answer.contains(quoted), "{answer}");

    let decided = named(&city, "decided", |event| event["outcome"] == "item-not-granted", 1);
    let transaction = decided[0]["transaction"].as_str().unwrap();
    let audit = Visitor::login(&city, "audit");
    let page = text(&audit.get(&format!("/console/records/{transaction}?lang=zh")));
    assert!(page.contains(quoted), "{page}");
    let others = ["不予共享的数据，因履行职责", "属于无条件共享的数据", "安全保密协议"];
    assert!(!others.iter().any(|other| page.contains(other)), "{page}");
    // It is called in Chinese, with the code beside it; so it is in the list.
    let list = text(&audit.get("/console/records?outcome=item-not-granted&lang=zh"));
    for page in [&page, &list] {
        assert!(page.contains("item-not-granted") && page.contains("授权"), "{page}");
    }
}

#[test]
fn pages_say_what_is_meant_in_the_language_asked_for() {
    let city = City::start();
    let audit = Visitor::login(&city, "audit");
    let read = |path: &str, lang: &str| text(&audit.get(&format!("{path}?lang={lang}")));

    // g-04 and g-12 both end within sixty days by their terms; g-04 is over already.
    let overview = audit.get("/console/?lang=en");
    let (_, ends) = overview.split_once("Ending within").unwrap();
    let ends = ends.split("</section>").next().unwrap();
    assert!(ends.contains(">g-12<") && !ends.contains(">g-04<"), "{ends}");

    // A bound that is not named is none.
    assert!(read("/console/grants/g-02", "zh").contains("不限"));

    // Withheld, so nothing is missing; its findings are found from its page and its organization's.
    let entries = audit.get("/console/entries?lang=en");
    let (_, row) = entries.split_once("/console/entries/ecology/inspection-plans").unwrap();
    let row = row.split("</tr>").next().unwrap();
    assert!(!row.contains("class=\"bad\"") && row.contains('–'), "{row}");
    for path in ["/console/entries/ecology/inspection-plans", "/console/organizations/ecology"] {
        assert!(audit.get(path).contains("/console/findings/v08-"), "{path}");
    }
    let lapsed = audit.get("/console/organizations/xingqing?lang=en");
    assert!(lapsed.contains("<dd class=\"bad\">Lapsed"), "{lapsed}");

    // Since when, by name and in Chinese; the same at each look.
    let findings = || text(&audit.get("/console/findings?state=all&lang=zh"));
    let before = findings();
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let listed = |page: &str| {
        let (_, list) = page.split_once("疑点涉及").unwrap();
        list.split("生成于").next().unwrap().to_owned()
    };
    assert_eq!(listed(&before), listed(&findings()));
    assert!(!before.contains("grant g-") && before.contains("g-11 "), "{before}");

    let english = read("/console/health", "en");
    assert!(english.contains("The law was in force from"), "{english}");
    assert!(!english.contains("本办法") && english.contains("laid out ahead"), "{english}");
}
