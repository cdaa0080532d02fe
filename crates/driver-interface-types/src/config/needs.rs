//! The capabilities that a config requires.

use driver_interface_errors::UnsupportedError;

use crate::{Capabilities, Capability, ContainerConfig};

impl ContainerConfig {
    /// Returns the parts of the config that not every driver supports: each path with the capability it requires.
    ///
    /// ```
    /// use driver_interface_types::{Capability, ContainerConfig, PortMapping};
    ///
    /// let config = ContainerConfig::new("demo", "nginx");
    /// assert!(config.needs().is_empty());
    /// assert_eq!(config.port(PortMapping::new(80)).needs(), [("ports", Capability::PortPublish)]);
    /// ```
    pub fn needs(&self) -> Vec<(&'static str, Capability)> {
        use Capability as Needs;
        let asked = [
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
            (!self.extra_hosts.is_empty(), "extraHosts", Needs::NameResolution),
            (self.health_check.is_some(), "healthCheck", Needs::HealthCheckRun),
            (self.platform.is_some(), "platform", Needs::PlatformSelect),
            (self.runtime.is_some(), "runtime", Needs::RuntimeSelect),
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
            (!self.devices.is_empty(), "devices", Needs::DeviceAccess),
            (self.gpus.is_some(), "gpus", Needs::GpuAccess),
        ];
        let asked = asked.into_iter().filter(|(is_asked, ..)| *is_asked);
        asked.map(|(_, path, capability)| (path, capability)).collect()
    }

    /// Refuses a config that requires a capability the driver does not declare. Drivers call it first, so that no
    /// part of a config is silently ignored.
    ///
    /// # Errors
    /// [`UnsupportedError`], which names the first such path and its capability.
    pub fn require(&self, capabilities: &Capabilities) -> Result<(), UnsupportedError> {
        let lacking = self
            .needs()
            .into_iter()
            .find(|(_, capability)| !capabilities.supports(*capability));
        match lacking {
            None => Ok(()),
            Some((path, capability)) => Err(UnsupportedError::new(
                "create_container",
                format!("`{path}` needs `{capability}`, which this driver does not declare"),
            )),
        }
    }
}
