//! What must not be found: identity numbers, phones, keys and tokens that came in anywhere.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::city::City;
use crate::support::eventually;
use crate::support::records::pack;

/// Planted values, each unlike anything else in the city.
const PLANTED: [&str; 13] = [
    "640104199001019998",
    "13900009999",
    "planted-token-value-0000",
    "plantedkey.plantedsecretplantedsecret",
    "planted-operator-7777",
    "PLANTED-CASE-4242",
    "planted-purpose-1717",
    "planted-grant-2828",
    "planted-cookie-3939",
    "planted-host-5050.example",
    "planted-agent-6161",
    "planted-member-8383",
    "planted-anywhere-9494",
];

/// Headers that a caller may fill with anything.
const ANYWHERE: [&str; 12] = [
    "Accept",
    "Accept-Language",
    "Content-Type",
    "Forwarded",
    "From",
    "If-None-Match",
    "Range",
    "Referer",
    "Helan-Transaction",
    "X-Forwarded-For",
    "X-Request-Id",
    "tracestate",
];

fn curl(arguments: &[&str]) -> String {
    let output = Command::new("curl").args(["-sS", "-i"]).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Every file below a folder but those that may hold secrets.
fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.file_name().is_some_and(|name| name != "demo.json") {
            found.push(path);
        }
    }
}

/// Lets air quality be asked with a JSON body.
fn describe_body(city: &City) {
    let folder = city.shown.policies.join("catalog/ecology");
    for (file, more) in [
        (
            "air-quality.openapi.yaml",
            "    post:\n      requestBody: {content: {application/json: {}}}\n      \
             responses: {'200': {description: 结果}}\n",
        ),
        (
            "air-quality.yaml",
            "  body: {members: {site: {use: filter, item: site, subject: true}}}\n",
        ),
    ] {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        fs::write(folder.join(file), format!("{text}{more}")).unwrap();
    }
    let url = format!("{}/ecology/air-quality", city.shown.opening);
    eventually("the body's place in the View", Duration::from_secs(20), || {
        let answer =
            curl(&["-H", "Content-Type: application/json", "-d", "{\"site\":\"A\"}", &url]);
        answer.starts_with("HTTP/1.1 200").then_some(())
    });
}

#[test]
fn nothing_planted_is_found_in_records_logs_metrics_answers_or_the_working_folder() {
    let mut city = City::start();
    let [
        id,
        phone,
        token,
        key,
        operator,
        case,
        purpose,
        grant,
        cookie,
        host,
        agent,
        member,
        anywhere,
    ] = PLANTED;
    describe_body(&city);
    let credentials = &city.shown.applications["natural-resources/registration"];
    let (certificate, private, ca) =
        (credentials.certificate.display(), credentials.key.display(), city.shown.ca.display());
    let (certificate, private, ca) = (certificate.to_string(), private.to_string(), ca.to_string());
    let proved = ["--cacert", &ca, "--cert", &certificate, "--key", &private];
    let (open, sharing) = (&city.shown.opening, &city.shown.sharing);
    let mut answers = vec![
        curl(&[&format!("{open}/{id}/{phone}")]),
        curl(&[&format!("{open}/market/enterprises/{id}")]),
        curl(&[&format!("{open}/market/enterprises?uscc={id}")]),
        curl(&[&format!("{open}/market/enterprises?{phone}=1")]),
        curl(&[
            "-d",
            &format!("{{\"id\":\"{id}\"}}"),
            "-H",
            "Content-Type: application/json",
            &format!("{open}/market/enterprises"),
        ]),
        curl(&[
            "--cacert",
            &ca,
            "-H",
            &format!("Authorization: Bearer {token}"),
            &format!("{sharing}/ecology/air-quality"),
        ]),
        curl(&[
            "--cacert",
            &ca,
            "-H",
            &format!("Helan-Key: {key}"),
            &format!("{sharing}/ecology/air-quality"),
        ]),
        curl(&[
            "-X",
            "POST",
            "-H",
            &format!("Authorization: Bearer {token}"),
            "-d",
            id,
            &format!("{}/freeze", city.shown.admin),
        ]),
    ];
    let marriage = format!("{sharing}/civil-affairs/marriage?cert_num={id}");
    let matter = format!("Helan-Matter: \"estate-transfer\";case=\"{case}\"");
    let who = format!("Helan-Operator: {operator}");
    let mut granted = proved.to_vec();
    granted.extend([
        "-H",
        "Helan-Purpose: data-verification",
        "-H",
        &matter,
        "-H",
        &who,
        &marriage,
    ]);
    answers.push(curl(&granted));
    assert!(answers.last().unwrap().starts_with("HTTP/2 200"), "{answers:?}");
    let mut free = proved.to_vec();
    let unregistered = format!("Helan-Matter: \"{phone}\"");
    free.extend(["-H", "Helan-Purpose: data-verification", "-H", &unregistered, &marriage]);
    answers.push(curl(&free));
    for header in [
        format!("Helan-Purpose: {purpose}"),
        format!("Helan-Grant: {grant}"),
        format!("Cookie: session={cookie}"),
        format!("Host: {host}"),
        format!("User-Agent: {agent}"),
    ] {
        for url in [format!("{open}/ecology/air-quality"), marriage.clone()] {
            let mut call = proved.to_vec();
            call.extend(["-H", &header, &url]);
            answers.push(curl(&call));
        }
    }
    for body in [format!("{{\"site\":\"{member}\"}}"), format!("{{\"{member}\":\"{id}\"}}")] {
        let url = format!("{open}/ecology/air-quality");
        answers.push(curl(&["-H", "Content-Type: application/json", "-d", &body, &url]));
    }
    for name in ANYWHERE {
        for url in [format!("{open}/ecology/air-quality"), marriage.clone()] {
            let mut call = proved.to_vec();
            let header = format!("{name}: {anywhere}");
            call.extend(["-H", "Helan-Purpose: data-verification", "-H", &header, &url]);
            answers.push(curl(&call));
        }
    }
    let trace = format!("traceparent: 00-{:0>32}-00f067aa0ba902b7-01", &id[..16]);
    answers.push(curl(&["-H", &trace, &format!("{open}/ecology/air-quality")]));
    answers.push(curl(&["-X", anywhere, &format!("{open}/ecology/air-quality")]));
    answers.push(curl(&["-u", &format!("{anywhere}:{phone}"), &format!("{open}/{anywhere}")]));
    answers.push(curl(&[&format!("{}/metrics", city.shown.admin)]));
    std::thread::sleep(Duration::from_millis(500));
    city.interrupt();

    for (at, answer) in answers.iter().enumerate() {
        for planted in PLANTED {
            assert!(!answer.contains(planted), "answer {at} shows {planted}: {answer}");
        }
    }
    pack(&city.shown.records);
    let mut found = Vec::new();
    files(city.dir.path(), &mut found);
    let log = fs::read_to_string(city.work().join("log")).unwrap();
    assert!(log.lines().count() > 1 && log.contains("\"stopped\""), "the log says nothing: {log}");
    assert!(found.contains(&city.work().join("log")), "the log was not searched");
    let is_packed = |path: &Path| path.extension().is_some_and(|kind| kind == "zst");
    assert!(found.iter().any(|path| is_packed(path)), "no packed segment was searched");
    for path in found {
        let mut bytes = fs::read(&path).unwrap();
        if is_packed(&path) {
            bytes = zstd::stream::decode_all(bytes.as_slice()).unwrap();
            assert!(memchr::memmem::find(&bytes, b"\"decided\"").is_some());
        }
        for planted in PLANTED {
            let there = memchr::memmem::find(&bytes, planted.as_bytes()).is_some();
            assert!(!there, "{} holds {planted}", path.display());
        }
    }
}
