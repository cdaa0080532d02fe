//! The networks that callers create, the driver's default network, and the attachment of containers to networks.

mod attach;
mod create;
mod default;
mod kept;
mod uses;

pub(super) use attach::is_attached;
pub(super) use create::create;
pub(super) use uses::{NetworkUse, NetworkUses};
