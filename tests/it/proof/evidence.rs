//! One call, proved to whoever has no records.

use std::fs;

use super::*;

#[test]
fn a_call_is_proved_by_one_file_and_a_key() {
    let (folder, made) = grown(500);
    let records = folder.path().to_str().unwrap();
    let file = folder.path().join("call.json");
    let path = file.to_str().unwrap();
    let key = signer(7).verifier().to_string();
    for call in [made[0], made[250], made[499]] {
        let call = call.to_string();
        let output = helan(&["records", "prove", &call, "--records", records, "--out", path]);
        assert!(output.status.success(), "{output:?}");

        let output = helan(&["records", "check-proof", path, "--key", &key]);

        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert_eq!(said.matches("proved: event").count(), 2, "{said}");
        assert!(said.contains(&call) && said.contains("(decided)") && said.contains("(finished)"));
    }
    let good = fs::read_to_string(&file).unwrap();
    let changes = [
        ("civil-affairs", "public-works"),
        ("\"number\": 1", "\"number\": 2"),
        ("helan-evidence/1", "helan-evidence/2"),
        ("sha-256", "sha-512"),
        ("north.example/records\\n1", "north.example/records\\n2"),
        (
            "\"path\": [\n",
            "\"path\": [\n        \"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\",\n",
        ),
    ];
    for (from, to) in changes {
        assert!(good.contains(from), "{from}: {good}");
        fs::write(&file, good.replacen(from, to, 1)).unwrap();
        let output = helan(&["records", "check-proof", path, "--key", &key]);
        assert_eq!(output.status.code(), Some(1), "{from}");
        assert!(output.stdout.is_empty());
        let said = String::from_utf8(output.stderr).unwrap();
        let reason = said.trim_end().rsplit(": ").next().unwrap();
        assert_eq!(said.matches(reason).count(), 1, "{said}");
    }
    fs::write(&file, &good).unwrap();
    let other = signer(8).verifier().to_string();
    let output = helan(&["records", "check-proof", path, "--key", &other]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("not signed by the key given"));

    let unknown = Uuid::now_v7().to_string();
    let output = helan(&["records", "prove", &unknown, "--records", records]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no record of"));
}
