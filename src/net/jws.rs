//! Signs JSON Web Tokens (RFC 7515) with a private key from a PEM file.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, Jwk, KeyAlgorithm,
    OctetKeyPairParameters, OctetKeyPairType, PublicKeyUse, ThumbprintHash,
};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::Value;

use super::jwks::Algorithm;

/// Why a key cannot sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// Not a PKCS#8 private key of a kind we sign with.
    #[error(
        "it holds no private key to sign with: make one with \
         `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` or `-algorithm ed25519`"
    )]
    Key,
    /// The library failed to sign.
    #[error("the signature could not be made")]
    Sign,
}

/// A private key that signs tokens: P-256, P-384 or Ed25519.
#[derive(Debug)]
pub struct SigningKey {
    algorithm: Algorithm,
    key: EncodingKey,
    public: Jwk,
}

impl SigningKey {
    /// Reads the first PKCS#8 key of a PEM text.
    pub fn from_pem(pem: &[u8]) -> Result<Self, SigningError> {
        let (algorithm, key, public) = read(pem).ok_or(SigningError::Key)?;
        let mut public = Jwk { common: CommonParameters::default(), algorithm: public };
        let id = public.thumbprint(ThumbprintHash::SHA256).map_err(|_| SigningError::Key)?;
        public.common = CommonParameters {
            public_key_use: Some(PublicKeyUse::Signature),
            key_algorithm: Some(KeyAlgorithm::from(algorithm.theirs())),
            key_id: Some(id),
            ..CommonParameters::default()
        };
        Ok(Self { algorithm, key, public })
    }

    /// The algorithm it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its public half, with its thumbprint (RFC 7638) as `kid`.
    pub fn public(&self) -> &Jwk {
        &self.public
    }

    /// A token with these claims.
    pub fn token(&self, claims: &Value) -> Result<String, SigningError> {
        let kid = self.public.common.key_id.clone();
        let header = Header { kid, ..Header::new(self.algorithm.theirs()) };
        encode(&header, claims, &self.key).map_err(|_| SigningError::Sign)
    }
}

fn read(pem: &[u8]) -> Option<(Algorithm, EncodingKey, AlgorithmParameters)> {
    if let Ok(key) = EncodingKey::from_ec_pem(pem) {
        let fits = |algorithm: &Algorithm| Jwk::from_encoding_key(&key, algorithm.theirs()).ok();
        let curves = [Algorithm::Es256, Algorithm::Es384];
        let (algorithm, jwk) = curves.into_iter().find_map(|one| Some((one, fits(&one)?)))?;
        return Some((algorithm, key, jwk.algorithm));
    }
    let key = EncodingKey::from_ed_pem(pem).ok()?;
    // The library knows a key's public half in the first version of PKCS#8 only (RFC 5958 §2).
    let pair = Ed25519KeyPair::from_pkcs8(key.as_bytes()).ok()?;
    let public = OctetKeyPairParameters {
        key_type: OctetKeyPairType::OctetKeyPair,
        curve: EllipticCurve::Ed25519,
        x: URL_SAFE_NO_PAD.encode(pair.public_key()),
    };
    Some((Algorithm::EdDsa, key, AlgorithmParameters::OctetKeyPair(public)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::net::jwks::Jwks;

    #[test]
    fn what_it_signs_its_public_key_verifies() {
        for algorithm in
            [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519]
        {
            let pem = rcgen::KeyPair::generate_for(algorithm).unwrap().serialize_pem();
            let key = SigningKey::from_pem(pem.as_bytes()).unwrap();
            let token = key.token(&json!({"sub": "s"})).unwrap();

            let set = json!({"keys": [key.public()]}).to_string();
            let set = Jwks::parse(set.as_bytes()).unwrap();
            let public = set.find(key.public().common.key_id.as_deref(), key.algorithm()).unwrap();
            let (signed, signature) = token.rsplit_once('.').unwrap();
            assert!(public.signed(signed.as_bytes(), signature));
            assert!(!public.signed(&signed.as_bytes()[1..], signature));
        }
    }

    #[test]
    fn a_key_of_the_rfc_has_the_public_half_and_the_thumbprint_of_the_rfc() {
        // RFC 8037 appendix A.1 and A.3; the frame before the secret is that of RFC 8410 §7.
        let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
        der.extend(URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap());
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        let key = SigningKey::from_pem(pem("PRIVATE", &text).as_bytes()).unwrap();

        let public = serde_json::to_value(key.public()).unwrap();
        assert_eq!(public["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(public["kid"], "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!((&public["alg"], &public["use"]), (&json!("EdDSA"), &json!("sig")));
    }

    fn pem(kind: &str, text: &str) -> String {
        format!("-----BEGIN {kind} KEY-----\n{text}\n-----END {kind} KEY-----\n")
    }

    #[test]
    fn what_is_no_such_key_is_refused() {
        let rsa = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap().serialize_pem();
        for bad in ["", &pem("PRIVATE", "AAAA"), &pem("PUBLIC", "AAAA"), &rsa] {
            assert_eq!(SigningKey::from_pem(bad.as_bytes()).unwrap_err(), SigningError::Key);
        }
    }
}
