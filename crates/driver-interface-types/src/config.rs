//! The configuration of a container.

mod needs;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::command::pairs;
#[cfg(feature = "schema")]
use crate::rules::{
    self, json,
    limits::{MAX_DEVICES, MAX_DNS, MAX_MOUNTS, MAX_PORTS},
    many, one, within,
};
use crate::words::Words;
use crate::{
    DeviceMapping, GpuRequest, HealthCheck, HostAddress, IntoCommand, LogDriver, NetworkConnectOptions,
    NetworkMode, PortMapping, PullPolicy, ResourceLimits, RestartPolicy, SecurityOptions, Signal, Strictness,
    TmpfsMount, Ulimit, UlimitValue, VolumeMount,
};

/// The version of the fingerprint algorithm. Increase this version with every change that gives an existing config a
/// different fingerprint, such as a changed default value.
const FINGERPRINT_VERSION: &str = "1";

/// The configuration of a container, built with [`ContainerConfig::new`] and its setters, or parsed from JSON.
///
/// The defaults are safe: half a core, 512 MiB of memory, no Linux capabilities, a non-root user, a read-only root
/// file system with a writable `/tmp`, and a network on which containers of other sessions cannot be reached. An
/// image whose entrypoint starts as root, changes the owners of files or writes outside `/tmp` needs other security
/// options, such as [`SecurityOptions::compatible`].
///
/// `ContainerConfig` stores strings unchanged and does not validate them. The driver validates the whole config
/// before it sends a request to the engine, and reports all violations in one error. The crate
/// `driver-interface-validation` can validate a config without a driver.
///
/// ```
/// use driver_interface_types::{ContainerConfig, VolumeMount};
///
/// let config = ContainerConfig::new("build-42", "alpine:3.20")
///     .command(["sh", "-c", "echo hello"])
///     .env("LANG", "C.UTF-8")
///     .cpu(1.0)
///     .memory(256)
///     .mount(VolumeMount::volume("cache", "/cache"));
/// assert_eq!(config.resources.pids, 100);
/// ```
#[derive(Clone, derive_more::Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(
    feature = "schema",
    garde(context(rules::RuleContext)),
    garde(custom(many(rules::together)))
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct ContainerConfig {
    /// The session that the container belongs to; see [`SessionId`](crate::SessionId) for the valid values.
    #[cfg_attr(feature = "schema", garde(custom(one(rules::session_id))), schemars(transform = json::label_value))]
    pub session_id: String,
    /// The image; see [`ImageRef`](crate::ImageRef) for the valid values.
    #[cfg_attr(
        feature = "schema",
        garde(custom(one(rules::image))),
        schemars(length(min = 1))
    )]
    pub image: String,
    /// The container's name, unique on the engine: 2 to 255 letters, digits, `_`, `.` and `-`. By default, the driver
    /// generates a unique name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::object_name)))), schemars(transform = json::name))]
    pub name: Option<String>,
    /// The program and its arguments, passed word by word and never through a shell. They replace the image's
    /// command, but not the image's entrypoint. If the list is empty, the image's command runs.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::command))), schemars(transform = json::command))]
    // Arguments and values may contain secrets, which `Debug` must not show.
    #[debug("{:?}", Words(command))]
    pub command: Vec<String>,
    /// The container's environment variables, in addition to those that the image sets.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::env))), schemars(transform = json::env))]
    #[debug("{:?}", env.keys())]
    pub env: BTreeMap<String, String>,
    /// User-defined labels. Keys that begin with [`label::RESERVED_PREFIX`](crate::label::RESERVED_PREFIX) are
    /// rejected.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::labels))), schemars(transform = json::map))]
    pub labels: BTreeMap<String, String>,
    /// The resource limits.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(dive))]
    pub resources: ResourceLimits,
    /// The mounts of volumes and host directories.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(dive, custom(many(rules::unique_mounts))), schemars(length(max = MAX_MOUNTS)))]
    pub volumes: Vec<VolumeMount>,
    /// The network that the container is connected to.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(custom(one(rules::network_mode))))]
    pub network: NetworkMode,
    /// The security options.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(dive))]
    pub security: SecurityOptions,
    /// When the image is pulled from its registry.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub pull_policy: PullPolicy,
    /// What the driver returns if the engine cannot enforce a limit or security option of this config: a warning or
    /// an error.
    #[serde(default)]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub strictness: Strictness,
    /// A key that identifies this creation across retries. A second creation with this key and an equal config
    /// returns the existing container. A second creation with this key and a different config is rejected. By
    /// default, the driver generates a new key for each creation, and each creation creates a new container. See
    /// [`OperationKey`](crate::OperationKey) for the valid values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::operation_key)))), schemars(transform = json::label_value))]
    pub operation_key: Option<String>,
    /// The entrypoint: a program and its arguments, to which `command` is appended. If this field is set, the image's
    /// entrypoint and the image's command are not used. If the list is empty, `command` runs without an entrypoint,
    /// and must not be empty. By default, the image's entrypoint is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::entrypoint))))]
    #[debug("{:?}", entrypoint.as_deref().map(Words))]
    pub entrypoint: Option<Vec<String>>,
    /// The absolute path of the main process's working directory. By default, this is the working directory that the
    /// image sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::container_path)))))]
    pub working_dir: Option<String>,
    /// The container's host name. By default, the engine chooses a host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::hostname)))))]
    pub hostname: Option<String>,
    /// Whether the main process has a terminal. With a terminal, standard output and standard error are one stream.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub tty: bool,
    /// The signal that asks the main process to exit. By default, this is the signal that the image sets, usually
    /// `SIGTERM`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub stop_signal: Option<Signal>,
    /// Whether PID 1 is an init process that forwards signals and reaps orphaned processes. With `true`, the creation
    /// fails if the engine has no init program. With `false`, no init process is used. By default, an init process is
    /// used if the engine has an init program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub init: Option<bool>,
    /// The tmpfs mounts. If the root file system is read-only, the driver adds a tmpfs mount at `/tmp`, unless the
    /// config mounts something at `/tmp`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", garde(dive, custom(many(rules::unique_tmpfs))), schemars(length(max = MAX_MOUNTS)))]
    pub tmpfs: Vec<TmpfsMount>,
    /// The size of `/dev/shm` in MiB. By default, the engine chooses the size, usually 64 MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(within(rules::TMPFS))))), schemars(transform = json::within(rules::TMPFS)))]
    pub shm_size: Option<u64>,
    /// The kernel's limits for each process (ulimits).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", garde(dive, custom(many(rules::ulimits))))]
    pub ulimits: Vec<Ulimit>,
    /// The ports to publish on the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", garde(dive, custom(many(rules::ports))), schemars(length(max = MAX_PORTS)))]
    pub ports: Vec<PortMapping>,
    /// Additional names by which other containers on [`network`](Self::network) can resolve this container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::names))), schemars(transform = json::network_names))]
    pub network_aliases: Vec<String>,
    /// The DNS servers of the container. If the list is empty, the engine chooses the DNS servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::dns))), schemars(length(max = MAX_DNS)))]
    pub dns: Vec<IpAddr>,
    /// Host names and the addresses to which the container resolves them, regardless of DNS.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::extra_hosts))), schemars(transform = json::extra_hosts))]
    pub extra_hosts: BTreeMap<String, HostAddress>,
    /// The health check. By default, the image's health check is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(dive))]
    pub health_check: Option<HealthCheck>,
    /// The platform of the image variant to run, such as `linux/arm64`. By default, this is the engine's platform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::platform)))))]
    pub platform: Option<String>,
    /// The engine runtime that runs the container, such as `runsc` or `crun`. By default, this is the engine's
    /// default runtime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::driver_name)))))]
    pub runtime: Option<String>,
    /// The host devices that the container may use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", garde(dive, custom(many(rules::devices))), schemars(length(max = MAX_DEVICES)))]
    pub devices: Vec<DeviceMapping>,
    /// The GPUs that the container may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(dive))]
    pub gpus: Option<GpuRequest>,
    /// Whether the main process's standard input is open, so that sessions of
    /// [`attach_container`](crate::ContainerDriver::attach_container) can write to it. The input ends as soon as one
    /// of these sessions closes the input or is dropped. By default, the input is empty.
    #[serde(default, skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub stdin: bool,
    /// The names of environment variables that the image sets, but that the container must not have.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::unset_env))), schemars(transform = json::keys))]
    pub unset_env: BTreeSet<String>,
    /// The supplementary groups of the container's user. Each entry is the name of a group in the image, or a numeric
    /// id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::groups))))]
    pub groups: Vec<String>,
    /// Further networks that the container is connected to, in addition to [`network`](Self::network). The keys are
    /// the names of the networks. Each network must exist.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::network_names)), dive))]
    pub networks: BTreeMap<String, NetworkConnectOptions>,
    /// The container's addresses on [`network`](Self::network): at most one IPv4 address and one IPv6 address. They
    /// must be within the network's [subnets](crate::NetworkConfig::subnets). If the list is empty, the engine
    /// chooses the addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::addresses))))]
    pub addresses: Vec<IpAddr>,
    /// The DNS search domains, which the resolver appends to names that have few dots. If the list is empty, the
    /// engine chooses the search domains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::names))), schemars(transform = json::network_names))]
    pub dns_search: Vec<String>,
    /// The options of the DNS resolver, such as `ndots:1`; see `resolv.conf(5)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::dns_options))))]
    pub dns_options: Vec<String>,
    /// The kernel parameters (sysctls) of the container's Linux namespaces, such as `net.core.somaxconn`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::sysctls))), schemars(transform = json::map))]
    pub sysctls: BTreeMap<String, String>,
    /// Annotations for the engine's runtime.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::driver_options))), schemars(transform = json::map))]
    pub annotations: BTreeMap<String, String>,
    /// Whether the engine starts the container again after its main process has exited.
    #[serde(default, skip_serializing_if = "is_default")]
    #[cfg_attr(feature = "schema", garde(skip))]
    pub restart_policy: RestartPolicy,
    /// The log driver, which stores the container's output. By default, the container driver chooses a log driver
    /// whose logs the log operations can read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(dive))]
    pub log_driver: Option<LogDriver>,
    /// The CPUs that the container may use, as a list of numbers and ranges such as `0-2,5`. By default, the
    /// container may use all CPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::cpu_list)))))]
    pub cpuset: Option<String>,
}

fn is_default(policy: &RestartPolicy) -> bool {
    *policy == RestartPolicy::default()
}

fn is_false(value: &bool) -> bool {
    !value
}

impl ContainerConfig {
    /// Creates a config for a container of `image` in `session`. All other settings have the safe defaults.
    pub fn new(session: impl Into<String>, image: impl Into<String>) -> Self {
        Self {
            session_id: session.into(),
            image: image.into(),
            name: None,
            command: Vec::new(),
            env: BTreeMap::new(),
            labels: BTreeMap::new(),
            resources: ResourceLimits::default(),
            volumes: Vec::new(),
            network: NetworkMode::default(),
            security: SecurityOptions::default(),
            pull_policy: PullPolicy::default(),
            strictness: Strictness::default(),
            operation_key: None,
            entrypoint: None,
            working_dir: None,
            hostname: None,
            tty: false,
            stop_signal: None,
            init: None,
            tmpfs: Vec::new(),
            shm_size: None,
            ulimits: Vec::new(),
            ports: Vec::new(),
            network_aliases: Vec::new(),
            dns: Vec::new(),
            extra_hosts: BTreeMap::new(),
            health_check: None,
            platform: None,
            runtime: None,
            devices: Vec::new(),
            gpus: None,
            stdin: false,
            unset_env: BTreeSet::new(),
            groups: Vec::new(),
            networks: BTreeMap::new(),
            addresses: Vec::new(),
            dns_search: Vec::new(),
            dns_options: Vec::new(),
            sysctls: BTreeMap::new(),
            annotations: BTreeMap::new(),
            restart_policy: RestartPolicy::default(),
            log_driver: None,
            cpuset: None,
        }
    }

    /// Returns a short hash of all settings except the operation key. Equal settings have equal hashes. Different
    /// settings have different hashes, except for very rare collisions. The settings cannot be computed from the
    /// hash, but the hash confirms a correct guess of the settings.
    pub fn fingerprint(&self) -> String {
        let mut config = self.clone();
        config.operation_key = None;
        // Serialising plain data into memory cannot fail; an empty string would at worst make different configs look
        // equal.
        let text = serde_json::to_string(&config).unwrap_or_default();
        let digest = Sha256::digest(text.as_bytes());
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("{FINGERPRINT_VERSION}-{hex}")
    }

    /// Returns whether the [`fingerprint`](Self::fingerprint) `text` matches this config. A fingerprint of another
    /// algorithm version cannot be compared, and counts as a match. Therefore, after an upgrade of this crate, a
    /// retry with the same operation key still returns the container that the first attempt created.
    pub fn has_fingerprint(&self, text: &str) -> bool {
        match text.split_once('-') {
            Some((FINGERPRINT_VERSION, _)) => text == self.fingerprint(),
            _ => true,
        }
    }
}

/// Setters, each of which changes the config and returns it.
impl ContainerConfig {
    crate::setters! {
        /// Sets the container's name.
        name(self, name: impl Into<String>) { self.name = Some(name.into()); }
        /// Sets the program and its arguments, as in `["echo", "hello"]`. For a shell command line see
        /// [`shell`](Self::shell).
        command(self, words: impl IntoCommand) { self.command = words.into_command(); }
        /// Sets all resource limits.
        resources(self, limits: ResourceLimits) { self.resources = limits; }
        /// Sets the network that the container is connected to.
        network(self, mode: impl Into<NetworkMode>) { self.network = mode.into(); }
        /// Sets the security options.
        security(self, options: SecurityOptions) { self.security = options; }
        /// Sets when the image is pulled.
        pull_policy(self, policy: PullPolicy) { self.pull_policy = policy; }
        /// Sets what the driver returns if the engine cannot enforce a limit or security option: a warning or an
        /// error.
        strictness(self, strictness: Strictness) { self.strictness = strictness; }
        /// Sets the key by which a retry of this creation finds the container that an earlier attempt created.
        operation_key(self, key: impl Into<String>) { self.operation_key = Some(key.into()); }
        /// Sets the entrypoint: a program and its arguments, to which the command is appended. An empty list runs the
        /// command without the image's entrypoint.
        entrypoint(self, words: impl IntoCommand) { self.entrypoint = Some(words.into_command()); }
        /// Sets the working directory of the main process.
        working_dir(self, path: impl Into<String>) { self.working_dir = Some(path.into()); }
        /// Sets the container's host name.
        hostname(self, name: impl Into<String>) { self.hostname = Some(name.into()); }
        /// Sets whether the main process has a terminal.
        tty(self, yes: bool) { self.tty = yes; }
        /// Sets the signal that asks the main process to exit.
        stop_signal(self, signal: Signal) { self.stop_signal = Some(signal); }
        /// Sets whether an init process runs as PID 1.
        init(self, yes: bool) { self.init = Some(yes); }
        /// Sets the size of `/dev/shm`, in MiB.
        shm_size(self, mib: u64) { self.shm_size = Some(mib); }
        /// Sets the health check.
        health_check(self, check: HealthCheck) { self.health_check = Some(check); }
        /// Sets the platform of the image variant to run.
        platform(self, platform: impl Into<String>) { self.platform = Some(platform.into()); }
        /// Sets the engine runtime that runs the container.
        runtime(self, name: impl Into<String>) { self.runtime = Some(name.into()); }
        /// Sets the GPUs that the container may use.
        gpus(self, request: GpuRequest) { self.gpus = Some(request); }
        /// Sets whether the main process's standard input is open.
        stdin(self, yes: bool) { self.stdin = yes; }
        /// Sets whether the engine starts the container again after its main process has exited.
        restart_policy(self, policy: RestartPolicy) { self.restart_policy = policy; }
        /// Sets the log driver, which stores the container's output.
        log_driver(self, driver: LogDriver) { self.log_driver = Some(driver); }
        /// Sets the CPUs that the container may use, such as `0-2,5`.
        cpuset(self, list: impl Into<String>) { self.cpuset = Some(list.into()); }
    }

    /// Sets the command to a command line that the image's `sh` runs. The image must have `sh`.
    ///
    /// ```
    /// use driver_interface_types::ContainerConfig;
    ///
    /// let config = ContainerConfig::new("demo", "busybox").shell("ls / | wc -l");
    /// assert_eq!(config.command, ["sh", "-c", "ls / | wc -l"]);
    /// ```
    #[must_use]
    pub fn shell(self, line: impl Into<String>) -> Self {
        self.command(["sh".to_owned(), "-c".to_owned(), line.into()])
    }

    crate::setters! {
        /// Sets an environment variable.
        env(self, key: impl Into<String>, value: impl Into<String>) {
            self.env.insert(key.into(), value.into());
        }
        /// Sets environment variables, in addition to those already set.
        ///
        /// ```
        /// use driver_interface_types::ContainerConfig;
        ///
        /// let config = ContainerConfig::new("demo", "busybox").envs([("LANG", "C"), ("TZ", "UTC")]);
        /// assert_eq!(config.env.len(), 2);
        /// ```
        envs(self, all: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) {
            self.env.extend(pairs(all));
        }
        /// Sets labels, in addition to those already set.
        labels(self, all: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) {
            self.labels.extend(pairs(all));
        }
        /// Sets a label.
        label(self, key: impl Into<String>, value: impl Into<String>) {
            self.labels.insert(key.into(), value.into());
        }
        /// Sets the CPU limit, in cores.
        cpu(self, cores: impl Into<f64>) { self.resources.cpu = cores.into(); }
        /// Sets the memory limit, in MiB.
        memory(self, mib: u64) { self.resources.memory = mib; }
        /// Sets the disk limit, in MiB.
        disk(self, mib: u64) { self.resources.disk = Some(mib); }
        /// Sets the maximum number of concurrent processes and threads.
        pids(self, count: u64) { self.resources.pids = count; }
        /// Adds a mount of a volume or a host directory.
        mount(self, mount: VolumeMount) { self.volumes.push(mount); }
    }

    /// Adds a tmpfs mount of `mib` MiB that the container's user can write to.
    #[must_use]
    pub fn tmpfs(self, target: impl Into<String>, mib: u64) -> Self {
        self.tmpfs_mount(TmpfsMount::new(target, mib))
    }

    crate::setters! {
        /// Adds a tmpfs mount. Unlike `tmpfs`, this setter accepts a mode, an owner and mount options.
        ///
        /// ```
        /// use driver_interface_types::{ContainerConfig, TmpfsMount};
        ///
        /// let private = TmpfsMount::new("/run/secrets", 1).mode(0o700).exec(false);
        /// let config = ContainerConfig::new("s1", "alpine").tmpfs_mount(private);
        /// assert_eq!(config.tmpfs.len(), 1);
        /// ```
        tmpfs_mount(self, mount: TmpfsMount) { self.tmpfs.push(mount); }
        /// Adds a ulimit: a kernel limit for each process.
        ulimit(self, name: impl Into<String>, soft: impl Into<UlimitValue>, hard: impl Into<UlimitValue>) {
            self.ulimits.push(Ulimit::new(name, soft, hard));
        }
        /// Adds a port to publish on the host.
        port(self, mapping: PortMapping) { self.ports.push(mapping); }
        /// Adds a name by which other containers on the container's network can resolve the container.
        network_alias(self, name: impl Into<String>) { self.network_aliases.push(name.into()); }
        /// Adds a DNS server.
        dns(self, server: impl Into<IpAddr>) { self.dns.push(server.into()); }
        /// Adds a host name and the address to which the container resolves this name.
        extra_host(self, name: impl Into<String>, address: impl Into<HostAddress>) {
            self.extra_hosts.insert(name.into(), address.into());
        }
        /// Adds a host device that the container may use.
        device(self, device: DeviceMapping) { self.devices.push(device); }
        /// Leaves out an environment variable that the image sets.
        unset_env(self, key: impl Into<String>) { self.unset_env.insert(key.into()); }
        /// Adds a supplementary group of the container's user.
        group(self, group: impl Into<String>) { self.groups.push(group.into()); }
        /// Adds a further network that the container is connected to.
        ///
        /// ```
        /// use driver_interface_types::{ContainerConfig, NetworkConnectOptions};
        ///
        /// let config = ContainerConfig::new("demo", "nginx")
        ///     .network("front")
        ///     .also_network("back", NetworkConnectOptions::default().alias("web"));
        /// assert_eq!(config.networks.len(), 1);
        /// ```
        also_network(self, name: impl Into<String>, options: NetworkConnectOptions) {
            self.networks.insert(name.into(), options);
        }
        /// Adds one of the container's addresses on the network that is set with [`network`](Self::network).
        address(self, address: impl Into<IpAddr>) { self.addresses.push(address.into()); }
        /// Adds a DNS search domain, which the resolver appends to names that have few dots.
        dns_search(self, domain: impl Into<String>) { self.dns_search.push(domain.into()); }
        /// Adds an option of the DNS resolver.
        dns_option(self, option: impl Into<String>) { self.dns_options.push(option.into()); }
        /// Sets a kernel parameter (sysctl) of the container's Linux namespaces.
        sysctl(self, name: impl Into<String>, value: impl Into<String>) {
            self.sysctls.insert(name.into(), value.into());
        }
        /// Sets an annotation for the engine's runtime.
        annotation(self, key: impl Into<String>, value: impl Into<String>) {
            self.annotations.insert(key.into(), value.into());
        }
    }
}
