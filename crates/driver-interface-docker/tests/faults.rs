//! Random faults on real engines behind a proxy. Each seed selects one operation, one request and one fault.
//!
//! With any fault, a call must end in time, return a typed error or a correct result, report the effect
//! truthfully, and leave nothing behind. Partial output must be marked as such.
//!
//! | variable | meaning |
//! |---|---|
//! | `DRIVER_INTERFACE_FAULTS` | number of faults on Docker; Podman gets a third. Half use fixed seeds. |
//! | `DRIVER_INTERFACE_FAULT_FRESH` | first seed of the other half |
//! | `DRIVER_INTERFACE_FAULT_SEED` | first seed of all; reproduces a failure with a count of 1 |
//! | `DRIVER_INTERFACE_FAULT_OPERATION` | only operations whose names contain this text |

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
