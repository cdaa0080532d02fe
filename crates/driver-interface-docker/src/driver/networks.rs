//! Networks: the caller's, the driver's default network, and which containers are attached to them.

mod attach;
mod create;
mod default;
mod uses;

pub(super) use attach::is_attached;
pub(super) use create::create;
pub(super) use uses::{NetworkUse, NetworkUses};
