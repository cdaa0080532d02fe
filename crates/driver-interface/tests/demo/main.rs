//! Programs that use the interface. `support` contains patterns worth copying.
//!
//! The tests use tokio's paused clock, so minutes of engine time pass instantly, independent of the machine.

#![cfg(all(feature = "mock", feature = "validation"))]
// Clippy allows panics in `#[test]` functions, but not in their helpers.
#![allow(
    clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing
)]

mod advanced_patterns;
mod driver_comparison;
mod error_handling;
mod interface_usage;
mod support;
