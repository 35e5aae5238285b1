//! Whom we believe when we connect to somebody else.
//!
//! Certificates are always verified; there is no way to turn that off.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Why there is nobody to believe.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file of authorities cannot be read, or is not PEM.
    #[error("cannot read the authorities in {}: it must be a readable PEM file", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        cause: rustls_pki_types::pem::Error,
    },
    /// A certificate in the file cannot be an authority.
    #[error("a certificate in {} cannot be used as an authority", .path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        cause: rustls::Error,
    },
    /// The file holds no certificate.
    #[error("{} holds no certificate; put the authorities there, in PEM", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The system has none.
    #[error("the system has no trusted authorities; install them, or name a file of authorities")]
    NoSystemRoots,
    /// The TLS library does not support what we ask of it.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

/// The client's side of TLS: the authorities of a PEM file, or the system's if none is named.
pub fn client_tls(
    authorities: Option<&Path>,
    alpn: super::Alpn,
) -> Result<Arc<ClientConfig>, TrustError> {
    let roots = match authorities {
        Some(path) => roots_of(path)?,
        None => system_roots()?,
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Setup)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.protocols();
    Ok(Arc::new(config))
}

fn roots_of(path: &Path) -> Result<Arc<RootCertStore>, TrustError> {
    let read = |cause| TrustError::Read { path: path.to_owned(), cause };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(read)? {
        roots
            .add(certificate.map_err(read)?)
            .map_err(|cause| TrustError::Authority { path: path.to_owned(), cause })?;
    }
    if roots.is_empty() {
        return Err(TrustError::Empty { path: path.to_owned() });
    }
    Ok(Arc::new(roots))
}

/// The system's store is read once: it is big, and every reload would read it for every upstream.
fn system_roots() -> Result<Arc<RootCertStore>, TrustError> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        // One bad file in the store does not spoil the others.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    });
    if roots.is_empty() {
        return Err(TrustError::NoSystemRoots);
    }
    Ok(Arc::clone(roots))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Alpn;

    #[test]
    fn a_file_without_certificates_is_no_trust_at_all() {
        let file = tempfile::NamedTempFile::new().unwrap();

        let refused = client_tls(Some(file.path()), Alpn::Http1);

        assert!(matches!(refused, Err(TrustError::Empty { .. })), "{refused:?}");
        assert!(matches!(
            client_tls(Some(Path::new("/nowhere/ca.pem")), Alpn::Http1),
            Err(TrustError::Read { .. })
        ));
    }
}
