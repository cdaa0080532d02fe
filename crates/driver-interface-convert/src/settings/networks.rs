//! The settings for networks, ports and host names.

use std::net::{IpAddr, Ipv4Addr};

use driver_interface_types::{HostAddress, NetworkConnectOptions, NetworkMode, PortMapping};

use super::{Settings, first_message};

impl Settings<'_> {
    /// Applies a network mode. Returns `true` if `mode` is a mode with a fixed meaning, such as `none`. Returns
    /// `false` if `mode` is the name of a network.
    pub(crate) fn network_mode(&mut self, mode: &str) -> bool {
        match mode {
            "" | "default" | "bridge" => {}
            "none" => self.config.network = NetworkMode::None,
            "host" => self.leave(
                Some(mode),
                "containers cannot use the host's network; publish ports, and reach the host as `host-gateway`",
            ),
            _ if mode.starts_with("container:") || mode.starts_with("service:") => self.leave(
                Some(mode),
                "containers cannot share another container's network; connect both to one network",
            ),
            _ => return false,
        }
        true
    }

    /// Connects the container to a network. The first network becomes the container's main network.
    pub(crate) fn connect(&mut self, name: &str, options: NetworkConnectOptions) {
        if self.config.network == NetworkMode::Default {
            self.config.network = NetworkMode::Named(name.to_owned());
            self.config.network_aliases.extend(options.aliases);
            self.config.addresses.extend(options.addresses);
        } else {
            self.config.networks.insert(name.to_owned(), options);
        }
    }

    pub(crate) fn network_address(&mut self, options: &mut NetworkConnectOptions, value: &str) {
        let address = self.address(value);
        options.addresses.extend(address);
    }

    pub(crate) fn gateway(&mut self, value: &str) -> Option<IpAddr> {
        self.address(value)
    }

    /// Adds an IP address of the container on its main network.
    pub(crate) fn main_address(&mut self, value: &str) {
        let address = self.address(value);
        self.config.addresses.extend(address);
    }

    /// Publishes a port or a range of ports, given as `[[address:]host port:]container port[/protocol]`.
    pub(crate) fn publish(&mut self, value: &str) {
        let ports = value.split('/').next().unwrap_or_default();
        let has_address = ports.matches(':').count() > 1;
        let (host, container) = ports.rsplit_once(':').unwrap_or(("", ports));
        if host.rsplit(':').next().is_some_and(|host| host.contains('-')) && !container.contains('-') {
            let reason = "the engine would choose one of several ports of the host; give one port, or only the container's";
            return self.leave(Some(value), reason);
        }
        let mappings = PortMapping::parse_range(value).map_err(|error| first_message(&error));
        self.has_port_without_address |= !has_address;
        let everywhere = self.options.docker_defaults && !has_address;
        for mapping in self.valid(mappings).unwrap_or_default() {
            self.config.ports.push(match everywhere {
                true => mapping.host_ip(Ipv4Addr::UNSPECIFIED),
                false => mapping,
            });
        }
    }

    /// Adds a host name and its address. `value` has the form `name=address` or `name:address`.
    pub(crate) fn extra_host(&mut self, value: &str) {
        match value.split_once('=').or_else(|| value.split_once(':')) {
            Some((name, address)) => self.host_address(name, address),
            None => self.invalid(format!("must have the form `name:address`; got {value:?}")),
        }
    }

    pub(crate) fn host_address(&mut self, name: &str, address: &str) {
        let address = address.trim_start_matches('[').trim_end_matches(']');
        if let Some(address) = self.parsed::<HostAddress>(address) {
            self.config.extra_hosts.insert(name.to_owned(), address);
        }
    }
}
