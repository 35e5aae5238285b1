//! Who is proved to be calling, and who is not.

mod attacks;
mod city;
mod refetch;

use helan::domain::Zone;
use helan::gateway::identify::{Identity, Proved};
use serde_json::json;

use self::city::{City, NOW, Shown, claims};

#[test]
fn every_allowed_algorithm_proves_its_subject() {
    let mut city = City::new();
    for (algorithm, kid) in [
        ("RS256", "rsa"),
        ("RS384", "rsa"),
        ("RS512", "rsa"),
        ("PS256", "rsa"),
        ("PS384", "rsa"),
        ("PS512", "rsa"),
        ("ES256", "p256"),
        ("ES384", "p384"),
        ("EdDSA", "ed"),
    ] {
        let token = City::token(&json!({"alg": algorithm, "kid": kid}), &claims("tax-app"));

        let Ok(Identity::Caller(caller)) = city.identify(&Shown::token(&token)) else {
            panic!("{algorithm} should prove its subject");
        };
        assert_eq!(caller.application.as_str(), "tax/app");
        assert_eq!(caller.organization.as_str(), "tax");
        assert_eq!(caller.proved, Proved::Token);
        assert_eq!(caller.expires.millis(), (NOW + 600) * 1000);
        assert_eq!(caller.credentials, ["token:idp:tax-app".into()]);
    }
}

#[test]
fn what_may_be_said_in_several_ways_is_understood_in_all_of_them() {
    let mut city = City::new();
    let header = json!({"alg": "ES256", "kid": "p256"});
    for (header, claims) in [
        (json!({"alg": "ES256", "kid": "p256", "typ": "JWT"}), claims("tax-app")),
        (json!({"alg": "ES256", "kid": "p256", "typ": "at+jwt"}), claims("tax-app")),
        (json!({"alg": "ES256", "kid": "p256", "typ": "application/at+jwt"}), claims("tax-app")),
        // Only one key of the set fits the algorithm.
        (json!({"alg": "ES256"}), claims("tax-app")),
        (header.clone(), claims("tax-app").with("aud", json!(["other", "helan"]))),
        (header.clone(), claims("tax-app").with("nbf", json!(NOW + 30))),
        (
            header.clone(),
            claims("tax-app").with("exp", json!(NOW + 599)).with("iat", json!(NOW + 29)),
        ),
        (header.clone(), claims("tax-app").with("scope", json!("anything"))),
        (header, claims("tax-app").with("iat", json!(NOW as f64 - 0.5))),
    ] {
        let token = City::token(&header, &claims);
        let identity = city.identify(&Shown::token(&token));
        assert!(identity.is_ok(), "{header} {claims:?}: {identity:?}");
    }
    let token = city.good_token("tax-app");
    for value in [format!("bearer {token}"), format!("BEARER {token}"), format!("Bearer   {token}")]
    {
        let shown = Shown { authorization: vec![value], ..Shown::default() };
        assert!(city.identify(&shown).is_ok());
    }
}

#[test]
fn certificates_and_keys_prove_an_application_and_end_with_it() {
    let mut city = City::new();
    let key = city.tax_key.clone();
    for (shown, proved, name) in [
        (
            Shown::certificate(1, &[]),
            Proved::Certificate,
            format!("certificate:{}", "01".repeat(32)),
        ),
        (
            Shown::certificate(9, &["x.example", "Tax.Example"]),
            Proved::Name,
            "name:tax.example".into(),
        ),
        (Shown::key(&key), Proved::Key, format!("key:{}", &key[..16])),
    ] {
        let Ok(Identity::Caller(caller)) = city.identify(&shown) else {
            panic!("{proved:?} should prove its application");
        };
        assert_eq!((caller.application.as_str(), caller.proved), ("tax/app", proved));
        assert_eq!(caller.credentials, [name.into()]);
    }
    // The earliest end counts: here the certificate's.
    let both = Shown { helan_key: vec![key], ..Shown::certificate(1, &["tax.example"]) };
    let Ok(Identity::Caller(caller)) = city.identify(&both) else { panic!("all name one") };
    assert_eq!(caller.proved, Proved::Certificate);
    assert_eq!(caller.credentials.len(), 3);
    assert_eq!(caller.expires.millis(), (NOW + 3600) * 1000);
}

#[test]
fn a_token_bound_to_this_certificate_proves_its_subject_even_if_the_certificate_names_nobody() {
    let mut city = City::new();
    let token = city.bound_token("tax-app", 9);

    let shown =
        Shown { authorization: vec![format!("Bearer {token}")], ..Shown::certificate(9, &[]) };
    let Ok(Identity::Caller(caller)) = city.identify(&shown) else { panic!("the binding holds") };
    assert_eq!(caller.proved, Proved::Token);
}

#[test]
fn nobody_is_anonymous_but_in_the_opening_zone() {
    let mut city = City::new();
    let nothing = Shown::default();
    let opening = |shown: Shown| Shown { zone: Zone::Opening, ..shown };

    assert_eq!(city.identify(&opening(nothing.clone())), Ok(Identity::Anonymous));
    assert_eq!(city.identify(&opening(Shown::certificate(9, &[]))), Ok(Identity::Anonymous));
    assert_eq!(city.code(&nothing), "credential-missing");
    assert_eq!(city.code(&Shown { zone: Zone::Peering, ..nothing }), "credential-missing");
    let peering = Shown { zone: Zone::Peering, ..Shown::certificate(1, &[]) };
    assert_eq!(city.code(&peering), "credential-missing");
    // Who shows something wrong does not become the public.
    assert_eq!(city.code(&opening(Shown::token("x"))), "token-not-valid");
    assert_eq!(city.code(&opening(Shown::key("aaaaaaaaaaaaaaaa.bbb"))), "key-not-valid");
}

#[test]
fn what_is_remembered_of_a_token_does_not_outlive_it() {
    let mut city = City::new();
    let token = city.good_token("tax-app");
    let bound = city.bound_token("tax-app", 1);
    let tied =
        Shown { authorization: vec![format!("Bearer {bound}")], ..Shown::certificate(1, &[]) };
    let shown = Shown::token(&token);
    assert!(city.identify(&shown).is_ok());
    assert!(city.identify(&tied).is_ok());
    assert_eq!(city.memo.len(), 2);

    assert!(city.identify(&Shown { now: NOW + 599, ..shown.clone() }).is_ok());
    assert_eq!(city.code(&Shown { now: NOW + 600, ..shown.clone() }), "token-expired");
    // Remembered from a connection with one certificate, shown on another.
    assert_eq!(city.code(&Shown::token(&bound)), "token-not-valid");
    let other = Shown { authorization: tied.authorization.clone(), ..Shown::certificate(9, &[]) };
    assert_eq!(city.code(&other), "token-not-valid");
    // Remembered in one zone, shown in another.
    assert_eq!(city.code(&Shown { zone: Zone::Opening, ..shown.clone() }), "token-not-valid");
    // The application, its organization, the credential: as the View of this call says.
    city.change("tax", |tax| {
        tax.replacen(r#""系统","state":"live""#, r#""系统","state":"suspended""#, 1)
    });
    assert_eq!(city.code(&shown), "application-not-live");
    city.change("tax", |tax| {
        tax.replacen(r#""640100","state":"live""#, r#""640100","state":"closed""#, 1)
    });
    assert_eq!(city.code(&shown), "organization-not-live");
    assert_eq!(city.memo.len(), 2);
}

#[test]
fn what_is_remembered_of_a_token_does_not_outlive_its_key() {
    let mut city = City::new();
    let shown = Shown::token(&city.good_token("tax-app"));
    assert!(city.identify(&shown).is_ok());
    city.publish_keys(&["rsa", "p384", "ed"]);

    assert_eq!(city.code(&shown), "token-key-unknown");
    city.publish_keys(&["rsa", "p256", "p384", "ed"]);
    assert!(city.identify(&shown).is_ok());
}

#[test]
fn a_bad_key_file_changes_nothing() {
    let mut city = City::new();
    let shown = Shown::token(&city.good_token("tax-app"));
    city.write_keys("{\"keys\": [");

    let error = city.configure().unwrap_err().to_string();

    assert!(error.contains("idp") && error.contains("keys.json"), "{error}");
    assert!(city.identify(&shown).is_ok());
}

#[test]
fn credentials_that_name_two_applications_do_not_compile() {
    let city = City::new();
    let tax = city.organizations["tax"].clone();
    for (from, to) in [
        ("02".repeat(32), "01".repeat(32)),
        ("police.example".to_owned(), "tax.example".to_owned()),
        ("police-app".to_owned(), "tax-app".to_owned()),
    ] {
        let doubled = city.organizations["police"].replace(&from, &to);
        let error = city.compile(&[&tax, &doubled]).unwrap_err().to_string();
        assert!(error.contains("tax/app") && error.contains("police/app"), "{error}");
    }
    let unknown = tax.replace(r#""issuer":"idp""#, r#""issuer":"nobody""#);
    assert!(city.compile(&[&unknown]).unwrap_err().to_string().contains("nobody"));
}
