//! The properties in which the two kinds of mock driver differ.

use std::fmt::Debug;
use std::ops::Range;
use std::time::Duration;

/// The properties of one kind of mock driver.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The driver's name.
    pub name: &'static str,
    /// The maximum CPU limit of a container, in cores.
    pub max_cpu: f64,
    /// The minimum and maximum latency of an operation, in milliseconds.
    pub operation_millis: Range<u64>,
    /// The grace period of a graceful stop whose caller gives no timeout.
    pub default_grace: Duration,
    /// Whether a container with a read-only root file system may have writable mounts.
    pub writable_mounts_in_read_only: bool,
    pub(crate) engine_name: &'static str,
    pub(crate) engine_version: &'static str,
    pub(crate) engine_api: Option<&'static str>,
    /// Whether errors carry, as their source, the response that Docker's engine would have sent.
    pub(crate) docker_wording: bool,
}

/// A kind of mock driver: [`Docker`] or [`Local`].
pub trait Kind: Debug + Clone + Copy + Send + Sync + 'static + sealed::Sealed {
    /// The properties of this kind.
    const PROFILE: Profile;
}

/// The kind of [`MockDockerDriver`](crate::MockDockerDriver).
#[derive(Clone, Copy, Debug)]
pub struct Docker;

/// The kind of [`MockLocalDriver`](crate::MockLocalDriver).
#[derive(Clone, Copy, Debug)]
pub struct Local;

impl Kind for Docker {
    const PROFILE: Profile = Profile {
        name: "mock-docker",
        max_cpu: 4.0,
        operation_millis: 100..200,
        default_grace: Duration::from_secs(10),
        writable_mounts_in_read_only: true,
        engine_name: "Docker (simulated)",
        engine_version: "20.10.24",
        engine_api: Some("1.41"),
        docker_wording: true,
    };
}

impl Kind for Local {
    const PROFILE: Profile = Profile {
        name: "mock-local",
        max_cpu: 2.0,
        operation_millis: 200..300,
        default_grace: Duration::from_secs(15),
        writable_mounts_in_read_only: false,
        engine_name: "Local (simulated)",
        engine_version: env!("CARGO_PKG_VERSION"),
        engine_api: None,
        docker_wording: false,
    };
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Docker {}
    impl Sealed for super::Local {}
}
