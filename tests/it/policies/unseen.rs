//! What no event tells of: another folder in the root's place, a change before the watch, one while a
//! View is being told; and issuers.

use std::fs;
use std::sync::mpsc;
use std::time::Duration;

use helan::policy::folder::Reader;
use helan::policy::reload::{self, Denied};

use super::reloading::{id, watch, watch_from};
use super::{PROFILES, city, grant, now, put};

#[test]
fn another_folder_in_the_roots_place_is_noticed() {
    let around = tempfile::tempdir().unwrap();
    let (old, new) = (around.path().join("1"), around.path().join("2"));
    for folder in [&old, &new] {
        city(folder);
        put(folder, "grants/g-2.yaml", &grant("g-2"));
    }
    fs::remove_file(new.join("grants/g-1.yaml")).unwrap();
    let root = around.path().join("policies");
    std::os::unix::fs::symlink("1", &root).unwrap();
    let watched = watch(&root);

    // A link that points elsewhere by now, as releases are switched.
    std::os::unix::fs::symlink("2", around.path().join("next")).unwrap();
    fs::rename(around.path().join("next"), &root).unwrap();
    let took = watched.wait(|overlay| overlay.denies_grant(&id("g-1")).is_some());
    assert!(took < Duration::from_secs(2), "only the round noticed it: {took:?}");
    while watched.good().sources.grants.contains_key(&id("g-1")) {}

    // What is there now is watched, too.
    put(&new, "grants/broken.yaml", "id: [\n");
    fs::remove_file(new.join("grants/g-2.yaml")).unwrap();
    let took = watched.wait(|overlay| overlay.denies_grant(&id("g-2")).is_some());
    assert!(took < Duration::from_secs(2), "only the round noticed it: {took:?}");
}

#[test]
fn what_a_link_takes_away_it_gives_back_when_it_is_put_back() {
    let around = tempfile::tempdir().unwrap();
    let (old, new) = (around.path().join("1"), around.path().join("2"));
    city(&old);
    city(&new);
    fs::remove_file(new.join("grants/g-1.yaml")).unwrap();
    put(&new, "grants/broken.yaml", "id: [\n");
    let root = around.path().join("policies");
    let point = |to: &str| {
        std::os::unix::fs::symlink(to, around.path().join("next")).unwrap();
        fs::rename(around.path().join("next"), &root).unwrap();
    };
    point("1");
    let watched = watch(&root);

    point("2");
    watched.wait(|overlay| overlay.denies_grant(&id("g-1")).is_some());
    // The files are the very ones that were read.
    point("1");
    watched.wait(reload::Overlay::is_empty);
}

#[test]
fn a_folder_moved_into_the_roots_place_is_noticed_even_from_further_up() {
    let around = tempfile::tempdir().unwrap();
    let root = around.path().join("etc/policies");
    city(&root);
    let next = around.path().join("next/policies");
    city(&next);
    fs::remove_file(next.join("grants/g-1.yaml")).unwrap();
    let watched = watch(&root);

    // The first reading of the watch itself must not be what notices it.
    std::thread::sleep(Duration::from_millis(500));

    // The folder that holds the root is exchanged: no event can tell.
    fs::rename(around.path().join("etc"), around.path().join("old")).unwrap();
    fs::rename(around.path().join("next"), around.path().join("etc")).unwrap();

    watched.wait(|overlay| overlay.denies_grant(&id("g-1")).is_some());
    while watched.good().sources.grants.contains_key(&id("g-1")) {}
}

#[test]
fn what_was_taken_away_before_the_watch_began_is_denied_when_it_has_begun() {
    let folder = tempfile::tempdir().unwrap();
    city(folder.path());
    let mut reader = Reader::new(folder.path()).unwrap();
    let good = reload::load(&mut reader, &PROFILES, now()).unwrap();
    put(folder.path(), "grants/broken.yaml", "id: [\n");
    fs::remove_file(folder.path().join("grants/g-1.yaml")).unwrap();

    let watched = watch_from(reader, &good, Box::new(|| ()));

    assert_eq!(watched.denied("g-1"), Some(Denied::Withdrawn));
}

#[test]
fn a_withdrawal_counts_while_what_is_new_is_still_being_told_and_stored() {
    let folder = tempfile::tempdir().unwrap();
    city(folder.path());
    let mut reader = Reader::new(folder.path()).unwrap();
    let good = reload::load(&mut reader, &PROFILES, now()).unwrap();
    let (told, telling) = mpsc::channel();
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let tell = move || {
        told.send(()).unwrap();
        // It ends when the test does.
        assert!(wait.lock().unwrap().recv().is_err());
    };
    let watched = watch_from(reader, &good, Box::new(tell));

    put(folder.path(), "grants/g-2.yaml", &grant("g-2"));
    telling.recv_timeout(Duration::from_secs(10)).unwrap();
    fs::remove_file(folder.path().join("grants/g-2.yaml")).unwrap();

    let took = watched.wait(|overlay| overlay.denies_grant(&id("g-2")).is_some());
    drop(go_on);
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[test]
fn an_issuer_that_is_gone_or_counts_for_less_is_distrusted_at_once() {
    use helan::domain::Zone;

    const ISSUERS: &str = "idp:\n  issuer: https://idp.example\n  audience: helan\n  zones: [sharing, opening]\n  \
                           algorithms: [ES256, EdDSA]\n  keys: {url: 'https://idp.example/keys'}\n";
    let folder = tempfile::tempdir().unwrap();
    city(folder.path());
    put(folder.path(), "issuers.yaml", ISSUERS);
    let watched = watch(folder.path());
    put(folder.path(), "grants/broken.yaml", "id: [\n");
    let denied =
        |overlay: &reload::Overlay, zone, algorithm| overlay.denies_token("idp", zone, algorithm);

    let less = ISSUERS.replace("[sharing, opening]", "[sharing]").replace("ES256, ", "");
    put(folder.path(), "issuers.yaml", &less);
    watched.wait(|overlay| denied(overlay, Zone::Opening, "EdDSA"));
    let overlay = watched.reload.overlay().load_full();
    assert!(denied(&overlay, Zone::Sharing, "ES256"));
    assert!(!denied(&overlay, Zone::Sharing, "EdDSA"));

    put(folder.path(), "issuers.yaml", &ISSUERS.replace("idp:", "other:"));
    watched.wait(|overlay| denied(overlay, Zone::Sharing, "EdDSA"));

    fs::remove_file(folder.path().join("issuers.yaml")).unwrap();
    watched.wait(|overlay| denied(overlay, Zone::Sharing, "EdDSA"));
}
