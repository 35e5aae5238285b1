//! Catalog, grants and rules: read, checked, compiled into a View, swapped whole.

pub mod check;

mod diff;

mod durable;

pub mod folder;

pub mod good;

pub(crate) mod openapi;

pub mod reload;

pub mod rules;

pub(crate) mod pace;

mod sources;

mod view;

pub use self::check::identity;
pub use self::diff::{Change, Judged, Terms, Whom, diff};
pub use self::reload::{Denied, Overlay};
pub use self::rules::{CallerFacts, Case, Citation, Claim, Rules, Verdict};
pub use self::sources::{
    Description, EntrySource, Issuer, KeySet, Matter, Operation, OperationParameter, Place, Sources,
};
pub use self::view::{Registered, View, Written};
