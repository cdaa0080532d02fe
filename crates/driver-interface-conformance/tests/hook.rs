//! The whole suite on `mock-docker:`, one test per check, as a driver author would write it.

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
