//! The lock function for mutexes, which handles poisoned locks.

pub(crate) use driver_interface_kit::lock;
