//! Targets for the tests: the mocks, also with something wrong about them.

pub(crate) use driver_interface::MockTarget;
