//! A department's interface of the test's own: it notes what reaches it, and when.

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::wire::{self, Message};

type Say = Arc<dyn Fn(&Message) -> Vec<u8> + Send + Sync>;

/// An interface that answers until the test's process ends.
pub struct StandIn {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Message>>>,
}

impl StandIn {
    /// On a free port.
    pub fn start(say: impl Fn(&Message) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind(("127.0.0.1", 0)).unwrap(), say)
    }

    /// In the place of one that has ended.
    pub fn on(
        listener: TcpListener,
        say: impl Fn(&Message) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let (address, seen) = (listener.local_addr().unwrap(), Arc::default());
        let (say, noted): (Say, _) = (Arc::new(say), Arc::clone(&seen));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (say, noted) = (Arc::clone(&say), Arc::clone(&noted));
                std::thread::spawn(move || serve(stream, &say, &noted));
            }
        });
        Self { address, seen }
    }

    /// What reached it, in order.
    pub fn seen(&self) -> Vec<Message> {
        self.seen.lock().unwrap().clone()
    }

    /// How it is written among the upstreams of an organization.
    pub fn upstream(&self, id: &str) -> String {
        format!("  - id: {id}\n    url: http://{}\n", self.address)
    }
}

fn serve(mut stream: TcpStream, say: &Say, seen: &Mutex<Vec<Message>>) {
    let mut input = BufReader::new(stream.try_clone().unwrap());
    // A gateway that goes away ends this; there is nobody to tell.
    while let Ok(Some(message)) = wire::read(&mut input, true) {
        let answer = say(&message);
        seen.lock().unwrap().push(message);
        if stream.write_all(&answer).is_err() {
            return;
        }
    }
}

/// In the place of the demonstration's interface that serves rows.
pub fn serve_rows(listener: TcpListener) {
    drop(StandIn::on(listener, |_| json(r#"{"total":1,"rows":[{"site":"YC01","aqi":52}]}"#)));
}

/// A whole answer.
pub fn answer(status: &str, kind: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A whole answer in JSON.
pub fn json(body: &str) -> Vec<u8> {
    answer("200 OK", "application/json", body)
}
