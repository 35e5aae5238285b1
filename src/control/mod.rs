//! What people change while it runs: the admin interface.

mod access;

mod admin;

mod findings;

mod unproved;

mod write;

pub use self::access::{Access, admin_token};
pub use self::admin::{
    Admin, Handles, Measuring, Readiness, Reloading, bind_socket, serve, serve_socket,
};
pub use self::unproved::Unproved;
