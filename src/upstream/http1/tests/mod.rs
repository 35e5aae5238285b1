//! The codec without sockets.

mod answers;

mod requests;
