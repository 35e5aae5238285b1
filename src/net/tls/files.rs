//! Certificates, keys and revocation lists as they lie on disk.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

/// Where a listener's certificate, its key and its trust lie.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// PEM: the certificate, then its chain.
    pub certificate: PathBuf,
    /// PEM: the private key, for its owner only.
    pub key: PathBuf,
    /// Whose certificates are believed, if any are asked for.
    pub clients: Option<ClientFiles>,
}

/// Whose client certificates are believed.
#[derive(Clone, Debug)]
pub struct ClientFiles {
    /// PEM: the authorities.
    pub authorities: PathBuf,
    /// PEM: their revocation lists.
    pub revoked: Option<PathBuf>,
    /// Whether a client without a certificate is turned away.
    pub required: bool,
}

/// Why TLS cannot be served with these files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read `{}`: check that the file exists and that this user may read it", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// A private key that is not private.
    #[error("the private key `{0}` can be read by others (mode {mode:04o}): run `chmod 600 {0}`", .path.display())]
    KeyOpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file that is no PEM, or holds nothing of the kind.
    #[error("`{}` holds no {wanted} in PEM form: it should have a block `-----BEGIN {label}-----`", .path.display())]
    Nothing {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        wanted: &'static str,
        /// How its PEM block begins.
        label: &'static str,
        /// What was found instead, if it was malformed.
        #[source]
        cause: Option<pem::Error>,
    },
    /// Content the library refuses: a key of another certificate, a broken list.
    #[error("`{}` cannot be used: replace it, together with the files that belong to it", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the library says.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What tells cheaply whether files changed: inode, size and change time of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp(Vec<Option<(u64, u64, i64, i64)>>);

/// The content of the files, in the library's types.
#[derive(Debug)]
pub(super) struct Material {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) authorities: Vec<CertificateDer<'static>>,
    pub(super) lists: Vec<CertificateRevocationListDer<'static>>,
    /// Digest of certificate and key.
    pub(super) shown: [u8; 32],
    /// Digest of authorities and lists.
    pub(super) believed: [u8; 32],
}

impl TlsFiles {
    /// How the files look now.
    pub(super) fn stamp(&self) -> Stamp {
        let clients = self.clients.iter();
        let believed = clients.flat_map(|c| std::iter::once(&c.authorities).chain(&c.revoked));
        let all = [&self.certificate, &self.key].into_iter().chain(believed);
        Stamp(
            all.map(|path| {
                let meta = fs::metadata(path).ok()?;
                Some((meta.ino(), meta.size(), meta.ctime(), meta.ctime_nsec()))
            })
            .collect(),
        )
    }
}

impl Material {
    pub(super) fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let certificate = read(&files.certificate)?;
        let key = read_key(&files.key)?;
        let (mut authorities, mut lists) = (Vec::new(), Vec::new());
        let mut believed = Context::new(&SHA256);
        if let Some(clients) = &files.clients {
            let bytes = read(&clients.authorities)?;
            believed.update(&bytes);
            authorities = blocks(&clients.authorities, &bytes, "certificate", "CERTIFICATE")?;
            if let Some(path) = &clients.revoked {
                let bytes = read(path)?;
                believed.update(&bytes);
                lists = blocks(path, &bytes, "revocation list", "X509 CRL")?;
            }
        }
        let mut shown = Context::new(&SHA256);
        shown.update(&certificate);
        shown.update(&key);
        Ok(Self {
            chain: blocks(&files.certificate, &certificate, "certificate", "CERTIFICATE")?,
            key: PrivateKeyDer::from_pem_slice(&key).map_err(|cause| TlsError::Nothing {
                path: files.key.clone(),
                wanted: "private key",
                label: "PRIVATE KEY",
                cause: Some(cause),
            })?,
            authorities,
            lists,
            shown: digest(shown),
            believed: digest(believed),
        })
    }
}

/// SHA-256 of one piece.
pub(super) fn digest(context: Context) -> [u8; 32] {
    let mut out = [0; 32];
    out.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    out
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|cause| TlsError::Read { path: path.to_owned(), cause })
}

/// Reads a private key, unless others can read it too.
fn read_key(path: &Path) -> Result<Vec<u8>, TlsError> {
    let meta = fs::metadata(path);
    let meta = meta.map_err(|cause| TlsError::Read { path: path.to_owned(), cause })?;
    let mode = meta.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(TlsError::KeyOpenToOthers { path: path.to_owned(), mode });
    }
    read(path)
}

/// Every PEM block of one kind; a file without any is an error.
fn blocks<T: PemObject>(
    path: &Path,
    bytes: &[u8],
    wanted: &'static str,
    label: &'static str,
) -> Result<Vec<T>, TlsError> {
    let nothing = |cause| TlsError::Nothing { path: path.to_owned(), wanted, label, cause };
    let found: Vec<T> =
        T::pem_slice_iter(bytes).collect::<Result<_, _>>().map_err(|cause| nothing(Some(cause)))?;
    if found.is_empty() { Err(nothing(None)) } else { Ok(found) }
}
