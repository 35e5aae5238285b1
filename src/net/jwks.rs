//! JSON Web Key Sets (RFC 7517): public keys, each ready for exactly the algorithms it may verify.
//!
//! A key is bound to its algorithms when it is read, so that a token cannot choose how its key is
//! used: an algorithm that does not fit finds no key.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;

/// Bytes of the largest set that is read.
pub const LARGEST: usize = 64 * 1024;
/// Keys of the largest set that is read.
const MOST: usize = 64;
/// Bytes of the longest `kid`.
pub const LONGEST_ID: usize = 128;

/// A signature algorithm of RFC 7518 or RFC 8037 that may be allowed. No MAC, no `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Every algorithm that may be allowed.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The name in `alg`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of that name, in exactly this spelling.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// The same, as the library calls it that signs and verifies.
    pub(super) fn theirs(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
            Self::Rs384 => jsonwebtoken::Algorithm::RS384,
            Self::Rs512 => jsonwebtoken::Algorithm::RS512,
            Self::Ps256 => jsonwebtoken::Algorithm::PS256,
            Self::Ps384 => jsonwebtoken::Algorithm::PS384,
            Self::Ps512 => jsonwebtoken::Algorithm::PS512,
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Es384 => jsonwebtoken::Algorithm::ES384,
            Self::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

/// What an RSA key may verify.
const RSA: [Algorithm; 6] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];

/// Why a text is no set of keys.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// More than [`LARGEST`] bytes or too many keys.
    #[error("the key set is too large: {LARGEST} bytes and {MOST} keys at most")]
    TooLarge,
    /// Not JSON, or not of this form.
    #[error("the key set cannot be read: write {{\"keys\": [...]}} as in RFC 7517")]
    Syntax(#[source] serde_json::Error),
    /// A private or secret part stands in it.
    #[error("key {0} of the set holds a private part: publish public keys only, and replace it")]
    Private(usize),
    /// A key of a known kind that is broken.
    #[error("key {0} of the set is not a sound {1} key")]
    Broken(usize, &'static str),
    /// Two keys of one `kid` and algorithm.
    #[error("key {0} of the set has the `kid` and algorithm of another: give each its own `kid`")]
    Twice(usize),
    /// Nothing in it can verify a signature.
    #[error("the set has no key that verifies RS, PS, ES256, ES384 or EdDSA signatures")]
    Empty,
}

/// Public keys by which signatures are verified.
#[derive(Debug)]
pub struct Jwks {
    keys: Vec<Key>,
}

/// One public key, for one algorithm.
#[derive(Debug)]
pub struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    public: DecodingKey,
}

impl Key {
    /// Whether this key made the signature, which is written in base64url as tokens carry it.
    pub fn signed(&self, message: &[u8], signature: &str) -> bool {
        let algorithm = self.algorithm.theirs();
        jsonwebtoken::crypto::verify(signature, message, &self.public, algorithm).unwrap_or(false)
    }
}

#[derive(Deserialize)]
struct WrittenSet {
    keys: Vec<WrittenKey>,
}

#[derive(Deserialize)]
struct WrittenKey {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<serde::de::IgnoredAny>,
    k: Option<serde::de::IgnoredAny>,
}

impl Jwks {
    /// Reads a set. Keys for encryption and of unknown kinds are passed over (RFC 7517 §5); a
    /// private part or a broken key refuses the whole set.
    pub fn parse(text: &[u8]) -> Result<Self, JwksError> {
        if text.len() > LARGEST {
            return Err(JwksError::TooLarge);
        }
        let written: WrittenSet = serde_json::from_slice(text).map_err(JwksError::Syntax)?;
        if written.keys.len() > MOST {
            return Err(JwksError::TooLarge);
        }
        let mut keys: Vec<Key> = Vec::new();
        for (at, key) in written.keys.into_iter().enumerate() {
            if key.d.is_some() || key.k.is_some() {
                return Err(JwksError::Private(at));
            }
            for key in key.read(at)? {
                if keys.iter().any(|k| k.id == key.id && k.algorithm == key.algorithm) {
                    return Err(JwksError::Twice(at));
                }
                keys.push(key);
            }
        }
        if keys.is_empty() { Err(JwksError::Empty) } else { Ok(Self { keys }) }
    }

    /// Whether a key has this `kid`, for whatever algorithm.
    pub fn knows(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// The key that a signature names. Without a `kid` there must be no choice.
    pub fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.algorithm == algorithm && (id.is_none() || key.id.as_deref() == id));
        let first = fitting.next()?;
        fitting.next().is_none().then_some(first)
    }
}

impl WrittenKey {
    /// The key once for each algorithm it may verify.
    fn read(self, at: usize) -> Result<Vec<Key>, JwksError> {
        let verifies = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && self.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !verifies {
            return Ok(Vec::new());
        }
        let (algorithms, public): (&[Algorithm], _) = match (self.kty.as_str(), self.crv.as_deref())
        {
            ("RSA", _) => (&RSA, self.rsa().ok_or(JwksError::Broken(at, "RSA"))?),
            ("EC", Some("P-256")) => {
                let point = self.point(32, &ECDSA_P256_SHA256_FIXED);
                (&[Algorithm::Es256], point.ok_or(JwksError::Broken(at, "P-256"))?)
            }
            ("EC", Some("P-384")) => {
                let point = self.point(48, &ECDSA_P384_SHA384_FIXED);
                (&[Algorithm::Es384], point.ok_or(JwksError::Broken(at, "P-384"))?)
            }
            ("OKP", Some("Ed25519")) => {
                (&[Algorithm::EdDsa], self.edwards().ok_or(JwksError::Broken(at, "Ed25519"))?)
            }
            _ => return Ok(Vec::new()),
        };
        let allowed = |algorithm: &&Algorithm| {
            self.alg.as_deref().is_none_or(|named| named == algorithm.as_str())
        };
        let key = |algorithm: &Algorithm| Key {
            id: self.kid.clone(),
            algorithm: *algorithm,
            public: public.clone(),
        };
        Ok(algorithms.iter().filter(allowed).map(key).collect())
    }

    // The library takes what it is given and fails at the first signature; whether a key is sound is
    // asked here, so that a broken one is told when it is read.

    fn rsa(&self) -> Option<DecodingKey> {
        let (n, e) = (decode(self.n.as_deref())?, decode(self.e.as_deref())?);
        if !(256..=1024).contains(&n.len()) {
            return None;
        }
        let components = RsaPublicKeyComponents { n: &n, e: &e };
        components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()?;
        Some(DecodingKey::from_rsa_raw_components(&n, &e))
    }

    fn point(&self, size: usize, curve: &'static dyn VerificationAlgorithm) -> Option<DecodingKey> {
        let (x, y) = (decode(self.x.as_deref())?, decode(self.y.as_deref())?);
        if x.len() != size || y.len() != size {
            return None;
        }
        ParsedPublicKey::new(curve, [&[4][..], &x, &y].concat()).ok()?;
        DecodingKey::from_ec_components(self.x.as_deref()?, self.y.as_deref()?).ok()
    }

    fn edwards(&self) -> Option<DecodingKey> {
        let x = decode(self.x.as_deref()).filter(|x| x.len() == 32)?;
        ParsedPublicKey::new(&ED25519, &x).ok()?;
        DecodingKey::from_ed_components(self.x.as_deref()?).ok()
    }
}

fn decode(text: Option<&str>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7517 appendix A.1, first key.
    const POINT: &str = r#""kty":"EC","crv":"P-256",
        "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM""#;

    fn read(keys: &str) -> Result<Jwks, JwksError> {
        Jwks::parse(format!("{{\"keys\":[{keys}]}}").as_bytes())
    }

    #[test]
    fn a_key_verifies_only_the_algorithm_of_its_curve() {
        let set = read(&format!("{{{POINT},\"kid\":\"1\"}}")).unwrap();

        assert!(set.find(Some("1"), Algorithm::Es256).is_some());
        assert!(set.find(None, Algorithm::Es256).is_some(), "there is no choice");
        for other in [Algorithm::Es384, Algorithm::EdDsa, Algorithm::Rs256] {
            assert!(set.find(Some("1"), other).is_none(), "{other:?}");
        }
        assert!(set.find(Some("2"), Algorithm::Es256).is_none());
    }

    #[test]
    fn without_a_kid_two_fitting_keys_are_no_key() {
        let set = read(&format!("{{{POINT},\"kid\":\"1\"}},{{{POINT},\"kid\":\"2\"}}")).unwrap();

        assert!(set.find(None, Algorithm::Es256).is_none());
        assert!(set.find(Some("2"), Algorithm::Es256).is_some());
    }

    #[test]
    fn a_key_for_something_else_is_passed_over() {
        for other in [r#""use":"enc""#, r#""key_ops":["sign"]"#, r#""alg":"ES384""#] {
            let set = read(&format!("{{{POINT},{other}}}"));
            assert!(matches!(set, Err(JwksError::Empty)), "{other}");
        }
        let unknown = read(r#"{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}"#);
        assert!(matches!(unknown, Err(JwksError::Empty)));
    }

    #[test]
    fn private_broken_and_doubled_keys_refuse_the_set() {
        let private = read(&format!("{{{POINT},\"d\":\"AA\"}}"));
        assert!(matches!(private, Err(JwksError::Private(0))));
        let secret = read(r#"{"kty":"oct","k":"AAAA"}"#);
        assert!(matches!(secret, Err(JwksError::Private(0))));
        let off_the_curve = read(&format!("{{{}}}", POINT.replace("MKBC", "MKBD")));
        assert!(matches!(off_the_curve, Err(JwksError::Broken(0, "P-256"))));
        let short = read(r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#);
        assert!(matches!(short, Err(JwksError::Broken(0, "RSA"))));
        let twice = read(&format!("{{{POINT},\"kid\":\"1\"}},{{{POINT},\"kid\":\"1\"}}"));
        assert!(matches!(twice, Err(JwksError::Twice(1))));
        assert!(matches!(read("1"), Err(JwksError::Syntax(_))));
        assert!(matches!(Jwks::parse(&vec![b' '; LARGEST + 1]), Err(JwksError::TooLarge)));
    }

    #[test]
    fn an_algorithm_is_known_by_its_exact_name() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::parse(algorithm.as_str()), Some(algorithm));
        }
        for bad in ["none", "None", "HS256", "es256", "ES512", "RS256 ", ""] {
            assert_eq!(Algorithm::parse(bad), None, "{bad}");
        }
    }
}
