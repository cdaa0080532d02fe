//! The fault proxy, held against a server of the test's own: each fault does on the wire what it says.
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
