//! Certificates, authorities and revocation lists that change while calls come in.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::ca::{Ca, Issued, put};
use crate::support::city::City;
use crate::support::node::Client;
use crate::support::serving::{Serving, curl};
use crate::support::stand_in::serve_rows;

const PATH: &str = "/ecology/air-quality";

/// A node with an authority of the test's own in place of the demonstration's.
struct Gate {
    node: Serving,
    city: City,
    ca: Ca,
}

impl Gate {
    fn start() -> Self {
        let mut city = City::start();
        city.interrupt();
        let rest = city.shown.upstreams["rest"].trim_start_matches("http://").to_owned();
        serve_rows(TcpListener::bind(rest).unwrap());
        let ca = Ca::new("city");
        let folder = city.work().join("certs");
        put(&folder, "ca.pem", &ca.pem());
        put(&folder, "ca.crl", &ca.revocation_list(&[], 2099));
        let own = ca.issue(&["gate.example"], 1);
        put(&folder, "gateway.pem", &own.certificate);
        put(&folder, "gateway.key", &own.key);
        let node = Serving::start(&city, &[]);
        Self { node, city, ca }
    }

    fn put(&self, name: &str, text: &str) {
        put(&self.city.work().join("certs"), name, text);
    }

    /// Shows another certificate from now on.
    fn renew(&self, serial: u64) -> Issued {
        let new = self.ca.issue(&["gate.example"], serial);
        self.put("gateway.key", &new.key);
        self.put("gateway.pem", &new.certificate);
        new
    }

    async fn tls(&self, client: &Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
        let address = self.city.shown.sharing.trim_start_matches("https://");
        let socket = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("gate.example").unwrap();
        TlsConnector::from(Arc::clone(client)).connect(name, socket).await
    }

    async fn client(&self, client: &Arc<ClientConfig>) -> Client {
        let stream = self.tls(client).await.unwrap();
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Client::new(stream, http2).await
    }

    /// The certificate that somebody new is shown.
    async fn shown(&self) -> CertificateDer<'static> {
        let stream = self.tls(&self.ca.client(None, b"h2")).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].clone()
    }

    /// Waits until somebody new is shown this certificate.
    async fn shows(&self, expected: &Issued, within: Duration) {
        let start = Instant::now();
        while self.shown().await != expected.der {
            assert!(start.elapsed() < within, "the old certificate is still shown");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Asks for a reload as operators do.
    fn admin_reload(&self) {
        let token = &self.city.shown.admin_tokens["system"];
        let authorization = format!("Authorization: Bearer {token}");
        let url = format!("{}/reload", self.city.shown.admin);
        assert_eq!(curl(&["-X", "POST", "-H", &authorization, &url]).0, 202);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_new_certificate_is_shown_to_new_connections_while_open_ones_go_on() {
    let gate = Gate::start();
    let own = gate.ca.issue(&["approval.xingqing.city.example"], 7);
    let mut open = gate.client(&gate.ca.client(Some(&own), b"h2")).await;
    assert_eq!(open.get(PATH).await.unwrap().0, 200);

    // By itself the node looks once a second; right after a look it has a second to be told.
    for (serial, told) in [(2, false), (3, true), (4, false), (5, true)] {
        let new = gate.renew(serial);
        if !told {
            gate.shows(&new, Duration::from_secs(5)).await;
            assert_eq!(open.get(PATH).await.unwrap().0, 200);
            continue;
        }
        if serial == 3 {
            gate.node.signal(Signal::HUP);
        } else {
            gate.admin_reload();
        }
        gate.shows(&new, Duration::from_millis(600)).await;
        assert_eq!(open.get(PATH).await.unwrap().0, 200, "the open connection was disturbed");
    }

    // A key that does not belong to the certificate changes nothing, and is told.
    gate.put("gateway.key", &gate.ca.issue(&["gate.example"], 6).key);
    gate.node.signal(Signal::HUP);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(gate.tls(&gate.ca.client(None, b"h2")).await.map(drop).ok(), Some(()));
    assert_eq!(open.get(PATH).await.unwrap().0, 200);
    let told = gate.node.log().iter().any(|entry| {
        entry["level"] == "ERROR"
            && entry["fields"]["error"].as_str().is_some_and(|error| error.contains("gateway.pem"))
    });
    assert!(told, "nobody was told that the new key cannot be used");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_revoked_client_is_refused_on_its_open_connection_and_another_goes_on() {
    let gate = Gate::start();
    let lost = gate.ca.issue(&["approval.xingqing.city.example"], 7);
    let good = gate.ca.issue(&["forecast.ecology.city.example"], 8);
    let (lost, good) =
        (gate.ca.client(Some(&lost), b"http/1.1"), gate.ca.client(Some(&good), b"http/1.1"));
    let mut open_good = gate.client(&good).await;
    for told in [false, true] {
        gate.put("ca.crl", &gate.ca.revocation_list(&[], 2099));
        gate.admin_reload();
        let mut open_lost = gate.client(&lost).await;
        assert_eq!(open_lost.get(PATH).await.unwrap().0, 200);
        assert_eq!(open_good.get(PATH).await.unwrap().0, 200);

        gate.put("ca.crl", &gate.ca.revocation_list(&[7], 2099));
        if told {
            gate.admin_reload();
        } else {
            tokio::time::sleep(Duration::from_millis(2_000)).await;
        }
        let again = open_lost.get(PATH).await;
        assert!(!matches!(again, Ok((200, _))), "{again:?}");
        let anew = match gate.tls(&lost).await {
            Ok(stream) => {
                Client::new(stream, false).await.get(PATH).await.is_ok_and(|a| a.0 == 200)
            }
            Err(_) => false,
        };
        assert!(!anew, "a revoked certificate opens a new connection");
        assert_eq!(open_good.get(PATH).await.unwrap().0, 200, "another connection was disturbed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn another_authority_counts_at_once_for_new_and_open_connections() {
    let gate = Gate::start();
    let own = gate.ca.client(Some(&gate.ca.issue(&["approval.xingqing.city.example"], 7)), b"h2");
    let mut open = gate.client(&own).await;
    assert_eq!(open.get(PATH).await.unwrap().0, 200);

    let other = Ca::new("another");
    gate.put("ca.pem", &other.pem());
    gate.put("ca.crl", &other.revocation_list(&[], 2099));
    gate.admin_reload();

    let again = open.get(PATH).await;
    assert!(!matches!(again, Ok((200, _))), "{again:?}");
    let theirs = other.issue(&["approval.xingqing.city.example"], 7);
    // The gateway's own certificate is still the first authority's.
    let mut trusting = ClientConfig::clone(&other.client(Some(&theirs), b"h2"));
    trusting.dangerous().set_certificate_verifier(gate.ca.verifier());
    assert_eq!(gate.client(&Arc::new(trusting)).await.get(PATH).await.unwrap().0, 200);
}
