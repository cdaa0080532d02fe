//! What the interface is for, shown by programs that use it. Each suite is a chapter, each test a sentence;
//! `support` holds the patterns that are worth copying.
//!
//! Time is tokio's and paused: it jumps to whatever is waited for next, so minutes of engine time take no time
//! and no test depends on how fast the machine is.

// The programs run on the mocks.
#![cfg(all(feature = "mock", feature = "validation"))]
// The helpers of tests may panic as tests may; clippy's exception knows only functions with `#[test]`.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod advanced_patterns;
mod driver_comparison;
mod error_handling;
mod interface_usage;
mod support;
