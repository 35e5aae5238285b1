//! Shared HTTP and TLS mechanics. Knows nothing of the trade.

mod dial;

mod endpoint;

mod get;

pub mod headers;

mod hex;

pub mod jwks;

pub mod jws;

pub mod tls;

mod trust;

pub use self::dial::{Alpn, Connected, DialError, Stream, dial};
pub use self::endpoint::{Endpoint, EndpointError};
pub use self::get::{GetError, get};
pub use self::hex::hex;
pub use self::trust::{TrustError, client_tls};
