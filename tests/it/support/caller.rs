//! A caller with one connection that it keeps, plain or TLS, so that only the call itself is timed.

use std::io::{self, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use super::city::Shown;
use super::wire::{self, Message};

/// No test waits longer for one answer.
const PATIENCE: Duration = Duration::from_secs(20);

trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

/// One connection and who is behind it.
pub struct Caller {
    stream: BufReader<Box<dyn Stream>>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// From the request's last byte to the answer's first.
    pub first_byte: Duration,
    pub message: Message,
}

impl Answer {
    pub fn field(&self, name: &str) -> &str {
        self.message.field(name)
    }

    pub fn transaction(&self) -> &str {
        self.field("helan-transaction")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.message.body).unwrap_or_default()
    }

    /// The code of a refusal; empty for anything else.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or("").to_owned()
    }
}

impl Caller {
    /// Somebody of the public.
    pub fn public(url: &str) -> Self {
        Self::at(url, Ipv4Addr::LOCALHOST)
    }

    /// Somebody of the public at this address of the loopback network.
    pub fn at(url: &str, address: Ipv4Addr) -> Self {
        Self { stream: BufReader::new(Box::new(connect(url, address))) }
    }

    /// An application with its certificate, in the sharing zone of a city.
    pub fn application(shown: &Shown, id: &str) -> Self {
        Self::over_tls(shown, &shown.sharing, Some(id))
    }

    /// The same at another address than the city's own, or without a certificate.
    pub fn over_tls(shown: &Shown, url: &str, application: Option<&str>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&shown.ca).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match application.map(|id| &shown.applications[id]) {
            Some(own) => {
                let chain = vec![CertificateDer::from_pem_file(&own.certificate).unwrap()];
                let key = PrivateKeyDer::from_pem_file(&own.key).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = ServerName::IpAddress(IpAddr::from(Ipv4Addr::LOCALHOST).into());
        let mut tls = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut socket = connect(url, Ipv4Addr::LOCALHOST);
        while tls.is_handshaking() {
            tls.complete_io(&mut socket).unwrap();
        }
        Self { stream: BufReader::new(Box::new(StreamOwned::new(tls, socket))) }
    }

    pub fn get(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.call("GET", path, fields, b"")
    }

    pub fn call(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let answer = self.try_call(method, path, fields, body).unwrap();
        answer.unwrap_or_else(|| panic!("{method} {path}: the gateway hung up"))
    }

    /// One call; none if the other side ends before it answers.
    pub fn try_call(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Option<Answer>> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: city.example\r\n");
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let stream = self.stream.get_mut();
        stream.write_all(&[head.as_bytes(), body].concat())?;
        stream.flush()?;
        let sent = Instant::now();
        let has_body = method != "HEAD";
        Ok(wire::read(&mut self.stream, has_body)?.map(|message| Answer {
            status: message.word(1).parse().unwrap_or(0),
            first_byte: message.began - sent,
            message,
        }))
    }
}

fn connect(url: &str, from: Ipv4Addr) -> TcpStream {
    let to: SocketAddr = url.rsplit('/').next().unwrap().parse().unwrap();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}
