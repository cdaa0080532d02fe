//! Resolution of host names in containers.

use std::net::{IpAddr, Ipv4Addr};

use driver_interface_types::{ContainerId, HostAddress, NetworkMode};

use super::Shared;
use super::state::{Container, State};
use crate::sync::lock;

/// The address at which containers reach the engine's host.
const HOST_GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(172, 17, 0, 1));

/// Converts the address of an extra host to an IP address.
pub(crate) fn host_address(address: HostAddress) -> IpAddr {
    match address {
        HostAddress::Ip(address) => address,
        _ => HOST_GATEWAY,
    }
}

/// Returns the address that `name` has in the container `asking`, or `None` if the name cannot be resolved.
pub(crate) fn address_of(shared: &Shared, asking: &ContainerId, name: &str) -> Option<String> {
    let state = lock(&shared.state);
    let container = state.containers.get(asking)?;
    if name == "localhost" {
        return Some("127.0.0.1".to_owned());
    }
    if let Some(address) = container.config.extra_hosts.get(name) {
        return Some(host_address(*address).to_string());
    }
    if name == container.hostname() {
        return container.ip_address().map(|address| address.to_string());
    }
    let mut peers = state.containers.values().filter(|peer| peer.run().is_some());
    let found = peers.find(|peer| is_called(&state, container, peer, name))?;
    found.ip_address().map(|address| address.to_string())
}

/// Returns whether `asking` and `peer` share a network on which `name` is a name of `peer`.
fn is_called(state: &State, asking: &Container, peer: &Container, name: &str) -> bool {
    let own_name = peer.name == name;
    let both_on_sessions = asking.config.network == NetworkMode::Default
        && peer.config.network == NetworkMode::Default
        && asking.config.session_id == peer.config.session_id;
    if both_on_sessions && (own_name || peer.config.network_aliases.iter().any(|alias| alias == name)) {
        return true;
    }
    peer.networks
        .iter()
        .filter(|attached| state.networks.contains_key(&attached.network))
        .filter(|attached| asking.networks.iter().any(|own| own.network == attached.network))
        .any(|attached| own_name || attached.aliases.iter().any(|alias| alias == name))
}
