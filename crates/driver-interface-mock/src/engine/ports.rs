//! Publishing ports of containers on the simulated host.

use std::net::IpAddr;

use driver_interface_types::{ContainerId, Protocol, PublishedPort};

use super::run::StartProblem;
use super::state::State;

/// The host ports that are allocated if the config requests no particular port.
const EPHEMERAL: std::ops::RangeInclusive<u16> = 49_153..=65_535;

/// Returns the published ports of a container that is being started. Fails if a requested host port is in use.
pub(super) fn ports_of(state: &State, id: &ContainerId) -> Result<Vec<PublishedPort>, StartProblem> {
    let Some(container) = state.containers.get(id) else {
        return Ok(Vec::new());
    };
    if container.config.ports.is_empty() {
        return Ok(Vec::new());
    }
    let others = state.containers.values().filter_map(|other| other.run());
    let mut taken: Vec<PublishedPort> = others.flat_map(|run| run.ports.iter().copied()).collect();
    let mut own = Vec::new();
    for mapping in &container.config.ports {
        let is_free = |port: u16| {
            !taken
                .iter()
                .any(|other| collides(other, mapping.protocol, mapping.host_ip, port))
        };
        let port = match mapping.host_port {
            Some(port) if is_free(port) => port,
            Some(port) => return Err(StartProblem::PortInUse(port)),
            None => EPHEMERAL
                .clone()
                .find(|port| is_free(*port))
                .ok_or(StartProblem::PortInUse(*EPHEMERAL.end()))?,
        };
        let published = PublishedPort::new(mapping.container_port, mapping.protocol, mapping.host_ip, port);
        taken.push(published);
        own.push(published);
    }
    Ok(own)
}

fn collides(other: &PublishedPort, protocol: Protocol, ip: IpAddr, port: u16) -> bool {
    let same_location = other.host_ip == ip || other.host_ip.is_unspecified() || ip.is_unspecified();
    other.protocol == protocol && other.host_port == port && same_location
}
