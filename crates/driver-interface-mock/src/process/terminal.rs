use std::sync::Mutex;

use driver_interface_types::TtySize;

use crate::sync::lock;

/// The terminal of a process and its children.
#[derive(Debug, Default)]
pub(crate) struct Terminal(Mutex<TtySize>);

impl Terminal {
    pub(crate) fn new(size: TtySize) -> Self {
        Self(Mutex::new(size))
    }

    pub(crate) fn size(&self) -> TtySize {
        *lock(&self.0)
    }

    pub(crate) fn resize(&self, size: TtySize) {
        *lock(&self.0) = size;
    }
}
