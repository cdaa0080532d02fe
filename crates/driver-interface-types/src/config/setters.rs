//! The setters of [`ContainerConfig`].

use std::net::IpAddr;

use crate::command::pairs;
use crate::{
    ContainerConfig, DeviceMapping, GpuRequest, HealthCheck, IntoCommand, NetworkMode, PortMapping,
    PullPolicy, ResourceLimits, SecurityOptions, Signal, Strictness, TmpfsMount, Ulimit, VolumeMount,
};

impl ContainerConfig {
    /// Sets the container's name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the program and its arguments, as in `["echo", "hello"]`. For a shell command line see
    /// [`shell`](Self::shell).
    #[must_use]
    pub fn command(mut self, words: impl IntoCommand) -> Self {
        self.command = words.into_command();
        self
    }

    /// Sets a command line for the image's `sh`, which must exist.
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

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(key.into(), value.into());
        self
    }

    /// Sets environment variables, in addition to those already set.
    ///
    /// ```
    /// use driver_interface_types::ContainerConfig;
    ///
    /// let config = ContainerConfig::new("demo", "busybox").envs([("LANG", "C"), ("TZ", "UTC")]);
    /// assert_eq!(config.env.len(), 2);
    /// ```
    #[must_use]
    pub fn envs(mut self, all: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        self.env.extend(pairs(all));
        self
    }

    /// Sets labels, in addition to those already set.
    #[must_use]
    pub fn labels(mut self, all: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        self.labels.extend(pairs(all));
        self
    }

    /// Sets a label.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Sets all limits.
    #[must_use]
    pub fn resources(mut self, limits: ResourceLimits) -> Self {
        self.resources = limits;
        self
    }

    /// Sets the CPU limit, in cores.
    #[must_use]
    pub fn cpu(mut self, cores: impl Into<f64>) -> Self {
        self.resources.cpu = cores.into();
        self
    }

    /// Sets the memory limit, in MiB.
    #[must_use]
    pub fn memory(mut self, mib: u64) -> Self {
        self.resources.memory = mib;
        self
    }

    /// Sets the disk limit, in MiB.
    #[must_use]
    pub fn disk(mut self, mib: u64) -> Self {
        self.resources.disk = Some(mib);
        self
    }

    /// Sets the maximum number of concurrent processes and threads.
    #[must_use]
    pub fn pids(mut self, count: u64) -> Self {
        self.resources.pids = count;
        self
    }

    /// Adds a mount of a volume or a host directory.
    #[must_use]
    pub fn mount(mut self, mount: VolumeMount) -> Self {
        self.volumes.push(mount);
        self
    }

    /// Sets the network mode.
    #[must_use]
    pub fn network(mut self, mode: impl Into<NetworkMode>) -> Self {
        self.network = mode.into();
        self
    }

    /// Sets the security options.
    #[must_use]
    pub fn security(mut self, options: SecurityOptions) -> Self {
        self.security = options;
        self
    }

    /// Sets when the image is pulled.
    #[must_use]
    pub fn pull_policy(mut self, policy: PullPolicy) -> Self {
        self.pull_policy = policy;
        self
    }

    /// Sets how a limit that this engine cannot enforce is treated.
    #[must_use]
    pub fn strictness(mut self, strictness: Strictness) -> Self {
        self.strictness = strictness;
        self
    }

    /// Sets the key by which a retry of this creation finds the container that an earlier attempt created.
    #[must_use]
    pub fn operation_key(mut self, key: impl Into<String>) -> Self {
        self.operation_key = Some(key.into());
        self
    }

    /// Sets the program that receives the command as its arguments, with arguments of its own. An empty list runs
    /// the command without the image's entrypoint.
    #[must_use]
    pub fn entrypoint(mut self, words: impl IntoCommand) -> Self {
        self.entrypoint = Some(words.into_command());
        self
    }

    /// Sets the working directory of the main process.
    #[must_use]
    pub fn working_dir(mut self, path: impl Into<String>) -> Self {
        self.working_dir = Some(path.into());
        self
    }

    /// Sets the container's host name.
    #[must_use]
    pub fn hostname(mut self, name: impl Into<String>) -> Self {
        self.hostname = Some(name.into());
        self
    }

    /// Sets whether the main process has a terminal.
    #[must_use]
    pub fn tty(mut self, yes: bool) -> Self {
        self.tty = yes;
        self
    }

    /// Sets the signal that asks the main process to exit.
    #[must_use]
    pub fn stop_signal(mut self, signal: Signal) -> Self {
        self.stop_signal = Some(signal);
        self
    }

    /// Sets whether an init process runs as PID 1.
    #[must_use]
    pub fn init(mut self, yes: bool) -> Self {
        self.init = Some(yes);
        self
    }

    /// Adds a tmpfs mount of `mib` MiB that the container's user can write to.
    #[must_use]
    pub fn tmpfs(self, target: impl Into<String>, mib: u64) -> Self {
        self.tmpfs_mount(TmpfsMount::new(target, mib))
    }

    /// Adds a tmpfs mount with its own mode, owner and options.
    ///
    /// ```
    /// use driver_interface_types::{ContainerConfig, TmpfsMount};
    ///
    /// let private = TmpfsMount::new("/run/secrets", 1).mode(0o700).exec(false);
    /// let config = ContainerConfig::new("s1", "alpine").tmpfs_mount(private);
    /// assert_eq!(config.tmpfs.len(), 1);
    /// ```
    #[must_use]
    pub fn tmpfs_mount(mut self, mount: TmpfsMount) -> Self {
        self.tmpfs.push(mount);
        self
    }

    /// Sets the size of `/dev/shm`, in MiB.
    #[must_use]
    pub fn shm_size(mut self, mib: u64) -> Self {
        self.shm_size = Some(mib);
        self
    }

    /// Adds a ulimit: a kernel limit for each process.
    #[must_use]
    pub fn ulimit(mut self, name: impl Into<String>, soft: u64, hard: u64) -> Self {
        self.ulimits.push(Ulimit::new(name, soft, hard));
        self
    }

    /// Publishes a port on the host.
    #[must_use]
    pub fn port(mut self, mapping: PortMapping) -> Self {
        self.ports.push(mapping);
        self
    }

    /// Adds a name by which other containers on the network can resolve the container.
    #[must_use]
    pub fn network_alias(mut self, name: impl Into<String>) -> Self {
        self.network_aliases.push(name.into());
        self
    }

    /// Adds a DNS server.
    #[must_use]
    pub fn dns(mut self, server: impl Into<IpAddr>) -> Self {
        self.dns.push(server.into());
        self
    }

    /// Adds a host name and the address it resolves to.
    #[must_use]
    pub fn extra_host(mut self, name: impl Into<String>, address: impl Into<IpAddr>) -> Self {
        self.extra_hosts.insert(name.into(), address.into());
        self
    }

    /// Sets the health check.
    #[must_use]
    pub fn health_check(mut self, check: HealthCheck) -> Self {
        self.health_check = Some(check);
        self
    }

    /// Sets the platform of the image variant to run.
    #[must_use]
    pub fn platform(mut self, platform: impl Into<String>) -> Self {
        self.platform = Some(platform.into());
        self
    }

    /// Sets the engine runtime that runs the container.
    #[must_use]
    pub fn runtime(mut self, name: impl Into<String>) -> Self {
        self.runtime = Some(name.into());
        self
    }

    /// Adds a host device that the container may use.
    #[must_use]
    pub fn device(mut self, device: DeviceMapping) -> Self {
        self.devices.push(device);
        self
    }

    /// Sets the GPUs that the container may use.
    #[must_use]
    pub fn gpus(mut self, request: GpuRequest) -> Self {
        self.gpus = Some(request);
        self
    }
}
