//! Replicas of the official nginx, PostgreSQL and Redis images on real engines, with the settings of
//! `docs/STOCK_IMAGES.md`.
//!
//! The images are built from Debian's packages, so no registry is needed. Without apt, dpkg or a mirror, the
//! tests report that they did not run, which fails on engines named in `DRIVER_INTERFACE_REQUIRE`.
//!
//! A separate test binary, so these archives do not disturb tests that measure memory.

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
