//! The driver on bad links and broken engines: a fault, drawn from a seed, in one request of one operation, on real
//! engines behind a proxy.
//!
//! Whatever breaks, a call ends in time, with a typed error or with what is true: nothing partial is taken for the
//! whole, nothing that may have happened is said not to have, and nothing is left behind.
//!
//! `DRIVER_INTERFACE_FAULTS` says how many faults are tried on Docker (a third as many on Podman), half of them from a
//! fixed seed and half from a fresh one; `DRIVER_INTERFACE_FAULT_FRESH` gives the fresh one, and
//! `DRIVER_INTERFACE_FAULT_SEED` replaces both: with a count of 1 it tries again what failed.
//! `DRIVER_INTERFACE_FAULT_OPERATION` limits it to the operations whose names contain that text.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails here fails the test"
)]

#[allow(
    dead_code,
    reason = "shared with the tests against real engines, which use more of it"
)]
#[path = "real/engine.rs"]
mod engine;
#[path = "real/image.rs"]
mod image;
#[path = "real/one_layer.rs"]
mod one_layer;
#[allow(dead_code, reason = "as above")]
#[path = "real/raw.rs"]
mod raw;
#[allow(dead_code, reason = "as above")]
#[path = "real/registry.rs"]
mod registry;

mod faults {
    mod case;
    mod changes;
    mod reads;
    pub(crate) mod sample;
    mod subject;
    mod world;
}
