//! A small city: two organizations, their applications, and an issuer with four keys.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use helan::config::keys::{KeyPurpose, Keys, make, make_credential};
use helan::domain::{IssuerId, Organization, Timestamp, Zone};
use helan::gateway::identify::{
    CertificateFacts, Credentials, CredentialsError, Evidence, IdentifyError, Identity, KeySets,
    KeySetsError, Memo, identify,
};
use helan::gateway::listen::Fields;
use helan::net::jws::SigningKey;
use helan::policy::Issuer;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

/// The moment all this happens, in seconds.
pub(super) const NOW: i64 = 1_800_000_000;

/// The issuer's private keys by `kid`; making RSA keys takes a while.
pub(super) static PRIVATE: LazyLock<BTreeMap<&'static str, rcgen::KeyPair>> = LazyLock::new(|| {
    [
        ("rsa", &rcgen::PKCS_RSA_SHA256),
        ("p256", &rcgen::PKCS_ECDSA_P256_SHA256),
        ("p384", &rcgen::PKCS_ECDSA_P384_SHA384),
        ("ed", &rcgen::PKCS_ED25519),
        ("stranger", &rcgen::PKCS_ECDSA_P256_SHA256),
    ]
    .map(|(kid, algorithm)| (kid, rcgen::KeyPair::generate_for(algorithm).unwrap()))
    .into()
});

/// Key sets want one; those from files never use it.
static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().build().unwrap());

pub(super) type Claims = BTreeMap<String, Value>;

/// Good claims for a subject, valid for ten minutes from [`NOW`].
pub(super) fn claims(subject: &str) -> ClaimSet {
    ClaimSet(
        [
            ("iss", json!("https://idp.example")),
            ("sub", json!(subject)),
            ("aud", json!("helan")),
            ("iat", json!(NOW)),
            ("exp", json!(NOW + 600)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into(),
    )
}

#[derive(Clone, Debug)]
pub(super) struct ClaimSet(pub(super) Claims);

impl ClaimSet {
    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }
}

/// A client certificate as the listener knows it.
#[derive(Clone)]
pub(super) struct Certificate {
    thumbprint: [u8; 32],
    dns_names: Vec<String>,
}

/// What a caller shows.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) authorization: Vec<String>,
    pub(super) helan_key: Vec<String>,
    pub(super) certificate: Option<Certificate>,
    pub(super) zone: Zone,
    pub(super) now: i64,
}

impl Default for Shown {
    fn default() -> Self {
        Self {
            authorization: Vec::new(),
            helan_key: Vec::new(),
            certificate: None,
            zone: Zone::Sharing,
            now: NOW,
        }
    }
}

impl Shown {
    pub(super) fn token(token: &str) -> Self {
        Self { authorization: vec![format!("Bearer {token}")], ..Self::default() }
    }

    pub(super) fn key(key: &str) -> Self {
        Self { helan_key: vec![key.to_owned()], ..Self::default() }
    }

    /// A certificate whose thumbprint is this byte over and over, valid for another hour.
    pub(super) fn certificate(byte: u8, names: &[&str]) -> Self {
        let certificate = Certificate {
            thumbprint: [byte; 32],
            dns_names: names.iter().map(|&name| name.to_owned()).collect(),
        };
        Self { certificate: Some(certificate), ..Self::default() }
    }

    pub(super) fn head(&self) -> Parts {
        let (mut head, ()) = Request::new(()).into_parts();
        for (name, values) in
            [("authorization", &self.authorization), ("helan-key", &self.helan_key)]
        {
            for value in values {
                head.headers.append(
                    HeaderName::from_static(name),
                    HeaderValue::from_bytes(value.as_bytes()).unwrap(),
                );
            }
        }
        head
    }

    pub(super) fn evidence<'a>(&'a self, head: &'a Parts) -> Evidence<'a> {
        let fields = Fields::read(head);
        Evidence {
            authorization: fields.authorization,
            helan_key: fields.key,
            certificate: self.certificate.as_ref().map(|certificate| CertificateFacts {
                thumbprint: &certificate.thumbprint,
                dns_names: &certificate.dns_names,
                not_after: Timestamp::from_millis((NOW + 3600) * 1000),
            }),
            zone: self.zone,
            now: Timestamp::from_millis(self.now * 1000),
        }
    }
}

pub(super) struct City {
    pub(super) organizations: BTreeMap<&'static str, String>,
    pub(super) tax_key: String,
    pub(super) police_key: String,
    pub(super) issuers: BTreeMap<IssuerId, Issuer>,
    pub(super) credentials: Credentials,
    pub(super) key_sets: Arc<KeySets>,
    pub(super) memo: Memo,
    node: Keys,
    folder: tempfile::TempDir,
}

impl City {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for purpose in KeyPurpose::ALL {
            make(folder.path(), purpose, "1").unwrap();
        }
        let node = Keys::load(folder.path()).unwrap();
        let (tax, police) = (make_credential(&node).unwrap(), make_credential(&node).unwrap());
        let key = |made: &helan::config::keys::NewCredential, until: i64| {
            json!({"kind": "key", "id": made.id, "hash": made.hash, "until": at(until)}).to_string()
        };
        let organizations = BTreeMap::from([
            ("tax", organization("tax", 1, &key(&tax, NOW + 86_400))),
            ("police", organization("police", 2, &key(&police, NOW))),
        ]);
        let issuer = json!({
            "issuer": "https://idp.example",
            "audience": "helan",
            "zones": ["sharing"],
            "algorithms": ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"],
            "keys": {"file": "keys.json"},
            "life": 3600,
        });
        let strict = json!({
            "issuer": "https://strict.example",
            "audience": "helan",
            "zones": ["sharing"],
            "algorithms": ["RS256"],
            "keys": {"file": "keys.json"},
            "bound": true,
        });
        let issuers = [("idp", issuer), ("strict", strict)]
            .map(|(id, issuer)| {
                (IssuerId::parse(id).unwrap(), serde_json::from_value(issuer).unwrap())
            })
            .into();
        let mut city = Self {
            credentials: compile(&organizations, &issuers, &node).unwrap(),
            organizations,
            tax_key: tax.key,
            police_key: police.key,
            issuers,
            key_sets: Arc::default(),
            memo: Memo::new(1000),
            node,
            folder,
        };
        city.publish_keys(&["rsa", "p256", "p384", "ed"]);
        city
    }

    pub(super) fn identify(&mut self, shown: &Shown) -> Result<Identity, IdentifyError> {
        let head = shown.head();
        identify(&shown.evidence(&head), &self.credentials, &self.key_sets, &mut self.memo)
    }

    /// The code of a refusal; `fine` if there is none.
    pub(super) fn code(&mut self, shown: &Shown) -> &'static str {
        self.identify(shown).map_or_else(|error| error.code(), |_| "fine")
    }

    /// A token with this header and these claims, by the issuer's key for `kid` or else `alg`.
    pub(super) fn token(header: &Value, claims: &ClaimSet) -> String {
        let algorithm: Algorithm = header["alg"].as_str().unwrap().parse().unwrap();
        let kid = header["kid"].as_str().filter(|kid| PRIVATE.contains_key(kid)).unwrap_or("p256");
        sign(header, &json!(claims.0), kid, algorithm)
    }

    pub(super) fn good_token(&self, subject: &str) -> String {
        Self::token(&json!({"alg": "ES256", "kid": "p256"}), &claims(subject))
    }

    pub(super) fn bound_token(&self, subject: &str, byte: u8) -> String {
        let cnf = json!({"x5t#S256": URL_SAFE_NO_PAD.encode([byte; 32])});
        Self::token(&json!({"alg": "ES256", "kid": "p256"}), &claims(subject).with("cnf", cnf))
    }

    pub(super) fn write_keys(&self, text: &str) {
        std::fs::write(self.folder.path().join("keys.json"), text).unwrap();
    }

    pub(super) fn configure(&self) -> Result<(), KeySetsError> {
        self.key_sets.configure(&self.issuers, self.folder.path(), RUNTIME.handle())
    }

    pub(super) fn publish_keys(&mut self, kids: &[&str]) {
        self.write_keys(&public_keys(kids));
        self.configure().unwrap();
    }

    pub(super) fn change(&mut self, id: &'static str, change: impl Fn(&str) -> String) {
        let changed = change(&self.organizations[id]);
        assert_ne!(changed, self.organizations[id]);
        self.organizations.insert(id, changed);
        self.credentials = compile(&self.organizations, &self.issuers, &self.node).unwrap();
    }

    pub(super) fn compile(
        &self,
        organizations: &[&String],
    ) -> Result<Credentials, CredentialsError> {
        let organizations = ["tax", "police"]
            .into_iter()
            .zip(organizations)
            .map(|(id, &text)| (id, text.clone()))
            .collect();
        compile(&organizations, &self.issuers, &self.node)
    }
}

fn compile(
    organizations: &BTreeMap<&'static str, String>,
    issuers: &BTreeMap<IssuerId, Issuer>,
    node: &Keys,
) -> Result<Credentials, CredentialsError> {
    let organizations = organizations
        .values()
        .map(|text| {
            let organization: Organization = serde_json::from_str(text).unwrap();
            (organization.id.clone(), Arc::new(organization))
        })
        .collect();
    Credentials::compile(&organizations, issuers, node)
}

fn at(seconds: i64) -> String {
    Timestamp::from_millis(seconds * 1000).to_string()
}

fn organization(id: &str, byte: u8, key: &str) -> String {
    let thumbprint = format!("{byte:02x}").repeat(32);
    format!(
        r#"{{"id":"{id}","name":"局","uscc":"11640100MB9T00011X","kind":"department",
        "region":"640100","state":"live","applications":[
        {{"id":"{id}/app","name":"系统","state":"live","credentials":[
            {{"kind":"certificate","thumbprint":"{thumbprint}"}},
            {{"kind":"name","dns":"{id}.example"}},
            {{"kind":"token","issuer":"idp","subject":"{id}-app"}},
            {{"kind":"token","issuer":"strict","subject":"{id}-app"}},
            {key}]}},
        {{"id":"{id}/old","name":"旧系统","credentials":[
            {{"kind":"certificate","thumbprint":"{old}","until":"{now}"}},
            {{"kind":"token","issuer":"idp","subject":"{id}-old","until":"{now}"}}]}}]}}"#,
        old = format!("{:02x}", byte + 0x10).repeat(32),
        now = at(NOW),
    )
}

/// The public halves of these keys as a key set.
pub(super) fn public_keys(kids: &[&str]) -> String {
    let keys: Vec<Value> = kids.iter().map(|kid| public_key(kid)).collect();
    json!({"keys": keys}).to_string()
}

pub(super) fn public_key(kid: &str) -> Value {
    let pair = &PRIVATE[kid];
    let mut key = if kid == "rsa" {
        let encoding = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
        let key = jsonwebtoken::jwk::Jwk::from_encoding_key(&encoding, Algorithm::RS256).unwrap();
        let mut key = serde_json::to_value(key).unwrap();
        key.as_object_mut().unwrap().remove("alg");
        key
    } else {
        let key = SigningKey::from_pem(pair.serialize_pem().as_bytes()).unwrap();
        serde_json::to_value(key.public()).unwrap()
    };
    key["kid"] = json!(kid);
    key
}

/// Signs with somebody else's library.
pub(super) fn sign(header: &Value, claims: &Value, kid: &str, algorithm: Algorithm) -> String {
    let pair = &PRIVATE[kid];
    let key = match kid {
        "rsa" => EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap(),
        "ed" => EncodingKey::from_ed_der(&pair.serialize_der()),
        _ => EncodingKey::from_ec_der(&pair.serialize_der()),
    };
    sign_with(header, claims, &key, algorithm)
}

pub(super) fn sign_with(
    header: &Value,
    claims: &Value,
    key: &EncodingKey,
    algorithm: Algorithm,
) -> String {
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), key, algorithm).unwrap();
    format!("{signed}.{signature}")
}
