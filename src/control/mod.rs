//! What people change while it runs: the admin interface.

mod access;

mod admin;

pub use self::access::{Access, admin_token};
pub use self::admin::{Admin, Handles, Readiness, Reloading, serve, serve_socket};
