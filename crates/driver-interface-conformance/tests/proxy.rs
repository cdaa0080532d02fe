//! The fault proxy in front of a test server: each fault has its documented effect on the wire.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests report failures by panicking"
)]

mod proxy {
    mod breaks;
    mod changes;
    mod endpoint;
    mod passing;
    pub(crate) mod server;
}
