//! Certificates on both sides, and what happens when they change.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use helan::config::{ClientCertificates, Listener, TlsConfig};
use helan::gateway::listen::{ListenError, Mishap};
use helan::net::tls::{Change, ServerTls, TlsError, TlsFiles};

use crate::support::ca::{Ca, put};
use crate::support::node::{Client, Node, node, read_all};

/// A listener's TLS in a folder, with lists of what was revoked.
pub(super) fn listener_tls(folder: &Path, ca: &Ca, required: bool) -> TlsConfig {
    let own = ca.issue(&["gate.example"], 1);
    TlsConfig {
        certificate: put(folder, "gate.pem", &own.certificate),
        key: put(folder, "gate.key", &own.key),
        clients: Some(ClientCertificates {
            authorities: put(folder, "ca.pem", &ca.pem()),
            revoked: Some(put(folder, "revoked.pem", &ca.revocation_list(&[], 2099))),
            required,
        }),
    }
}

pub(super) fn tls_node(tls: TlsConfig) -> Node {
    node(|listener: &mut Listener| listener.tls = Some(tls))
}

pub(super) async fn client(node: &Node, tls: &std::sync::Arc<rustls::ClientConfig>) -> Client {
    let stream = node.tls(tls).await.unwrap();
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Client::new(stream, http2).await
}

/// Whether a call on a new connection is answered at all. With TLS 1.3 a client learns only then that
/// its certificate was not believed.
async fn is_let_in(node: &Node, tls: &std::sync::Arc<rustls::ClientConfig>) -> bool {
    match node.tls(tls).await {
        Ok(stream) => Client::new(stream, false).await.get("/x").await.is_ok(),
        Err(_) => false,
    }
}

#[tokio::test]
async fn both_protocols_are_agreed_on_and_the_callers_certificate_is_known() {
    let (folder, ca) = (tempfile::tempdir().unwrap(), Ca::new("city"));
    let node = tls_node(listener_tls(folder.path(), &ca, false));
    let own = ca.issue(&["tax.example"], 7);

    for (alpn, http2) in [(&b"h2"[..], true), (b"http/1.1", false)] {
        let stream = node.tls(&ca.client(Some(&own), alpn)).await.unwrap();
        let session = stream.get_ref().1;
        assert_eq!(session.alpn_protocol(), Some(alpn));
        let group = session.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
        // The client names AES-256 before it.
        let suite = session.negotiated_cipher_suite().unwrap().suite();
        assert_eq!(suite, rustls::CipherSuite::TLS13_AES_128_GCM_SHA256);
        let mut client = Client::new(stream, http2).await;
        let who = client.get("/who").await.unwrap().1;
        assert!(who.ends_with("Some(\"tax.example\")"), "{who}");
    }
    let mut nameless = client(&node, &ca.client(None, b"h2")).await;
    assert!(nameless.get("/who").await.unwrap().1.ends_with("None"));
}

#[tokio::test]
async fn where_certificates_are_required_nobody_else_is_let_in() {
    let (folder, ca) = (tempfile::tempdir().unwrap(), Ca::new("city"));
    let node = tls_node(listener_tls(folder.path(), &ca, true));
    // A stranger's certificate, shown to a gate that the stranger trusts.
    let stranger = Ca::new("elsewhere").issue(&["tax.example"], 7);

    assert!(is_let_in(&node, &ca.client(Some(&ca.issue(&["tax.example"], 7)), b"http/1.1")).await);
    assert!(!is_let_in(&node, &ca.client(None, b"http/1.1")).await);
    assert!(!is_let_in(&node, &ca.client(Some(&stranger), b"http/1.1")).await);
    node.counted(Mishap::HandshakeFailed, 2).await;
    let plain = node.raw(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(!plain.contains("HTTP/1.1"), "{plain}");
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_on_new_and_on_open_connections() {
    let (folder, ca) = (tempfile::tempdir().unwrap(), Ca::new("city"));
    let node = tls_node(listener_tls(folder.path(), &ca, true));
    let lost = ca.client(Some(&ca.issue(&["tax.example"], 7)), b"http/1.1");
    let good = ca.client(Some(&ca.issue(&["land.example"], 8)), b"http/1.1");
    let (mut open_lost, mut open_good) = (client(&node, &lost).await, client(&node, &good).await);
    assert_eq!(open_lost.get("/x").await.unwrap().0, 200);
    assert_eq!(open_good.get("/x").await.unwrap().0, 200);

    put(folder.path(), "revoked.pem", &ca.revocation_list(&[7], 2099));
    let reloaded = node.listening.reload_tls();

    // `Nothing` where the look at the files, once a second, came first.
    assert!(matches!(reloaded[..], [(_, Ok(Change::Trust | Change::Nothing))]), "{reloaded:?}");
    let again = open_lost.get("/x").await;
    assert!(!matches!(again, Ok((200, _))), "{again:?}");
    // The ticket of the first session would skip the check, if it still opened the door.
    assert!(!is_let_in(&node, &lost).await);
    assert_eq!(open_good.get("/x").await.unwrap().0, 200);
    assert!(is_let_in(&node, &good).await);
}

#[tokio::test]
async fn a_changed_list_is_found_without_being_told() {
    let (folder, ca) = (tempfile::tempdir().unwrap(), Ca::new("city"));
    let node = tls_node(listener_tls(folder.path(), &ca, true));
    let own = ca.client(Some(&ca.issue(&["tax.example"], 7)), b"h2");
    let mut open = client(&node, &own).await;
    assert_eq!(open.get("/x").await.unwrap().0, 200);

    put(folder.path(), "revoked.pem", &ca.revocation_list(&[7], 2099));
    tokio::time::sleep(Duration::from_millis(1500)).await;

    let again = open.get("/x").await;
    assert!(!matches!(again, Ok((200, _))), "{again:?}");
    node.open(0).await;
}

#[tokio::test]
async fn a_revocation_list_that_is_out_of_date_lets_nobody_in() {
    let (folder, ca) = (tempfile::tempdir().unwrap(), Ca::new("city"));
    let tls = listener_tls(folder.path(), &ca, true);
    put(folder.path(), "revoked.pem", &ca.revocation_list(&[], 2026));
    let node = tls_node(tls);

    assert!(!is_let_in(&node, &ca.client(Some(&ca.issue(&["tax.example"], 7)), b"h2")).await);
}

#[tokio::test]
async fn sessions_are_resumed_until_trust_changes() {
    let (folder, ca) = (tempfile::tempdir().unwrap(), Ca::new("city"));
    let node = tls_node(listener_tls(folder.path(), &ca, true));
    let own = ca.client(Some(&ca.issue(&["tax.example"], 7)), b"http/1.1");
    let kind = async || {
        let mut stream = node.tls(&own).await.unwrap();
        let kind = stream.get_ref().1.handshake_kind().unwrap();
        let ask = b"GET /who HTTP/1.1\r\nHost: gate.example\r\nConnection: close\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, ask).await.unwrap();
        let (answer, _) = read_all(&mut stream).await;
        assert!(answer.ends_with("Some(\"tax.example\")"), "{answer}");
        kind
    };

    assert_ne!(kind().await, rustls::HandshakeKind::Resumed);
    assert_eq!(kind().await, rustls::HandshakeKind::Resumed);
    put(folder.path(), "revoked.pem", &ca.revocation_list(&[99], 2099));
    assert!(matches!(node.listening.reload_tls()[..], [(_, Ok(Change::Trust | Change::Nothing))]));
    assert_ne!(kind().await, rustls::HandshakeKind::Resumed);
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_callers_and_disturbs_no_others() {
    let (folder, ca) = (tempfile::tempdir().unwrap(), Ca::new("city"));
    let node = tls_node(listener_tls(folder.path(), &ca, false));
    let anyone = ca.client(None, b"http/1.1");
    let shown = async || {
        let stream = node.tls(&anyone).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].clone()
    };
    let before = shown().await;
    let mut open = client(&node, &anyone).await;
    assert_eq!(open.get("/x").await.unwrap().0, 200);

    let new = ca.issue(&["gate.example"], 2);
    put(folder.path(), "gate.pem", &new.certificate);
    // Certificate and key do not belong together: all stays as it was.
    assert!(matches!(node.listening.reload_tls()[..], [(_, Err(TlsError::Unusable { .. }))]));
    assert_eq!(shown().await, before);
    put(folder.path(), "gate.key", &new.key);
    let reloaded = node.listening.reload_tls();
    assert!(
        matches!(reloaded[..], [(_, Ok(Change::Certificate | Change::Nothing))]),
        "{reloaded:?}"
    );
    assert!(matches!(node.listening.reload_tls()[..], [(_, Ok(Change::Nothing))]));

    // Somebody new, who has no session to resume.
    let stream = node.tls(&ca.client(None, b"http/1.1")).await.unwrap();
    assert_eq!(stream.get_ref().1.peer_certificates().unwrap()[0], new.der);
    assert_eq!(open.get("/x").await.unwrap().0, 200);
}

#[test]
fn files_that_cannot_be_used_are_named_with_the_mend() {
    let (folder, ca) = (tempfile::tempdir().unwrap(), Ca::new("city"));
    let tls = listener_tls(folder.path(), &ca, false);
    let files =
        || TlsFiles { certificate: tls.certificate.clone(), key: tls.key.clone(), clients: None };
    let load = || ServerTls::load(files()).map(|_| ()).unwrap_err().to_string();
    let mode = |mode| {
        std::fs::set_permissions(&tls.key, std::fs::Permissions::from_mode(mode)).unwrap();
    };

    mode(0o640);
    let key = tls.key.display();
    let expected =
        format!("the private key `{key}` can be read by others (mode 0640): run `chmod 600 {key}`");
    assert_eq!(load(), expected);
    mode(0o600);
    put(folder.path(), "gate.pem", "no certificate\n");
    assert!(load().contains("-----BEGIN CERTIFICATE-----"), "{}", load());
    std::fs::remove_file(&tls.certificate).unwrap();
    assert!(load().starts_with("cannot read `"), "{}", load());
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let listener = Listener {
        address,
        tls: None,
        trusted_proxies: Vec::new(),
        bounds: helan::config::Bounds::default(),
    };
    let workers = crate::support::node::workers();

    let error =
        helan::gateway::listen::start(&[(helan::domain::Zone::Opening, listener)], &workers)
            .unwrap_err();

    assert!(matches!(error, ListenError::Bind { address: a, .. } if a == address));
}
