//! What people change while it runs: the admin interface.

mod access;

mod admin;

mod console;

mod findings;

mod freezing;

mod unproved;

mod views;

mod write;

pub use self::access::{Access, admin_token};
pub use self::admin::{
    Admin, Handles, InForce, Meaning, Measuring, Readiness, Reloading, bind_socket, serve,
    serve_socket,
};
pub use self::console::Console;
pub use self::unproved::Unproved;
pub use self::views::Views;
