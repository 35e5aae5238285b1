//! Helan: a federated API gateway for public-sector data.
//!
//! The parts, from the words everything is said in to the commands people type. Which part may use
//! which is kept by `tests/it/architecture.rs`.

// The words and their rules: no I/O, no async, no clock.
pub mod domain;

// Shared HTTP and TLS mechanics.
pub mod net;

// What the operator of a node writes: as a file, then checked.
pub mod config;

// Catalog, grants and rules: read, checked, compiled into a View, swapped whole.
pub mod policy;

// The life of one request.
pub mod gateway;

// What may be kept of an answer, and for how long (RFC 9111).
pub mod cache;

// Only granted items and rows leave, masked where told.
pub mod shape;

// Connections to the departments' own interfaces.
pub mod upstream;

// The append-only record of everything.
pub mod journal;

// What the records say: metrics today, reports and detectors beside them.
pub mod supervision;

// What people change while it runs.
pub mod control;

// Builds the parts, hands them to each other, starts listeners, drains on stop.
pub mod run;

// One file a subcommand.
pub mod cli;
