//! The setters of [`ContainerConfig`].

use std::net::IpAddr;

use crate::{
    ContainerConfig, DeviceMapping, GpuRequest, HealthCheck, NetworkMode, PortMapping, PullPolicy,
    ResourceLimits, SecurityOptions, Signal, Strictness, TmpfsMount, Ulimit, VolumeMount,
};

impl ContainerConfig {
    /// Sets the container's name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the program and its arguments.
    #[must_use]
    pub fn command(mut self, words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.command = words.into_iter().map(Into::into).collect();
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(key.into(), value.into());
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
    pub fn cpu(mut self, cores: f64) -> Self {
        self.resources.cpu = cores;
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
        self.resources.disk = mib;
        self
    }

    /// Sets how many processes and threads may live at once.
    #[must_use]
    pub fn pids(mut self, count: u64) -> Self {
        self.resources.pids = count;
        self
    }

    /// Mounts one more volume or host folder.
    #[must_use]
    pub fn mount(mut self, mount: VolumeMount) -> Self {
        self.volumes.push(mount);
        self
    }

    /// Sets how it is connected.
    #[must_use]
    pub fn network(mut self, mode: impl Into<NetworkMode>) -> Self {
        self.network = mode.into();
        self
    }

    /// Sets what its processes may do.
    #[must_use]
    pub fn security(mut self, options: SecurityOptions) -> Self {
        self.security = options;
        self
    }

    /// Sets when the image is fetched.
    #[must_use]
    pub fn pull_policy(mut self, policy: PullPolicy) -> Self {
        self.pull_policy = policy;
        self
    }

    /// Sets what happens to a limit this engine cannot enforce.
    #[must_use]
    pub fn strictness(mut self, strictness: Strictness) -> Self {
        self.strictness = strictness;
        self
    }

    /// Sets the key that makes a retry of this creation find what an earlier try has made.
    #[must_use]
    pub fn operation_key(mut self, key: impl Into<String>) -> Self {
        self.operation_key = Some(key.into());
        self
    }

    /// Sets the program that gets the command as its arguments, with arguments of its own. No words at all leave the
    /// image's entrypoint out.
    #[must_use]
    pub fn entrypoint(mut self, words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.entrypoint = Some(words.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the folder the main process runs in.
    #[must_use]
    pub fn working_dir(mut self, path: impl Into<String>) -> Self {
        self.working_dir = Some(path.into());
        self
    }

    /// Sets the name the container knows itself by.
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

    /// Sets the signal that asks the main process to end.
    #[must_use]
    pub fn stop_signal(mut self, signal: Signal) -> Self {
        self.stop_signal = Some(signal);
        self
    }

    /// Sets whether an init process is PID 1.
    #[must_use]
    pub fn init(mut self, yes: bool) -> Self {
        self.init = Some(yes);
        self
    }

    /// Mounts one more directory in memory, of `mib` MiB, that the container's user can write to.
    #[must_use]
    pub fn tmpfs(self, target: impl Into<String>, mib: u64) -> Self {
        self.tmpfs_mount(TmpfsMount::new(target, mib))
    }

    /// Mounts one more directory in memory, with a mode, an owner and options of its own.
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

    /// Sets one more limit of the kernel on each process.
    #[must_use]
    pub fn ulimit(mut self, name: impl Into<String>, soft: u64, hard: u64) -> Self {
        self.ulimits.push(Ulimit::new(name, soft, hard));
        self
    }

    /// Makes one more port reachable from the host.
    #[must_use]
    pub fn port(mut self, mapping: PortMapping) -> Self {
        self.ports.push(mapping);
        self
    }

    /// Gives it one more name on its network.
    #[must_use]
    pub fn network_alias(mut self, name: impl Into<String>) -> Self {
        self.network_aliases.push(name.into());
        self
    }

    /// Adds a name server.
    #[must_use]
    pub fn dns(mut self, server: impl Into<IpAddr>) -> Self {
        self.dns.push(server.into());
        self
    }

    /// Adds a host name and its address.
    #[must_use]
    pub fn extra_host(mut self, name: impl Into<String>, address: impl Into<IpAddr>) -> Self {
        self.extra_hosts.insert(name.into(), address.into());
        self
    }

    /// Sets what tells whether it is well.
    #[must_use]
    pub fn health_check(mut self, check: HealthCheck) -> Self {
        self.health_check = Some(check);
        self
    }

    /// Sets which variant of the image it runs.
    #[must_use]
    pub fn platform(mut self, platform: impl Into<String>) -> Self {
        self.platform = Some(platform.into());
        self
    }

    /// Sets the engine's runtime that runs it.
    #[must_use]
    pub fn runtime(mut self, name: impl Into<String>) -> Self {
        self.runtime = Some(name.into());
        self
    }

    /// Lets it use one more device of the host.
    #[must_use]
    pub fn device(mut self, device: DeviceMapping) -> Self {
        self.devices.push(device);
        self
    }

    /// Lets it use graphics processors.
    #[must_use]
    pub fn gpus(mut self, request: GpuRequest) -> Self {
        self.gpus = Some(request);
        self
    }
}
