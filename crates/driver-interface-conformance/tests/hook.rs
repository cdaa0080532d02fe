//! The whole suite on `mock-docker:`, a test for each check: what a driver's author writes, and nothing may fail.

use std::process::ExitCode;

use driver_interface::MockTarget;
use driver_interface::conformance::{Harness, Level, TestImage};

fn main() -> ExitCode {
    Harness::of(MockTarget::docker())
        .image(TestImage::simulated())
        .paused_clock()
        .fail_on(Level::May)
        .main()
}
