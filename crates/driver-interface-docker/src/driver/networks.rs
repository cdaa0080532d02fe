//! Networks: the caller's, the driver's default network, and which containers are attached to them.

mod attach;
mod create;
mod default;

pub(super) use create::create;
