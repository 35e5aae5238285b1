//! The node's own keys: one file per purpose and id, outside the policies and the records.
//!
//! A file `{purpose}-{id}.key` holds a line that names format, purpose and id, and 32 random bytes
//! in hexadecimal. The greatest id of a purpose makes new values; all of them verify old ones, so a
//! key is replaced by adding a file, which a running node takes up when it is told to reload. Nothing
//! here prints a key.

mod credential;
mod epochs;
mod file;
mod lost;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::hmac;

pub use self::credential::{NewCredential, make_credential};
pub use self::epochs::Epochs;
pub use self::file::{KeyError, list, make};
pub use self::lost::{lose, lost};

/// The name of a key, as its file bears it.
pub fn key_name(purpose: KeyPurpose, id: &str) -> String {
    format!("{purpose}-{id}")
}

/// What a key is for. One never serves two purposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyPurpose {
    /// Signs checkpoints of the records (the seed of an Ed25519 key). A new one is taken up by a restart,
    /// whose first checkpoint all of them sign.
    Signing,
    /// Hides data subjects in records.
    Subject,
    /// Hides operators and unregistered matters in records.
    Operator,
    /// Makes entity tags of shaped answers.
    Etag,
    /// Hides `Helan-Key` secrets at rest.
    Credential,
    /// Makes the values of hash masks. Taken up by a restart only: whoever joins data by these values
    /// must know the moment at which all of them change.
    Mask,
    /// Makes admin tokens, and nothing else: no caller may have a text of its choice hashed under it.
    Admin,
}

impl KeyPurpose {
    /// Every purpose.
    pub const ALL: [Self; 7] = [
        Self::Signing,
        Self::Subject,
        Self::Operator,
        Self::Etag,
        Self::Credential,
        Self::Mask,
        Self::Admin,
    ];

    /// The name in file names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Subject => "subject",
            Self::Operator => "operator",
            Self::Etag => "etag",
            Self::Credential => "credential",
            Self::Mask => "mask",
            Self::Admin => "admin",
        }
    }

    /// The purpose of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }
}

impl fmt::Display for KeyPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The keys of one node, at least one for every purpose; swapped whole when they are read again.
pub struct Keys(ArcSwap<Rings>);

struct Rings {
    signing: Ring,
    subject: Ring,
    operator: Ring,
    etag: Ring,
    credential: Ring,
    mask: Ring,
    admin: Ring,
}

/// The keys of one purpose.
struct Ring {
    newest: Key,
    older: Vec<Key>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

struct Key {
    id: Arc<str>,
    bytes: [u8; 32],
    hmac: hmac::Key,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(***)")
    }
}

impl Keys {
    /// Reads every key of a folder. All that is wrong is said at once.
    pub fn load(folder: &Path) -> Result<Self, KeyError> {
        Ok(Self(ArcSwap::from_pointee(Rings::load(folder)?)))
    }

    /// Reads the folder again. An error leaves all keys as they were.
    pub fn reload(&self, folder: &Path) -> Result<(), KeyError> {
        self.0.store(Arc::new(Rings::load(folder)?));
        Ok(())
    }

    /// Keys that nothing was ever hashed under, for answering questions without a node's secrets.
    pub fn ephemeral() -> Self {
        let ring = || Ring { newest: Key::new("none".into(), [0; 32]), older: Vec::new() };
        Self(ArcSwap::from_pointee(Rings {
            signing: ring(),
            subject: ring(),
            operator: ring(),
            etag: ring(),
            credential: ring(),
            mask: ring(),
            admin: ring(),
        }))
    }

    /// HMAC-SHA-256 under the newest key of a purpose, and that key's id.
    pub fn hmac(&self, purpose: KeyPurpose, data: &[u8]) -> (Arc<str>, [u8; 32]) {
        let rings = self.0.load();
        let newest = &rings.of(purpose).newest;
        (Arc::clone(&newest.id), newest.sign(data))
    }

    /// The id of the newest key of a purpose.
    pub fn newest(&self, purpose: KeyPurpose) -> Arc<str> {
        Arc::clone(&self.0.load().of(purpose).newest.id)
    }

    /// The bytes of the newest key of a purpose and its id, for what is no HMAC.
    pub fn secret(&self, purpose: KeyPurpose) -> (Arc<str>, [u8; 32]) {
        let rings = self.0.load();
        let newest = &rings.of(purpose).newest;
        (Arc::clone(&newest.id), newest.bytes)
    }

    /// The ids and bytes of all keys of a purpose, the newest first.
    pub fn secrets(&self, purpose: KeyPurpose) -> Vec<(Arc<str>, [u8; 32])> {
        let rings = self.0.load();
        let ring = rings.of(purpose);
        let older = ring.older.iter().rev();
        std::iter::once(&ring.newest)
            .chain(older)
            .map(|key| (Arc::clone(&key.id), key.bytes))
            .collect()
    }

    /// The HMAC key of that purpose and id; the newest if no id is given.
    pub fn hmac_key(&self, purpose: KeyPurpose, id: Option<&str>) -> Option<hmac::Key> {
        let rings = self.0.load();
        let ring = rings.of(purpose);
        let Some(id) = id else { return Some(ring.newest.hmac.clone()) };
        std::iter::once(&ring.newest)
            .chain(&ring.older)
            .find(|key| *key.id == *id)
            .map(|key| key.hmac.clone())
    }
}

impl Rings {
    fn load(folder: &Path) -> Result<Self, KeyError> {
        let mut found = file::read_all(folder)?;
        let mut missing = Vec::new();
        let mut ring = |purpose: KeyPurpose| {
            let mut keys: Vec<Key> = found
                .extract_if(.., |written| written.purpose == purpose)
                .map(|written| Key::new(written.id.into(), written.bytes))
                .collect();
            keys.sort_by(|a, b| a.id.cmp(&b.id));
            let newest = keys.pop();
            if newest.is_none() {
                missing.push(purpose.as_str());
            }
            newest.map(|newest| Ring { newest, older: keys })
        };
        let rings = KeyPurpose::ALL.map(&mut ring);
        let [
            Some(signing),
            Some(subject),
            Some(operator),
            Some(etag),
            Some(credential),
            Some(mask),
            Some(admin),
        ] = rings
        else {
            return Err(KeyError::Missing {
                folder: PathBuf::from(folder),
                purposes: missing.join(", "),
            });
        };
        Ok(Self { signing, subject, operator, etag, credential, mask, admin })
    }

    fn of(&self, purpose: KeyPurpose) -> &Ring {
        match purpose {
            KeyPurpose::Signing => &self.signing,
            KeyPurpose::Subject => &self.subject,
            KeyPurpose::Operator => &self.operator,
            KeyPurpose::Etag => &self.etag,
            KeyPurpose::Credential => &self.credential,
            KeyPurpose::Mask => &self.mask,
            KeyPurpose::Admin => &self.admin,
        }
    }
}

impl Key {
    fn new(id: Arc<str>, bytes: [u8; 32]) -> Self {
        Self { id, bytes, hmac: hmac::Key::new(hmac::HMAC_SHA256, &bytes) }
    }

    fn sign(&self, data: &[u8]) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.copy_from_slice(hmac::sign(&self.hmac, data).as_ref());
        digest
    }
}

/// The 32 bytes that 64 hexadecimal digits stand for.
pub fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for purpose in KeyPurpose::ALL {
            make(folder.path(), purpose, "20260101t000000").unwrap();
        }
        folder
    }

    #[test]
    fn the_greatest_id_makes_new_values_and_all_verify_old_ones() {
        let folder = folder();
        let before = Keys::load(folder.path()).unwrap();
        let (id, digest) = before.hmac(KeyPurpose::Subject, b"640104");
        assert_eq!(&*id, "20260101t000000");
        make(folder.path(), KeyPurpose::Subject, "20260601t000000").unwrap();

        let after = Keys::load(folder.path()).unwrap();

        assert_eq!(&*after.hmac(KeyPurpose::Subject, b"640104").0, "20260601t000000");
        assert_ne!(after.hmac(KeyPurpose::Subject, b"640104").1, digest);
        let old = after.hmac_key(KeyPurpose::Subject, Some(&id)).unwrap();
        assert!(hmac::verify(&old, b"640104", &digest).is_ok());
        assert!(after.hmac_key(KeyPurpose::Subject, Some("other")).is_none());
    }

    #[test]
    fn a_new_key_is_taken_up_without_a_restart_and_a_broken_folder_changes_nothing() {
        let folder = folder();
        let keys = Keys::load(folder.path()).unwrap();
        make(folder.path(), KeyPurpose::Subject, "20260601t000000").unwrap();
        assert_eq!(&*keys.newest(KeyPurpose::Subject), "20260101t000000");

        keys.reload(folder.path()).unwrap();
        assert_eq!(&*keys.newest(KeyPurpose::Subject), "20260601t000000");
        assert!(keys.hmac_key(KeyPurpose::Subject, Some("20260101t000000")).is_some());

        fs::write(folder.path().join("mask-9.key"), "helan-key-v1 mask 9\n").unwrap();
        assert!(keys.reload(folder.path()).is_err());
        assert_eq!(&*keys.newest(KeyPurpose::Subject), "20260601t000000");
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let folder = folder();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();

        let error = Keys::load(folder.path()).unwrap_err().to_string();

        assert!(error.contains("chmod 700"), "{error}");
    }

    #[test]
    fn purposes_have_keys_of_their_own() {
        let keys = Keys::load(folder().path()).unwrap();

        let digests: std::collections::BTreeSet<_> =
            KeyPurpose::ALL.into_iter().map(|purpose| keys.hmac(purpose, b"x").1).collect();
        assert_eq!(digests.len(), KeyPurpose::ALL.len());
        assert_eq!(format!("{keys:?}"), "Keys(***)");
    }

    #[test]
    fn a_key_that_others_may_read_is_refused_with_the_mend() {
        let folder = folder();
        let path = folder.path().join("mask-20260101t000000.key");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();

        let error = Keys::load(folder.path()).unwrap_err().to_string();

        assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
    }

    #[test]
    fn a_purpose_without_a_key_is_named() {
        let folder = folder();
        fs::remove_file(folder.path().join("etag-20260101t000000.key")).unwrap();

        let error = Keys::load(folder.path()).unwrap_err().to_string();

        assert!(error.contains("etag") && error.contains("helan keys make"), "{error}");
    }

    #[test]
    fn broken_renamed_and_strange_files_are_refused_without_showing_the_key() {
        for (name, text) in [
            ("mask-2.key", "helan-key-v1 mask 1\n"),
            ("mask-2.key", "helan-key-v1 mask 2\nabc\n"),
            ("mask-2.key", ""),
            ("other-2.key", "helan-key-v1 other 2\n"),
            ("mask.key", "helan-key-v1 mask 2\n"),
        ] {
            let folder = folder();
            let path = folder.path().join(name);
            let secret = "5e".repeat(32);
            fs::write(&path, format!("{text}{secret}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();

            let error = Keys::load(folder.path()).unwrap_err();

            assert!(error.to_string().contains(name), "{error}");
            assert!(!format!("{error:?} {error}").contains("5e5e"), "{error:?}");
        }
    }

    #[test]
    fn a_key_is_never_overwritten() {
        let folder = folder();
        assert!(make(folder.path(), KeyPurpose::Mask, "20260101t000000").is_err());
    }

    #[test]
    fn hexadecimal_goes_there_and_back() {
        let bytes: [u8; 32] = std::array::from_fn(|i| u8::try_from(i * 7).unwrap());
        assert_eq!(from_hex(&crate::net::hex(&bytes)), Some(bytes));
        for bad in ["", "zz", &"g".repeat(64), &"+1".repeat(32)] {
            assert_eq!(from_hex(bad), None, "{bad}");
        }
    }
}
