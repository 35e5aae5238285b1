//! What changes while the gateway runs.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use helan::config::problem::Problem;
use helan::domain::{GrantId, ItemName, Timestamp};
use helan::policy::folder::Reader;
use helan::policy::reload::{self, Cause, Denied, Freeze, Freezes, Frozen, Good, Hooks, Reload};

use super::{PROFILES, city, grant, now, put};

/// A watched folder, and what became of each attempt to reload it.
pub(super) struct Watched {
    pub(super) reload: Reload,
    outcomes: Receiver<Result<Good, Vec<Problem>>>,
    _state: tempfile::TempDir,
}

pub(super) fn watch(folder: &Path) -> Watched {
    let mut reader = Reader::new(folder).unwrap();
    let good = reload::load(&mut reader, &PROFILES, now()).unwrap();
    watch_from(reader, &good, Box::new(|| ()))
}

/// Watches from what was read; `tell` is done with each new View before it is told to the test.
pub(super) fn watch_from(
    reader: Reader,
    good: &Good,
    tell: Box<dyn Fn() + Send + Sync>,
) -> Watched {
    watch_at(reader, good, tell, Arc::new(now))
}

/// The same by another clock, which is read when a reading of the folder begins.
fn watch_at(
    reader: Reader,
    good: &Good,
    tell: Box<dyn Fn() + Send + Sync>,
    clock: reload::Clock,
) -> Watched {
    let state = tempfile::tempdir().unwrap();
    let tell: Arc<dyn Fn() + Send + Sync> = tell.into();
    let (sender, outcomes) = mpsc::channel();
    let refused: Sender<Result<Good, Vec<Problem>>> = sender.clone();
    let hooks = Hooks {
        profiles: PROFILES.to_vec(),
        clock,
        install: Box::new(move |good, _| {
            let (sender, good, tell) = (sender.clone(), good.clone(), Arc::clone(&tell));
            Ok(Box::new(move || {
                tell();
                drop(sender.send(Ok(good)));
            }))
        }),
        refused: Box::new(move |problems, _| drop(refused.send(Err(problems.to_vec())))),
        narrow: Box::new(|| ()),
    };
    let freezes = Freezes::load(state.path()).unwrap();
    let reload = reload::start(reader, good, freezes, hooks).unwrap();
    Watched { reload, outcomes, _state: state }
}

impl Watched {
    /// The next sources that were put in force.
    pub(super) fn good(&self) -> Good {
        loop {
            if let Ok(good) = self.outcomes.recv_timeout(Duration::from_secs(30)).unwrap() {
                return good;
            }
        }
    }

    /// The next time the folder was refused.
    fn refused(&self) {
        while self.outcomes.recv_timeout(Duration::from_secs(30)).unwrap().is_ok() {}
    }

    pub(super) fn denied(&self, id: &str) -> Option<Denied> {
        self.reload.overlay().load().denies_grant(&GrantId::parse(id).unwrap())
    }

    /// How long until this holds.
    pub(super) fn wait(&self, holds: impl Fn(&reload::Overlay) -> bool) -> Duration {
        let start = Instant::now();
        while !holds(&self.reload.overlay().load()) {
            assert!(start.elapsed() < Duration::from_secs(10), "it never came to hold");
            std::thread::sleep(Duration::from_millis(1));
        }
        start.elapsed()
    }
}

pub(super) fn id(text: &str) -> GrantId {
    GrantId::parse(text).unwrap()
}

#[test]
fn a_new_grant_comes_in_force_soon_after_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    city(folder.path());
    let watched = watch(folder.path());

    let start = Instant::now();
    put(folder.path(), "grants/g-2.yaml", &grant("g-2"));
    let good = watched.good();

    assert!(good.sources.grants.contains_key(&id("g-2")));
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
}

#[test]
fn a_folder_that_changes_while_it_is_read_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    city(folder.path());
    let mut reader = Reader::new(folder.path()).unwrap();
    let good = reload::load(&mut reader, &PROFILES, now()).unwrap();
    let readings = Arc::new(AtomicUsize::new(0));
    let (counted, changing) = (Arc::clone(&readings), folder.path().to_owned());
    let clock = move || {
        // The second half of a change comes when the first reading has begun.
        if counted.fetch_add(1, Ordering::Relaxed) == 0 {
            put(&changing, "grants/g-1.yaml", &grant("g-1").replace("id_no, paid", "paid"));
            std::thread::sleep(Duration::from_millis(100));
        }
        now()
    };
    let watched = watch_at(reader, &good, Box::new(|| ()), Arc::new(clock));

    put(folder.path(), "grants/g-2.yaml", &grant("g-2"));
    let good = watched.good();

    assert_eq!(readings.load(Ordering::Relaxed), 2);
    assert!(good.sources.grants.contains_key(&id("g-2")));
    assert_eq!(good.sources.grants[&id("g-1")].items.len(), 1);
}

#[test]
fn a_withdrawal_holds_although_another_file_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    city(folder.path());
    put(folder.path(), "grants/g-2.yaml", &grant("g-2"));
    let watched = watch(folder.path());

    put(folder.path(), "grants/broken.yaml", "id: [\n");
    watched.refused();
    fs::remove_file(folder.path().join("grants/g-1.yaml")).unwrap();
    watched.wait(|overlay| overlay.denies_grant(&id("g-1")) == Some(Denied::Withdrawn));
    watched.refused();

    assert_eq!(watched.denied("g-1"), Some(Denied::Withdrawn));
    assert_eq!(watched.denied("g-2"), None);

    // Once the folder is good again, the sources say it themselves.
    fs::remove_file(folder.path().join("grants/broken.yaml")).unwrap();
    let good = watched.good();
    assert!(!good.sources.grants.contains_key(&id("g-1")));
    watched.wait(reload::Overlay::is_empty);
}

#[test]
fn what_is_put_back_is_no_longer_denied() {
    let folder = tempfile::tempdir().unwrap();
    city(folder.path());
    let watched = watch(folder.path());
    put(folder.path(), "grants/broken.yaml", "id: [\n");

    fs::remove_file(folder.path().join("grants/g-1.yaml")).unwrap();
    watched.wait(|overlay| overlay.denies_grant(&id("g-1")).is_some());
    put(folder.path(), "grants/g-1.yaml", &grant("g-1"));

    watched.wait(reload::Overlay::is_empty);
}

#[test]
fn a_renamed_file_withdraws_until_the_folder_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    city(folder.path());
    let watched = watch(folder.path());
    put(folder.path(), "grants/broken.yaml", "id: [\n");
    watched.refused();

    fs::rename(folder.path().join("grants/g-1.yaml"), folder.path().join("grants/g-9.yaml"))
        .unwrap();
    watched.wait(|overlay| overlay.denies_grant(&id("g-1")).is_some());

    fs::remove_file(folder.path().join("grants/broken.yaml")).unwrap();
    watched.wait(reload::Overlay::is_empty);
}

#[test]
fn a_folder_moved_away_withdraws_all_that_was_in_it() {
    let folder = tempfile::tempdir().unwrap();
    city(folder.path());
    let elsewhere = tempfile::tempdir().unwrap();
    let watched = watch(folder.path());

    fs::rename(folder.path().join("grants"), elsewhere.path().join("grants")).unwrap();

    watched.wait(|overlay| overlay.denies_grant(&id("g-1")).is_some());
}

#[test]
fn an_unparsable_file_withdraws_nothing() {
    let folder = tempfile::tempdir().unwrap();
    city(folder.path());
    let watched = watch(folder.path());

    for text in ["", "id: g-1\nstate: [", "not: a grant\n"] {
        put(folder.path(), "grants/g-1.yaml", text);
        watched.refused();
        assert_eq!(watched.denied("g-1"), None, "{text}");
    }
}

#[test]
fn each_thing_taken_out_of_a_grant_is_denied_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    city(folder.path());
    let watched = watch(folder.path());
    put(folder.path(), "grants/broken.yaml", "id: [\n");

    let less = grant("g-1")
        .replace("[id_no, paid]", "[id_no]")
        .replace("[data-verification, business-collaboration]", "[data-verification]")
        .replace("until: 2026-12-31", "until: 2026-11-30");
    put(folder.path(), "grants/g-1.yaml", &less);
    watched.wait(|overlay| overlay.narrows_grant(&id("g-1")).is_some());

    let overlay = watched.reload.overlay().load_full();
    let narrowed = overlay.narrows_grant(&id("g-1")).unwrap();
    assert_eq!(overlay.denies_grant(&id("g-1")), None);
    assert!(narrowed.items.contains(&ItemName::parse("paid").unwrap()));
    assert!(!narrowed.items.contains(&ItemName::parse("id_no").unwrap()));
    assert_eq!(narrowed.purposes.len(), 1);
    assert!(narrowed.modes.is_empty());
    assert!(!narrowed.is_over(Timestamp::parse("2026-11-30T15:59:59Z").unwrap()));
    assert!(narrowed.is_over(Timestamp::parse("2026-11-30T16:00:00Z").unwrap()));

    put(
        folder.path(),
        "grants/g-1.yaml",
        &grant("g-1").replace("state: active", "state: suspended"),
    );
    watched.wait(|overlay| overlay.denies_grant(&id("g-1")).is_some());
}

#[test]
fn credentials_applications_organizations_and_entries_are_withdrawn_as_well() {
    let folder = tempfile::tempdir().unwrap();
    city(folder.path());
    let watched = watch(folder.path());
    put(folder.path(), "grants/broken.yaml", "id: [\n");
    let edit = |file: &str, from: &str, to: &str| {
        let text = fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(text.contains(from), "{from}");
        put(folder.path(), file, &text.replace(from, to));
    };

    edit("organizations/housing.yaml", "  - {kind: name, dns: other.example}\n", "");
    watched.wait(|overlay| overlay.denies_credential("name:other.example", now()));
    assert!(!watched.reload.overlay().load().denies_credential("name:desk.example", now()));

    edit("organizations/housing.yaml", "name: 办事", "name: 办事\n  state: suspended");
    watched.wait(|overlay| {
        overlay
            .denies_application(&helan::domain::ApplicationId::parse("housing/desk").unwrap())
            .is_some()
    });

    edit("organizations/housing.yaml", "region: '640100'", "region: '640100'\nstate: closed");
    watched.wait(|overlay| {
        let housing = helan::domain::OrganizationId::parse("housing").unwrap();
        overlay.denies_organization(&housing) == Some(Denied::Withdrawn)
    });

    edit("catalog/tax/payers.yaml", "update: daily", "update: daily\nstate: offline");
    watched.wait(|overlay| {
        let entry = helan::domain::EntryId::parse("tax/payers").unwrap();
        overlay.denies_entry(&entry) == Some(Denied::Withdrawn)
    });

    edit("agreements/a-1.yaml", "state: effective", "state: terminated");
    watched.wait(|overlay| {
        overlay.denies_agreement(&helan::domain::AgreementId::parse("a-1").unwrap())
    });
}

#[test]
fn a_freeze_counts_at_once_whatever_the_folder_says() {
    let folder = tempfile::tempdir().unwrap();
    city(folder.path());
    let watched = watch(folder.path());
    let what = Frozen::Grant(id("g-1"));
    let freeze = Freeze {
        what: what.clone(),
        since: now(),
        reason: "a leak".to_owned(),
        by: "operator".to_owned(),
    };

    watched.reload.freeze(freeze).unwrap();
    assert_eq!(watched.denied("g-1"), Some(Denied::Frozen));

    put(folder.path(), "grants/g-2.yaml", &grant("g-2"));
    watched.good();
    assert_eq!(watched.denied("g-1"), Some(Denied::Frozen), "a reload thawed it");

    assert!(watched.reload.thaw(&what).unwrap());
    assert_eq!(watched.denied("g-1"), None);
}

#[test]
fn asking_for_a_reload_builds_although_nothing_changed() {
    let folder = tempfile::tempdir().unwrap();
    city(folder.path());
    let watched = watch(folder.path());

    watched.reload.trigger(Cause::Signal);

    watched.good();
}

#[test]
fn among_twenty_thousand_grants_a_withdrawal_counts_within_a_tenth_of_a_second() {
    let folder = tempfile::tempdir().unwrap();
    city(folder.path());
    for file in 0..2_000 {
        let text: Vec<String> = (0..10).map(|n| grant(&format!("n-{file}-{n}"))).collect();
        put(folder.path(), &format!("grants/n-{file}.yaml"), &text.join("---\n"));
    }
    let watched = watch(folder.path());
    let all = watched.reload.overlay();
    // The events of our own reading are gone when a change elsewhere was built.
    put(folder.path(), "grants/g-2.yaml", &grant("g-2"));
    watched.good();

    put(folder.path(), "grants/broken.yaml", "id: [\n");
    std::thread::sleep(Duration::from_millis(250));
    // While a build of all of them is under way. The machine may be busy, so the best of three counts.
    let took = (1_000..1_003).map(|file| {
        let less: Vec<String> = (0..9).map(|n| grant(&format!("n-{file}-{n}"))).collect();
        put(folder.path(), &format!("grants/n-{file}.yaml"), &less.join("---\n"));
        watched.wait(|overlay| overlay.denies_grant(&id(&format!("n-{file}-9"))).is_some())
    });
    let took = took.min().unwrap();

    assert!(took < Duration::from_millis(100), "{took:?}");
    assert_eq!(all.load().denies_grant(&id("n-1000-8")), None);
}
