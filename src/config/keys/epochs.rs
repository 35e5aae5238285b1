//! All keys of one purpose, for whoever looks for a value in records of many years.

use std::path::Path;

use super::file::{KeyError, read_all};
use super::{Key, KeyPurpose};

/// Every key of one purpose that a folder holds; no other keys need be there.
#[derive(Debug)]
pub struct Epochs(Vec<Key>);

impl Epochs {
    /// Reads them; an error if there is none.
    pub fn load(folder: &Path, purpose: KeyPurpose) -> Result<Self, KeyError> {
        let mut keys = read_all(folder)?;
        keys.retain(|written| written.purpose == purpose);
        if keys.is_empty() {
            return Err(KeyError::Files(vec![format!(
                "{} holds no `{purpose}-….key`",
                folder.display()
            )]));
        }
        keys.sort_by(|a, b| a.id.cmp(&b.id));
        let keys = keys.into_iter().map(|written| Key::new(written.id.into(), written.bytes));
        Ok(Self(keys.collect()))
    }

    /// The HMAC of a value under each of them, with the key's id.
    pub fn hmacs(&self, data: &[u8]) -> impl Iterator<Item = (&str, [u8; 32])> {
        self.0.iter().map(|key| (&*key.id, key.sign(data)))
    }

    /// Whether the key of this id is among them.
    pub fn has(&self, id: &str) -> bool {
        self.0.iter().any(|key| *key.id == *id)
    }
}
