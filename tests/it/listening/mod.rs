//! Connections: bounds, TLS and how they end, over real sockets.

mod drain;
mod gathered;
mod malformed;
mod parked;
mod slow;
mod tls;
