//! Who may write, what stands on record of it, and what outlives a crash.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{admin_token, config, crash, curl, keys, marriage, named, serve, status, write};
use crate::support::city::{City, program};
use crate::support::eventually;
use crate::support::records::events;

#[test]
fn nobody_writes_without_a_token_and_no_record_yields_one() {
    let city = City::start();
    let order = r#"{"kind":"grant","id":"g-02"}"#;

    let refused = write(&city, None, "freeze", order);
    assert_eq!(status(&refused), 401, "{refused}");
    assert!(refused.to_ascii_lowercase().contains("www-authenticate: bearer"), "{refused}");
    let wrong = write(&city, Some("wang-li.security.00"), "freeze", order);
    assert!(status(&wrong) == 401 && wrong.contains("token-not-valid"), "{wrong}");

    // A caller chooses what its operator is called, and records keep a keyed hash of that.
    assert_eq!(status(&marriage(&city, &["Helan-Operator: admin-token:wang-li"])), 200);
    let decided = named(&city, "decided", 1);
    let hash = decided.iter().find_map(|event| event["operator_hash"]["hash"].as_str()).unwrap();
    let forged = write(&city, Some(&format!("wang-li.security.{hash}")), "freeze", order);
    assert_eq!(status(&forged), 401, "{forged}");
    assert_eq!(status(&marriage(&city, &[])), 200, "it was frozen");

    let admin = admin_token(&city, "security");
    for (body, why) in [
        (r#"{"kind":"grant","id":"g-02","reson":"a slip"}"#, "an unknown key"),
        (r#"{"kind":"grant"}"#, "no id"),
        ("", "no order"),
    ] {
        assert_eq!(status(&write(&city, Some(&admin), "freeze", body)), 400, "{why}");
    }
    let unknown = write(&city, Some(&admin), "freeze", r#"{"kind":"grant","id":"g-2"}"#);
    assert!(unknown.contains("nothing by this id is in force"), "{unknown}");
}

#[test]
fn a_freeze_stands_on_record_and_outlives_a_crash_until_it_is_thawed() {
    let city = City::start();
    let admin = admin_token(&city, "security");
    let order = r#"{"kind":"grant","id":"g-02","reason":"a leak"}"#;

    let frozen = write(&city, Some(&admin), "freeze", order);
    assert_eq!(status(&frozen), 200, "{frozen}");
    let refused = marriage(&city, &[]);
    assert!(status(&refused) == 403 && refused.contains("\"frozen\""), "{refused}");
    assert!(write(&city, Some(&admin), "freeze", order).contains("unchanged"));

    crash(&city);
    let _node = serve(&city, &config(&city), &[]);
    let refused = marriage(&city, &[]);
    assert!(status(&refused) == 403 && refused.contains("\"frozen\""), "{refused}");
    let thawed = write(&city, Some(&admin), "thaw", order);
    assert_eq!(status(&thawed), 200, "{thawed}");
    // The departments' interfaces went with the demonstration; the grant lets the call through.
    let passed = marriage(&city, &[]);
    assert!(matches!(status(&passed), 502 | 504), "{passed}");

    let kept = [named(&city, "frozen", 1), named(&city, "thawed", 1)].concat();
    assert_eq!(kept.len(), 2, "{kept:?}");
    for event in kept {
        assert_eq!(event["id"], "g-02");
        assert_eq!(event["by"], "wang-li");
        assert_eq!(event["reason"], "a leak");
    }
    let writes = named(&city, "admin-write", 3);
    let outcomes: Vec<_> = writes.iter().map(|event| event["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["done", "unchanged", "done"]);
}

#[test]
fn each_role_writes_what_is_its_own_and_is_refused_the_rest_on_record() {
    let city = City::start();
    let orders = [
        ("freeze", r#"{"kind":"grant","id":"g-02"}"#, "security"),
        ("thaw", r#"{"kind":"grant","id":"g-02"}"#, "security"),
        ("purge", r#"{"entry":"transport/bus-stops"}"#, "system"),
        ("reload", "", "system"),
    ];
    let mut refused = 0;
    for role in ["system", "security", "audit"] {
        let token = admin_token(&city, role);
        for (action, body, may) in orders {
            let answer = write(&city, Some(&token), action, body);
            if role == may {
                assert!(status(&answer) < 300, "{role} {action}: {answer}");
                continue;
            }
            refused += 1;
            assert_eq!(status(&answer), 403, "{role} {action}: {answer}");
            assert!(answer.contains("\"role-not-allowed\""), "{answer}");
            assert!(answer.contains(&format!("for the role {may}")), "{answer}");
        }
    }
    assert_eq!(status(&marriage(&city, &[])), 200, "a grant stayed frozen");

    let writes = named(&city, "admin-write", 12);
    let of = |outcome: &str| writes.iter().filter(|event| event["outcome"] == outcome).count();
    assert_eq!((of("role-not-allowed"), refused), (8, 8), "{writes:?}");
    assert!(writes.iter().all(|event| event["role"].is_string()), "{writes:?}");

    // A token of the time before roles, and one whose role was changed by hand.
    let token = admin_token(&city, "audit");
    let mac = token.rsplit_once('.').unwrap().1;
    for wrong in [format!("wang-li.{mac}"), format!("wang-li.security.{mac}")] {
        assert_eq!(status(&write(&city, Some(&wrong), "freeze", orders[0].1)), 401, "{wrong}");
    }
}

#[test]
fn purge_and_reload_do_what_they_say_and_stand_on_record() {
    let city = City::start();
    let admin = admin_token(&city, "system");
    let stops = format!("{}/transport/bus-stops", city.shown.opening);
    assert_eq!(status(&curl(&[&stops])), 200);
    assert!(curl(&[&stops]).contains("hit"), "it is not kept");

    let purged = write(&city, Some(&admin), "purge", r#"{"entry":"transport/bus-stops"}"#);
    assert!(status(&purged) == 200 && purged.contains("1 kept"), "{purged}");
    assert!(!curl(&[&stops]).contains("; hit"), "it was kept");

    // A key that was made meanwhile is taken up.
    let made = keys(&city, &["make", "--purpose", "operator"]);
    let new = made.rsplit_once('-').unwrap().1.trim_end_matches(".key").to_owned();
    let before = named(&city, "view-swapped", 2).len();
    let reloaded = write(&city, Some(&admin), "reload", "");
    assert_eq!(status(&reloaded), 202, "{reloaded}");
    let swaps = named(&city, "view-swapped", before + 2);
    for swap in &swaps[before..] {
        assert_eq!(swap["cause"], "admin wang-li", "{swap}");
        assert_eq!(swap["from"], swap["to"], "nothing changed, and yet: {swap}");
    }
    assert_eq!(status(&marriage(&city, &["Helan-Operator: li-wang"])), 200);
    let hashed = eventually("a record under the new key", Duration::from_secs(5), || {
        let all = events(&city.shown.records);
        all.iter().find_map(|event| event["operator_hash"]["key"].as_str().map(str::to_owned))
    });
    assert_eq!(hashed, new);

    let actions: Vec<_> =
        named(&city, "admin-write", 2).iter().map(|event| event["action"].clone()).collect();
    assert_eq!(actions, ["purge", "reload"]);
}

#[test]
fn a_flood_of_unproved_writes_is_counted_and_does_not_fill_the_journal() {
    let city = City::start();
    let url = format!("{}/freeze", city.shown.admin);
    let each = ["-o", "/dev/null", url.as_str()];
    let output = Command::new("curl")
        .args(["-sS", "-w", "%{http_code}\n", "-d", "{}"])
        .args(std::iter::repeat_n(each, 300).flatten())
        .output()
        .unwrap();
    let answered = String::from_utf8(output.stdout).unwrap();
    assert_eq!(answered.lines().filter(|line| *line == "401").count(), 300, "{answered}");

    let counted = eventually("all of them on record", Duration::from_secs(10), || {
        let mut all = events(&city.shown.records);
        all.retain(|event| event["event"] == "admin-write");
        let sum: u64 = all.iter().map(|event| event["count"].as_u64().unwrap_or(1)).sum();
        (sum == 300).then_some(all)
    });
    assert!(counted.len() <= 40, "{} events", counted.len());
    assert!(counted.iter().all(|event| event["by"] == "unproved"), "{counted:?}");
}

#[test]
fn over_the_socket_the_user_is_who_writes_and_a_place_that_is_taken_stops_the_start() {
    let city = City::start();
    crash(&city);
    let text = fs::read_to_string(config(&city)).unwrap();
    let socket = city.work().join("admin.sock");
    let with = |path: &Path| {
        let (from, to) = ("admin: {", format!("admin: {{socket: {}, ", path.display()));
        assert!(text.contains(from), "{text}");
        let file = city.work().join("with-socket.yaml");
        fs::write(&file, text.replacen(from, &to, 1)).unwrap();
        file
    };

    {
        let _node = serve(&city, &with(&socket), &[]);
        let path = socket.display().to_string();
        assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
        let order = r#"{"kind":"grant","id":"g-02"}"#;
        let url = "http://admin/freeze";
        let frozen = curl(&["--unix-socket", &path, "-X", "POST", "-d", order, url]);
        assert_eq!(status(&frozen), 200, "{frozen}");
        let by = format!("uid:{}", rustix::process::geteuid().as_raw());
        assert_eq!(named(&city, "frozen", 1)[0]["by"], by);
    }

    let taken = city.work().join("taken");
    fs::write(&taken, "not a socket").unwrap();
    let ended = Command::new(program())
        .args(["serve", "--config"])
        .arg(with(&taken))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(!ended.status.success());
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("taken"), "{said}");
    assert_eq!(fs::read_to_string(&taken).unwrap(), "not a socket");
}
