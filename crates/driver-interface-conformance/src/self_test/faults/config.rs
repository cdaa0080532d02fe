//! Faults in which the driver accepts an invalid config.

use driver_interface_errors::{ContainerCreationError, Effect, ImageNotFoundError, codes};
use driver_interface_types::{
    ConfigurationError, ContainerConfig, ContainerDriver as _, ContainerInstance, MountType, Network,
    NetworkConfig, NetworkMode, Result, Volume, VolumeConfig, label,
};
use futures_util::FutureExt as _;

use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{
    Command, Config, CreateContainer, CreateNetwork, CreateVolume, Error,
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "first-violation-only",
        "Only the first violation of a config is reported.",
        &[CreateContainer(|inside, config| {
            first_violation_only(inside, config).boxed()
        })],
        &["config/all-violations-reported"],
    ),
    Fault::new(
        "invalid-config-retryable",
        "Errors of invalid input are retryable.",
        &[Error(|error| match error.code() {
            codes::CONFIGURATION_ERROR => error.with_retryable(true),
            _ => error,
        })],
        &[
            "config/name-invalid",
            "config/limits-out-of-range",
            "keys/different-config-refused",
        ],
    ),
    Fault::new(
        "refusals-with-unknown-effect",
        "Refusals do not report the effect `NotApplied`.",
        &[Error(|error| error.with_effect(Effect::Unknown))],
        &[
            "config/name-invalid",
            "config/memory-below-minimum",
            "setup/undeclared-refused",
            "creation/name-taken",
            "creation/image-missing",
            "keys/different-config-refused",
            "removal/running-refused",
            "kill/not-running",
            "kill/paused",
            "pause/not-running",
            "pause/unpause-not-running",
        ],
    ),
    Fault::new(
        "container-names-corrected",
        "An invalid container name is corrected.",
        &[Config(|config| config.name.iter_mut().for_each(correct))],
        &["config/name-invalid"],
    ),
    Fault::new(
        "sessions-corrected",
        "An invalid session name is corrected.",
        &[Config(|config| correct(&mut config.session_id))],
        &["config/session-invalid"],
    ),
    Fault::new(
        "malformed-image-not-found",
        "A malformed image reference is reported as a missing image.",
        &[CreateContainer(|inside, config| {
            malformed_image_not_found(inside, config).boxed()
        })],
        &["config/image-malformed"],
    ),
    Fault::new(
        "invalid-variables-dropped",
        "Environment variables with invalid names are dropped.",
        &[Config(|config| {
            config
                .env
                .retain(|name, _| !name.is_empty() && !name.contains(['=', '\0']));
        })],
        &["config/environment-invalid", "config/all-violations-reported"],
    ),
    Fault::new(
        "reserved-labels-dropped",
        "Labels with the reserved prefix are dropped.",
        &[Config(|config| {
            config
                .labels
                .retain(|key, _| !key.starts_with(label::RESERVED_PREFIX))
        })],
        &["config/labels-reserved", "plan/refusals"],
    ),
    Fault::new(
        "invalid-limits-replaced-with-defaults",
        "CPU limits that are zero, negative or NaN become the default.",
        &[Config(|config| {
            if !(config.resources.cpu > 0.0 && config.resources.cpu.is_finite()) {
                config.resources.cpu = 0.5;
            }
        })],
        &[
            "config/limits-out-of-range",
            "config/all-violations-reported",
            "plan/refusals",
        ],
    ),
    Fault::new(
        "excessive-cpu-capped",
        "A CPU limit above the driver's maximum is lowered to it.",
        &[CreateContainer(|inside, config| {
            cpu_capped(inside, config).boxed()
        })],
        &["config/cpu-exceeds-driver-limit"],
    ),
    Fault::new(
        "low-memory-raised",
        "A memory limit below the minimum is raised to it.",
        &[CreateContainer(|inside, config| {
            memory_raised(inside, config).boxed()
        })],
        &["config/memory-below-minimum"],
    ),
    Fault::new(
        "volume-names-corrected",
        "An invalid volume name is corrected.",
        &[CreateVolume(|inside, config| {
            corrected_volume(inside, config).boxed()
        })],
        &["config/volume-name-invalid"],
    ),
    Fault::new(
        "network-names-corrected",
        "An invalid network name is corrected.",
        &[CreateNetwork(|inside, config| {
            corrected_network(inside, config).boxed()
        })],
        &["config/network-name-invalid"],
    ),
    Fault::new(
        "secrets-in-errors",
        "Errors contain the environment of the config.",
        &[CreateContainer(|inside, config| {
            secrets_in_error(inside, config).boxed()
        })],
        &["config/no-secrets-in-errors"],
    ),
    Fault::new(
        "relative-targets-corrected",
        "Relative mount targets are taken relative to the root.",
        &[Config(|config| {
            for mount in &mut config.volumes {
                if !mount.target.starts_with('/') {
                    mount.target.insert(0, '/');
                }
            }
        })],
        &["config/mount-targets", "config/all-violations-reported"],
    ),
    Fault::new(
        "engine-socket-mount-accepted",
        "A bind mount of the engine's socket is not refused.",
        &[Config(|config| {
            config
                .volumes
                .retain(|mount| !mount.source.ends_with("/docker.sock"));
        })],
        &["config/host-mounts"],
    ),
    Fault::new(
        "forbidden-binds-dropped",
        "Bind mounts that are not allowed are dropped.",
        &[Config(|config| {
            config
                .volumes
                .retain(|mount| mount.mount_type() != MountType::Bind);
        })],
        &["config/bind-mounts-need-policy", "config/host-mounts"],
    ),
    Fault::new(
        "dangerous-capabilities-dropped",
        "Dangerous Linux capabilities are dropped instead of refused.",
        &[Config(|config| {
            config
                .security
                .capabilities
                .add
                .retain(|name| !name.starts_with("NET_"));
        })],
        &["config/dangerous-capabilities"],
    ),
    Fault::new(
        "invalid-exec-variables-dropped",
        "Variables of a command with control characters in their names are dropped.",
        &[Command(|config| {
            config.env.retain(|name, _| !name.contains(char::is_control));
        })],
        &["exec/invalid-variables"],
    ),
    Fault::new(
        "host-network-replaced-with-default",
        "The host's network is replaced with the default one.",
        &[Config(|config| {
            if config.network == NetworkMode::Named("host".to_owned()) {
                config.network = NetworkMode::Default;
            }
        })],
        &["config/host-network"],
    ),
];

/// Makes an invalid resource name valid: replaces the characters that a name must not contain, and puts an `x` first.
fn correct(name: &mut String) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if name.len() < 2 || !begins_well || !name.chars().all(allowed) {
        *name = format!("x{}", name.replace(|c| !allowed(c), "-"));
    }
}

async fn first_violation_only(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let result = inside.driver.create_container(config).await;
    let report = result.as_ref().err().map(|error| error.to_report());
    match report.and_then(|report| report.violations.into_iter().next()) {
        Some(first) => Err(ConfigurationError::new(vec![first]).into()),
        None => result,
    }
}

async fn malformed_image_not_found(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let result = inside.driver.create_container(config).await;
    let violations = result.as_ref().err().map(|error| error.to_report().violations);
    match violations.unwrap_or_default().as_slice() {
        [only] if only.path == "image" => Err(ImageNotFoundError::new(&config.image).into()),
        _ => result,
    }
}

async fn cpu_capped(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let mut config = config.clone();
    if let Some(max) = inside.driver.capabilities().bounds.max_cpu {
        config.resources.cpu = config.resources.cpu.min(max);
    }
    inside.driver.create_container(&config).await
}

async fn memory_raised(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let mut config = config.clone();
    let minimum = inside.driver.capabilities().bounds.min_memory;
    config.resources.memory = config.resources.memory.max(minimum);
    inside.driver.create_container(&config).await
}

async fn corrected_volume(inside: &Inside, config: &VolumeConfig) -> Result<Volume> {
    let mut config = config.clone();
    correct(&mut config.name);
    inside.driver.create_volume(&config).await
}

async fn corrected_network(inside: &Inside, config: &NetworkConfig) -> Result<Network> {
    let mut config = config.clone();
    correct(&mut config.name);
    inside.driver.create_network(&config).await
}

async fn secrets_in_error(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let result = inside.driver.create_container(config).await;
    result.map_err(|error| ContainerCreationError::new(format!("{error} for {:?}", config.env)).into())
}
