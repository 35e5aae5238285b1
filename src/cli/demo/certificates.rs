//! A certificate authority of the demonstration's own, made anew each time and never kept in git.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::private;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};

/// The authority and what it issued.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

/// Where a certificate and its key are.
#[derive(Clone, Debug)]
pub(super) struct Issued {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Authority {
    /// Makes an authority in a folder: `ca.pem`, `ca.key`, and an empty revocation list `ca.crl`.
    pub(super) fn make(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "Helan demonstration authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let authority = Self { issuer, folder: folder.to_owned() };
        fs::write(folder.join("ca.pem"), authority.issuer.pem())?;
        private(&folder.join("ca.key"), &authority.issuer.key().serialize_pem())?;
        authority.revoke_nothing()?;
        Ok(authority)
    }

    /// The file that callers trust.
    pub(super) fn file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The certificate of the gateway itself.
    pub(super) fn server(&self) -> anyhow::Result<Issued> {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        self.issue("gateway", names, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client certificate that names an application.
    pub(super) fn client(&self, file: &str, dns: &str) -> anyhow::Result<Issued> {
        self.issue(file, vec![dns.to_owned()], ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(
        &self,
        file: &str,
        names: Vec<String>,
        usage: ExtendedKeyUsagePurpose,
    ) -> anyhow::Result<Issued> {
        let mut params = CertificateParams::new(Vec::new())?;
        for name in names {
            params.subject_alt_names.push(match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(name.try_into()?),
            });
        }
        params.distinguished_name.push(DnType::CommonName, file);
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let issued = Issued {
            certificate: self.folder.join(format!("{file}.pem")),
            key: self.folder.join(format!("{file}.key")),
        };
        fs::write(&issued.certificate, certificate.pem())?;
        private(&issued.key, &key.serialize_pem())?;
        Ok(issued)
    }

    fn revoke_nothing(&self) -> anyhow::Result<()> {
        let now = rcgen::date_time_ymd(2026, 1, 1);
        let list = CertificateRevocationListParams {
            this_update: now,
            next_update: rcgen::date_time_ymd(2040, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer)?;
        fs::write(self.folder.join("ca.crl"), list.pem()?)?;
        Ok(())
    }
}
