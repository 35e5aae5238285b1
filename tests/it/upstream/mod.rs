//! Calls of departments' interfaces, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod breaking;

mod codec;

mod reuse;

mod secure;

mod support;

mod timing;
