//! Faults in creating containers.

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
            "creation/created-not-started", "creation/does-not-run", "logs/before-start",
        ],
    ),
    Fault::new(
        "create-returns-latest-container",
        "A creation returns the latest container of the session, which may be another one.",
        &[CreateContainer(|inside, config| {
            returns_latest(inside, config).boxed()
        })],
        &["creation/ids-are-unique"],
    ),
    Fault::new(
        "creation-time-zero",
        "The creation time is the engine's zero time.",
        &[Instance(|container| {
            container.created_at = SystemTime::UNIX_EPOCH
        })],
        &["creation/creation-time-monotonic"],
    ),
    Fault::new(
        "names-with-leading-slash",
        "Names keep the slash that the engine puts before them.",
        &[Instance(|container| container.name.insert(0, '/'))],
        &["creation/name-round-trip", "creation/generated-name"],
    ),
    Fault::new(
        "one-name-per-session",
        "All containers of a session without a configured name get the same name.",
        &[Config(|config| {
            let session = &config.session_id;
            config.name.get_or_insert_with(|| format!("{session}-container"));
        })],
        &["creation/generated-name", "keys/no-key-new-container"],
    ),
    Fault::new(
        "taken-name-returns-existing",
        "A creation with a taken name returns the existing container.",
        &[CreateContainer(|inside, config| {
            returns_existing(inside, config).boxed()
        })],
        &["creation/name-taken", "concurrency/create-same-name"],
    ),
    Fault::new(
        "taken-name-removes-existing",
        "A creation with a taken name removes the existing container.",
        &[CreateContainer(|inside, config| {
            removes_existing(inside, config).boxed()
        })],
        &["creation/name-taken"],
    ),
    Fault::new(
        "taken-name-retryable",
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
            CreateContainer(|inside, config| records_creator(inside, config).boxed()),
            GetContainer(|inside, id| labels_for_creator_only(inside, id).boxed()),
        ],
        &[
            "creation/config-recorded",
            "lifecycle/state/consistent-across-drivers",
        ],
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
        "arguments-through-shell",
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
        "missing-image-retryable",
        "A missing image is reported as a failed pull, retryable.",
        &[CreateContainer(|inside, config| {
            missing_image_as_pull_failure(inside, config).boxed()
        })],
        &["creation/image-missing"],
    ),
    Fault::new(
        "missing-volume-created",
        "A creation creates the missing volume that it mounts.",
        &[CreateContainer(|inside, config| {
            creates_missing_volumes(inside, config).boxed()
        })],
        &["creation/volume-missing"],
    ),
    Fault::new(
        "missing-network-replaced-with-default",
        "A missing network is replaced with the default one.",
        &[CreateContainer(|inside, config| {
            replaces_missing_network(inside, config).boxed()
        })],
        &["creation/network-missing", "errors/no-effect"],
    ),
];

async fn also_starts(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let created = inside.driver.create_container(config).await?;
    inside.driver.start_container(&created.id).await?;
    Ok(created)
}

async fn returns_latest(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let created = inside.driver.create_container(config).await?;
    // This is long enough for all concurrent creations to complete.
    sleep(Duration::from_secs(1)).await;
    let own = ContainerFilter::default().session(SessionId::new(config.session_id.as_str())?);
    let mut all = inside.driver.list_containers(&own).await?;
    Ok(all.pop().unwrap_or(created))
}

async fn records_creator(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let created = inside.driver.create_container(config).await?;
    inside
        .memory
        .note(&format!("{} created by {}", created.id, inside.number()));
    Ok(created)
}

async fn labels_for_creator_only(inside: &Inside, id: &ContainerId) -> Result<Option<ContainerInstance>> {
    let mut found = inside.driver.get_container(id).await?;
    if let Some(container) = &mut found {
        let creator = inside.memory.latest(&format!("{} created by ", container.id));
        if creator != Some(inside.number().to_string()) {
            container.labels.clear();
        }
    }
    Ok(found)
}

/// Creates a container. If the creation fails with the error code `code`, returns the result of `instead`.
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

async fn existing_container(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let name = config.name.as_deref().unwrap_or_default();
    let found = inside.driver.find_container(name).await?;
    found.ok_or_else(|| ContainerNotFoundError::new(name).into())
}

async fn returns_existing(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    unless(inside, config, codes::CONTAINER_CREATION_FAILED, async || {
        existing_container(inside, config).await
    })
    .await
}

async fn removes_existing(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    unless(inside, config, codes::CONTAINER_CREATION_FAILED, async || {
        inside
            .driver
            .remove_container(
                &existing_container(inside, config).await?.id,
                RemoveOptions::force(),
            )
            .await?;
        inside.driver.create_container(config).await
    })
    .await
}

async fn missing_image_as_pull_failure(
    inside: &Inside,
    config: &ContainerConfig,
) -> Result<ContainerInstance> {
    unless(inside, config, codes::IMAGE_NOT_FOUND, async || {
        Err(ImagePullError::new(&config.image, "the engine refused").into())
    })
    .await
}

async fn creates_missing_volumes(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
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

async fn replaces_missing_network(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    unless(inside, config, codes::NETWORK_NOT_FOUND, async || {
        let config = config.clone().network(NetworkMode::Default);
        inside.driver.create_container(&config).await
    })
    .await
}
