#![doc = include_str!("../README.md")]

mod capability;
mod container;
mod driver;
mod ext;
mod filter;
mod forward;
mod health;
mod id;
mod image;
pub mod label;
mod millis;
mod mount;
mod network;
mod options;
mod resources;
mod security;
mod status;
mod volume;

/// For implementing [`ContainerDriver`] without a dependency of your own.
pub use async_trait::async_trait;
/// The bytes that [`ContainerDriver`] takes.
pub use bytes::Bytes;
pub use capability::{Capabilities, Capability};
pub use container::{ContainerConfig, ContainerInstance, NetworkMode, PullPolicy, Strictness, Warning};
pub use driver::ContainerDriver;
pub use driver_interface_errors::{ConfigurationError, DriverError, Result};
pub use ext::{ContainerDriverExt, RemovedSession};
pub use filter::{ContainerFilter, ResourceFilter};
pub use health::{ContainerCounts, DriverHealth, EngineInfo, HealthStatus};
pub use id::{ContainerId, Namespace, NetworkId, OperationKey, SessionId, VolumeId, name_problem};
pub use image::ImageRef;
pub use mount::{MountType, VolumeMount};
pub use network::{Network, NetworkConfig};
pub use options::{LogOptions, RemoveOptions, StartOutcome, StopOptions, StopOutcome};
pub use resources::ResourceLimits;
pub use security::{LinuxCapabilities, SecurityOptions};
pub use status::{ContainerState, ContainerStatus, ExitInfo};
pub use volume::{Volume, VolumeConfig};

/// The version of the contract these types speak. Drivers and reports state it.
pub const DRIVER_INTERFACE_VERSION: &str = env!("CARGO_PKG_VERSION");
