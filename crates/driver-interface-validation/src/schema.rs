//! The schemas: mirrors of the config types that borrow their values and are validated by garde.
//!
//! The types themselves have no validation code, so that programs that only send configs do not depend on it. A
//! schema serialises to the same JSON as the type that it mirrors; a test uses this to check that no field is
//! missing.

mod container;
mod exec;
mod health_check;
mod logs;
mod map;
mod mount;
mod network;
mod resources;
mod security;
mod setup;
mod volume;

pub use container::ContainerConfigSchema;
pub use exec::ExecConfigSchema;
pub use logs::LogOptionsSchema;
pub use mount::VolumeMountSchema;
pub use network::NetworkConfigSchema;
pub use resources::ResourceLimitsSchema;
pub use security::SecurityOptionsSchema;
pub(crate) use security::{ALL_CAPABILITIES, CAPABILITIES};
pub use volume::VolumeConfigSchema;

#[cfg(test)]
mod coverage;
