//! Interfaces that behave as a test tells them, and calls of them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use helan::domain::{OrganizationId, Zone};
use helan::upstream::{
    Answer, Figures, RequestBody, Shared, UpstreamConfig, UpstreamError, Upstreams,
};
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One worker and what it calls.
pub(super) struct Worker {
    pub(super) shared: Shared,
    pub(super) upstreams: Upstreams,
    pub(super) to: Arc<UpstreamConfig>,
}

impl Worker {
    /// A worker that calls `url`, with what `more` says about it.
    pub(super) fn new(url: &str, more: Value) -> Self {
        let shared = Shared::default();
        let to = compile(&shared, url, more, Path::new("."));
        Self { shared, upstreams: Upstreams::default(), to }
    }

    pub(super) async fn get(&self) -> Result<Answer, UpstreamError> {
        self.call(Method::GET, RequestBody::empty()).await
    }

    pub(super) async fn post(&self) -> Result<Answer, UpstreamError> {
        self.call(Method::POST, RequestBody::full(Bytes::from_static(b"x=1"))).await
    }

    pub(super) async fn call(
        &self,
        method: Method,
        body: RequestBody,
    ) -> Result<Answer, UpstreamError> {
        let request = Request::builder().method(method).uri("/a?b=c").body(body).unwrap();
        send(&self.upstreams, &self.to, request).await
    }

    pub(super) fn figures(&self) -> Figures {
        self.shared.figures().remove(0)
    }
}

/// Sends a request as it is.
pub(super) async fn send(
    upstreams: &Upstreams,
    to: &Arc<UpstreamConfig>,
    request: Request<RequestBody>,
) -> Result<Answer, UpstreamError> {
    let (head, body) = request.into_parts();
    upstreams.send(to.slot()?, Box::new(head), body).await
}

pub(super) fn compile(
    shared: &Shared,
    url: &str,
    mut more: Value,
    base: &Path,
) -> Arc<UpstreamConfig> {
    let upstream = more.as_object_mut().unwrap();
    upstream.insert("id".to_owned(), json!("main"));
    upstream.insert("url".to_owned(), json!(url));
    let upstream = serde_json::from_value(more).unwrap();
    let organization = OrganizationId::parse("police").unwrap();
    UpstreamConfig::compile(shared, &organization, &upstream, Zone::Sharing, base).unwrap()
}

/// The whole body, or the error it ended in.
pub(super) async fn body_of(answer: Answer) -> Result<String, UpstreamError> {
    let bytes = answer.body.collect().await?.to_bytes();
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

/// An interface: each connection is handled by `serve`, which is told its number.
pub(super) async fn interface<F, S>(serve: S) -> (String, Arc<AtomicUsize>)
where
    S: Fn(usize, TcpStream) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(count.fetch_add(1, Ordering::SeqCst), stream));
        }
    });
    (format!("http://{address}"), connections)
}

/// The head of the next request; empty if there is none.
pub(super) async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return String::new(),
        }
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

pub(super) async fn say(stream: &mut TcpStream, text: &str) {
    // The other side may be gone; then there is nobody to tell.
    drop(stream.write_all(text.as_bytes()).await);
}

pub(super) const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine";

/// Answers every request on the connection, whose body is not read, with [`FINE`].
pub(super) async fn answer_all(mut stream: TcpStream) {
    while !head(&mut stream).await.is_empty() {
        say(&mut stream, FINE).await;
    }
}
