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
use crate::self_test::sabotage::Inside;
use crate::self_test::sabotage::Sabotage::{
    Config, ConnectNetwork, CreateContainer, CreateNetwork, CreateVolume, DisconnectNetwork, Error,
    GetNetwork, GetVolume, ListVolumes, RemoveContainer, RemoveIdleNetworks, RemoveNetwork, RemoveVolume,
    StartContainer,
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "volumes-of-no-session-are-hidden",
        "A list of volumes has only those of sessions.",
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
        "idle-is-what-does-not-run",
        "A clean-up of networks takes that of a container that does not run.",
        &[
            RemoveIdleNetworks(|inside| cleaned_up(inside).boxed()),
            StartContainer(|inside, id| starts_without_network(inside, id).boxed()),
        ],
        &["cleanup/idle-networks"],
    ),
    Fault::new(
        "network-clean-ups-meet",
        "Of two clean-ups of networks at once one finds that the network is gone, and fails.",
        &[RemoveIdleNetworks(|inside| clean_ups_meet(inside).boxed())],
        &["cleanup/idle-networks-at-once"],
    ),
    Fault::new(
        "volume-labels-lost",
        "A volume has none of the labels that were asked for.",
        &[CreateVolume(|inside, config| {
            make_volume(inside, config, |config| config.labels.clear()).boxed()
        })],
        &["volumes/round-trip", "capability/volume-list"],
    ),
    Fault::new(
        "volume-session-lost",
        "A volume belongs to no session.",
        &[CreateVolume(|inside, config| {
            make_volume(inside, config, |config| config.session_id = None).boxed()
        })],
        &[
            "volumes/round-trip",
            "capability/volume-list",
            "cleanup/session-with-volumes-and-networks",
        ],
    ),
    Fault::new(
        "taken-volume-is-fine",
        "Creating a volume whose name is taken answers with the one that has it.",
        &[CreateVolume(|inside, config| {
            made_or_there(inside, config).boxed()
        })],
        &["volumes/name-taken", "concurrency/create-volume"],
    ),
    Fault::new(
        "failed-volume-looks-retryable",
        "A volume's name that is taken looks as if a retry could help.",
        &[Error(|error| match error.code() {
            codes::VOLUME_CREATION_FAILED => error.with_retryable(true),
            _ => error,
        })],
        &["volumes/name-taken"],
    ),
    Fault::new(
        "volumes-go-with-their-container",
        "Removing a container removes its session's volumes that nobody uses any more.",
        &[RemoveContainer(|inside, id, options| {
            removed_with_volumes(inside, id, options).boxed()
        })],
        &["volumes/survive-their-containers"],
    ),
    Fault::new(
        "volumes-are-each-containers-own",
        "Each container gets a folder of its own where a volume should be.",
        &[Config(|config| {
            let own = config
                .volumes
                .drain(..)
                .map(|mount| TmpfsMount::new(mount.target, 16));
            config.tmpfs.extend(own);
        })],
        &[
            "volumes/survive-their-containers",
            "volumes/shared",
            "volumes/in-use-stays",
        ],
    ),
    Fault::new(
        "read-only-mounts-are-writable",
        "A mount can be written to though it is read-only.",
        &[Config(|config| {
            config
                .volumes
                .iter_mut()
                .for_each(|mount| mount.read_only = false)
        })],
        &["volumes/read-only-mount"],
    ),
    Fault::new(
        "used-volume-is-removed",
        "Removing a volume that a container uses says that it is done.",
        &[RemoveVolume(|inside, id| volume_gone(inside, id).boxed())],
        &["volumes/in-use-stays"],
    ),
    Fault::new(
        "volume-in-use-looks-retryable",
        "The removal of a volume that is in use leaves open whether anything was done.",
        &[Error(|error| match error.code() {
            codes::VOLUME_REMOVE_FAILED => error.with_retryable(true).with_effect(Effect::Unknown),
            _ => error,
        })],
        &["volumes/in-use-stays"],
    ),
    Fault::new(
        "volume-names-are-used-up",
        "The name of a volume stays taken after its removal.",
        &[CreateVolume(|inside, config| {
            make_volume_once(inside, config).boxed()
        })],
        &["volumes/name-free-after-removal"],
    ),
    Fault::new(
        "volumes-are-never-found",
        "A volume is never found.",
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
        "A network has none of the labels that were asked for.",
        &[CreateNetwork(|inside, config| {
            make_network(inside, config, |config| config.labels.clear()).boxed()
        })],
        &["networks/round-trip", "capability/network-list"],
    ),
    Fault::new(
        "network-session-lost",
        "A network belongs to no session.",
        &[CreateNetwork(|inside, config| {
            make_network(inside, config, |config| config.session_id = None).boxed()
        })],
        &[
            "networks/round-trip",
            "capability/network-list",
            "cleanup/session-with-volumes-and-networks",
        ],
    ),
    Fault::new(
        "taken-network-is-fine",
        "Creating a network whose name is taken answers with the one that has it.",
        &[CreateNetwork(|inside, config| {
            made_or_there_network(inside, config).boxed()
        })],
        &["networks/name-taken", "concurrency/create-network"],
    ),
    Fault::new(
        "failed-network-looks-retryable",
        "A network's name that is taken looks as if a retry could help.",
        &[Error(|error| match error.code() {
            codes::NETWORK_CREATION_FAILED => error.with_retryable(true),
            _ => error,
        })],
        &["networks/name-taken"],
    ),
    Fault::new(
        "used-network-is-removed",
        "Removing a network that a container is attached to says that it is done.",
        &[RemoveNetwork(|inside, id| network_gone(inside, id).boxed())],
        &["networks/in-use-stays", "networks/connect"],
    ),
    Fault::new(
        "network-in-use-looks-retryable",
        "The removal of a network that is in use leaves open whether anything was done.",
        &[Error(|error| match error.code() {
            codes::NETWORK_REMOVE_FAILED => error.with_retryable(true).with_effect(Effect::Unknown),
            _ => error,
        })],
        &["networks/in-use-stays"],
    ),
    Fault::new(
        "networks-are-found-anywhere",
        "A network is found whatever is looked for.",
        &[GetNetwork(|inside, id| found_anyway(inside, id).boxed())],
        &["networks/get", "errors/not-found/get-network"],
    ),
    Fault::new(
        "network-names-are-ids",
        "A network's name is accepted as its id.",
        &[GetNetwork(|inside, id| found_by_name(inside, id).boxed())],
        &["networks/get"],
    ),
    Fault::new(
        "networks-are-left-out",
        "A container that asks for a network gets none.",
        &[Config(|config| {
            if matches!(config.network, NetworkMode::Named(_)) {
                config.network = NetworkMode::None;
            }
        })],
        &["networks/internal"],
    ),
    Fault::new(
        "networks-are-the-default-one",
        "A container that asks for a network gets the default one.",
        &[Config(|config| {
            if matches!(config.network, NetworkMode::Named(_)) {
                config.network = NetworkMode::Default;
            }
        })],
        &["networks/found-by-name", "networks/in-use-stays"],
    ),
    Fault::new(
        "one-network-a-session",
        "A container that asks for a network gets the first of its session.",
        &[CreateContainer(|inside, config| {
            on_the_first_network(inside, config).boxed()
        })],
        &["networks/names-apart", "networks/apart"],
    ),
    Fault::new(
        "one-default-network",
        "On the default network all containers reach one another.",
        &[CreateContainer(|inside, config| {
            on_one_network(inside, config).boxed()
        })],
        &["networks/sessions-apart"],
    ),
    Fault::new(
        "none-is-the-default-network",
        "A container that asks for no network gets its session's.",
        &[Config(|config| {
            if config.network == NetworkMode::None {
                config.network = NetworkMode::Default;
            }
        })],
        &["networks/none", "networks/connect-networkless"],
    ),
    Fault::new(
        "all-in-one-session",
        "All containers belong to one session.",
        &[Config(|config| config.session_id = "everybody".to_owned())],
        &["listing/session", "cleanup/session"],
    ),
    Fault::new(
        "connecting-does-nothing",
        "Attaching a container to a network says that it is done.",
        &[ConnectNetwork(|_, _, _, _| std::future::ready(Ok(())).boxed())],
        &[
            "networks/connect",
            "networks/connect-twice",
            "networks/connect-networkless",
            "networks/connect-reaches",
            "networks/connect-alias",
            "capability/network-connect",
        ],
    ),
    Fault::new(
        "connecting-needs-a-running-container",
        "A container that does not run cannot be attached.",
        &[ConnectNetwork(|inside, network, id, options| {
            connect_running(inside, network, id, options).boxed()
        })],
        &[
            "networks/connect",
            "networks/connect-twice",
            "networks/disconnect-twice",
        ],
    ),
    Fault::new(
        "connecting-again-fails",
        "Attaching what is attached is an error.",
        &[ConnectNetwork(|inside, network, id, options| {
            connect_once(inside, network, id, options).boxed()
        })],
        &["networks/connect-twice"],
    ),
    Fault::new(
        "connecting-moves",
        "Attaching a container to a network takes it from its other networks.",
        &[ConnectNetwork(|inside, network, id, options| {
            moved(inside, network, id, options).boxed()
        })],
        &["networks/connect-reaches", "networks/disconnect"],
    ),
    Fault::new(
        "connection-aliases-lost",
        "A container is not found by the names it was attached with.",
        &[ConnectNetwork(|inside, network, id, _| {
            inside
                .driver
                .connect_network(network, id, NetworkConnectOptions::default())
        })],
        &["networks/connect-alias"],
    ),
    Fault::new(
        "disconnecting-does-nothing",
        "Detaching a container from a network says that it is done.",
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
        "disconnecting-again-fails",
        "Detaching what is not attached is an error.",
        &[
            ConnectNetwork(|inside, network, id, options| {
                connect_noted(inside, network, id, options).boxed()
            }),
            DisconnectNetwork(|inside, network, id| disconnect_once(inside, network, id).boxed()),
        ],
        &["networks/disconnect-twice"],
    ),
    Fault::new(
        "internal-networks-are-open",
        "A network that is to be internal has a way out.",
        &[CreateNetwork(|inside, config| {
            make_network(inside, config, |config| config.internal = false).boxed()
        })],
        &["networks/internal"],
    ),
];

async fn make_volume(
    inside: &Inside,
    config: &VolumeConfig,
    change: fn(&mut VolumeConfig),
) -> Result<Volume> {
    let mut changed = config.clone();
    change(&mut changed);
    inside.driver.create_volume(&changed).await
}

async fn make_network(
    inside: &Inside,
    config: &NetworkConfig,
    change: fn(&mut NetworkConfig),
) -> Result<Network> {
    let mut changed = config.clone();
    change(&mut changed);
    inside.driver.create_network(&changed).await
}

async fn made_or_there(inside: &Inside, config: &VolumeConfig) -> Result<Volume> {
    let made = inside.driver.create_volume(config).await;
    match inside.driver.get_volume(&VolumeId::new(&config.name)?).await {
        Ok(Some(there)) if made.is_err() => Ok(there),
        _ => made,
    }
}

async fn made_or_there_network(inside: &Inside, config: &NetworkConfig) -> Result<Network> {
    let made = inside.driver.create_network(config).await;
    match inside.driver.find_network(&config.name).await {
        Ok(Some(there)) if made.is_err() => Ok(there),
        _ => made,
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
        // Volumes in use stay.
        let _ = inside.driver.remove_volume(&volume.id).await;
    }
    Ok(())
}

async fn volume_gone(inside: &Inside, id: &VolumeId) -> Result<()> {
    match inside.driver.remove_volume(id).await {
        Err(error) if error.code() == codes::VOLUME_REMOVE_FAILED => Ok(()),
        removed => removed,
    }
}

async fn network_gone(inside: &Inside, id: &NetworkId) -> Result<()> {
    match inside.driver.remove_network(id).await {
        Err(error) if error.code() == codes::NETWORK_REMOVE_FAILED => Ok(()),
        removed => removed,
    }
}

async fn make_volume_once(inside: &Inside, config: &VolumeConfig) -> Result<Volume> {
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

async fn found_anyway(inside: &Inside, id: &NetworkId) -> Result<Option<Network>> {
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
        return Err(NetworkConnectError::new(network.as_str(), id.as_str(), "it does not run").into());
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

async fn moved(
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

async fn connect_noted(
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

/// Removes the network of every container that is not running.
async fn cleaned_up(inside: &Inside) -> Result<usize> {
    for container in inside.driver.list_containers(&ContainerFilter::default()).await? {
        if container.state != ContainerState::Running {
            inside.memory.note(&format!("no network for {}", container.id));
        }
    }
    inside.driver.remove_idle_networks().await
}

async fn starts_without_network(inside: &Inside, id: &ContainerId) -> Result<StartOutcome> {
    if inside.memory.has(&format!("no network for {id}")) {
        return Err(ContainerStartError::new(id.as_str(), "network not found").into());
    }
    inside.driver.start_container(id).await
}

async fn clean_ups_meet(inside: &Inside) -> Result<usize> {
    let begun = inside.memory.note("a clean-up begins");
    let meets = begun > inside.memory.count("a clean-up ends");
    let removed = inside.driver.remove_idle_networks().await;
    sleep(Duration::from_millis(50)).await;
    inside.memory.note("a clean-up ends");
    if meets {
        return Err(NetworkNotFoundError::new("default").into());
    }
    removed
}
