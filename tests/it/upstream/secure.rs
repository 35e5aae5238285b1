//! TLS, and HTTP/2 with and without it.

use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use helan::upstream::{Fault, RequestBody, Shared, Upstreams};
use http::{Method, Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::support::{Worker, body_of, compile, interface, send};

#[tokio::test]
async fn both_sides_agree_on_http_2_and_share_one_connection() {
    let folder = tempfile::tempdir().unwrap();
    let acceptor = authority(folder.path(), "ca.pem", &[b"h2", b"http/1.1"]);
    let (url, connections) = interface(move |_, stream| serve_tls(acceptor.clone(), stream)).await;
    let worker = worker(&url, folder.path(), "ca.pem", "auto");

    let calls = (0..10).map(|_| async { worker.get().await.unwrap() });
    let answers = futures_util::future::join_all(calls).await;

    assert!(answers.iter().all(|answer| answer.head.version == Version::HTTP_2));
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    for answer in answers {
        assert_eq!(body_of(answer).await.unwrap(), "HTTP/2.0 localhost /a?b=c");
    }
    assert_eq!(worker.figures().reuses, 9);
}

#[tokio::test]
async fn an_interface_without_http_2_gets_http_1_and_connections_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let acceptor = authority(folder.path(), "ca.pem", &[]);
    let (url, connections) = interface(move |_, stream| serve_tls(acceptor.clone(), stream)).await;
    let worker = worker(&url, folder.path(), "ca.pem", "auto");

    let answers = futures_util::future::join_all((0..3).map(|_| worker.get())).await;

    for answer in answers {
        assert_eq!(body_of(answer.unwrap()).await.unwrap(), "HTTP/1.1 localhost /a?b=c");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let acceptor = authority(folder.path(), "ca.pem", &[]);
    drop(authority(folder.path(), "other.pem", &[]));
    let (url, _) = interface(move |_, stream| serve_tls(acceptor.clone(), stream)).await;

    let failed = worker(&url, folder.path(), "other.pem", "auto").get().await.unwrap_err();

    assert_eq!(failed.proxy_error(), "tls_certificate_error", "{failed:?}");
    assert_eq!(failed.fault(), Fault::Tls);
}

#[tokio::test]
async fn a_certificate_of_another_host_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let acceptor = authority(folder.path(), "ca.pem", &[]);
    let (url, _) = interface(move |_, stream| serve_tls(acceptor.clone(), stream)).await;
    // By address; the certificate says `localhost`.
    let worker = worker_at(&url.replace("http:", "https:"), folder.path(), "ca.pem", "auto");

    let failed = worker.get().await.unwrap_err();

    assert_eq!(failed.proxy_error(), "tls_certificate_error", "{failed:?}");
}

#[tokio::test]
async fn who_wants_http_2_only_takes_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let acceptor = authority(folder.path(), "ca.pem", &[]);
    let (url, _) = interface(move |_, stream| serve_tls(acceptor.clone(), stream)).await;

    let failed = worker(&url, folder.path(), "ca.pem", "http2").get().await.unwrap_err();

    assert_eq!(failed.proxy_error(), "http_protocol_error", "{failed:?}");
}

#[tokio::test]
async fn http_2_without_tls_works_by_prior_knowledge() {
    let (url, connections) = interface(|_, stream| serve(stream)).await;
    let worker = Worker::new(&url, json!({ "protocol": "http2" }));

    let first = body_of(worker.get().await.unwrap()).await.unwrap();
    let second = worker.post().await.unwrap();

    assert!(first.starts_with("HTTP/2.0"), "{first}");
    assert!(second.reused);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_refused_stream_is_sent_again_even_with_a_body() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let (url, _) = interface(move |_, stream| refuse_first(Arc::clone(&count), stream)).await;
    let worker = Worker::new(&url, json!({ "protocol": "http2" }));

    let answer = worker.post().await.unwrap();

    assert_eq!(answer.head.status, 200);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    assert_eq!(worker.figures().retries, 1);
}

#[tokio::test]
async fn a_connection_that_says_goodbye_is_left_and_nothing_is_lost() {
    let (url, connections) = interface(|number, stream| async move {
        let service = service_fn(echo);
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let mut connection = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service));
        if number == 0 {
            tokio::select! {
                _ = connection.as_mut() => return,
                () = tokio::time::sleep(Duration::from_millis(100)) => {}
            }
            connection.as_mut().graceful_shutdown();
        }
        drop(connection.await);
    })
    .await;
    let worker = Worker::new(&url, json!({ "protocol": "http2" }));

    for _ in 0..30 {
        body_of(worker.post().await.unwrap()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_streamed_body_reaches_an_http_2_interface_whole() {
    let (url, _) = interface(|_, stream| serve_back(stream)).await;
    let worker = Worker::new(&url, json!({ "protocol": "http2" }));
    let long = "x".repeat(1 << 20);

    let body = RequestBody::stream(Full::new(Bytes::from(long.clone())));
    let answer = worker.call(Method::POST, body).await.unwrap();

    assert!(body_of(answer).await.unwrap() == long);
}

#[tokio::test]
async fn slow_callers_on_one_http_2_connection_keep_nobody_else_waiting() {
    let (url, connections) = interface(|_, stream| serve_long(stream)).await;
    let worker = Worker::new(&url, json!({ "protocol": "http2" }));

    let mut unread = Vec::new();
    for _ in 0..20 {
        unread.push(worker.get().await.unwrap());
    }
    // The interface sends each as much as it may.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let answer = worker.get().await.unwrap();
    let body = tokio::time::timeout(Duration::from_secs(5), body_of(answer)).await;

    assert_eq!(body.map(|body| body.unwrap().len()), Ok(LONG), "it stalled behind the others");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    drop(unread);
}

#[tokio::test]
async fn a_stream_that_is_reset_is_neither_sent_again_nor_held_against_the_interface() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let (url, connections) =
        interface(move |_, stream| reset_after_first(Arc::clone(&counted), stream)).await;
    let worker = Worker::new(&url, json!({ "protocol": "http2" }));
    worker.get().await.unwrap();

    for _ in 0..8 {
        let error = worker.get().await.unwrap_err();
        assert_eq!(error.fault(), Fault::Reset, "{error}");
        assert_eq!(error.proxy_error(), "http_response_incomplete");
    }

    assert_eq!(calls.load(Ordering::SeqCst), 9, "some were sent again");
    let figures = worker.figures();
    assert!(!figures.open && figures.retries == 0, "{figures:?}");
    assert_eq!(connections.load(Ordering::SeqCst), 1, "the connection is as good as before");
}

#[tokio::test]
async fn calls_can_be_spawned() {
    let (url, _) = interface(|_, stream| serve(stream)).await;
    let to = compile(&Shared::default(), &url, json!({}), Path::new("."));

    let call = async move {
        let request = Request::get("/").body(RequestBody::empty()).unwrap();
        let answer = send(&Upstreams::default(), &to, request).await.unwrap();
        body_of(answer).await.unwrap()
    };

    assert!(tokio::spawn(call).await.unwrap().starts_with("HTTP/1.1"));
}

pub(super) fn worker(url: &str, folder: &Path, authorities: &str, protocol: &str) -> Worker {
    let url = url.replace("http://127.0.0.1", "https://localhost");
    worker_at(&url, folder, authorities, protocol)
}

fn worker_at(url: &str, folder: &Path, authorities: &str, protocol: &str) -> Worker {
    let shared = Shared::default();
    let more = json!({ "authorities": authorities, "protocol": protocol });
    let to = compile(&shared, url, more, folder);
    Worker { shared, upstreams: Upstreams::default(), to }
}

/// Makes an authority, leaves its certificate in a file, and a server for `localhost` under it.
pub(super) fn authority(folder: &Path, name: &str, alpn: &[&[u8]]) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&key).unwrap();
    fs::write(folder.join(name), ca.pem()).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve_tls(acceptor: TlsAcceptor, stream: TcpStream) {
    if let Ok(stream) = acceptor.accept(stream).await {
        let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
        drop(server.serve_connection(TokioIo::new(stream), service_fn(echo)).await);
    }
}

async fn serve(stream: TcpStream) {
    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    drop(server.serve_connection(TokioIo::new(stream), service_fn(echo)).await);
}

async fn serve_back(stream: TcpStream) {
    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    let back = service_fn(|request: Request<Incoming>| async {
        Ok::<_, Infallible>(Response::new(request.into_body()))
    });
    drop(server.serve_connection(TokioIo::new(stream), back).await);
}

/// Says how it was asked.
async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let host = request.uri().host().unwrap_or_else(|| {
        let host = request.headers().get("host").unwrap().to_str().unwrap();
        host.split(':').next().unwrap()
    });
    let path = request.uri().path_and_query().unwrap();
    let text = format!("{:?} {host} {path}", request.version());
    drop(request.into_body().collect().await);
    Ok(Response::new(Full::new(Bytes::from(text))))
}

const LONG: usize = 1 << 20;

async fn serve_long(stream: TcpStream) {
    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    let long = service_fn(|_: Request<Incoming>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(vec![b'x'; LONG]))))
    });
    drop(server.serve_connection(TokioIo::new(stream), long).await);
}

/// Answers the first stream and gives up all that follow.
async fn reset_after_first(calls: Arc<AtomicUsize>, stream: TcpStream) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        drop(request);
        if calls.fetch_add(1, Ordering::SeqCst) == 0 {
            respond.send_response(Response::new(()), true).unwrap();
        } else {
            respond.send_reset(h2::Reason::INTERNAL_ERROR);
        }
    }
}

/// Refuses the first stream it ever sees, then answers.
async fn refuse_first(calls: Arc<AtomicUsize>, stream: TcpStream) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        drop(request);
        if calls.fetch_add(1, Ordering::SeqCst) == 0 {
            respond.send_reset(h2::Reason::REFUSED_STREAM);
        } else {
            respond.send_response(Response::new(()), true).unwrap();
        }
    }
}
