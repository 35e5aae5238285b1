//! Makes a `Helan-Key` for an application.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{KeyError, KeyPurpose, Keys};
use crate::net::hex;

/// A new `Helan-Key`: what the application gets, and what stands in its organization's file.
pub struct NewCredential {
    /// The whole key, `id.secret`. Shown once and kept nowhere.
    pub key: String,
    /// Its public part.
    pub id: String,
    /// `key-id:hex`, by which the whole key is recognized.
    pub hash: String,
}

impl fmt::Debug for NewCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewCredential").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Makes a key with a secret of 256 bits.
pub fn make_credential(keys: &Keys) -> Result<NewCredential, KeyError> {
    let (mut id, mut secret) = ([0; 8], [0; 32]);
    aws_lc_rs::rand::fill(&mut id).map_err(|_| KeyError::Random)?;
    aws_lc_rs::rand::fill(&mut secret).map_err(|_| KeyError::Random)?;
    let id = hex(&id);
    let key = format!("{id}.{}", URL_SAFE_NO_PAD.encode(secret));
    let (under, digest) = keys.hmac(KeyPurpose::Credential, key.as_bytes());
    let hash = format!("{under}:{}", hex(&digest));
    Ok(NewCredential { key, id, hash })
}
