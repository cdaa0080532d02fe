//! The single place that handles poisoned locks.

pub(crate) use driver_interface_kit::lock;
