//! Docker's settings, from which the conversions of `docker run` and compose build a config.

mod finish;
mod host;
mod mounts;
mod networks;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use driver_interface_errors::{ConfigurationError, Violation};
use driver_interface_types::{
    ContainerConfig, HealthTest, LinuxCapabilities, NetworkConfig, PullPolicy, SecurityOptions, Ulimit,
    UlimitValue, VolumeConfig,
};

pub(crate) use mounts::MountSettings;

use crate::{ConvertOptions, NotCarriedOver, text};

/// The largest process limit that a config can have. The conversion uses this limit if the input asks for no limit.
pub(crate) const MAX_PIDS: u64 = 4_194_304;

/// The settings read so far. Each method applies one setting of the input in Docker's text form. Invalid values are
/// collected, so that one error reports all of them.
pub(crate) struct Settings<'a> {
    pub(crate) options: &'a ConvertOptions,
    pub(crate) config: ContainerConfig,
    pub(crate) volumes: Vec<VolumeConfig>,
    pub(crate) networks: Vec<NetworkConfig>,
    pub(crate) detach: bool,
    pub(crate) auto_remove: bool,
    stop_timeout: Option<Duration>,
    /// The flag, or the path in the compose file, of the setting that is being applied.
    at: String,
    /// The prefix of the names of anonymous volumes: the session or the project, followed by the service of a compose
    /// file.
    pub(crate) volume_prefix: Vec<String>,
    pub(crate) volume_driver: Option<String>,
    violations: Vec<Violation>,
    not_carried_over: Vec<NotCarriedOver>,
    /// The variables from env files. If the input also sets a variable directly, the direct value takes precedence.
    file_env: BTreeMap<String, String>,
    file_labels: BTreeMap<String, String>,
    cpu_quota: Option<(String, f64)>,
    cpu_period: Option<f64>,
    memory_swap: Option<(String, String)>,
    /// Whether a port was published without an address of the host.
    has_port_without_address: bool,
    log_driver: Option<String>,
    log_options: BTreeMap<String, String>,
    health: HealthSettings,
    explicit: Explicit,
}

/// The parts of a health check, which are set one by one.
#[derive(Default)]
struct HealthSettings {
    test: Option<HealthTest>,
    interval: Option<Duration>,
    timeout: Option<Duration>,
    retries: Option<u32>,
    start_period: Option<Duration>,
    start_interval: Option<Duration>,
    /// The flag or path of the first health check setting. If the check has settings but no command, this flag or
    /// path is listed as not carried over.
    at: Option<String>,
}

/// The settings whose default differs from Docker's default. Each field is `true` if the input sets the setting.
#[derive(Default)]
struct Explicit {
    cpu: bool,
    memory: bool,
    pids: bool,
    read_only: bool,
    user: bool,
    no_new_privileges: bool,
    drops_all: bool,
}

/// A time setting of a health check.
pub(crate) enum HealthTime {
    Interval,
    Timeout,
    StartPeriod,
    StartInterval,
}

impl<'a> Settings<'a> {
    pub(crate) fn new(options: &'a ConvertOptions, session: String) -> Self {
        let volume_prefix = vec![options.project.clone().unwrap_or_else(|| session.clone())];
        let mut config = ContainerConfig::new(session, "").resources(options.limits);
        if options.docker_defaults {
            let none = Vec::<String>::new;
            config.security = SecurityOptions::default()
                .read_only(false)
                .no_new_privileges(false)
                .image_user()
                .capabilities(LinuxCapabilities::new(none(), none()));
            config.resources.pids = MAX_PIDS;
            config.init = Some(false);
        }
        Self {
            options,
            config,
            volumes: Vec::new(),
            networks: Vec::new(),
            detach: false,
            auto_remove: false,
            stop_timeout: None,
            at: String::new(),
            volume_prefix,
            volume_driver: None,
            violations: Vec::new(),
            not_carried_over: Vec::new(),
            file_env: BTreeMap::new(),
            file_labels: BTreeMap::new(),
            cpu_quota: None,
            cpu_period: None,
            memory_swap: None,
            has_port_without_address: false,
            log_driver: None,
            log_options: BTreeMap::new(),
            health: HealthSettings::default(),
            explicit: Explicit::default(),
        }
    }

    /// Sets the flag or path of the current setting. Violations, and settings that are not carried over, are recorded
    /// with this flag or path.
    pub(crate) fn at(&mut self, at: impl Into<String>) -> &mut Self {
        self.at = at.into();
        self
    }

    /// Reports that the value of the current setting is invalid.
    pub(crate) fn invalid(&mut self, message: impl Into<String>) {
        self.violations
            .push(Violation::new(&self.at, "invalid-value", message));
    }

    /// Lists the current setting as not carried over.
    pub(crate) fn leave(&mut self, value: Option<&str>, reason: impl Into<String>) {
        self.not_carried_over.push(NotCarriedOver {
            setting: self.at.clone(),
            value: value.map(str::to_owned),
            reason: reason.into(),
        });
    }

    /// Returns the value of `Ok`. For `Err`, reports the current setting as invalid and returns `None`.
    pub(crate) fn valid<T>(&mut self, result: Result<T, impl Display>) -> Option<T> {
        result.map_err(|error| self.invalid(error.to_string())).ok()
    }

    fn parsed<T: FromStr<Err = ConfigurationError>>(&mut self, value: &str) -> Option<T> {
        let parsed = value.parse().map_err(|error| first_message(&error));
        self.valid(parsed)
    }

    pub(crate) fn flag(&mut self, value: &str) -> Option<bool> {
        self.valid(text::boolean(value))
    }

    /// Splits a value of the form `key=value`. Reports a value without a key or `=` as invalid.
    pub(crate) fn entry<'t>(&mut self, value: &'t str) -> Option<(&'t str, &'t str)> {
        match text::key_value(value) {
            (key, Some(value)) if !key.is_empty() => Some((key, value)),
            _ => {
                self.invalid("must have the form `name=value`");
                None
            }
        }
    }

    // Process

    pub(crate) fn env(&mut self, key: &str, value: Option<&str>) {
        if key.is_empty() {
            return self.invalid("must have a name before the `=`");
        }
        match value.or_else(|| self.options.value(key)) {
            Some(value) => drop(self.config.env.insert(key.to_owned(), value.to_owned())),
            None => self.leave(
                Some(key),
                "its value is that of the caller's environment; set it with `ConvertOptions::variable`",
            ),
        }
    }

    pub(crate) fn env_file(&mut self, path: &str, quoted: bool) {
        let Some(file) = self.options.files.get(path) else {
            return self.leave(Some(path), NOT_READ);
        };
        for (key, value) in text::entries(file, quoted) {
            match value.or_else(|| self.options.value(&key).map(str::to_owned)) {
                Some(value) => drop(self.file_env.insert(key, value)),
                None => self.env(&key, None),
            }
        }
    }

    pub(crate) fn label(&mut self, key: &str, value: Option<&str>) {
        let value = value.unwrap_or_default().to_owned();
        self.config.labels.insert(key.to_owned(), value);
    }

    pub(crate) fn label_file(&mut self, path: &str) {
        let Some(file) = self.options.files.get(path) else {
            return self.leave(Some(path), NOT_READ);
        };
        let labels = text::entries(file, false).into_iter();
        self.file_labels
            .extend(labels.map(|(key, value)| (key, value.unwrap_or_default())));
    }

    pub(crate) fn user(&mut self, value: &str) {
        self.explicit.user = true;
        self.config.security.user = Some(value.to_owned());
    }

    pub(crate) fn stop_signal(&mut self, value: &str) {
        self.config.stop_signal = self.parsed(value);
    }

    /// Sets the grace period, in seconds, after which a stop kills the container. A negative number means "no limit",
    /// and is listed as not carried over.
    pub(crate) fn stop_seconds(&mut self, value: &str) {
        match self.valid(text::number::<i64>(value)).map(u64::try_from) {
            Some(Ok(seconds)) => self.stop_timeout = Some(Duration::from_secs(seconds)),
            Some(Err(_)) => self.leave(Some(value), "every stop has a deadline; give a time in seconds"),
            None => {}
        }
    }

    pub(crate) fn stop_grace(&mut self, value: &str) {
        self.stop_timeout = self.valid(text::duration(value));
    }

    pub(crate) fn restart(&mut self, value: &str) {
        if let Some(policy) = self.parsed(value) {
            self.config.restart_policy = policy;
        }
    }

    pub(crate) fn pull(&mut self, value: &str) {
        self.config.pull_policy = match value {
            "" | "missing" | "if_not_present" => PullPolicy::Missing,
            "always" => PullPolicy::Always,
            "never" => PullPolicy::Never,
            _ => {
                let reason =
                    "images are pulled always, never or if missing; pull it with `pull_image` when it is due";
                return self.leave(Some(value), reason);
            }
        };
    }

    // Limits

    /// Parses a size and returns it in MiB, rounded up. A size that was rounded is listed as not carried over.
    fn mib(&mut self, value: &str) -> Option<u64> {
        let size = self.valid(text::size(value))?;
        if !size.is_exact {
            let reason = format!(
                "sizes are whole MiB, so {} MiB are used; give a size in MiB",
                size.mib
            );
            self.leave(Some(value), reason);
        }
        Some(size.mib)
    }

    pub(crate) fn memory(&mut self, value: &str) {
        match self.mib(value) {
            Some(0) => self.leave(
                Some(value),
                "a config always has a memory limit; set it with `ConvertOptions::limits`",
            ),
            Some(mib) => {
                self.explicit.memory = true;
                self.config.resources.memory = mib;
            }
            None => {}
        }
    }

    pub(crate) fn memory_swap(&mut self, value: &str) {
        self.memory_swap = Some((self.at.clone(), value.to_owned()));
    }

    pub(crate) fn memory_reservation(&mut self, value: &str) {
        self.config.resources.memory_reservation = self.mib(value).filter(|mib| *mib > 0);
    }

    pub(crate) fn cpus(&mut self, value: &str) {
        match self.valid(text::number::<f64>(value)) {
            Some(0.0) => self.leave(Some(value), UNLIMITED_CPU),
            Some(cpus) => {
                self.explicit.cpu = true;
                self.config.resources.cpu = cpus;
            }
            None => {}
        }
    }

    pub(crate) fn cpu_quota(&mut self, value: &str) {
        let quota = self.valid(text::number(value));
        self.cpu_quota = quota.map(|quota| (self.at.clone(), quota));
    }

    pub(crate) fn cpu_period(&mut self, value: &str) {
        self.cpu_period = self.valid(text::number(value));
    }

    pub(crate) fn cpu_shares(&mut self, value: &str) {
        self.config.resources.cpu_shares = self.valid(text::number(value)).filter(|shares| *shares > 0);
    }

    pub(crate) fn pids(&mut self, value: &str) {
        if let Some(count) = self.valid(text::number::<i64>(value)) {
            self.explicit.pids = true;
            let count = u64::try_from(count).unwrap_or_default();
            self.config.resources.pids = if count == 0 { MAX_PIDS } else { count };
        }
    }

    pub(crate) fn shm_size(&mut self, value: &str) {
        self.config.shm_size = self.mib(value).filter(|mib| *mib > 0);
    }

    pub(crate) fn storage_option(&mut self, key: &str, value: &str) {
        match key {
            "size" => self.config.resources.disk = self.mib(value),
            _ => self.leave(
                Some(key),
                "only the size of the container's disk can be limited; configure the engine",
            ),
        }
    }

    /// Adds the ulimit `name`. `values` has the form `soft[:hard]`, where -1 means unlimited.
    pub(crate) fn ulimit(&mut self, name: &str, values: &str) {
        let value = |text: &str| match text.trim() {
            "-1" => Ok(UlimitValue::Unlimited),
            text => text::number(text).map(UlimitValue::Limited),
        };
        let (soft, hard) = values.split_once(':').unwrap_or((values, values));
        if let (Some(soft), Some(hard)) = (self.valid(value(soft)), self.valid(value(hard))) {
            self.config.ulimits.push(Ulimit::new(name, soft, hard));
        }
    }

    pub(crate) fn ulimit_entry(&mut self, value: &str) {
        if let Some((name, values)) = self.entry(value) {
            self.ulimit(name, values);
        }
    }

    pub(crate) fn sysctl(&mut self, value: &str) {
        if let Some((key, value)) = self.entry(value) {
            self.config.sysctls.insert(key.to_owned(), value.to_owned());
        }
    }

    pub(crate) fn annotation(&mut self, value: &str) {
        if let Some((key, value)) = self.entry(value) {
            self.config.annotations.insert(key.to_owned(), value.to_owned());
        }
    }

    // Logs

    pub(crate) fn log_driver(&mut self, name: &str) {
        self.log_driver = Some(name.to_owned());
    }

    pub(crate) fn log_option(&mut self, key: &str, value: &str) {
        self.log_options.insert(key.to_owned(), value.to_owned());
    }

    // Health

    pub(crate) fn health_test(&mut self, test: HealthTest) {
        self.health.test = Some(test);
    }

    pub(crate) fn health_time(&mut self, part: HealthTime, value: &str) {
        // Zero means the default.
        let time = self.valid(text::duration(value)).filter(|time| !time.is_zero());
        let field = match part {
            HealthTime::Interval => &mut self.health.interval,
            HealthTime::Timeout => &mut self.health.timeout,
            HealthTime::StartPeriod => &mut self.health.start_period,
            HealthTime::StartInterval => &mut self.health.start_interval,
        };
        *field = time;
        self.health.at.get_or_insert_with(|| self.at.clone());
    }

    pub(crate) fn health_retries(&mut self, value: &str) {
        self.health.retries = self.valid(text::number(value)).filter(|count| *count > 0);
        self.health.at.get_or_insert_with(|| self.at.clone());
    }

    /// Adds a DNS server.
    pub(crate) fn dns(&mut self, value: &str) {
        let address = self.address(value);
        self.config.dns.extend(address);
    }

    fn address(&mut self, value: &str) -> Option<IpAddr> {
        let address = value
            .parse()
            .map_err(|_| format!("must be an IP address; got {value:?}"));
        self.valid(address)
    }
}

const NOT_READ: &str = "the file is not read; pass its text with `ConvertOptions::file`";
const UNLIMITED_CPU: &str = "a config always has a CPU limit; set it with `ConvertOptions::limits`";

fn first_message(error: &ConfigurationError) -> String {
    let first = error.violations().first();
    first.map_or_else(|| error.to_string(), |violation| violation.message.clone())
}
