//! What must not prove anybody, and by which code each is refused.

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use super::city::{City, NOW, PRIVATE, Shown, claims, public_key, sign, sign_with};

const P256: &str = r#"{"alg":"ES256","kid":"p256"}"#;

fn header(extra: &Value) -> Value {
    let mut header: Value = serde_json::from_str(P256).unwrap();
    for (name, value) in extra.as_object().unwrap() {
        header[name] = value.clone();
    }
    header
}

/// Refuses each and shows what went through, all at once.
fn refused(city: &mut City, attacks: Vec<(&str, Shown, &str)>) {
    let wrong: Vec<String> = attacks
        .into_iter()
        .filter_map(|(what, shown, code)| {
            let got = city.code(&shown);
            (got != code).then(|| format!("{what}: {got}, not {code}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_token_chooses_how_it_is_verified() {
    let mut city = City::new();
    let good = claims("tax-app");
    let body = json!(good.0);
    let with = |extra: Value| Shown::token(&City::token(&header(&extra), &good));
    // The public key as the secret of a MAC, in the three forms an attacker can have it.
    let pem = PRIVATE["rsa"].public_key_pem();
    let raw = PRIVATE["p256"].public_key_raw().to_vec();
    let set = public_key("p256").to_string();
    let mac = |secret: &[u8], kid: &str| {
        let header = json!({"alg": "HS256", "kid": kid});
        let key = EncodingKey::from_secret(secret);
        Shown::token(&sign_with(&header, &body, &key, Algorithm::HS256))
    };
    let unsigned = |alg: &str| {
        let token = City::token(&header(&json!({})), &good);
        let claims = token.split('.').nth(1).unwrap();
        let header = json!({"alg": alg, "kid": "p256"}).to_string();
        Shown::token(&format!("{}.{claims}.", encode(header.as_bytes())))
    };
    let own = public_key("stranger");
    let by_stranger =
        |extra: Value| Shown::token(&sign(&header(&extra), &body, "stranger", Algorithm::ES256));
    let attacks = vec![
        ("none", unsigned("none"), "token-not-valid"),
        ("None", unsigned("None"), "token-not-valid"),
        ("no signature", unsigned("ES256"), "token-not-valid"),
        ("MAC with the PEM", mac(pem.as_bytes(), "rsa"), "token-not-valid"),
        ("MAC with the point", mac(&raw, "p256"), "token-not-valid"),
        ("MAC with the JWK", mac(set.as_bytes(), "p256"), "token-not-valid"),
        ("MAC with nothing", mac(b"", "p256"), "token-not-valid"),
        ("own key in jwk", by_stranger(json!({"jwk": own})), "token-not-valid"),
        ("own key at jku", by_stranger(json!({"jku": "https://evil.example"})), "token-not-valid"),
        ("own key at x5u", by_stranger(json!({"x5u": "https://evil.example"})), "token-not-valid"),
        ("own key in x5c", by_stranger(json!({"x5c": ["AA=="]})), "token-not-valid"),
        ("good with jku", with(json!({"jku": "https://idp.example"})), "token-not-valid"),
        ("good with jwk", with(json!({"jwk": public_key("p256")})), "token-not-valid"),
        ("unknown crit", with(json!({"crit": ["x"], "x": 1})), "token-not-valid"),
        ("empty crit", with(json!({"crit": []})), "token-not-valid"),
        ("unencoded payload", with(json!({"b64": false, "crit": ["b64"]})), "token-not-valid"),
        ("other type", with(json!({"typ": "dpop+jwt"})), "token-not-valid"),
        ("nested type", with(json!({"typ": "JOSE"})), "token-not-valid"),
        ("stranger's key", by_stranger(json!({})), "token-not-valid"),
        ("unknown kid", by_stranger(json!({"kid": "stranger"})), "token-key-unknown"),
        ("endless kid", with(json!({"kid": "k".repeat(129)})), "token-not-valid"),
        ("path as kid", with(json!({"kid": "../../etc/passwd"})), "token-key-unknown"),
    ];
    refused(&mut city, attacks);
    assert!(city.memo.is_empty(), "what is refused is not remembered");
}

#[test]
fn an_algorithm_that_does_not_fit_its_key_or_issuer_is_refused() {
    let mut city = City::new();
    let body = json!(claims("tax-app").0);
    let cross = |alg: Algorithm, kid: &str, by: &str| {
        let name = format!("{alg:?}");
        Shown::token(&sign(&json!({"alg": name, "kid": kid}), &body, by, alg))
    };
    let strict = |alg: Algorithm| {
        let body = claims("tax-app").with("iss", json!("https://strict.example"));
        let header = json!({"alg": format!("{alg:?}"), "kid": "rsa"});
        Shown::token(&sign(&header, &json!(body.0), "rsa", alg))
    };
    // Says PS256, is signed as RS256.
    let mislabeled =
        Shown::token(&sign(&json!({"alg": "PS256", "kid": "rsa"}), &body, "rsa", Algorithm::RS256));
    let attacks = vec![
        ("RS key, ES signature", cross(Algorithm::ES256, "rsa", "p256"), "token-not-valid"),
        ("ES key, RS signature", cross(Algorithm::RS256, "p256", "rsa"), "token-not-valid"),
        ("P-384 key as ES256", cross(Algorithm::ES256, "p384", "p256"), "token-not-valid"),
        ("Ed key as ES256", cross(Algorithm::ES256, "ed", "p256"), "token-not-valid"),
        ("RS as PS", mislabeled, "token-not-valid"),
        ("not on the issuer's list", strict(Algorithm::RS384), "token-not-valid"),
        ("not on the issuer's list", strict(Algorithm::PS256), "token-not-valid"),
        ("not bound, but must be", strict(Algorithm::RS256), "token-not-valid"),
    ];
    refused(&mut city, attacks);
}

#[test]
fn claims_that_do_not_hold_here_and_now_are_refused() {
    let mut city = City::new();
    let good = || claims("tax-app");
    let with = |claims| Shown::token(&City::token(&header(&json!({})), &claims));
    let thumb = |byte: u8| json!({"x5t#S256": encode(&[byte; 32])});
    let on = |certificate: Shown, claims| Shown {
        authorization: with(claims).authorization,
        ..certificate
    };
    let attacks = vec![
        (
            "expired",
            with(good().with("exp", json!(NOW)).with("iat", json!(NOW - 9))),
            "token-expired",
        ),
        ("no exp", with(good().without("exp")), "token-not-valid"),
        ("exp as text", with(good().with("exp", json!((NOW + 9).to_string()))), "token-not-valid"),
        ("exp for ever", with(good().with("exp", json!(1e300))), "token-not-valid"),
        ("no iat", with(good().without("iat")), "token-not-valid"),
        ("not yet", with(good().with("nbf", json!(NOW + 31))), "token-not-valid"),
        ("issued tomorrow", with(good().with("iat", json!(NOW + 31))), "token-not-valid"),
        ("too long a life", with(good().with("exp", json!(NOW + 3601))), "token-not-valid"),
        ("other audience", with(good().with("aud", json!("other"))), "token-not-valid"),
        ("audience as prefix", with(good().with("aud", json!("helan2"))), "token-not-valid"),
        ("no audience", with(good().with("aud", json!([]))), "token-not-valid"),
        (
            "other issuer",
            with(good().with("iss", json!("https://evil.example"))),
            "token-not-valid",
        ),
        (
            "issuer with a slash",
            with(good().with("iss", json!("https://idp.example/"))),
            "token-not-valid",
        ),
        ("no subject", with(good().without("sub")), "token-not-valid"),
        ("subject as number", with(good().with("sub", json!(1))), "token-not-valid"),
        ("unknown subject", with(claims("nobody")), "credential-unknown"),
        ("lapsed credential", with(claims("tax-old")), "credential-lapsed"),
        ("bound, no certificate", with(good().with("cnf", thumb(1))), "token-not-valid"),
        (
            "bound elsewhere",
            on(Shown::certificate(1, &[]), good().with("cnf", thumb(2))),
            "token-not-valid",
        ),
        ("bound otherwise", with(good().with("cnf", json!({"jkt": "x"}))), "token-not-valid"),
        ("bound in part", with(good().with("cnf", json!({"x5t#S256": "AQEB"}))), "token-not-valid"),
    ];
    refused(&mut city, attacks);
}

#[test]
fn what_is_cut_stretched_or_bent_is_refused() {
    let mut city = City::new();
    let token = city.good_token("tax-app");
    let lines = |values: &[&str]| Shown {
        authorization: values.iter().map(|&value| value.to_owned()).collect(),
        ..Shown::default()
    };
    let good = format!("Bearer {token}");
    let parts: Vec<&str> = token.split('.').collect();
    let long =
        City::token(&header(&json!({})), &claims("tax-app").with("pad", json!("x".repeat(7000))));
    let attacks = vec![
        ("too long", Shown::token(&long), "token-not-valid"),
        ("two parts", Shown::token(&parts[..2].join(".")), "token-not-valid"),
        ("four parts", Shown::token(&format!("{token}.")), "token-not-valid"),
        ("five parts", Shown::token("a.b.c.d.e"), "token-not-valid"),
        ("dots", Shown::token(".."), "token-not-valid"),
        ("padding", Shown::token(&format!("{token}==")), "token-not-valid"),
        (
            "claims swapped",
            Shown::token(&[parts[0], parts[0], parts[2]].join(".")),
            "token-not-valid",
        ),
        ("two lines", lines(&[&good, &good]), "credential-malformed"),
        ("two in a line", lines(&[&format!("{good}, {good}")]), "credential-malformed"),
        ("tab", lines(&[&format!("Bearer\t{token}")]), "credential-malformed"),
        ("space and tab", lines(&[&format!("Bearer \t{token}")]), "credential-malformed"),
        ("space within", lines(&[&good.replacen('.', ". ", 1)]), "credential-malformed"),
        ("space after", lines(&[&format!("{good} ")]), "credential-malformed"),
        ("space before", lines(&[&format!(" {good}")]), "credential-malformed"),
        ("no space", lines(&[&format!("Bearer{token}")]), "credential-malformed"),
        ("no token", lines(&["Bearer"]), "credential-malformed"),
        ("no token", lines(&["Bearer "]), "credential-malformed"),
        ("empty", lines(&[""]), "credential-malformed"),
        ("basic", lines(&["Basic dXNlcjpwYXNz"]), "credential-malformed"),
        ("DPoP", lines(&[&format!("DPoP {token}")]), "credential-malformed"),
        ("bare", lines(&[&token]), "credential-malformed"),
    ];
    refused(&mut city, attacks);
}

#[test]
fn no_part_of_a_good_token_can_be_left_out_or_changed() {
    let mut city = City::new();
    let token = city.good_token("tax-app");
    for at in 0..token.len() {
        assert_ne!(city.code(&Shown::token(&token[..at])), "fine", "cut at {at}");
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert_ne!(city.code(&Shown::token(&changed)), "fine", "changed at {at}");
    }
    assert_eq!(city.code(&Shown::token(&token)), "fine");
}

#[test]
fn keys_are_refused_alike_whatever_is_wrong_with_them() {
    let mut city = City::new();
    let (tax, police) = (city.tax_key.clone(), city.police_key.clone());
    let (id, secret) = tax.split_once('.').unwrap();
    let (_, other) = police.split_once('.').unwrap();
    let keys = |values: &[&str]| Shown {
        helan_key: values.iter().map(|&value| value.to_owned()).collect(),
        ..Shown::default()
    };
    let attacks = vec![
        ("another's secret", Shown::key(&format!("{id}.{other}")), "key-not-valid"),
        ("unknown id", Shown::key(&format!("ffffffffffffffff.{secret}")), "key-not-valid"),
        ("no secret", Shown::key(&format!("{id}.")), "key-not-valid"),
        ("no id", Shown::key(secret), "key-not-valid"),
        ("id in upper case", Shown::key(&tax.replacen(id, &id.to_uppercase(), 1)), "key-not-valid"),
        ("cut", Shown::key(&tax[..tax.len() - 1]), "key-not-valid"),
        ("stretched", Shown::key(&format!("{tax}A")), "key-not-valid"),
        ("endless", Shown::key(&format!("{id}.{}", "A".repeat(5000))), "key-not-valid"),
        ("spaces", Shown::key(&format!("{tax} ")), "key-not-valid"),
        ("its hash", Shown::key(&format!("{id}.{}", "0".repeat(64))), "key-not-valid"),
        ("twice", keys(&[&tax, &tax]), "credential-malformed"),
        ("in a list", keys(&[&format!("{tax}, {tax}")]), "key-not-valid"),
        ("not UTF-8", keys(&["\u{e9}"]), "key-not-valid"),
        ("lapsed", Shown::key(&police), "credential-lapsed"),
    ];
    refused(&mut city, attacks);
}

#[test]
fn certificates_are_refused_when_they_end_or_name_nobody() {
    let mut city = City::new();
    let later = Shown { now: NOW + 3600, ..Shown::certificate(1, &[]) };
    let attacks = vec![
        ("names nobody", Shown::certificate(9, &["x.example"]), "certificate-unknown"),
        ("name as suffix", Shown::certificate(9, &["x.tax.example"]), "certificate-unknown"),
        ("wildcard", Shown::certificate(9, &["*.example"]), "certificate-unknown"),
        ("expired", later, "certificate-expired"),
        ("lapsed credential", Shown::certificate(0x11, &[]), "credential-lapsed"),
    ];
    refused(&mut city, attacks);
}

#[test]
fn two_credentials_of_two_applications_are_a_conflict() {
    let mut city = City::new();
    let police = format!("Bearer {}", city.good_token("police-app"));
    let key = city.tax_key.clone();
    let token = |shown: Shown| Shown { authorization: vec![police.clone()], ..shown };
    let attacks = vec![
        ("certificate and token", token(Shown::certificate(1, &[])), "credential-conflict"),
        ("name and token", token(Shown::certificate(9, &["tax.example"])), "credential-conflict"),
        ("key and token", token(Shown::key(&key)), "credential-conflict"),
        ("thumbprint and name", Shown::certificate(1, &["police.example"]), "credential-conflict"),
        (
            "two names",
            Shown::certificate(9, &["tax.example", "police.example"]),
            "credential-conflict",
        ),
    ];
    refused(&mut city, attacks);
}

#[test]
fn no_refusal_shows_what_was_sent() {
    let mut city = City::new();
    let token = City::token(&header(&json!({"kid": "secret-kid"})), &claims("secret-subject"));
    let unknown = City::token(&header(&json!({})), &claims("secret-subject"));
    for shown in [
        Shown::token(&token),
        Shown::token(&unknown),
        Shown::key("secretsecret.secretsecretsecretsecret"),
        Shown { authorization: vec!["Basic secret".to_owned()], ..Shown::default() },
    ] {
        let head = shown.head();
        let evidence = format!("{:?}", shown.evidence(&head));
        let error = city.identify(&shown).unwrap_err();
        for text in [evidence, format!("{error}"), format!("{error:?}")] {
            assert!(!text.contains("secret"), "{text}");
        }
    }
    let good = city.good_token("tax-app");
    assert!(city.identify(&Shown::token(&good)).is_ok());
    assert!(!format!("{:?}", city.memo).contains(&good));
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
