//! Faults in volumes and networks.

use std::time::Duration;

use driver_interface_errors::{
    ContainerStartError, Effect, NetworkConnectError, NetworkNotFoundError, VolumeCreationError, codes,
};
use driver_interface_types::{
    ContainerConfig, ContainerDriver as _, ContainerDriverExt as _, ContainerFilter, ContainerId,
    ContainerInstance, ContainerState, ContainerStatus, Network, NetworkConfig, NetworkConnectOptions,
    NetworkId, NetworkMode, RemoveOptions, ResourceFilter, Result, SessionId, StartOutcome, TmpfsMount,
    Volume, VolumeConfig, VolumeId,
};
use futures_util::FutureExt as _;
use tokio::time::sleep;

use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{
    Config, ConnectNetwork, CreateContainer, CreateNetwork, CreateVolume, DisconnectNetwork, Error,
    GetNetwork, GetVolume, ListVolumes, RemoveContainer, RemoveIdleNetworks, RemoveNetwork, RemoveVolume,
    StartContainer,
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "volumes-without-session-hidden",
        "Volumes without a session are not listed.",
        &[ListVolumes(|inside, filter| {
            async {
                let mut found = inside.driver.list_volumes(filter).await?;
                found.retain(|volume| volume.session_id.is_some());
                Ok(found)
            }
            .boxed()
        })],
        &["cleanup/namespace"],
    ),
    Fault::new(
        "networks-of-stopped-containers-removed",
        "A network cleanup removes the networks of containers that are not running.",
        &[
            RemoveIdleNetworks(|inside| remove_networks_of_stopped(inside).boxed()),
            StartContainer(|inside, id| start_without_network(inside, id).boxed()),
        ],
        &["cleanup/idle-networks"],
    ),
    Fault::new(
        "concurrent-network-cleanups-fail",
        "If two network cleanups race, one fails because a network is already removed.",
        &[RemoveIdleNetworks(|inside| {
            concurrent_cleanups_collide(inside).boxed()
        })],
        &["cleanup/idle-networks-concurrent"],
    ),
    Fault::new(
        "volume-labels-lost",
        "A volume has none of its configured labels.",
        &[CreateVolume(|inside, config| {
            create_volume_with(inside, config, |config| config.labels.clear()).boxed()
        })],
        &["volumes/round-trip", "capability/volume-list"],
    ),
    Fault::new(
        "volume-session-lost",
        "A volume has no session.",
        &[CreateVolume(|inside, config| {
            create_volume_with(inside, config, |config| config.session_id = None).boxed()
        })],
        &[
            "volumes/round-trip",
            "capability/volume-list",
            "cleanup/session-with-volumes-and-networks",
        ],
    ),
    Fault::new(
        "taken-volume-succeeds",
        "Creating a volume with a taken name returns the existing one.",
        &[CreateVolume(|inside, config| {
            create_or_get_volume(inside, config).boxed()
        })],
        &["volumes/name-taken", "concurrency/create-volume"],
    ),
    Fault::new(
        "taken-volume-retryable",
        "A taken volume name is reported as retryable.",
        &[Error(|error| match error.code() {
            codes::VOLUME_CREATION_FAILED => error.with_retryable(true),
            _ => error,
        })],
        &["volumes/name-taken"],
    ),
    Fault::new(
        "volumes-removed-with-container",
        "Removing a container also removes unused volumes of its session.",
        &[RemoveContainer(|inside, id, options| {
            removed_with_volumes(inside, id, options).boxed()
        })],
        &["volumes/outlive-containers"],
    ),
    Fault::new(
        "volumes-not-shared",
        "Each container gets a directory of its own instead of the volume.",
        &[Config(|config| {
            let own = config
                .volumes
                .drain(..)
                .map(|mount| TmpfsMount::new(mount.target, 16));
            config.tmpfs.extend(own);
        })],
        &[
            "volumes/outlive-containers", "volumes/shared", "volumes/in-use-not-removed",
        ],
    ),
    Fault::new(
        "read-only-mounts-are-writable",
        "Read-only mounts are writable.",
        &[Config(|config| {
            config
                .volumes
                .iter_mut()
                .for_each(|mount| mount.read_only = false)
        })],
        &["volumes/read-only-mount"],
    ),
    Fault::new(
        "volume-in-use-removal-succeeds",
        "Removing a volume that is in use reports success.",
        &[RemoveVolume(|inside, id| {
            volume_removal_succeeds(inside, id).boxed()
        })],
        &["volumes/in-use-not-removed"],
    ),
    Fault::new(
        "volume-in-use-unknown-effect",
        "Removing a volume that is in use reports an unknown effect.",
        &[Error(|error| match error.code() {
            codes::VOLUME_REMOVE_FAILED => error.with_retryable(true).with_effect(Effect::Unknown),
            _ => error,
        })],
        &["volumes/in-use-not-removed"],
    ),
    Fault::new(
        "volume-names-stay-taken",
        "The name of a removed volume stays taken.",
        &[CreateVolume(|inside, config| {
            create_volume_once(inside, config).boxed()
        })],
        &["volumes/name-reusable-after-removal"],
    ),
    Fault::new(
        "get-volume-finds-nothing",
        "`get_volume` never finds a volume.",
        &[GetVolume(|inside, id| {
            inside
                .driver
                .get_volume(id)
                .map(|found| found.map(|_| None))
                .boxed()
        })],
        &["volumes/get", "capability/volume-inspect"],
    ),
    Fault::new(
        "network-labels-lost",
        "A network has none of its configured labels.",
        &[CreateNetwork(|inside, config| {
            create_network_with(inside, config, |config| config.labels.clear()).boxed()
        })],
        &["networks/round-trip", "capability/network-list"],
    ),
    Fault::new(
        "network-session-lost",
        "A network has no session.",
        &[CreateNetwork(|inside, config| {
            create_network_with(inside, config, |config| config.session_id = None).boxed()
        })],
        &[
            "networks/round-trip",
            "capability/network-list",
            "cleanup/session-with-volumes-and-networks",
        ],
    ),
    Fault::new(
        "taken-network-succeeds",
        "Creating a network with a taken name returns the existing one.",
        &[CreateNetwork(|inside, config| {
            create_or_get_network(inside, config).boxed()
        })],
        &["networks/name-taken", "concurrency/create-network"],
    ),
    Fault::new(
        "taken-network-retryable",
        "A taken network name is reported as retryable.",
        &[Error(|error| match error.code() {
            codes::NETWORK_CREATION_FAILED => error.with_retryable(true),
            _ => error,
        })],
        &["networks/name-taken"],
    ),
    Fault::new(
        "network-in-use-removal-succeeds",
        "Removing a network that is in use reports success.",
        &[RemoveNetwork(|inside, id| {
            network_removal_succeeds(inside, id).boxed()
        })],
        &["networks/in-use-not-removed", "networks/connect"],
    ),
    Fault::new(
        "network-in-use-unknown-effect",
        "Removing a network that is in use reports an unknown effect.",
        &[Error(|error| match error.code() {
            codes::NETWORK_REMOVE_FAILED => error.with_retryable(true).with_effect(Effect::Unknown),
            _ => error,
        })],
        &["networks/in-use-not-removed"],
    ),
    Fault::new(
        "get-network-finds-anything",
        "`get_network` returns a network for any name.",
        &[GetNetwork(|inside, id| always_found(inside, id).boxed())],
        &["networks/get", "errors/not-found/get-network"],
    ),
    Fault::new(
        "network-names-accepted-as-ids",
        "A network's name is accepted as its id.",
        &[GetNetwork(|inside, id| found_by_name(inside, id).boxed())],
        &["networks/get"],
    ),
    Fault::new(
        "named-networks-ignored",
        "A container with a configured network gets none.",
        &[Config(|config| {
            if matches!(config.network, NetworkMode::Named(_)) {
                config.network = NetworkMode::None;
            }
        })],
        &["networks/internal"],
    ),
    Fault::new(
        "named-networks-replaced-with-default",
        "A container with a configured network gets the default network.",
        &[Config(|config| {
            if matches!(config.network, NetworkMode::Named(_)) {
                config.network = NetworkMode::Default;
            }
        })],
        &["networks/resolve-by-name", "networks/in-use-not-removed"],
    ),
    Fault::new(
        "one-network-per-session",
        "A container with a configured network gets the first network of its session.",
        &[CreateContainer(|inside, config| {
            on_the_first_network(inside, config).boxed()
        })],
        &["networks/name-resolution-isolated", "networks/isolated"],
    ),
    Fault::new(
        "default-network-shared-by-sessions",
        "Containers of all sessions reach each other on the default network.",
        &[CreateContainer(|inside, config| {
            on_one_network(inside, config).boxed()
        })],
        &["networks/sessions-isolated"],
    ),
    Fault::new(
        "none-replaced-with-default-network",
        "A container without a network gets the default network.",
        &[Config(|config| {
            if config.network == NetworkMode::None {
                config.network = NetworkMode::Default;
            }
        })],
        &["networks/none", "networks/connect-without-network"],
    ),
    Fault::new(
        "all-in-one-session",
        "All containers belong to one session.",
        &[Config(|config| config.session_id = "everybody".to_owned())],
        &["listing/session", "cleanup/session"],
    ),
    Fault::new(
        "connect-does-nothing",
        "Connecting a container to a network succeeds without effect.",
        &[ConnectNetwork(|_, _, _, _| std::future::ready(Ok(())).boxed())],
        &[
            "networks/connect",
            "networks/connect-twice",
            "networks/connect-without-network",
            "networks/connect-reachable",
            "networks/connect-alias",
            "capability/network-connect",
        ],
    ),
    Fault::new(
        "connect-needs-running-container",
        "A container that is not running cannot be connected.",
        &[ConnectNetwork(|inside, network, id, options| {
            connect_running(inside, network, id, options).boxed()
        })],
        &[
            "networks/connect", "networks/connect-twice", "networks/disconnect-twice",
        ],
    ),
    Fault::new(
        "reconnect-fails",
        "Connecting a connected container returns an error.",
        &[ConnectNetwork(|inside, network, id, options| {
            connect_once(inside, network, id, options).boxed()
        })],
        &["networks/connect-twice"],
    ),
    Fault::new(
        "connect-disconnects-others",
        "Connecting a container to a network disconnects it from its other networks.",
        &[ConnectNetwork(|inside, network, id, options| {
            disconnects_others(inside, network, id, options).boxed()
        })],
        &["networks/connect-reachable", "networks/disconnect"],
    ),
    Fault::new(
        "connection-aliases-lost",
        "A container does not resolve by the aliases of its connection.",
        &[ConnectNetwork(|inside, network, id, _| {
            inside
                .driver
                .connect_network(network, id, NetworkConnectOptions::default())
        })],
        &["networks/connect-alias"],
    ),
    Fault::new(
        "disconnect-does-nothing",
        "Disconnecting a container from a network succeeds without effect.",
        &[DisconnectNetwork(|_, _, _| std::future::ready(Ok(())).boxed())],
        &[
            "networks/connect",
            "networks/connect-twice",
            "networks/disconnect",
            "networks/disconnect-twice",
            "capability/network-connect",
            "errors/not-found/disconnect-network",
        ],
    ),
    Fault::new(
        "second-disconnect-fails",
        "Disconnecting a container that is not connected returns an error.",
        &[
            ConnectNetwork(|inside, network, id, options| {
                record_connect(inside, network, id, options).boxed()
            }),
            DisconnectNetwork(|inside, network, id| disconnect_once(inside, network, id).boxed()),
        ],
        &["networks/disconnect-twice"],
    ),
    Fault::new(
        "internal-networks-are-open",
        "An internal network has an external route.",
        &[CreateNetwork(|inside, config| {
            create_network_with(inside, config, |config| config.internal = false).boxed()
        })],
        &["networks/internal"],
    ),
];

async fn create_volume_with(
    inside: &Inside,
    config: &VolumeConfig,
    change: fn(&mut VolumeConfig),
) -> Result<Volume> {
    let mut changed = config.clone();
    change(&mut changed);
    inside.driver.create_volume(&changed).await
}

async fn create_network_with(
    inside: &Inside,
    config: &NetworkConfig,
    change: fn(&mut NetworkConfig),
) -> Result<Network> {
    let mut changed = config.clone();
    change(&mut changed);
    inside.driver.create_network(&changed).await
}

async fn create_or_get_volume(inside: &Inside, config: &VolumeConfig) -> Result<Volume> {
    let created = inside.driver.create_volume(config).await;
    match inside.driver.get_volume(&VolumeId::new(&config.name)?).await {
        Ok(Some(existing)) if created.is_err() => Ok(existing),
        _ => created,
    }
}

async fn create_or_get_network(inside: &Inside, config: &NetworkConfig) -> Result<Network> {
    let created = inside.driver.create_network(config).await;
    match inside.driver.find_network(&config.name).await {
        Ok(Some(existing)) if created.is_err() => Ok(existing),
        _ => created,
    }
}

async fn removed_with_volumes(inside: &Inside, id: &ContainerId, options: RemoveOptions) -> Result<()> {
    let container = inside.driver.get_container(id).await?;
    inside.driver.remove_container(id, options).await?;
    let Some(container) = container else {
        return Ok(());
    };
    let its_session = ResourceFilter::default().session(container.session_id);
    for volume in inside.driver.list_volumes(&its_session).await? {
        // The engine does not remove a volume that is in use, so this may fail.
        let _ = inside.driver.remove_volume(&volume.id).await;
    }
    Ok(())
}

async fn volume_removal_succeeds(inside: &Inside, id: &VolumeId) -> Result<()> {
    match inside.driver.remove_volume(id).await {
        Err(error) if error.code() == codes::VOLUME_REMOVE_FAILED => Ok(()),
        removed => removed,
    }
}

async fn network_removal_succeeds(inside: &Inside, id: &NetworkId) -> Result<()> {
    match inside.driver.remove_network(id).await {
        Err(error) if error.code() == codes::NETWORK_REMOVE_FAILED => Ok(()),
        removed => removed,
    }
}

async fn create_volume_once(inside: &Inside, config: &VolumeConfig) -> Result<Volume> {
    if inside.memory.note(&config.name) > 0 {
        return Err(VolumeCreationError::new(&config.name, "the name is taken").into());
    }
    inside.driver.create_volume(config).await
}

async fn on_the_first_network(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let mut config = config.clone();
    if matches!(config.network, NetworkMode::Named(_)) {
        let session = SessionId::new(&config.session_id)?;
        let all = inside
            .driver
            .list_networks(&ResourceFilter::default().session(session))
            .await?;
        let first = all.into_iter().map(|network| network.name).min();
        config.network = first.map_or(NetworkMode::Default, NetworkMode::Named);
    }
    inside.driver.create_container(&config).await
}

async fn on_one_network(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let mut config = config.clone();
    if config.network == NetworkMode::Default {
        let shared = ResourceFilter::default().label("shared", "yes");
        let network = match inside.driver.list_networks(&shared).await?.pop() {
            Some(network) => network,
            None => {
                let name = format!("{}-shared", config.name.as_deref().unwrap_or("all"));
                let shared = NetworkConfig::new(name).label("shared", "yes");
                inside.driver.create_network(&shared).await?
            }
        };
        config.network = NetworkMode::Named(network.name);
    }
    inside.driver.create_container(&config).await
}

async fn always_found(inside: &Inside, id: &NetworkId) -> Result<Option<Network>> {
    let found = inside.driver.get_network(id).await?;
    let any = Network::new(id.clone(), id.as_str(), "bridge", std::time::SystemTime::now());
    Ok(found.or(Some(any)))
}

async fn found_by_name(inside: &Inside, id: &NetworkId) -> Result<Option<Network>> {
    match inside.driver.get_network(id).await? {
        None => inside.driver.find_network(id.as_str()).await,
        found => Ok(found),
    }
}

async fn connect_running(
    inside: &Inside,
    network: &NetworkId,
    id: &ContainerId,
    options: NetworkConnectOptions,
) -> Result<()> {
    let found = inside.driver.get_container(id).await?;
    if found.is_some_and(|container| container.status != ContainerStatus::Running) {
        return Err(NetworkConnectError::new(network.as_str(), id.as_str(), "it is not running").into());
    }
    inside.driver.connect_network(network, id, options).await
}

async fn connect_once(
    inside: &Inside,
    network: &NetworkId,
    id: &ContainerId,
    options: NetworkConnectOptions,
) -> Result<()> {
    if inside.memory.note(&connection(network, id)) > 0 {
        return Err(NetworkConnectError::new(network.as_str(), id.as_str(), "it is attached").into());
    }
    inside.driver.connect_network(network, id, options).await
}

async fn disconnects_others(
    inside: &Inside,
    network: &NetworkId,
    id: &ContainerId,
    options: NetworkConnectOptions,
) -> Result<()> {
    for other in inside.driver.list_networks(&ResourceFilter::default()).await? {
        if other.id != *network {
            inside.driver.disconnect_network(&other.id, id).await?;
        }
    }
    inside.driver.connect_network(network, id, options).await
}

async fn record_connect(
    inside: &Inside,
    network: &NetworkId,
    id: &ContainerId,
    options: NetworkConnectOptions,
) -> Result<()> {
    inside.memory.note(&connection(network, id));
    inside.driver.connect_network(network, id, options).await
}

async fn disconnect_once(inside: &Inside, network: &NetworkId, id: &ContainerId) -> Result<()> {
    let again = inside.memory.note(&format!("not {}", connection(network, id))) > 0;
    if again || !inside.memory.has(&connection(network, id)) {
        return Err(NetworkConnectError::new(network.as_str(), id.as_str(), "it is not attached").into());
    }
    inside.driver.disconnect_network(network, id).await
}

fn connection(network: &NetworkId, id: &ContainerId) -> String {
    format!("{id} on {network}")
}

/// Removes idle networks, and records that the containers that are not running have lost their networks.
async fn remove_networks_of_stopped(inside: &Inside) -> Result<usize> {
    for container in inside.driver.list_containers(&ContainerFilter::default()).await? {
        if container.state != ContainerState::Running {
            inside.memory.note(&format!("no network for {}", container.id));
        }
    }
    inside.driver.remove_idle_networks().await
}

async fn start_without_network(inside: &Inside, id: &ContainerId) -> Result<StartOutcome> {
    if inside.memory.has(&format!("no network for {id}")) {
        return Err(ContainerStartError::new(id.as_str(), "network not found").into());
    }
    inside.driver.start_container(id).await
}

async fn concurrent_cleanups_collide(inside: &Inside) -> Result<usize> {
    let began = inside.memory.note("a cleanup begins");
    let overlaps = began > inside.memory.count("a cleanup ends");
    let removed = inside.driver.remove_idle_networks().await;
    sleep(Duration::from_millis(50)).await;
    inside.memory.note("a cleanup ends");
    if overlaps {
        return Err(NetworkNotFoundError::new("default").into());
    }
    removed
}
