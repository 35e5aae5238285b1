//! A caller of our own, for what h2load cannot do: it makes a new connection for each call without
//! resuming a session, holds connections that say nothing, and spaces calls evenly.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustls::CipherSuite::TLS13_AES_128_GCM_SHA256;
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::load::Target;

trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

/// One kept connection.
pub(crate) struct Client {
    stream: BufReader<Box<dyn Stream>>,
    request: String,
}

/// How it speaks TLS: every handshake is a full one, and with a key exchange that all peers have.
/// Helan would do a hybrid one with ML-KEM, which costs more.
pub(crate) fn tls(authority: &Path) -> anyhow::Result<ClientConfig> {
    let mut provider = CryptoProvider {
        kx_groups: vec![aws_lc_rs::kx_group::X25519],
        ..aws_lc_rs::default_provider()
    };
    // Named first, as h2load does, so that all agree on it.
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != TLS13_AES_128_GCM_SHA256);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority)?)?;
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

impl Client {
    /// Connects; the last of the header lines says whether the connection is kept.
    pub(crate) fn connect(target: &Target, last: &str) -> anyhow::Result<Self> {
        let (scheme, rest) = target.url.split_once("://").context("no scheme")?;
        let (address, path) = rest.split_once('/').context("no path")?;
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let stream: Box<dyn Stream> = if scheme == "https" {
            let name = "127.0.0.1".try_into()?;
            let connection = ClientConnection::new(Arc::clone(&target.tls), name)?;
            Box::new(StreamOwned::new(connection, stream))
        } else {
            Box::new(stream)
        };
        let mut request = format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\n");
        for header in &target.headers {
            request.extend([header, "\r\n"]);
        }
        request.extend([last, "\r\n\r\n"]);
        Ok(Self { stream: BufReader::new(stream), request })
    }

    /// Makes a call and reads its answer, which must be 200, to the end.
    pub(crate) fn call(&mut self) -> anyhow::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(self.request.as_bytes())?;
        stream.flush()?;
        let status = self.line()?;
        ensure!(status.starts_with("HTTP/1.1 200"), "answered {status:?}");
        let mut length = None;
        loop {
            let field = self.line()?.to_ascii_lowercase();
            if field.is_empty() {
                break;
            }
            if let Some(value) = field.strip_prefix("content-length:") {
                length = Some(value.trim().parse()?);
            }
        }
        if let Some(length) = length {
            return self.skip(length);
        }
        loop {
            let size = usize::from_str_radix(&self.line()?, 16)?;
            self.skip(size + 2)?;
            if size == 0 {
                return Ok(());
            }
        }
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut text = String::new();
        self.stream.read_line(&mut text)?;
        Ok(text.trim_end().to_owned())
    }

    fn skip(&mut self, count: usize) -> anyhow::Result<()> {
        self.stream.read_exact(&mut vec![0; count])?;
        Ok(())
    }
}
