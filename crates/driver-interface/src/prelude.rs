//! The items that most programs use: `use driver_interface::prelude::*`.

pub use driver_interface_errors::{
    DriverError, Effect, ErrorInfo, FileSystemErrorKind, Hint, Result, get_error_code, get_error_message,
    is_driver_error, is_retryable_error,
};
pub use driver_interface_types::{
    BuildOptions, BuildProgress, BuildStream, ByteStream, Bytes, Capabilities, CommitOptions,
    ContainerConfig, ContainerDriver, ContainerDriverExt, ContainerFilter, ContainerHealth,
    ContainerHealthStatus, ContainerId, ContainerInstance, ContainerPath, ContainerRun, ContainerState,
    ContainerStats, ContainerStatus, CreationPlan, DriverHealth, Enforcement, EnforcementReport, Event,
    EventCursor, EventFilter, EventKind, EventStream, ExecConfig, ExecId, ExecOutcome, ExecOutput,
    ExecSession, ExecStatus, ExitInfo, FileContent, HealthCheck, HealthTest, ImageFilter, ImageInfo,
    ImageRef, LogChunk, LogOptions, LogSource, LogStream, LogStreamOptions, Namespace, Network,
    NetworkConfig, NetworkConnectOptions, NetworkId, NetworkMode, PauseOutcome, PortMapping, Protocol,
    PublishedPort, PullOptions, PullPolicy, PullProgress, PullStream, PushOptions, PushProgress, PushStream,
    ReadFileOptions, RegistryCredentials, RemoveOptions, ResourceFilter, ResourceLimits, RestartOutcome,
    RunOptions, SecurityOptions, SessionId, Signal, StartOutcome, StatsStream, StopOptions, StopOutcome,
    Strictness, TarStream, TmpfsMount, TtySize, Ulimit, UnpackOptions, UnpauseOutcome, Volume, VolumeConfig,
    VolumeId, VolumeMount, WaitFor, WaitOptions, Warning, WriteFile,
};

pub use crate::connect;
