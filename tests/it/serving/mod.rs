//! A running node from outside: what it starts from, what it takes up, what it tells.

mod certificates;
mod exported;
mod figures;
mod keys;
mod last_good;
mod reloads;
mod replay;

use crate::support::city::City;
use crate::support::serving::curl;

/// A call of the registration system to the marriage register.
fn marriage(city: &City, purpose: &str) -> (u16, String) {
    let own = &city.shown.applications["natural-resources/registration"];
    let (certificate, key, ca) =
        (own.certificate.display(), own.key.display(), city.shown.ca.display());
    curl(&[
        "--cacert",
        &ca.to_string(),
        "--cert",
        &certificate.to_string(),
        "--key",
        &key.to_string(),
        "-H",
        &format!("Helan-Purpose: {purpose}"),
        "-H",
        "Helan-Matter: \"estate-transfer\"",
        &format!("{}/civil-affairs/marriage?cert_num=640106198507150024", city.shown.sharing),
    ])
}

/// A call with a token.
fn with_token(city: &City) -> u16 {
    let token = &city.shown.applications["human-resources/insurance-registration"].token;
    let ca = city.shown.ca.display().to_string();
    let authorization = format!("Authorization: Bearer {token}");
    let url = format!("{}/market/revocations", city.shown.sharing);
    curl(&["--cacert", &ca, "-H", &authorization, &url]).0
}
