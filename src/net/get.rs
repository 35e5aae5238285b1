//! One small document from somebody else, such as a key set: bounded in time and size, no
//! redirects, no cookies, no connection kept.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::{Alpn, DialError, Endpoint, EndpointError, TrustError, client_tls, dial};

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum GetError {
    /// Not an address.
    #[error("`{0}` is no URL")]
    Url(String),
    /// Not an address one can connect to.
    #[error("the URL names no host")]
    Endpoint(#[source] EndpointError),
    /// Without TLS anybody on the way could answer.
    #[error("`{0}` is fetched without TLS: use https, or http on this very machine only")]
    Plain(String),
    /// Nobody to believe.
    #[error("nobody is trusted to vouch for the server")]
    Trust(#[source] TrustError),
    /// No connection.
    #[error("no connection came about")]
    Dial(#[source] DialError),
    /// The exchange broke off.
    #[error("the answer broke off")]
    Http(#[source] hyper::Error),
    /// The body broke off, or is too large.
    #[error("the answer broke off or is larger than allowed")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Anything but 200.
    #[error("the answer was {0} instead of 200 OK")]
    Status(StatusCode),
    /// It took too long.
    #[error("it took longer than {} ms", .0.as_millis())]
    Timeout(Duration),
}

/// Fetches a document of `most` bytes at most, within `limit`.
pub async fn get(url: &str, limit: Duration, most: usize) -> Result<Vec<u8>, GetError> {
    timeout(limit, Box::pin(fetch(url, limit, most))).await.unwrap_or(Err(GetError::Timeout(limit)))
}

async fn fetch(url: &str, limit: Duration, most: usize) -> Result<Vec<u8>, GetError> {
    let uri: Uri = url.parse().map_err(|_| GetError::Url(url.to_owned()))?;
    let endpoint = Endpoint::of_uri(&uri).map_err(GetError::Endpoint)?;
    let tls = if endpoint.is_tls() {
        Some(client_tls(None, Alpn::Http1).map_err(GetError::Trust)?)
    } else if is_here(endpoint.host()) {
        None
    } else {
        return Err(GetError::Plain(url.to_owned()));
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::builder()
        .method(Method::GET)
        .uri(path)
        .header(header::HOST, endpoint.authority().as_str())
        .header(header::ACCEPT, "application/jwk-set+json, application/json")
        .header(header::USER_AGENT, "helan")
        .body(Empty::<Bytes>::new())
        .map_err(|_| GetError::Url(url.to_owned()))?;

    let connected = dial(&endpoint, tls.as_ref(), limit).await.map_err(GetError::Dial)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(64)
        .handshake(TokioIo::new(connected.stream))
        .await
        .map_err(GetError::Http)?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(GetError::Http)?;
        if answer.status() != StatusCode::OK {
            return Err(GetError::Status(answer.status()));
        }
        let body = Limited::new(answer.into_body(), most).collect().await;
        body.map(|body| body.to_bytes().to_vec()).map_err(GetError::Body)
    };
    // The connection must be polled for the exchange to go on, and may end as soon as it is over.
    tokio::pin!(exchange);
    tokio::select! {
        biased;
        done = &mut exchange => done,
        ended = connection => match ended {
            Ok(()) => exchange.await,
            Err(error) => Err(GetError::Http(error)),
        },
    }
}

fn is_here(host: &str) -> bool {
    host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Serves one connection with these bytes and tells what was asked.
    async fn serve(answer: &'static [u8]) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys?set=1", listener.local_addr().unwrap());
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 1024];
            let length = stream.read(&mut asked).await.unwrap();
            stream.write_all(answer).await.unwrap();
            // Whoever waits for more must give up by itself.
            tokio::time::sleep(Duration::from_millis(600)).await;
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        (url, asked)
    }

    const LIMIT: Duration = Duration::from_millis(300);

    #[tokio::test]
    async fn a_document_is_fetched_with_path_and_query() {
        let (url, asked) = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;

        assert_eq!(get(&url, LIMIT, 2).await.unwrap(), b"{}");
        assert!(asked.await.unwrap().starts_with("GET /keys?set=1 HTTP/1.1\r\n"));
    }

    #[tokio::test]
    async fn what_is_too_large_too_slow_or_no_answer_is_an_error() {
        let (url, _) = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc").await;
        assert!(matches!(get(&url, LIMIT, 2).await, Err(GetError::Body(_))));
        let (url, _) = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\na").await;
        assert!(matches!(get(&url, LIMIT, 9).await, Err(GetError::Timeout(_))));
        let (url, _) =
            serve(b"HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n").await;
        assert!(matches!(get(&url, LIMIT, 9).await, Err(GetError::Status(_))));
        let (url, _) = serve(b"SSH-2.0-x\r\n").await;
        assert!(matches!(get(&url, LIMIT, 9).await, Err(GetError::Http(_))));
    }

    #[tokio::test]
    async fn without_tls_only_this_machine_is_asked() {
        for url in
            ["http://example.gov.cn/keys", "http://127.0.0.1.example/keys", "http://10.0.0.1/"]
        {
            assert!(matches!(get(url, LIMIT, 9).await, Err(GetError::Plain(_))), "{url}");
        }
        for url in ["/keys", "ftp://127.0.0.1/", "not a url"] {
            let failed = get(url, LIMIT, 9).await;
            assert!(matches!(failed, Err(GetError::Endpoint(_) | GetError::Url(_))), "{failed:?}");
        }
    }
}
