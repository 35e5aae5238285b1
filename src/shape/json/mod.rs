//! JSON and NDJSON: a scanner that checks the whole grammar (RFC 8259), walks only where the plan
//! leads, and may stop at any byte.

mod cut;
mod members;
mod number;
mod pass;
mod scanner;
mod state;
mod token;
mod value;

pub(super) use self::scanner::Scanner;
