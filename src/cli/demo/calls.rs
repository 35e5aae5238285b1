//! The calls that show what the gateway does, ready to paste.

use std::path::Path;

use serde::Serialize;

use super::Shown;

/// One call and how it ends.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) command: String,
    pub(super) status: Option<u16>,
    pub(super) code: Option<&'static str>,
    #[serde(skip)]
    pub(super) shows: &'static str,
}

const fn call(
    name: &'static str,
    command: String,
    (status, code): (u16, Option<&'static str>),
    shows: &'static str,
) -> Call {
    Call { name, command, status: Some(status), code, shows }
}

/// All calls, in the order in which they make sense.
pub(super) fn all(shown: &Shown, program: &Path) -> Vec<Call> {
    let mut calls = open_calls(shown);
    calls.extend(sharing_calls(shown));
    calls.extend(freeze_calls(shown));
    calls.extend(local_calls(shown, program));
    calls
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn open(shown: &Shown, path: &str) -> String {
    format!("curl -sS -i {}", quote(&format!("{}{path}", shown.opening)))
}

/// A call with a client certificate.
fn certified(shown: &Shown, application: &str, path: &str, extra: &str) -> String {
    let Some(credentials) = shown.applications.get(application) else { return String::new() };
    format!(
        "curl -sS -i --cacert {} --cert {} --key {} {extra}{}",
        quote(&shown.ca.display().to_string()),
        quote(&credentials.certificate.display().to_string()),
        quote(&credentials.key.display().to_string()),
        quote(&format!("{}{path}", shown.sharing)),
    )
}

/// A call with a token.
fn with_token(shown: &Shown, application: &str, path: &str) -> String {
    let Some(credentials) = shown.applications.get(application) else { return String::new() };
    format!(
        "curl -sS -i --cacert {} -H {} {}",
        quote(&shown.ca.display().to_string()),
        quote(&format!("Authorization: Bearer {}", credentials.token)),
        quote(&format!("{}{path}", shown.sharing)),
    )
}

fn open_calls(shown: &Shown) -> Vec<Call> {
    let burst = format!(
        "for i in 1 2 3 4; do curl -sS -i {}; echo; done",
        quote(&format!("{}/weather/warnings", shown.opening))
    );
    vec![
        call("catalog", open(shown, "/catalog"), (200, None), "What the public may find."),
        call(
            "open",
            open(shown, "/market/enterprises"),
            (200, None),
            "Anybody may call; the representative's number and the phone are dropped.",
        ),
        call(
            "open-drift",
            open(shown, "/transport/road-traffic"),
            (200, None),
            "The interface sends a member its description does not name: it never leaves, and is counted.",
        ),
        call(
            "open-file",
            open(shown, "/civil-affairs/care-homes"),
            (200, None),
            "A CSV file, every item of which is open.",
        ),
        call(
            "file-not-whole",
            open(shown, "/bus-company/passenger-flow"),
            (403, Some("item-not-open")),
            "A file passes whole or not at all, and the revenue in this one is a business secret.",
        ),
        call(
            "closed-to-the-public",
            open(shown, "/civil-affairs/marriage"),
            (404, Some("no-such-entry")),
            "For the public, what is closed does not even exist.",
        ),
        call("cache-fill", open(shown, "/transport/bus-stops"), (200, None), "Fetched and kept."),
        call(
            "cache-hit",
            open(shown, "/transport/bus-stops"),
            (200, None),
            "Cache-Status says `hit`; the call is decided and recorded all the same.",
        ),
        call(
            "too-many",
            burst,
            (429, Some("address-rate")),
            "Three at once, then 429 with Retry-After.",
        ),
    ]
}

#[expect(clippy::too_many_lines, reason = "one part after the other, nothing to share")]
fn sharing_calls(shown: &Shown) -> Vec<Call> {
    let marriage = "/civil-affairs/marriage?cert_num=640106198507150024";
    vec![
        call(
            "not-proved",
            format!(
                "curl -sS -i --cacert {} {}",
                quote(&shown.ca.display().to_string()),
                quote(&format!("{}/ecology/air-quality", shown.sharing))
            ),
            (401, Some("credential-missing")),
            "In the sharing zone everybody proves who is calling.",
        ),
        call(
            "unconditional",
            certified(shown, "xingqing/approval", "/ecology/air-quality", ""),
            (200, None),
            "Unconditional sharing: every department may call (Measures §16).",
        ),
        call(
            "token",
            with_token(shown, "human-resources/insurance-registration", "/market/revocations"),
            (200, None),
            "The same with a token instead of a certificate.",
        ),
        call(
            "conditional",
            certified(
                shown,
                "natural-resources/registration",
                marriage,
                "-H 'Helan-Purpose: data-verification' -H 'Helan-Matter: \"estate-transfer\";case=\"YC-2026-0042\"' ",
            ),
            (200, None),
            "A grant of three items, for one purpose and matter; the identity number is masked.",
        ),
        call(
            "purpose-missing",
            certified(shown, "natural-resources/registration", marriage, ""),
            (403, Some("purpose-missing")),
            "The same call without its purpose.",
        ),
        call(
            "item-not-granted",
            certified(
                shown,
                "human-resources/insurance-registration",
                "/market/enterprises?phone=13895001234",
                "",
            ),
            (403, Some("item-not-granted")),
            "A filter on an item that is not granted would tell what it hides.",
        ),
        call(
            "withheld",
            certified(
                shown,
                "human-resources/insurance-registration",
                "/health/infectious-cases?onset=2026-05-01",
                "",
            ),
            (403, Some("withheld")),
            "A refusal cites the article and says what to do.",
        ),
        call(
            "slow",
            certified(
                shown,
                "housing-fund/withdrawal",
                "/natural-resources/real-estate?unit_no=640106001001GB00012F00010001",
                "-H 'Helan-Purpose: business-collaboration' -H 'Helan-Matter: \"fund-withdrawal\"' ",
            ),
            (200, None),
            "A slow interface; the record was durable long before it answered.",
        ),
    ]
}

fn freeze_calls(shown: &Shown) -> Vec<Call> {
    let admin = |action: &str, body: &str| {
        format!(
            "curl -sS -i -X POST -H {} -d {} {}",
            quote(&format!("Authorization: Bearer {}", shown.admin_token)),
            quote(body),
            quote(&format!("{}/{action}", shown.admin)),
        )
    };
    let order = r#"{"kind":"entry","id":"ecology/air-quality","reason":"demonstration"}"#;
    let again = || certified(shown, "xingqing/approval", "/ecology/air-quality", "");
    vec![
        call("freeze", admin("freeze", order), (200, None), "The operator freezes an entry."),
        call("frozen", again(), (403, Some("frozen")), "At once nobody may call it."),
        call("thaw", admin("thaw", order), (200, None), "Freed again."),
        call("thawed", again(), (200, None), "And it works as before."),
    ]
}

fn local_calls(shown: &Shown, program: &Path) -> Vec<Call> {
    let program = quote(&program.display().to_string());
    let records = quote(&shown.records.display().to_string());
    let policies = quote(&shown.policies.display().to_string());
    let local = |name, command, shows| Call { name, command, status: None, code: None, shows };
    vec![
        local(
            "records",
            format!("{program} records query --records {records}"),
            "Every call above, allowed and refused.",
        ),
        local(
            "records-refused",
            format!("{program} records query --records {records} --outcome withheld --json"),
            "One refusal, with the articles that decided.",
        ),
        local("check", format!("{program} check --policies {policies}"), "Is the city in order?"),
        local(
            "explain",
            format!(
                "{program} explain --policies {policies} --zone sharing --profile yc-2018 --application natural-resources/registration --entry civil-affairs/marriage --purpose data-verification --matter estate-transfer"
            ),
            "The same decision, offline.",
        ),
    ]
}
