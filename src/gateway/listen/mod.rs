//! Accepts connections, bounds what each may use, and ends them gracefully.
//!
//! One thread accepts, or the worker if there is only one; each worker thread runs its own runtime
//! and serves what it is handed. What is refused before a request exists is counted here, because no
//! record could name it.

mod accept;
mod body;
mod calls;
mod conn;
mod fields;
mod forwarded;
mod framing;
mod give_back;
mod handshake;
mod head;
mod io;
mod park;
mod pulse;
mod raw_head;
mod serve;
mod shared;
mod start;
mod watch;
mod worker;

pub use self::body::{BodyProblem, RequestBody};
pub use self::calls::{Answer, Handler};
pub use self::conn::{ClientCertificate, Conn, Cut, TlsFacts, TlsVersion};
pub use self::fields::{Field, Fields};
pub use self::forwarded::consumer;
pub use self::head::{HeadProblem, check_head};
pub use self::shared::{ListenerShared, Mishap, Mishaps};
pub use self::start::{ListenError, Listening, Reloaded, Workers, check_tls, start};
