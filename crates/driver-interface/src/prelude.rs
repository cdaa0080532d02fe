//! What most programs use: `use driver_interface::prelude::*`.

pub use driver_interface_errors::{
    DriverError, Effect, ErrorInfo, Hint, Result, get_error_code, get_error_message, is_driver_error,
    is_retryable_error,
};
pub use driver_interface_types::{
    Capabilities, Capability, ContainerConfig, ContainerDriver, ContainerDriverExt, ContainerFilter,
    ContainerId, ContainerInstance, ContainerState, ContainerStatus, DriverHealth, ImageRef, LogOptions,
    Network, NetworkConfig, NetworkId, NetworkMode, PullPolicy, RemoveOptions, ResourceFilter,
    ResourceLimits, SecurityOptions, SessionId, StartOutcome, StopOptions, StopOutcome, Strictness, Volume,
    VolumeConfig, VolumeId, VolumeMount,
};

pub use crate::connect;
