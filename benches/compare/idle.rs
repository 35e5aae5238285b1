//! What a connection costs that is kept and says nothing: many of them, after one call on each.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::cpu;
use crate::load::Target;

const CONNECTIONS: usize = 2_000;

/// How long a program may take to notice that a connection is idle and give back what it held.
const QUIET: Duration = Duration::from_secs(2);

trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

/// KiB of resident memory that each connection adds to a program.
pub(crate) fn connection(pid: u32, target: &Target, authority: &Path) -> anyhow::Result<f64> {
    let tls = client(authority)?;
    let before = cpu::resident(pid)?;
    let held: Vec<Box<dyn Stream>> =
        (0..CONNECTIONS).map(|_| open(target, &tls)).collect::<anyhow::Result<_>>()?;
    std::thread::sleep(QUIET);
    let grown = cpu::resident(pid)? - before;
    drop(held);
    Ok(grown / 1024.0 / CONNECTIONS as f64)
}

fn client(authority: &Path) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority)?)?;
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

/// Makes a connection and one call on it, and reads the answer to its end.
fn open(target: &Target, tls: &Arc<ClientConfig>) -> anyhow::Result<Box<dyn Stream>> {
    let (scheme, rest) = target.url.split_once("://").context("no scheme")?;
    let (address, path) = rest.split_once('/').context("no path")?;
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut stream: Box<dyn Stream> = if scheme == "https" {
        let connection = ClientConnection::new(Arc::clone(tls), "127.0.0.1".try_into()?)?;
        Box::new(StreamOwned::new(connection, stream))
    } else {
        Box::new(stream)
    };
    let mut request = format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\n");
    for header in &target.headers {
        request.extend([header, "\r\n"]);
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    read(&mut BufReader::new(&mut stream))?;
    Ok(stream)
}

/// One answer with 200, its body counted or in chunks.
fn read(stream: &mut BufReader<&mut Box<dyn Stream>>) -> anyhow::Result<()> {
    let status = line(stream)?;
    ensure!(status.starts_with("HTTP/1.1 200"), "answered {status}");
    let mut length = None;
    loop {
        let field = line(stream)?.to_ascii_lowercase();
        if field.is_empty() {
            break;
        }
        if let Some(value) = field.strip_prefix("content-length:") {
            length = Some(value.trim().parse::<usize>()?);
        }
    }
    if let Some(length) = length {
        return skip(stream, length);
    }
    loop {
        let size = usize::from_str_radix(&line(stream)?, 16)?;
        skip(stream, size + 2)?;
        if size == 0 {
            return Ok(());
        }
    }
}

fn line(stream: &mut BufReader<&mut Box<dyn Stream>>) -> anyhow::Result<String> {
    let mut text = String::new();
    stream.read_line(&mut text)?;
    Ok(text.trim_end().to_owned())
}

fn skip(stream: &mut BufReader<&mut Box<dyn Stream>>, count: usize) -> anyhow::Result<()> {
    stream.read_exact(&mut vec![0; count])?;
    Ok(())
}
