//! The last part of a conversion: applies the settings that depend on other settings, and lists the differences from
//! Docker's defaults.

use driver_interface_errors::ConfigurationError;
use driver_interface_types::{HealthCheck, LogDriver, NetworkMode};

use super::{Settings, UNLIMITED_CPU};
use crate::{Conversion, text};

/// The CPU period in microseconds. It applies if the input sets no CPU period.
const DEFAULT_PERIOD: f64 = 100_000.0;

/// Docker's default log driver. It is used if the input sets log options but no log driver.
const DEFAULT_LOG_DRIVER: &str = "json-file";

impl Settings<'_> {
    /// Applies the remaining settings. Returns the conversion, or an error with all invalid values.
    pub(crate) fn finish(mut self) -> Result<Conversion, ConfigurationError> {
        self.apply_cpu_quota();
        self.apply_swap();
        self.apply_health();
        self.apply_logs();
        self.apply_files();
        self.name_volumes();
        // The content of a tmpfs mount counts towards the memory limit, so this size is Docker's: no limit of its own.
        for mount in self.config.tmpfs.iter_mut().filter(|mount| mount.size == 0) {
            mount.size = self.config.resources.memory;
        }
        if !self.violations.is_empty() {
            return Err(ConfigurationError::new(self.violations));
        }
        Ok(Conversion {
            differences: self.differences(),
            config: self.config,
            volumes: self.volumes,
            networks: self.networks,
            detach: self.detach,
            auto_remove: self.auto_remove,
            stop_timeout: self.stop_timeout,
            not_carried_over: self.not_carried_over,
        })
    }

    /// Returns an error with `message` and all invalid values found so far. Used if the rest of the input cannot be
    /// read.
    pub(crate) fn fail(&mut self, message: impl Into<String>) -> ConfigurationError {
        self.invalid(message);
        ConfigurationError::new(std::mem::take(&mut self.violations))
    }

    fn apply_cpu_quota(&mut self) {
        let period = self.cpu_period.filter(|period| *period > 0.0);
        match self.cpu_quota.take() {
            Some((_, quota)) if quota > 0.0 => {
                self.explicit.cpu = true;
                self.config.resources.cpu = quota / period.unwrap_or(DEFAULT_PERIOD);
            }
            Some((at, quota)) => self.at(at).leave(Some(&quota.to_string()), UNLIMITED_CPU),
            None => {}
        }
    }

    fn apply_swap(&mut self) {
        let Some((at, total)) = self.memory_swap.take() else {
            return;
        };
        self.at(at);
        if total == "-1" {
            let reason = "unlimited swap is not supported; set `resources.swap`";
            return self.leave(Some(&total), reason);
        }
        // Docker ignores zero.
        let total = self.valid(text::size(&total)).map_or(0, |size| size.mib);
        let swap = total.saturating_sub(self.config.resources.memory);
        self.config.resources.swap = Some(swap).filter(|swap| *swap > 0);
    }

    fn apply_health(&mut self) {
        let health = std::mem::take(&mut self.health);
        let Some(test) = health.test else {
            if let Some(at) = health.at {
                let reason = "the image's health check is not known; give its command too";
                self.at(at).leave(None, reason);
            }
            return;
        };
        let mut check = HealthCheck::new(test);
        check.interval = health.interval.unwrap_or(check.interval);
        check.timeout = health.timeout.unwrap_or(check.timeout);
        check.retries = health.retries.unwrap_or(check.retries);
        check.start_period = health.start_period.unwrap_or(check.start_period);
        check.start_interval = health.start_interval;
        self.config.health_check = Some(check);
    }

    fn apply_logs(&mut self) {
        let options = std::mem::take(&mut self.log_options);
        if self.log_driver.is_some() || !options.is_empty() {
            let name = self.log_driver.take();
            let mut driver = LogDriver::new(name.as_deref().unwrap_or(DEFAULT_LOG_DRIVER));
            driver.options = options;
            self.config.log_driver = Some(driver);
        }
    }

    fn apply_files(&mut self) {
        for (key, value) in std::mem::take(&mut self.file_env) {
            self.config.env.entry(key).or_insert(value);
        }
        for (key, value) in std::mem::take(&mut self.file_labels) {
            self.config.labels.entry(key).or_insert(value);
        }
    }

    fn differences(&self) -> Vec<String> {
        let (config, explicit) = (&self.config, &self.explicit);
        let resources = &config.resources;
        let volume_owner = self.volumes.first().and_then(|volume| volume.effective_owner());
        let owner = volume_owner.map(|owner| owner.to_string()).unwrap_or_default();
        let safe = !self.options.docker_defaults;
        let user = config.security.user.as_deref().unwrap_or_default();
        let all = [
            (
                safe && !explicit.read_only,
                "the root file system is read-only; Docker's default is writable".to_owned(),
            ),
            (
                safe && !explicit.user,
                format!("the main process runs as user {user}; Docker's default is the image's user"),
            ),
            (
                safe && !explicit.drops_all,
                "only the capabilities that are added are kept; Docker's default keeps 14".to_owned(),
            ),
            (
                safe && !explicit.no_new_privileges,
                "processes cannot gain privileges, for example with `sudo`; Docker's default allows it"
                    .to_owned(),
            ),
            (
                safe && config.init.is_none(),
                "an init process runs as PID 1 if the engine has one; Docker's default is none".to_owned(),
            ),
            (
                !explicit.cpu,
                format!(
                    "the CPU limit in cores is {}; Docker's default is none",
                    resources.cpu
                ),
            ),
            (
                !explicit.memory,
                format!(
                    "the memory limit is {} MiB; Docker's default is none",
                    resources.memory
                ),
            ),
            (
                resources.swap.is_none(),
                "the container cannot swap; Docker's default allows it".to_owned(),
            ),
            (
                safe && !explicit.pids,
                format!(
                    "the limit is {} processes; Docker's default is none",
                    resources.pids
                ),
            ),
            (
                safe && self.has_port_without_address,
                "ports without an address are published on 127.0.0.1; Docker's default is all interfaces"
                    .to_owned(),
            ),
            (
                safe && volume_owner.is_some(),
                format!(
                    "a new volume is empty and belongs to {owner}; Docker's default copies the image's files and owner"
                ),
            ),
            (
                config.network == NetworkMode::Default,
                "containers of other sessions cannot be reached on the default network; on Docker's they can"
                    .to_owned(),
            ),
        ];
        let listed = all.into_iter().filter(|(is_different, _)| *is_different);
        listed.map(|(_, text)| text).collect()
    }
}
