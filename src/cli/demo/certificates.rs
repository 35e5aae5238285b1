//! A certificate authority of the demonstration's own, made anew each time and never kept in git.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::private;
use jiff::ToSpan as _;
use jiff::civil::Date;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
    date_time_ymd,
};

/// The authority and what it issued.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
    today: Date,
}

/// Where a certificate and its key are.
#[derive(Clone, Debug)]
pub(super) struct Issued {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Authority {
    /// Makes an authority in a folder: `ca.pem`, `ca.key`, and an empty revocation list `ca.crl`. What
    /// it signs holds for a year.
    pub(super) fn make(folder: &Path, today: Date) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let mut params = a_year_around(today)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "Helan demonstration authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let authority = Self { issuer, folder: folder.to_owned(), today };
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
        let mut params = a_year_around(self.today)?;
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
        let term = a_year_around(self.today)?;
        let list = CertificateRevocationListParams {
            this_update: term.not_before,
            next_update: term.not_after,
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

/// A certificate's term from the day before, since clocks differ, to the same day in a year.
fn a_year_around(today: Date) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::default();
    for (at, day) in [
        (&mut params.not_before, today.yesterday()?),
        (&mut params.not_after, today.checked_add(1.year())?),
    ] {
        *at = date_time_ymd(day.year().into(), day.month().try_into()?, day.day().try_into()?);
    }
    Ok(params)
}
