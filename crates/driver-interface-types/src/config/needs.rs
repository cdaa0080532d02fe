//! The capabilities that a config requires.

use driver_interface_errors::UnsupportedError;

use crate::rules::text::key_step;
use crate::{
    Capabilities, ConfigFeature, ContainerConfig, HealthCheck, HealthTest, HostAddress, MountType,
    NetworkMode, Operation, PullPolicy, VolumeMount,
};

impl ContainerConfig {
    /// Returns the settings of the config that not every driver supports. Each pair has the path of a setting and the
    /// feature that the setting needs.
    ///
    /// ```
    /// use driver_interface_types::{ConfigFeature, ContainerConfig, PortMapping};
    ///
    /// let config = ContainerConfig::new("demo", "nginx");
    /// assert!(config.needs().is_empty());
    /// assert_eq!(config.port(PortMapping::new(80)).needs(), [("ports", ConfigFeature::PortPublish)]);
    /// ```
    pub fn needs(&self) -> Vec<(&'static str, ConfigFeature)> {
        use ConfigFeature as Needs;
        let checks = |has: fn(&HealthCheck) -> bool| {
            self.health_check
                .as_ref()
                .is_some_and(|check| check.test != HealthTest::Disabled && has(check))
        };
        let requested = [
            (self.entrypoint.is_some(), "entrypoint", Needs::ProcessSetup),
            (self.working_dir.is_some(), "workingDir", Needs::ProcessSetup),
            (self.hostname.is_some(), "hostname", Needs::ProcessSetup),
            (self.tty, "tty", Needs::ProcessSetup),
            (self.stop_signal.is_some(), "stopSignal", Needs::ProcessSetup),
            (self.init.is_some(), "init", Needs::ProcessSetup),
            (!self.ulimits.is_empty(), "ulimits", Needs::ProcessSetup),
            (!self.tmpfs.is_empty(), "tmpfs", Needs::TmpfsMount),
            (self.shm_size.is_some(), "shmSize", Needs::TmpfsMount),
            (!self.ports.is_empty(), "ports", Needs::PortPublish),
            (
                !self.network_aliases.is_empty(),
                "networkAliases",
                Needs::NameResolution,
            ),
            (!self.dns.is_empty(), "dns", Needs::NameResolution),
            (!self.dns_search.is_empty(), "dnsSearch", Needs::NameResolution),
            (!self.dns_options.is_empty(), "dnsOptions", Needs::NameResolution),
            (!self.extra_hosts.is_empty(), "extraHosts", Needs::NameResolution),
            (checks(|_| true), "healthCheck", Needs::HealthCheck),
            (
                checks(|check| check.start_interval.is_some()),
                "healthCheck.startInterval",
                Needs::HealthStartInterval,
            ),
            (self.platform.is_some(), "platform", Needs::Platform),
            (self.runtime.is_some(), "runtime", Needs::Runtime),
            (
                self.security.seccomp_profile.is_some(),
                "security.seccompProfile",
                Needs::SeccompProfile,
            ),
            (
                self.security.apparmor_profile.is_some(),
                "security.apparmorProfile",
                Needs::ApparmorProfile,
            ),
            (!self.devices.is_empty(), "devices", Needs::Devices),
            (self.gpus.is_some(), "gpus", Needs::Gpus),
            (self.stdin, "stdin", Needs::Stdin),
            (!self.unset_env.is_empty(), "unsetEnv", Needs::UnsetEnv),
            (!self.groups.is_empty(), "groups", Needs::ProcessSetup),
            (!self.networks.is_empty(), "networks", Needs::FurtherNetworks),
            (!self.addresses.is_empty(), "addresses", Needs::NetworkAddresses),
            (
                self.networks
                    .values()
                    .any(|options| !options.addresses.is_empty()),
                "networks",
                Needs::NetworkAddresses,
            ),
            (
                self.pull_policy == PullPolicy::Always,
                "pullPolicy",
                Needs::ImagePull,
            ),
            (
                self.volumes
                    .iter()
                    .any(|mount| mount.mount_type() == MountType::Bind),
                "volumes",
                Needs::BindMount,
            ),
            (!self.sysctls.is_empty(), "sysctls", Needs::Sysctls),
            (!self.annotations.is_empty(), "annotations", Needs::Annotations),
            (
                self.restart_policy.restarts(),
                "restartPolicy",
                Needs::RestartPolicy,
            ),
            (self.log_driver.is_some(), "logDriver", Needs::LogDriver),
            (self.cpuset.is_some(), "cpuset", Needs::CpuSet),
            (
                self.resources.swap.is_some(),
                "resources.swap",
                Needs::ResourceTuning,
            ),
            (
                self.resources.memory_reservation.is_some(),
                "resources.memoryReservation",
                Needs::ResourceTuning,
            ),
            (
                self.resources.cpu_shares.is_some(),
                "resources.cpuShares",
                Needs::ResourceTuning,
            ),
            (
                self.volumes.iter().any(|mount| mount.subpath.is_some()),
                "volumes[].subpath",
                Needs::VolumeSubpath,
            ),
            (
                self.volumes.iter().any(|mount| mount.copy),
                "volumes[].copy",
                Needs::VolumeCopy,
            ),
            (
                self.extra_hosts
                    .values()
                    .any(|address| *address == HostAddress::HostGateway),
                "extraHosts",
                Needs::HostGateway,
            ),
            (
                self.volumes.iter().any(VolumeMount::has_options),
                "volumes",
                Needs::MountOptions,
            ),
        ];
        let requested = requested.into_iter().filter(|(is_requested, ..)| *is_requested);
        requested.map(|(_, path, feature)| (path, feature)).collect()
    }

    /// Returns the networks that the config names. They must exist before the container is created. Each pair has the
    /// path of a setting, and the name or id of the network in this setting.
    ///
    /// ```
    /// use driver_interface_types::{ContainerConfig, NetworkConnectOptions};
    ///
    /// let config = ContainerConfig::new("demo", "nginx")
    ///     .network("front")
    ///     .also_network("back", NetworkConnectOptions::default());
    /// let networks = config.named_networks();
    /// assert_eq!(networks[0], ("network".to_owned(), "front"));
    /// assert_eq!(networks[1], ("networks[\"back\"]".to_owned(), "back"));
    /// ```
    pub fn named_networks(&self) -> Vec<(String, &str)> {
        let first = match &self.network {
            NetworkMode::Named(name) => Some(("network".to_owned(), name.as_str())),
            _ => None,
        };
        let further = self
            .networks
            .keys()
            .map(|name| (format!("networks{}", key_step(name)), name.as_str()));
        first.into_iter().chain(further).collect()
    }

    /// Returns an error if the config needs a feature that `capabilities` does not declare. Drivers call this method
    /// before they create a container, because they must not silently ignore a setting.
    ///
    /// # Errors
    /// [`UnsupportedError`], which names the missing capability and the path of the first setting that needs a
    /// missing capability.
    pub fn require(&self, capabilities: &Capabilities) -> Result<(), UnsupportedError> {
        self.needs().into_iter().try_for_each(|(path, feature)| {
            capabilities.require(Operation::CreateContainer, &format!("`{path}`"), feature)
        })
    }
}
