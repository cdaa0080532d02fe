//! Faults in creation.

use std::time::{Duration, SystemTime};

use driver_interface_errors::{ContainerNotFoundError, ImagePullError, codes};
use driver_interface_types::{
    ContainerConfig, ContainerDriver as _, ContainerDriverExt as _, ContainerFilter, ContainerId,
    ContainerInstance, NetworkMode, RemoveOptions, Result, SessionId, VolumeConfig,
};
use futures_util::FutureExt as _;
use tokio::time::sleep;

use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{Config, CreateContainer, Error, GetContainer, Instance};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "create-also-starts",
        "A creation also starts the container.",
        &[CreateContainer(|inside, config| {
            also_starts(inside, config).boxed()
        })],
        &[
            "creation/created-not-started",
            "creation/does-not-run",
            "logs/before-start",
        ],
    ),
    Fault::new(
        "create-answers-with-the-latest",
        "A creation returns the latest container of the session, which may be another one.",
        &[CreateContainer(|inside, config| {
            the_latest(inside, config).boxed()
        })],
        &["creation/ids-are-unique"],
    ),
    Fault::new(
        "creation-has-no-time",
        "The creation time is the engine's zero time.",
        &[Instance(|container| {
            container.created_at = SystemTime::UNIX_EPOCH
        })],
        &["creation/time-goes-forward"],
    ),
    Fault::new(
        "names-have-a-slash",
        "Names keep the slash that the engine puts before them.",
        &[Instance(|container| container.name.insert(0, '/'))],
        &["creation/name-round-trip", "creation/name-made-up"],
    ),
    Fault::new(
        "one-name-for-a-session",
        "All containers of a session without a configured name get the same name.",
        &[Config(|config| {
            let session = &config.session_id;
            config.name.get_or_insert_with(|| format!("{session}-container"));
        })],
        &["creation/name-made-up", "keys/no-key-no-sharing"],
    ),
    Fault::new(
        "taken-name-gives-the-other",
        "A creation with a taken name returns the existing container.",
        &[CreateContainer(|inside, config| {
            gives_the_other(inside, config).boxed()
        })],
        &["creation/name-taken", "concurrency/create-same-name"],
    ),
    Fault::new(
        "taken-name-is-taken-over",
        "A creation with a taken name removes the existing container.",
        &[CreateContainer(|inside, config| {
            takes_over(inside, config).boxed()
        })],
        &["creation/name-taken"],
    ),
    Fault::new(
        "taken-name-is-retryable",
        "A creation with a taken name is retryable.",
        &[Error(|error| match error.code() {
            codes::CONTAINER_CREATION_FAILED => error.with_retryable(true),
            _ => error,
        })],
        &["creation/name-taken", "concurrency/create-same-name"],
    ),
    Fault::new(
        "empty-labels-lost",
        "Labels with empty values are not recorded.",
        &[Instance(|container| {
            container.labels.retain(|_, value| !value.is_empty())
        })],
        &["creation/config-recorded"],
    ),
    Fault::new(
        "labels-known-to-one-driver",
        "A driver keeps labels in memory, so no other driver sees them.",
        &[
            CreateContainer(|inside, config| keeps_labels(inside, config).boxed()),
            GetContainer(|inside, id| hides_labels(inside, id).boxed()),
        ],
        &["creation/config-recorded", "lifecycle/state/observers-agree"],
    ),
    Fault::new(
        "limits-not-recorded",
        "The reported limits are always the default ones.",
        &[Instance(|container| container.resources = Default::default())],
        &["creation/config-recorded"],
    ),
    Fault::new(
        "image-reported-by-id",
        "The image is reported by its id instead of its configured name.",
        &[Instance(|container| {
            container.image = format!("sha256:{}", "0".repeat(64))
        })],
        &["creation/config-recorded"],
    ),
    Fault::new(
        "default-memory-doubled",
        "A container without limits gets twice the default memory.",
        &[Config(|config| {
            if config.resources == Default::default() {
                config.resources.memory *= 2;
            }
        })],
        &["creation/default-limits"],
    ),
    Fault::new(
        "empty-arguments-dropped",
        "Empty arguments are dropped.",
        &[Config(|config| config.command.retain(|word| !word.is_empty()))],
        &["creation/arguments-verbatim"],
    ),
    Fault::new(
        "arguments-through-a-shell",
        "A shell runs the program, and splits and expands its arguments.",
        &[Config(|config| {
            if config.command.first().is_some_and(|program| program != "sh") {
                config.command = vec!["sh".to_owned(), "-c".to_owned(), config.command.join(" ")];
            }
        })],
        &["creation/arguments-verbatim"],
    ),
    Fault::new(
        "variables-cut-at-equals",
        "The value of an environment variable is cut before its first `=`.",
        &[Config(|config| {
            for value in config.env.values_mut() {
                value.truncate(value.find('=').unwrap_or(value.len()));
            }
        })],
        &["creation/environment-verbatim"],
    ),
    Fault::new(
        "missing-image-is-retryable",
        "A missing image is reported as a failed pull, retryable.",
        &[CreateContainer(|inside, config| {
            missing_image(inside, config).boxed()
        })],
        &["creation/image-missing"],
    ),
    Fault::new(
        "missing-volume-is-created",
        "A creation creates the missing volume that it mounts.",
        &[CreateContainer(|inside, config| {
            makes_volumes(inside, config).boxed()
        })],
        &["creation/volume-missing"],
    ),
    Fault::new(
        "missing-network-falls-back",
        "A missing network is replaced with the default one.",
        &[CreateContainer(|inside, config| {
            falls_back(inside, config).boxed()
        })],
        &["creation/network-missing", "errors/no-effect"],
    ),
];

async fn also_starts(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let created = inside.driver.create_container(config).await?;
    inside.driver.start_container(&created.id).await?;
    Ok(created)
}

async fn the_latest(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let created = inside.driver.create_container(config).await?;
    // Long enough for concurrent creations to complete.
    sleep(Duration::from_secs(1)).await;
    let own = ContainerFilter::default().session(SessionId::new(config.session_id.as_str())?);
    let mut all = inside.driver.list_containers(&own).await?;
    Ok(all.pop().unwrap_or(created))
}

async fn keeps_labels(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let created = inside.driver.create_container(config).await?;
    inside
        .memory
        .note(&format!("{} is of {}", created.id, inside.number()));
    Ok(created)
}

async fn hides_labels(inside: &Inside, id: &ContainerId) -> Result<Option<ContainerInstance>> {
    let mut found = inside.driver.get_container(id).await?;
    if let Some(container) = &mut found {
        let creator = inside.memory.latest(&format!("{} is of ", container.id));
        if creator != Some(inside.number().to_string()) {
            container.labels.clear();
        }
    }
    Ok(found)
}

/// Runs `instead` if a creation fails with this code.
async fn unless(
    inside: &Inside,
    config: &ContainerConfig,
    code: &str,
    instead: impl AsyncFnOnce() -> Result<ContainerInstance>,
) -> Result<ContainerInstance> {
    match inside.driver.create_container(config).await {
        Err(error) if error.code() == code => instead().await,
        result => result,
    }
}

async fn of_that_name(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let name = config.name.as_deref().unwrap_or_default();
    let found = inside.driver.find_container(name).await?;
    found.ok_or_else(|| ContainerNotFoundError::new(name).into())
}

async fn gives_the_other(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    unless(inside, config, codes::CONTAINER_CREATION_FAILED, async || {
        of_that_name(inside, config).await
    })
    .await
}

async fn takes_over(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    unless(inside, config, codes::CONTAINER_CREATION_FAILED, async || {
        inside
            .driver
            .remove_container(&of_that_name(inside, config).await?.id, RemoveOptions::force())
            .await?;
        inside.driver.create_container(config).await
    })
    .await
}

async fn missing_image(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    unless(inside, config, codes::IMAGE_NOT_FOUND, async || {
        Err(ImagePullError::new(&config.image, "the engine said no").into())
    })
    .await
}

async fn makes_volumes(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    unless(inside, config, codes::VOLUME_NOT_FOUND, async || {
        for mount in &config.volumes {
            inside
                .driver
                .create_volume(&VolumeConfig::new(&mount.source))
                .await?;
        }
        inside.driver.create_container(config).await
    })
    .await
}

async fn falls_back(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    unless(inside, config, codes::NETWORK_NOT_FOUND, async || {
        let config = config.clone().network(NetworkMode::Default);
        inside.driver.create_container(&config).await
    })
    .await
}
