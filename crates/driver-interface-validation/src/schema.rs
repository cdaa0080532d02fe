//! The schemas: mirrors of the config types that borrow their values and that garde checks.
//!
//! The types themselves know nothing of validation, so that who only sends configs does not pay for it. A schema
//! serialises to the same JSON as what it mirrors: that is how a test sees that no field was forgotten.

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
