//! TLS toward callers: which certificate is shown, and whose certificates are believed.
//!
//! Files are read again while connections go on. Whenever trust changes (authorities or revocation
//! lists), its generation rises and resumption tickets of the old one are worthless, because a
//! resumed session is not verified again by the library.

mod files;
mod validity;

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::CipherSuite::TLS13_AES_128_GCM_SHA256;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ProducesTickets, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};

pub use self::files::{ClientFiles, Stamp, TlsError, TlsFiles};
pub use self::validity::ends_at;

use self::files::Material;

/// The TLS side of one listener.
#[derive(Debug)]
pub struct ServerTls {
    files: TlsFiles,
    current: ArcSwap<Loaded>,
    /// Keeps two reloads from overtaking each other.
    reloading: Mutex<()>,
}

/// What one handshake goes by.
#[derive(Debug)]
pub struct Loaded {
    /// For the handshake.
    pub config: Arc<ServerConfig>,
    /// For the connections that came of it.
    pub trust: Arc<Trust>,
    /// Certificate and key as read, to tell whether they changed.
    shown: [u8; 32],
    /// When the certificate ends, in milliseconds since the epoch.
    ends: Option<i64>,
}

/// Whose certificates are believed.
#[derive(Debug)]
pub struct Trust {
    /// Rises by one with every change.
    pub generation: u64,
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    ticketer: Arc<dyn ProducesTickets>,
    believed: [u8; 32],
}

/// What a reload brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The files say what they said.
    Nothing,
    /// Another certificate or key; open connections are not concerned.
    Certificate,
    /// Other authorities or revocation lists; open connections are to be checked again.
    Trust,
}

impl ServerTls {
    /// Reads the files for the first time.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let material = Material::read(&files)?;
        let trust = Arc::new(Trust::new(&files, &material, 1)?);
        let loaded = Loaded::new(&files, material, trust)?;
        Ok(Self { files, current: ArcSwap::from_pointee(loaded), reloading: Mutex::new(()) })
    }

    /// What a handshake that starts now goes by.
    pub fn current(&self) -> Arc<Loaded> {
        self.current.load_full()
    }

    /// The generation of trust now.
    pub fn generation(&self) -> u64 {
        self.current.load().trust.generation
    }

    /// When the certificate that is shown ends, in milliseconds since the epoch.
    pub fn ends(&self) -> Option<i64> {
        self.current.load().ends
    }

    /// Reads the files again. After an error everything stays as it was.
    pub fn reload(&self) -> Result<Change, TlsError> {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.current();
        let material = Material::read(&self.files)?;
        let trusted_alike = material.believed == now.trust.believed;
        if trusted_alike && material.shown == now.shown {
            return Ok(Change::Nothing);
        }
        let trust = if trusted_alike {
            Arc::clone(&now.trust)
        } else {
            Arc::new(Trust::new(&self.files, &material, now.trust.generation.saturating_add(1))?)
        };
        self.current.store(Arc::new(Loaded::new(&self.files, material, trust)?));
        Ok(if trusted_alike { Change::Certificate } else { Change::Trust })
    }

    /// Whether the files look changed since `before`.
    pub fn stamp(&self) -> Stamp {
        self.files.stamp()
    }
}

impl Trust {
    fn new(files: &TlsFiles, material: &Material, generation: u64) -> Result<Self, TlsError> {
        let verifier = files.clients.as_ref().map(|clients| verifier(clients, material));
        Ok(Self {
            generation,
            verifier: verifier.transpose()?,
            ticketer: Ticketer::new().map_err(|cause| TlsError::Unusable {
                path: files.certificate.clone(),
                cause: Box::new(cause),
            })?,
            believed: material.believed,
        })
    }

    /// Checks a client's certificate chain as a new handshake would, at this moment.
    pub fn check(&self, chain: &[CertificateDer<'_>]) -> Result<(), rustls::Error> {
        let (Some(verifier), Some((own, above))) = (&self.verifier, chain.split_first()) else {
            return Err(rustls::Error::NoCertificatesPresented);
        };
        verifier.verify_client_cert(own, above, UnixTime::now()).map(|_verified| ())
    }
}

impl Loaded {
    fn new(files: &TlsFiles, material: Material, trust: Arc<Trust>) -> Result<Self, TlsError> {
        let unusable = |cause: rustls::Error| TlsError::Unusable {
            path: files.certificate.clone(),
            cause: Box::new(cause),
        };
        let mut provider = default_provider();
        // Every TLS 1.3 has this one (RFC 8446 §9.1), but most callers name AES-256 before it. That comes
        // with SHA-384, which few processors have instructions for: 9 % of the CPU of a new connection,
        // where SHA-256 takes 2 %. Who wants AES-256 offers nothing else.
        provider.cipher_suites.sort_by_key(|suite| suite.suite() != TLS13_AES_128_GCM_SHA256);
        let builder = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(unusable)?;
        let builder = match &trust.verifier {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let ends = material.chain.first().and_then(|own| ends_at(own));
        let mut config =
            builder.with_single_cert(material.chain, material.key).map_err(unusable)?;
        config.ignore_client_order = true;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = Arc::clone(&trust.ticketer);
        // One will do: a consumer that opens many connections is given one with each.
        config.send_tls13_tickets = 1;
        Ok(Self { config: Arc::new(config), trust, shown: material.shown, ends })
    }
}

/// Builds the judge of client certificates.
fn verifier(
    clients: &ClientFiles,
    material: &Material,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let unusable = |cause: Box<dyn std::error::Error + Send + Sync>| TlsError::Unusable {
        path: clients.authorities.clone(),
        cause,
    };
    let mut roots = RootCertStore::empty();
    for authority in &material.authorities {
        roots.add(authority.clone()).map_err(|cause| unusable(Box::new(cause)))?;
    }
    let mut builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()));
    if !material.lists.is_empty() {
        // A list that is out of date says nothing about what was revoked since: no list, no trust.
        builder = builder.with_crls(material.lists.iter().cloned()).enforce_revocation_expiration();
    }
    if !clients.required {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|cause| unusable(Box::new(cause)))
}
