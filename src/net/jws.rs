//! Signs JSON Web Tokens (RFC 7515) with a private key from a PEM file.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};

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
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Ecdsa(EcdsaKeyPair),
    Edwards(Ed25519KeyPair),
}

impl SigningKey {
    /// Reads the first PKCS#8 key of a PEM text.
    pub fn from_pem(pem: &[u8]) -> Result<Self, SigningError> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| SigningError::Key)?;
        let der = key.secret_pkcs8_der();
        let curves = [
            (Algorithm::Es256, &ECDSA_P256_SHA256_FIXED_SIGNING),
            (Algorithm::Es384, &ECDSA_P384_SHA384_FIXED_SIGNING),
        ];
        for (algorithm, curve) in curves {
            if let Ok(pair) = EcdsaKeyPair::from_pkcs8(curve, der) {
                return Ok(Self { algorithm, pair: Pair::Ecdsa(pair) });
            }
        }
        let pair =
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| SigningError::Key)?;
        Ok(Self { algorithm: Algorithm::EdDsa, pair: Pair::Edwards(pair) })
    }

    /// The algorithm it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its public half as a JSON Web Key, with [`Self::id`] as `kid`.
    pub fn public(&self) -> Value {
        let mut key = self.members();
        if let Some(members) = key.as_object_mut() {
            members.insert("kid".to_owned(), Value::String(self.id()));
            members.insert("use".to_owned(), Value::String("sig".to_owned()));
            members.insert("alg".to_owned(), Value::String(self.algorithm.as_str().to_owned()));
        }
        key
    }

    /// Its thumbprint (RFC 7638), by which a token names it.
    pub fn id(&self) -> String {
        // The members stand in the order that RFC 7638 §3 wants, without spaces.
        encode(digest(&SHA256, self.members().to_string().as_bytes()).as_ref())
    }

    /// A token with these claims.
    pub fn token(&self, claims: &Value) -> Result<String, SigningError> {
        let header = json!({"alg": self.algorithm.as_str(), "typ": "JWT", "kid": self.id()});
        let signed = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        let signature = match &self.pair {
            Pair::Ecdsa(pair) => pair.sign(&SystemRandom::new(), signed.as_bytes()),
            Pair::Edwards(pair) => pair.try_sign(signed.as_bytes()),
        };
        let signature = signature.map_err(|_| SigningError::Sign)?;
        Ok(format!("{signed}.{}", encode(signature.as_ref())))
    }

    fn members(&self) -> Value {
        match &self.pair {
            Pair::Ecdsa(pair) => {
                // An uncompressed point: 4, x, y.
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if self.algorithm == Algorithm::Es256 { "P-256" } else { "P-384" };
                json!({"crv": curve, "kty": "EC", "x": encode(x), "y": encode(y)})
            }
            Pair::Edwards(pair) => {
                json!({"crv": "Ed25519", "kty": "OKP", "x": encode(pair.public_key().as_ref())})
            }
        }
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
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
            let public = set.find(Some(&key.id()), key.algorithm()).unwrap();
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            assert!(public.verify_sig(signed.as_bytes(), &signature).is_ok());
            assert!(public.verify_sig(&signed.as_bytes()[1..], &signature).is_err());
        }
    }

    #[test]
    fn the_id_is_the_thumbprint_that_others_compute() {
        let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let key = SigningKey::from_pem(pem.as_bytes()).unwrap();

        let theirs: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.public()).unwrap();
        let theirs = theirs.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).unwrap();
        assert_eq!(key.id(), theirs);
    }

    #[test]
    fn what_is_no_such_key_is_refused() {
        let rsa = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap().serialize_pem();
        for bad in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", &rsa] {
            assert_eq!(SigningKey::from_pem(bad.as_bytes()).unwrap_err(), SigningError::Key);
        }
    }
}
