//! Every page in a real browser: both languages, a desk and a phone, light and dark, by mouse and by keys.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::browser::{Browser, DESKTOP, ENTER, PHONE, TAB};
use super::{named, traffic};
use crate::support::city::City;
use crate::support::eventually;

/// What is looked at, by the name of its pictures.
const PAGES: [(&str, &str); 10] = [
    ("overview", "/console/"),
    ("organizations", "/console/organizations"),
    ("organization", "/console/organizations/civil-affairs"),
    ("entries", "/console/entries"),
    ("entry", "/console/entries/civil-affairs/marriage"),
    ("grants", "/console/grants"),
    ("grant", "/console/grants/g-02"),
    ("findings", "/console/findings?state=all"),
    ("records", "/console/records"),
    ("health", "/console/health"),
];

/// Where pictures are kept as output of the tests.
fn pictures() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("console");
    fs::create_dir_all(&folder).unwrap();
    folder
}

struct Desk<'c> {
    browser: Browser,
    city: &'c City,
}

impl Desk<'_> {
    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.city.shown.admin)
    }

    fn log_in(&self, role: &str, lang: &str) {
        self.browser.open(&format!("{}login?lang={lang}", self.city.shown.console));
        self.browser.fill("#token", &self.city.shown.admin_tokens[role]);
        self.browser.press(ENTER);
        eventually("the login", Duration::from_secs(10), || {
            (!self.browser.url().contains("/login")).then_some(())
        });
    }

    fn log_out(&self) {
        self.browser.click("form[action='/console/logout'] button");
        eventually("the end of the session", Duration::from_secs(10), || {
            self.browser.url().contains("/login").then_some(())
        });
    }

    /// Nothing is wrong with the page that is open.
    fn is_sound(&self, what: &str, lang: &str) {
        let wrong = self.browser.run(include_str!("page.js"));
        assert_eq!(wrong.as_array().map(Vec::len), Some(0), "{what}: {wrong:#}");
        let tag = self.browser.run("return document.documentElement.lang");
        assert_eq!(tag, if lang == "zh" { "zh-CN" } else { "en" }, "{what}");
        let complaints = self.browser.complaints();
        assert!(complaints.is_empty(), "{what}: {complaints:#?}");
    }
}

/// Opens the console of a city with calls on record and figures of them.
fn supervised(city: &City) -> Option<Desk<'_>> {
    let browser = Browser::start()?;
    traffic(city);
    let desk = Desk { browser, city };
    desk.browser.resize(DESKTOP);
    desk.log_in("audit", "zh");
    eventually("figures of the calls", Duration::from_secs(30), || {
        desk.browser.open(&desk.at("/console/"));
        let busiest = desk.browser.text("[aria-labelledby=h-entries]");
        busiest.contains("婚姻").then_some(())
    });
    desk.log_out();
    Some(desk)
}

#[test]
fn every_page_is_sound_in_both_languages_on_a_desk_and_on_a_phone() {
    let city = City::start();
    let Some(desk) = supervised(&city) else { return };
    let (browser, folder) = (&desk.browser, pictures());
    for lang in ["zh", "en"] {
        browser.resize(DESKTOP);
        browser.open(&desk.at(&format!("/console/login?lang={lang}")));
        desk.is_sound("login", lang);
        browser.picture(&folder.join(format!("login-{lang}-desktop.png")));
        desk.log_in("audit", lang);
        let one = |css: &str| {
            let found = format!("return document.querySelector({css:?}).getAttribute('href')");
            browser.run(&found).as_str().unwrap().to_owned()
        };
        browser.open(&desk.at("/console/records"));
        let record = one("main tbody a");
        browser.open(&desk.at("/console/findings?state=all"));
        let finding = one("main tbody a");
        let mut pages: Vec<_> = PAGES.map(|(name, path)| (name, path.to_owned())).into();
        pages.extend([("record", record), ("finding", finding)]);
        for (name, path) in &pages {
            for (size, screen) in [("desktop", DESKTOP), ("phone", PHONE)] {
                browser.resize(screen);
                browser.open(&desk.at(path));
                desk.is_sound(&format!("{name} {lang} {size}"), lang);
                browser.picture(&folder.join(format!("{name}-{lang}-{size}.png")));
            }
        }
        browser.resize(DESKTOP);
        browser.prefer("dark");
        for (name, path) in &pages {
            browser.open(&desk.at(path));
            desk.is_sound(&format!("{name} {lang} dark"), lang);
        }
        browser.open(&desk.at("/console/"));
        browser.picture(&folder.join(format!("overview-{lang}-dark.png")));
        browser.prefer("light");
        desk.log_out();
    }
}

#[test]
fn the_overview_shows_what_the_records_say() {
    let city = City::start();
    let Some(desk) = supervised(&city) else { return };
    desk.log_in("audit", "en");
    let browser = &desk.browser;
    let refused = browser.text("[aria-labelledby=h-refusals]");
    assert!(refused.contains("withheld"), "{refused}");
    // The table behind the chart says the same as the figure above it.
    let sums = browser.run(
        "const cells = [...document.querySelectorAll('[aria-labelledby=h-today] tbody td')];
         const sum = cells.reduce((s, c) => s + Number(c.textContent.replaceAll(',', '')), 0);
         return [sum, Number(document.querySelector('.figures dd').firstChild.textContent.replaceAll(',', ''))]",
    );
    assert!(sums[0] == sums[1] && sums[0].as_u64() > Some(10), "{sums}");
}

#[test]
fn the_menu_is_walked_by_keys_in_its_order_and_the_content_is_skipped_to() {
    let city = City::start();
    let Some(browser) = Browser::start() else { return };
    let desk = Desk { browser, city: &city };
    let browser = &desk.browser;
    browser.resize(DESKTOP);
    desk.log_in("audit", "zh");
    browser.open(&desk.at("/console/"));
    let focus = || browser.run("return document.activeElement.getAttribute('href')");
    browser.press(TAB);
    assert_eq!(focus(), "#main", "the first stop skips the menu");
    let outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle");
    assert_ne!(outline, "none", "the focus cannot be seen");
    let mut stops = Vec::new();
    for _ in 0..14 {
        browser.press(TAB);
        stops.extend(focus().as_str().map(str::to_owned));
    }
    let menu: Vec<_> =
        stops.iter().skip_while(|stop| !stop.ends_with("/console/organizations")).collect();
    let expected = ["organizations", "entries", "grants", "findings", "records", "health"];
    for (stop, section) in menu.iter().zip(expected) {
        assert_eq!(**stop, format!("/console/{section}"), "{stops:?}");
    }

    browser.open(&desk.at("/console/"));
    browser.press(TAB);
    browser.press(ENTER);
    assert_eq!(browser.run("return document.activeElement.id"), "main");

    // A page is reached by keys alone.
    browser.run("document.querySelector('nav a[href$=health]').focus()");
    browser.press(ENTER);
    eventually("the page", Duration::from_secs(10), || {
        browser.url().ends_with("/console/health").then_some(())
    });
    let here = browser.run("return document.querySelector('nav [aria-current=page]').textContent");
    assert_eq!(here, "日志健康");
}

#[test]
fn security_confirms_a_finding_and_audit_only_reads_it() {
    let city = City::start();
    let Some(desk) = supervised(&city) else { return };
    let browser = &desk.browser;
    desk.log_in("security", "en");
    browser.open(&desk.at("/console/findings"));
    let finding = browser.run("return document.querySelector('main tbody a').getAttribute('href')");
    let finding = finding.as_str().unwrap();
    browser.open(&desk.at(finding));
    browser.fill("#note-confirm", "seen in the records");
    // Who opens another page before the form is answered takes it back.
    browser.run("window.isBefore = true");
    browser.click("form[action$='/confirm'] button");
    eventually("the answer to the form", Duration::from_secs(15), || {
        browser.run("return window.isBefore ?? null").is_null().then_some(())
    });
    eventually("the state", Duration::from_secs(15), || {
        browser.open(&desk.at(finding));
        browser.text("main .state").contains("confirmed").then_some(())
    });
    assert!(browser.text("main").contains("seen in the records"));
    browser.picture(&pictures().join("finding-confirmed-en-desktop.png"));
    let id = finding.rsplit('/').next().unwrap();
    let said = named(&city, "admin-write", |event| event["action"] == "confirm", 1);
    assert_eq!((&said[0]["target"], &said[0]["by"]), (&id.into(), &"demo".into()));
    assert_eq!(said[0]["role"], "security");
    desk.log_out();

    desk.log_in("audit", "en");
    browser.open(&desk.at(finding));
    assert_eq!(browser.run("return document.querySelectorAll('main form').length"), 0);
    // Even with a form of its own making it is refused, and that stands on record.
    browser.run(&format!(
        "const form = document.createElement('form');
         form.method = 'post'; form.action = '{finding}/dismiss';
         const word = document.querySelector('[name=word]').cloneNode();
         const reason = document.createElement('input'); reason.name = 'reason'; reason.value = 'no';
         form.append(word, reason); document.body.append(form); form.submit()"
    ));
    eventually("the refusal", Duration::from_secs(10), || {
        browser.text("main").contains("Your role may not do this").then_some(())
    });
    named(
        &city,
        "admin-write",
        |event| event["action"] == "dismiss" && event["outcome"] == "role-not-allowed",
        1,
    );
}
