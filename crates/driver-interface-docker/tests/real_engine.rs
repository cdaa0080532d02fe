//! Tests on the real engines that `docker:` and `podman:` find.
//!
//! Without an engine, a test reports this and passes. `DRIVER_INTERFACE_REQUIRE` (`docker,podman`) turns a
//! missing engine into a failure.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails here fails the test"
)]

mod real {
    pub(crate) mod attach;
    pub(crate) mod binds;
    pub(crate) mod cancel;
    pub(crate) mod convert;
    pub(crate) mod create;
    pub(crate) mod dropped_streams;
    pub(crate) mod engine;
    pub(crate) mod exec;
    pub(crate) mod exec_stream;
    pub(crate) mod files;
    pub(crate) mod files_in_memory;
    pub(crate) mod files_names;
    pub(crate) mod image;
    pub(crate) mod images;
    pub(crate) mod isolation;
    pub(crate) mod killed;
    pub(crate) mod lifecycle;
    pub(crate) mod limits;
    pub(crate) mod links;
    pub(crate) mod log_stream;
    pub(crate) mod logs;
    pub(crate) mod memory;
    pub(crate) mod one_layer;
    pub(crate) mod pulls;
    pub(crate) mod races;
    pub(crate) mod raw;
    pub(crate) mod registry;
    pub(crate) mod remote;
    pub(crate) mod removal;
    pub(crate) mod resources;
    pub(crate) mod run;
    pub(crate) mod setup;
    pub(crate) mod signals;
    pub(crate) mod stats;
    pub(crate) mod tmpfs;
    pub(crate) mod transfers;
    pub(crate) mod waits;
}
