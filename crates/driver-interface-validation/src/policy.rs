//! The policy for bind mounts of host paths and for Linux capabilities.

mod host;

use driver_interface_types::rules::HostPolicy;
use driver_interface_types::rules::paths::{is_within, normalised};
use driver_interface_types::rules::text::shown;

/// A policy that defines which host paths may be mounted into containers, and which capabilities may be added. The
/// default is safe: no host path at all, and only capabilities that affect nothing but the container.
///
/// Bind mounts are allowed per directory with [`allow_bind_root`](Self::allow_bind_root), or altogether with
/// [`allow_any_bind`](Self::allow_any_bind). Some paths are refused even then, because they would give control
/// over the host or expose credentials. Only [`allow_dangerous_bind`](Self::allow_dangerous_bind) permits them,
/// one path at a time:
///
/// | refused | reason |
/// |---|---|
/// | `/` and every other parent of a directory in the rows below, such as `/var` and `/var/lib` | contains those directories |
/// | `/proc`, `/sys`, `/dev`, `/cgroup` | kernel settings, other processes' memory, raw disks |
/// | `/etc`, `/boot`, `/root`, `/lost+found` | accounts and passwords, the kernel, the administrator's keys |
/// | `/run`, `/var/run`, `/var/lock` | the sockets of engines, of users' engines and of the init system |
/// | `/bin`, `/sbin`, `/lib`, `/lib32`, `/lib64`, `/libx32`, `/usr`, `/var/spool` and package databases | the programs that the host runs |
/// | `/var/log`, `/var/mail`, `/var/backups` | data of the whole host, including passwords |
/// | the state of engines and clusters below `/var/lib` (`docker`, `containers`, `containerd`, `buildkit`, `crio`, `cni`, `kubelet`, `rancher`, `etcd`, `lxd`, `libvirt`, …), `/var/snap`, and [protected](Self::protect) directories, such as the engine's storage, which the Docker driver adds | other containers' files and secrets |
/// | `/home`, `/var/home`, `/Users` and each home directory in them | contain the directories of the next row |
/// | `.ssh`, `.gnupg`, `.aws`, `.azure`, `.kube`, `.docker`, `.netrc`, `.config/gcloud`, `.local/share/containers` and similar, at any location | credentials, and users' engines |
/// | `/private/etc`, `/private/var` and similar paths of macOS | the locations of `/etc` and `/var` on macOS |
/// | sockets (`….sock`, `….sock.ttrpc`) whose name contains Docker, Podman, containerd, CRI-O, BuildKit, kubelet or libvirt | access to an engine's socket is root access to its host |
///
/// Everything inside these paths is refused too. Paths are compared as text, after `//`, `/./` and a trailing slash
/// are removed. The comparison ignores case, because the host's file system may ignore case too. A path that contains
/// `..` is always refused.
///
/// The policy does not access a file system. If the engine runs on the driver's own host, the driver first resolves
/// symbolic links, and checks both the path and its target. In all other cases, links are not resolved. Then allow
/// only directories in which only trusted users can create links.
///
/// ```
/// use driver_interface_types::{ContainerConfig, VolumeMount};
/// use driver_interface_validation::{ValidationPolicy, validate_container_config_with};
///
/// let policy = ValidationPolicy::default()
///     .allow_bind_root("/srv/projects")
///     .allow_dangerous_bind("/etc/localtime");
/// let config = ContainerConfig::new("s1", "alpine");
///
/// let project = config.clone().mount(VolumeMount::bind("/srv/projects/a", "/src"));
/// assert!(validate_container_config_with(&project, &policy).is_ok());
/// let elsewhere = config.mount(VolumeMount::bind("/data", "/src"));
/// assert!(validate_container_config_with(&elsewhere, &policy).is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidationPolicy {
    any_bind: bool,
    roots: Vec<String>,
    dangerous: Vec<String>,
    /// Directories of the engine and its host that are refused, in addition to the directories that are refused on
    /// every host.
    protected: Vec<String>,
    capabilities: Vec<String>,
    volume_types: Vec<String>,
}

impl ValidationPolicy {
    /// Returns the default policy, under a more descriptive name.
    ///
    /// ```
    /// use driver_interface_validation::ValidationPolicy;
    ///
    /// assert_eq!(ValidationPolicy::safe(), ValidationPolicy::default());
    /// assert!(ValidationPolicy::safe().bind_problem("/srv").is_some());
    /// ```
    pub fn safe() -> Self {
        Self::default()
    }

    driver_interface_types::setters! {
        /// Allows bind mounts of this directory and everything inside it, except for dangerous paths.
        ///
        /// A path that is not absolute, or contains `..`, has no effect.
        ///
        /// ```
        /// use driver_interface_validation::ValidationPolicy;
        ///
        /// let policy = ValidationPolicy::default().allow_bind_root("/srv").allow_bind_root("/etc");
        /// assert!(policy.bind_problem("/srv/a").is_none());
        /// assert!(policy.bind_problem("/data").is_some());
        /// assert!(policy.bind_problem("/etc").is_some());
        /// ```
        allow_bind_root(self, directory: impl AsRef<str>) {
            self.roots.extend(normalised(directory.as_ref()));
        }
        /// Allows bind mounts of every path, except for dangerous paths. Anyone who can create containers can then
        /// read and write most files of the host.
        ///
        /// ```
        /// use driver_interface_validation::ValidationPolicy;
        ///
        /// let policy = ValidationPolicy::default().allow_any_bind();
        /// assert!(policy.bind_problem("/data").is_none());
        /// assert!(policy.bind_problem("/home/joe/.ssh").is_some());
        /// ```
        allow_any_bind(self) { self.any_bind = true; }
        /// Allows bind mounts of this path and everything inside it, even if the path gives control over the host.
        ///
        /// The path's parents remain refused. A path that is not absolute, or contains `..`, has no effect.
        ///
        /// ```
        /// use driver_interface_validation::ValidationPolicy;
        ///
        /// let policy = ValidationPolicy::default().allow_dangerous_bind("/var/run/docker.sock");
        /// assert!(policy.bind_problem("/var/run/docker.sock").is_none());
        /// assert!(policy.bind_problem("/var/run").is_some());
        /// ```
        allow_dangerous_bind(self, path: impl AsRef<str>) {
            self.dangerous.extend(normalised(path.as_ref()));
        }
        /// Marks this directory as dangerous: bind mounts of this directory, of everything inside it and of its parents
        /// are refused. Use this, for example, for an engine's storage.
        ///
        /// ```
        /// use driver_interface_validation::ValidationPolicy;
        ///
        /// let policy = ValidationPolicy::default().allow_any_bind().protect("/data/docker");
        /// assert!(policy.bind_problem("/data/docker/volumes").is_some() && policy.bind_problem("/data").is_some());
        /// assert!(policy.bind_problem("/data/mine").is_none());
        /// ```
        protect(self, directory: impl AsRef<str>) { self.protected.extend(normalised(directory.as_ref())); }
    }

    /// Adds the targets of symbolic links to the policy. `resolve` is called with each path of the policy. If the
    /// path leads through a link, `resolve` returns the target, otherwise `None`. The policy treats the target like
    /// the path. Drivers resolve links once, when they connect. A link that changes later therefore has no effect.
    ///
    /// ```
    /// use driver_interface_validation::ValidationPolicy;
    ///
    /// let links = |path: &str| path.strip_prefix("/srv").map(|rest| format!("/data{rest}"));
    /// let policy = ValidationPolicy::default().allow_bind_root("/srv").with_links_resolved(links);
    /// assert!(policy.bind_problem("/data/a").is_none() && policy.bind_problem("/srv/a").is_none());
    /// ```
    #[must_use]
    pub fn with_links_resolved(mut self, resolve: impl Fn(&str) -> Option<String>) -> Self {
        for paths in [&mut self.roots, &mut self.dangerous, &mut self.protected] {
            let resolved = paths.iter().filter_map(|path| normalised(&resolve(path)?));
            let new: Vec<String> = resolved.filter(|path| !paths.contains(path)).collect();
            paths.extend(new);
        }
        self
    }

    /// Allows adding a capability that affects more than the container, such as `SYS_ADMIN` or `NET_RAW`.
    ///
    /// ```
    /// use driver_interface_types::{ContainerConfig, SecurityOptions};
    /// use driver_interface_validation::{ValidationPolicy, validate_container_config_with};
    ///
    /// let security = SecurityOptions::default().user("0").add_capability("SYS_TIME");
    /// let config = ContainerConfig::new("s1", "alpine").security(security);
    /// let policy = ValidationPolicy::default();
    /// assert!(validate_container_config_with(&config, &policy).is_err());
    /// let policy = policy.allow_dangerous_capability("SYS_TIME");
    /// assert!(validate_container_config_with(&config, &policy).is_ok());
    /// ```
    #[must_use]
    pub fn allow_dangerous_capability(mut self, name: impl Into<String>) -> Self {
        self.capabilities.push(name.into());
        self
    }

    /// Allows volumes of this type, such as `nfs`. The engine's host mounts the file system of such a volume. If the
    /// type `bind` is allowed, a volume can be any directory of the host, because the rules for bind mounts do not
    /// apply to volumes.
    ///
    /// ```
    /// use driver_interface_types::VolumeConfig;
    /// use driver_interface_validation::{ValidationPolicy, validate_volume_config_with};
    ///
    /// let shared = VolumeConfig::new("shared")
    ///     .option("type", "nfs")
    ///     .option("device", ":/exports")
    ///     .option("o", "addr=10.0.0.7,nolock");
    /// let policy = ValidationPolicy::default();
    /// assert!(validate_volume_config_with(&shared, &policy).is_err());
    /// assert!(validate_volume_config_with(&shared, &policy.allow_volume_type("nfs")).is_ok());
    /// ```
    #[must_use]
    pub fn allow_volume_type(mut self, kind: impl Into<String>) -> Self {
        self.volume_types.push(kind.into());
        self
    }

    /// Returns why this host path may not be mounted, and which call would allow the mount. Returns `None` if the
    /// path may be mounted.
    ///
    /// ```
    /// use driver_interface_validation::ValidationPolicy;
    ///
    /// let policy = ValidationPolicy::default();
    /// assert!(policy.bind_problem("/srv").unwrap().contains(r#"allow_bind_root("/srv")"#));
    /// assert!(policy.bind_problem("/var/lib").unwrap().contains("/var/lib/docker"));
    /// assert_eq!(policy.allow_bind_root("/srv").bind_problem("/srv/data"), None);
    /// ```
    pub fn bind_problem(&self, path: &str) -> Option<String> {
        let Some(path) = normalised(path) else {
            return Some("must be an absolute path without `..`".to_owned());
        };
        if self.dangerous.iter().any(|allowed| is_within(&path, allowed)) {
            return None;
        }
        let protected: Vec<String> = self.protected.iter().map(|path| path.to_lowercase()).collect();
        if let Some(reason) = host::danger(&path.to_lowercase(), &protected) {
            let call = call("allow_dangerous_bind", &path);
            return Some(format!(
                "must not be {}: {reason}; to allow it, use {call}",
                shown(&path)
            ));
        }
        if self.any_bind || self.roots.iter().any(|root| is_within(&path, root)) {
            return None;
        }
        let listed: Vec<String> = self.roots.iter().map(|root| shown(root)).collect();
        let allowed = match listed.as_slice() {
            [] => "currently none".to_owned(),
            listed => listed.join(", "),
        };
        let call = call("allow_bind_root", &path);
        Some(format!(
            "must be inside a directory that this driver's policy allows ({allowed}); to allow it or a \
             parent of it, use {call}"
        ))
    }
}

impl HostPolicy for ValidationPolicy {
    fn bind_problem(&self, path: &str) -> Option<String> {
        self.bind_problem(path)
    }

    fn allows_capability(&self, name: &str) -> bool {
        self.capabilities.iter().any(|allowed| allowed == name)
    }

    fn allows_volume_type(&self, kind: &str) -> bool {
        self.volume_types.iter().any(|allowed| allowed == kind)
    }
}

/// Formats a call of a policy function for a path, for messages.
fn call(function: &str, path: &str) -> String {
    let path = shown(path);
    format!("`ValidationPolicy::{function}(\"{}\")`", path.trim_matches('`'))
}

#[cfg(test)]
mod tests;
