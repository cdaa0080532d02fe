//! Shared test targets: the mocks, correct and faulty.

pub(crate) use driver_interface::MockTarget;
