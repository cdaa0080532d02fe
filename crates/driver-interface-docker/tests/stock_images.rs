//! Images like the official ones of nginx, PostgreSQL and Redis, with the settings of `docs/STOCK_IMAGES.md`, on the
//! real engines.
//!
//! No registry is needed: the images are built from Debian's packages, with entrypoints that do what the official
//! ones do. Without apt and dpkg, or without a mirror, the tests report that they were not run; on an engine that
//! `DRIVER_INTERFACE_REQUIRE` names, this is a failure.
//!
//! This is a test program of its own, so that tests that measure this process's memory do not see these archives.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails here fails the test"
)]

#[allow(
    dead_code,
    reason = "shared with the tests in `real_engine.rs`, which use all of it"
)]
mod real {
    pub(crate) mod engine;
    pub(crate) mod image;
    pub(crate) mod one_layer;
    pub(crate) mod raw;
}

mod stock {
    mod bench;
    mod image;
    mod packages;
    mod page;
    mod recipes;
    mod services;
    mod settings;
}
