#![doc = include_str!("../README.md")]

mod attach_session;
mod build;
mod capability;
mod capped;
mod command;
mod config;
mod deadlines;
mod driver;
mod enforcement;
mod event;
mod exec;
mod exec_session;
mod ext;
mod file;
mod filter;
mod forward;
mod health;
mod health_check;
mod host_address;
mod id;
mod image;
mod image_advice;
mod instance;
mod intercept;
pub mod label;
mod log_driver;
mod log_stream;
mod millis;
mod modes;
mod mount;
mod network;
mod operation;
mod options;
mod path;
mod plan;
mod ports;
mod pull;
mod push;
mod resources;
mod restart_policy;
#[cfg(feature = "schema")]
pub mod rules;
mod run;
mod security;
mod session;
mod setters;
mod setup;
mod signal;
mod stats;
mod status;
mod stream;
pub mod tar;
mod text_enum;
mod unpack;
mod volume;
mod wait_for;
mod words;

/// Re-exported so that [`ContainerDriver`] can be implemented without a dependency on `async-trait`.
pub use async_trait::async_trait;
pub use attach_session::{AttachControl, AttachSession};
pub use build::{BuildOptions, BuildProgress, CommitOptions, Dockerfile};
/// Re-exported because `Bytes` is the byte buffer type in the signatures of [`ContainerDriver`].
pub use bytes::Bytes;
pub use capability::{Bounds, Capabilities, Capability, ConfigFeature, Property};
pub use capped::CappedBuffer;
pub use command::IntoCommand;
pub use config::ContainerConfig;
pub use deadlines::Deadlines;
pub use driver::ContainerDriver;
pub use driver_interface_errors::{ConfigurationError, DriverError, Result};
pub use enforcement::{Enforcement, EnforcementReport, Guarantee};
pub use event::{Event, EventContainer, EventData, EventFilter, EventKind};
pub use exec::{ExecConfig, ExecOutcome, ExecOutput, ExecStatus, TtySize};
pub use exec_session::{ExecControl, ExecSession};
pub use ext::ContainerDriverExt;
pub use file::{FileContent, FileOwner, ReadFileOptions, WriteFile};
pub use filter::{ContainerFilter, ResourceFilter};
pub use forward::LayeredDriver;
pub use health::{ContainerCounts, DriverHealth, EngineInfo, HealthStatus};
pub use health_check::{ContainerHealth, ContainerHealthStatus, HealthCheck, HealthTest};
pub use host_address::HostAddress;
pub use id::{
    ContainerId, EventCursor, ExecId, Namespace, NetworkId, OperationKey, SessionId, VolumeId, name_problem,
};
pub use image::ImageRef;
pub use instance::{ContainerInstance, Warning};
pub use intercept::{Call, Intercepted, Interceptor, Next, StreamEnd};
pub use log_driver::LogDriver;
pub use log_stream::{LogChunk, LogSource, LogStreamOptions};
pub use modes::{NetworkMode, PullPolicy, Strictness};
pub use mount::{MountType, Propagation, SelinuxLabel, VolumeMount};
pub use network::{Network, NetworkConfig, NetworkConnectOptions, Subnet};
pub use operation::{Operation, OperationKind, Repeat};
pub use options::{
    LogOptions, PauseOutcome, RemoveOptions, RestartOutcome, StartOutcome, StopOptions, StopOutcome,
    UnpauseOutcome, WaitOptions,
};
pub use path::ContainerPath;
pub use plan::CreationPlan;
pub use ports::{PortMapping, Protocol, PublishedPort};
pub use pull::{ImageFilter, ImageInfo, LayerProgress, PullOptions, PullProgress, RegistryCredentials};
pub use push::{PushOptions, PushProgress};
pub use resources::ResourceLimits;
pub use restart_policy::RestartPolicy;
pub use run::{ContainerRun, RunOptions};
pub use security::{LinuxCapabilities, SecurityOptions};
pub use session::{RecoveredSession, RemovedSession, SessionSummary};
pub use setup::{DeviceMapping, GpuRequest, TmpfsMount, Ulimit, UlimitValue};
pub use signal::Signal;
pub use stats::ContainerStats;
pub use status::{ContainerState, ContainerStatus, ExitInfo};
pub use stream::{
    BuildStream, ByteStream, DriverStream, EventStream, LogStream, PullStream, PushStream, StatsStream,
    TarStream,
};
pub use unpack::{UnpackOptions, Unpacked};
pub use volume::{Volume, VolumeConfig, VolumeOwner};
pub use wait_for::WaitFor;

/// The version of this crate. The driver contract has the same version.
pub const DRIVER_INTERFACE_VERSION: &str = env!("CARGO_PKG_VERSION");
