//! Catalog, grants and rules: read, checked, compiled into a View, swapped whole.

mod sources;

pub use self::sources::{
    Description, EntrySource, Issuer, KeySet, Matter, Operation, OperationParameter, Place, Sources,
};
