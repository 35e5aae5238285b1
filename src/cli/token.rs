//! `helan token`: signs a token, for development and tests.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context as _;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::json;

use super::keys::read_signing_key;
use crate::domain::Timestamp;

/// Sign a token for development and tests. Real tokens come from an issuer of your own.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// PEM file with the issuer's private key (P-256, P-384 or Ed25519).
    #[arg(long)]
    key: PathBuf,
    /// The `iss` claim, as in `issuers.yaml`.
    #[arg(long)]
    issuer: String,
    /// The `sub` claim, as in the application's credential.
    #[arg(long)]
    subject: String,
    /// The `aud` claim, as in `issuers.yaml`.
    #[arg(long)]
    audience: String,
    /// How long it is valid.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=525_600))]
    minutes: u32,
    /// PEM file with the client certificate to bind it to (RFC 8705).
    #[arg(long)]
    certificate: Option<PathBuf>,
}

/// Signs the token and writes it to `out`.
pub fn run(args: &TokenArgs, now: Timestamp, out: &mut dyn Write) -> anyhow::Result<()> {
    let key = read_signing_key(&args.key)?;
    let issued = now.millis().div_euclid(1000);
    let expires = issued.saturating_add(i64::from(args.minutes).saturating_mul(60));
    let mut claims = json!({
        "iss": args.issuer,
        "sub": args.subject,
        "aud": args.audience,
        "iat": issued,
        "exp": expires,
    });
    if let Some(path) = &args.certificate {
        let certificate = CertificateDer::from_pem_file(path)
            .with_context(|| format!("{} holds no certificate in PEM", path.display()))?;
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &certificate));
        if let Some(members) = claims.as_object_mut() {
            members.insert("cnf".to_owned(), json!({"x5t#S256": thumbprint}));
        }
    }
    writeln!(out, "{}", key.token(&claims)?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::Value;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: TokenArgs,
    }

    #[test]
    fn a_token_says_what_it_was_told() {
        let folder = tempfile::tempdir().unwrap();
        let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("cert.pem"));
        let pair = rcgen::generate_simple_self_signed(["app.example".to_owned()]).unwrap();
        std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
        std::fs::write(&certificate, pair.cert.pem()).unwrap();
        let words =
            ["token", "--issuer", "i", "--subject", "s", "--audience", "a", "--minutes", "5"];
        let paths =
            ["--key", key.to_str().unwrap(), "--certificate", certificate.to_str().unwrap()];
        let command = Command::try_parse_from(words.iter().chain(&paths)).unwrap();
        let mut out = Vec::new();

        run(&command.args, Timestamp::from_millis(1_500), &mut out).unwrap();

        let token = String::from_utf8(out).unwrap();
        let claims = token.trim_end().split('.').nth(1).unwrap();
        let claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, pair.cert.der()));
        assert_eq!(
            claims,
            json!({"iss": "i", "sub": "s", "aud": "a", "iat": 1, "exp": 301,
                   "cnf": {"x5t#S256": thumbprint}})
        );
    }
}
