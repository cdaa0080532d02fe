//! Invalid configs that the driver accepts.

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
        "one-violation-at-a-time",
        "Only the first violation of a config is reported.",
        &[CreateContainer(|inside, config| {
            one_violation(inside, config).boxed()
        })],
        &["config/all-violations-at-once"],
    ),
    Fault::new(
        "bad-input-is-retryable",
        "Errors of invalid input are retryable.",
        &[Error(|error| match error.code() {
            codes::CONFIGURATION_ERROR => error.with_retryable(true),
            _ => error,
        })],
        &[
            "config/name-hostile",
            "config/limits-out-of-range",
            "keys/other-config-refused",
        ],
    ),
    Fault::new(
        "refusals-leave-it-open",
        "Refusals do not report the effect `NotApplied`.",
        &[Error(|error| error.with_effect(Effect::Unknown))],
        &[
            "config/name-hostile",
            "config/memory-below-the-least",
            "setup/undeclared-is-refused",
            "creation/name-taken",
            "creation/image-missing",
            "keys/other-config-refused",
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
        &["config/name-hostile"],
    ),
    Fault::new(
        "sessions-corrected",
        "An invalid session name is corrected.",
        &[Config(|config| correct(&mut config.session_id))],
        &["config/session-hostile"],
    ),
    Fault::new(
        "malformed-image-is-missing",
        "A malformed image reference is reported as a missing image.",
        &[CreateContainer(|inside, config| {
            malformed_image(inside, config).boxed()
        })],
        &["config/image-malformed"],
    ),
    Fault::new(
        "bad-variables-dropped",
        "Environment variables with invalid names are dropped.",
        &[Config(|config| {
            config
                .env
                .retain(|name, _| !name.is_empty() && !name.contains(['=', '\0']));
        })],
        &["config/environment-invalid", "config/all-violations-at-once"],
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
        "bad-limits-are-the-defaults",
        "CPU limits that are zero, negative or NaN become the default.",
        &[Config(|config| {
            if !(config.resources.cpu > 0.0 && config.resources.cpu.is_finite()) {
                config.resources.cpu = 0.5;
            }
        })],
        &[
            "config/limits-out-of-range",
            "config/all-violations-at-once",
            "plan/refusals",
        ],
    ),
    Fault::new(
        "too-much-cpu-is-cut",
        "A CPU limit above the driver's maximum is lowered to it.",
        &[CreateContainer(|inside, config| {
            too_much_cpu(inside, config).boxed()
        })],
        &["config/cpu-beyond-the-driver"],
    ),
    Fault::new(
        "little-memory-is-raised",
        "A memory limit below the minimum is raised to it.",
        &[CreateContainer(|inside, config| {
            little_memory(inside, config).boxed()
        })],
        &["config/memory-below-the-least"],
    ),
    Fault::new(
        "volume-names-corrected",
        "An invalid volume name is corrected.",
        &[CreateVolume(|inside, config| {
            corrected_volume(inside, config).boxed()
        })],
        &["config/volume-name-hostile"],
    ),
    Fault::new(
        "network-names-corrected",
        "An invalid network name is corrected.",
        &[CreateNetwork(|inside, config| {
            corrected_network(inside, config).boxed()
        })],
        &["config/network-name-hostile"],
    ),
    Fault::new(
        "secrets-in-errors",
        "Errors contain the environment of the config.",
        &[CreateContainer(|inside, config| secrets(inside, config).boxed())],
        &["config/secrets-stay-out-of-errors"],
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
        &["config/mount-targets", "config/all-violations-at-once"],
    ),
    Fault::new(
        "engine-socket-passes",
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
        &["config/binds-need-a-policy", "config/host-mounts"],
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
        "bad-variables-of-commands-dropped",
        "Variables of a command with control characters in their names are dropped.",
        &[Command(|config| {
            config.env.retain(|name, _| !name.contains(char::is_control));
        })],
        &["exec/variables-as-at-creation"],
    ),
    Fault::new(
        "host-network-is-the-default",
        "The host's network is replaced with the default one.",
        &[Config(|config| {
            if config.network == NetworkMode::Named("host".to_owned()) {
                config.network = NetworkMode::Default;
            }
        })],
        &["config/host-network"],
    ),
];

/// Replaces all characters that are not allowed in a name.
fn correct(name: &mut String) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if name.len() < 2 || !begins_well || !name.chars().all(allowed) {
        *name = format!("x{}", name.replace(|c| !allowed(c), "-"));
    }
}

async fn one_violation(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let result = inside.driver.create_container(config).await;
    let report = result.as_ref().err().map(|error| error.to_report());
    match report.and_then(|report| report.violations.into_iter().next()) {
        Some(first) => Err(ConfigurationError::new(vec![first]).into()),
        None => result,
    }
}

async fn malformed_image(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let result = inside.driver.create_container(config).await;
    let violations = result.as_ref().err().map(|error| error.to_report().violations);
    match violations.unwrap_or_default().as_slice() {
        [only] if only.path == "image" => Err(ImageNotFoundError::new(&config.image).into()),
        _ => result,
    }
}

async fn too_much_cpu(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let mut config = config.clone();
    if let Some(most) = inside.driver.capabilities().bounds.max_cpu {
        config.resources.cpu = config.resources.cpu.min(most);
    }
    inside.driver.create_container(&config).await
}

async fn little_memory(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let mut config = config.clone();
    let least = inside.driver.capabilities().bounds.min_memory;
    config.resources.memory = config.resources.memory.max(least);
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

async fn secrets(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let result = inside.driver.create_container(config).await;
    result.map_err(|error| ContainerCreationError::new(format!("{error} for {:?}", config.env)).into())
}
