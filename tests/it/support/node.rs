//! Listeners with a small handler behind them, and callers of several kinds.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use helan::config::{Bounds, Listener};
use helan::domain::Zone;
use helan::gateway::listen::{
    BodyProblem, Conn, Fields, Handler, Listening, Mishap, RequestBody, Workers, check_head, start,
};
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// No test waits longer for one thing.
const PATIENCE: Duration = Duration::from_secs(8);

pub(crate) struct Node {
    pub(crate) listening: Listening,
    pub(crate) address: SocketAddr,
}

/// Starts one listener on a free port.
pub(crate) fn node(listener: impl FnOnce(&mut Listener)) -> Node {
    let mut config = Listener {
        address: "127.0.0.1:0".parse().unwrap(),
        tls: None,
        trusted_proxies: Vec::new(),
        bounds: Bounds::default(),
    };
    listener(&mut config);
    let listening = start(&[(Zone::Opening, config)], &workers()).unwrap();
    let address = *listening.addresses().first().unwrap();
    Node { listening, address }
}

/// Two threads with the handler below.
pub(crate) fn workers() -> Workers<Body> {
    Workers {
        count: 2,
        make: Arc::new(|_| -> Handler<Body> {
            Rc::new(|conn, request| Box::pin(answer(conn, request)))
        }),
    }
}

async fn answer(conn: Arc<Conn>, request: Request<RequestBody>) -> Response<Body> {
    let (head, body) = request.into_parts();
    if let Err(problem) = check_head(&Fields::read(&head), conn.bounds()) {
        return say(problem.status(), problem.code());
    }
    if !conn.trusted() {
        return say(StatusCode::FORBIDDEN, "not-trusted");
    }
    match head.uri.path() {
        "/slow" => {
            tokio::time::sleep(Duration::from_millis(400)).await;
            say(StatusCode::OK, "slow")
        }
        "/echo" => match body.collect().await {
            Ok(whole) => Response::new(whole.map_err(never).boxed_unsync()),
            Err(problem) => {
                let status = match &problem {
                    BodyProblem::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                    BodyProblem::Paused { .. } => StatusCode::REQUEST_TIMEOUT,
                    BodyProblem::Broken { .. } => StatusCode::BAD_REQUEST,
                };
                say(status, problem.code())
            }
        },
        path if path.starts_with("/letters/") => {
            tokio::time::sleep_until(next_beat()).await;
            let count = path.trim_start_matches("/letters/").parse().unwrap_or(0);
            let letters: String = ('a'..='z').cycle().take(count).collect();
            say(StatusCode::OK, &letters)
        }
        "/broken" => Response::new(chunks(3, Some(io::Error::other("the source broke")))),
        "/endless" => Response::new(chunks(usize::MAX, None)),
        "/who" => {
            let names = conn.certificate().map(|c| c.dns_names.join(","));
            say(StatusCode::OK, &format!("{} {names:?}", conn.consumer(&head.headers)))
        }
        _ => say(StatusCode::OK, "hello"),
    }
}

/// A moment that all have in common who ask at about the same time.
fn next_beat() -> tokio::time::Instant {
    static FIRST: OnceLock<tokio::time::Instant> = OnceLock::new();
    const BEAT: Duration = Duration::from_millis(500);
    let first = *FIRST.get_or_init(tokio::time::Instant::now);
    let beats = first.elapsed().as_millis() / BEAT.as_millis();
    first + BEAT * u32::try_from(beats + 2).unwrap()
}

fn never<E>(_: E) -> io::Error {
    io::Error::other("a collected body does not break")
}

fn say(status: StatusCode, text: &str) -> Response<Body> {
    let body = Full::new(Bytes::from(text.to_owned())).map_err(never).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// So many chunks, then an error or the end.
fn chunks(count: usize, error: Option<io::Error>) -> Body {
    let stream = stream::unfold((count, error), |(left, mut error)| async move {
        tokio::task::yield_now().await;
        if left > 0 {
            return Some((Ok(Frame::data(Bytes::from(vec![b'x'; 4096]))), (left - 1, error)));
        }
        error.take().map(|error| (Err(error), (0, None)))
    });
    StreamBody::new(stream).boxed_unsync()
}

impl Node {
    /// What the node answers to these bytes, until it hangs up or says nothing for a while.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut socket = self.connect().await;
        socket.write_all(bytes).await.unwrap();
        read_all(&mut socket).await.0
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub(crate) fn mishaps(&self, mishap: Mishap) -> u64 {
        let mut all = self.listening.listeners().first().unwrap().mishaps.read();
        all.find(|(one, _)| *one == mishap).unwrap().1
    }

    /// Waits until a mishap was counted so often: the caller may see its end before we have.
    pub(crate) async fn counted(&self, mishap: Mishap, expected: u64) {
        within(async {
            while self.mishaps(mishap) < expected {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        assert_eq!(self.mishaps(mishap), expected, "{mishap:?}");
    }

    /// Waits until so many connections are open.
    pub(crate) async fn open(&self, expected: u32) {
        let open = || self.listening.listeners().first().unwrap().open();
        within(async {
            while open() != expected {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    pub(crate) async fn tls(
        &self,
        client: &Arc<rustls::ClientConfig>,
    ) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let name = rustls::pki_types::ServerName::try_from("gate.example").unwrap();
        TlsConnector::from(Arc::clone(client)).connect(name, self.connect().await).await
    }
}

pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.unwrap()
}

/// Everything until the end, and whether that was a clean one.
pub(crate) async fn read_all(socket: &mut (impl AsyncRead + Unpin)) -> (String, io::Result<()>) {
    let mut bytes = Vec::new();
    let end = within(socket.read_to_end(&mut bytes)).await.map(|_| ());
    (String::from_utf8_lossy(&bytes).into_owned(), end)
}

/// An open connection of a proper client.
pub(crate) enum Client {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Client {
    pub(crate) async fn new<S>(stream: S, http2: bool) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(stream);
        if http2 {
            let (send, conn) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(conn);
            Self::Two(send)
        } else {
            let (send, conn) = http1::handshake(io).await.unwrap();
            tokio::spawn(conn);
            Self::One(send)
        }
    }

    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<hyper::body::Incoming>> {
        within(async {
            match self {
                Self::One(send) => {
                    send.ready().await?;
                    send.send_request(request).await
                }
                Self::Two(send) => {
                    send.ready().await?;
                    send.send_request(request).await
                }
            }
        })
        .await
    }

    /// Status and body, or the error that came instead.
    pub(crate) async fn get(&mut self, path: &str) -> Result<(u16, String), hyper::Error> {
        let target = match self {
            Self::One(_) => path.to_owned(),
            Self::Two(_) => format!("https://gate.example{path}"),
        };
        let request = Request::get(target).header("host", "gate.example");
        let response = self.send(request.body(Full::default()).unwrap()).await?;
        let status = response.status().as_u16();
        let body = within(response.into_body().collect()).await?.to_bytes();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}
