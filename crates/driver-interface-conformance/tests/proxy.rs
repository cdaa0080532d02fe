//! The fault proxy, held against a server of the test's own: each fault does on the wire what it says.
#![cfg(unix)]

mod proxy {
    mod breaks;
    mod changes;
    mod endpoint;
    mod passing;
    pub(crate) mod server;
}
