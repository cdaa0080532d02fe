//! Which folders of the host a container may be given.

use crate::path::{is_within, normalised};
use crate::text::shown;

/// Folders whose content is the host itself: its kernel, devices, settings, secrets and engines.
const DANGEROUS: &[&str] = &[
    "/proc",
    "/sys",
    "/dev",
    "/etc",
    "/boot",
    "/root",
    "/run",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/usr",
    "/var/run",
    "/var/lock",
    "/var/spool/cron",
    "/var/snap",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/kubelet",
    "/var/lib/rancher",
    "/private/etc",
    "/private/var/run",
];

/// Folders in people's homes where engines keep their sockets.
const ENGINE_FOLDERS: &[&str] = &[".docker", ".colima", ".orbstack", ".rd"];

/// Sockets through which anybody is root on the host, wherever they lie.
const ENGINE_SOCKETS: &[&str] = &[
    "docker.sock",
    "docker.raw.sock",
    "podman.sock",
    "containerd.sock",
    "crio.sock",
    "cri-dockerd.sock",
    "buildkitd.sock",
];

/// Says which paths of the host may be mounted into containers. The default is safe.
///
/// By default every absolute path is allowed except those that would hand over the host:
///
/// | refused | because |
/// |---|---|
/// | `/` and every other parent of a folder below, such as `/var` and `/var/lib` | it holds them |
/// | `/proc`, `/sys`, `/dev` | kernel settings, other processes' memory, raw disks |
/// | `/etc`, `/boot`, `/root` | accounts and passwords, the kernel, the administrator's keys |
/// | `/run`, `/var/run`, `/var/lock` | the sockets of engines and of the init system |
/// | `/bin`, `/sbin`, `/lib`, `/lib64`, `/usr`, `/var/spool/cron` | the programs that the host runs |
/// | `/var/lib/docker`, `/var/lib/containerd`, `/var/lib/containers`, `/var/lib/kubelet`, `/var/lib/rancher`, `/var/snap`, and what is [protected](Self::protect): the Docker driver adds its engine's storage | other containers' files and secrets |
/// | `.docker`, `.colima`, `.orbstack` and `.rd` anywhere | engines' sockets and passwords |
/// | `/private/etc`, `/private/var/run` | where macOS keeps `/etc` and `/var/run` |
/// | any path that ends in `docker.sock`, `docker.raw.sock`, `podman.sock`, `containerd.sock`, `crio.sock`, `cri-dockerd.sock` or `buildkitd.sock` | whoever talks to an engine is root on its host |
///
/// and everything inside these. Paths are compared as texts, without regard to case (a path of a
/// case-insensitive host is refused in every spelling), after `//`, `/./` and a closing slash are gone; `..`
/// is refused everywhere. Symbolic links are not followed: who can make links in an allowed folder of the
/// host can lead out of it, so allow only folders that the containers' users cannot change from outside.
///
/// ```
/// use driver_interface_types::{ContainerConfig, VolumeMount};
/// use driver_interface_validation::{ValidationPolicy, validate_container_config_with};
///
/// let policy = ValidationPolicy::default().allow_bind("/srv/projects").allow_dangerous_bind("/etc/localtime");
/// let config = ContainerConfig::new("s1", "alpine");
///
/// let project = config.clone().mount(VolumeMount::bind("/srv/projects/a", "/src"));
/// assert!(validate_container_config_with(&project, &policy).is_ok());
/// let elsewhere = config.mount(VolumeMount::bind("/home/joe", "/src"));
/// assert!(validate_container_config_with(&elsewhere, &policy).is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidationPolicy {
    binds_refused: bool,
    roots: Option<Vec<String>>,
    dangerous: Vec<String>,
    /// Folders of this engine and its host that are as dangerous as those every host has, in lower case.
    protected: Vec<String>,
    capabilities: Vec<String>,
}

impl ValidationPolicy {
    /// The default policy, under a name that reads well.
    ///
    /// ```
    /// use driver_interface_validation::ValidationPolicy;
    ///
    /// assert_eq!(ValidationPolicy::safe(), ValidationPolicy::default());
    /// ```
    pub fn safe() -> Self {
        Self::default()
    }

    /// Refuses every bind mount, whatever else is allowed.
    ///
    /// ```
    /// use driver_interface_validation::ValidationPolicy;
    ///
    /// assert!(ValidationPolicy::default().without_binds().bind_problem("/srv").is_some());
    /// ```
    #[must_use]
    pub fn without_binds(mut self) -> Self {
        self.binds_refused = true;
        self
    }

    /// Allows bind mounts of this folder and what is inside it, and from now on of no other folder but those
    /// allowed in the same way. It does not lift the danger of a dangerous folder.
    ///
    /// A path that is not absolute, or has `..`, allows nothing.
    ///
    /// ```
    /// use driver_interface_validation::ValidationPolicy;
    ///
    /// let policy = ValidationPolicy::default().allow_bind("/srv").allow_bind("/etc");
    /// assert!(policy.bind_problem("/srv/a").is_none());
    /// assert!(policy.bind_problem("/home/joe").is_some());
    /// assert!(policy.bind_problem("/etc").is_some());
    /// ```
    #[must_use]
    pub fn allow_bind(mut self, folder: impl AsRef<str>) -> Self {
        self.roots
            .get_or_insert_default()
            .extend(normalised(folder.as_ref()));
        self
    }

    /// Allows bind mounts of this path, and of what is inside it, though it may hand over the host.
    ///
    /// Its parents stay refused. A path that is not absolute, or has `..`, allows nothing.
    ///
    /// ```
    /// use driver_interface_validation::ValidationPolicy;
    ///
    /// let policy = ValidationPolicy::default().allow_dangerous_bind("/var/run/docker.sock");
    /// assert!(policy.bind_problem("/var/run/docker.sock").is_none());
    /// assert!(policy.bind_problem("/var/run").is_some());
    /// ```
    #[must_use]
    pub fn allow_dangerous_bind(mut self, path: impl AsRef<str>) -> Self {
        self.dangerous.extend(normalised(path.as_ref()));
        self
    }

    /// Refuses bind mounts of this folder, of what is inside it and of its parents: an engine's storage, say.
    ///
    /// ```
    /// use driver_interface_validation::ValidationPolicy;
    ///
    /// let policy = ValidationPolicy::default().protect("/data/docker");
    /// assert!(policy.bind_problem("/data/docker/volumes").is_some() && policy.bind_problem("/data").is_some());
    /// assert!(policy.bind_problem("/data/mine").is_none());
    /// ```
    #[must_use]
    pub fn protect(mut self, folder: impl AsRef<str>) -> Self {
        let folder = normalised(folder.as_ref());
        self.protected.extend(folder.map(|folder| folder.to_lowercase()));
        self
    }

    /// Allows to add a capability that makes root in a container as good as root on the host, such as `SYS_ADMIN`.
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

    pub(crate) fn allows_capability(&self, name: &str) -> bool {
        self.capabilities.iter().any(|allowed| allowed == name)
    }

    /// Why this path of the host may not be mounted, or `None` if it may.
    ///
    /// ```
    /// use driver_interface_validation::ValidationPolicy;
    ///
    /// let policy = ValidationPolicy::default();
    /// assert_eq!(policy.bind_problem("/srv/data"), None);
    /// assert!(policy.bind_problem("/var/lib").unwrap().contains("/var/lib/docker"));
    /// ```
    pub fn bind_problem(&self, path: &str) -> Option<String> {
        if self.binds_refused {
            return Some("must be a volume: this driver's policy allows no bind mounts".to_owned());
        }
        let Some(path) = normalised(path) else {
            return Some("must be an absolute path without `..`".to_owned());
        };
        if self.dangerous.iter().any(|allowed| is_within(&path, allowed)) {
            return None;
        }
        if let Some(reason) = self.danger(&path.to_lowercase()) {
            return Some(format!("must not be {}: {reason}", shown(&path)));
        }
        let roots = self.roots.as_ref()?;
        if roots.iter().any(|root| is_within(&path, root)) {
            return None;
        }
        let listed: Vec<String> = roots.iter().map(|root| shown(root)).collect();
        Some(format!(
            "must be inside a folder this driver's policy allows ({})",
            listed.join(", ")
        ))
    }

    /// What a normalised lower-case path would hand over.
    fn danger(&self, path: &str) -> Option<String> {
        let mut parts = path.split('/');
        if parts.clone().any(|part| ENGINE_FOLDERS.contains(&part))
            || parts
                .next_back()
                .is_some_and(|name| ENGINE_SOCKETS.contains(&name))
        {
            return Some("whoever can talk to an engine's socket controls its host".to_owned());
        }
        let folders = || {
            DANGEROUS
                .iter()
                .copied()
                .chain(self.protected.iter().map(String::as_str))
        };
        if let Some(folder) = folders().find(|folder| is_within(path, folder)) {
            return Some(format!("what is in `{folder}` gives control over the host"));
        }
        let inside = folders().find(|folder| is_within(folder, path))?;
        Some(format!("it holds `{inside}`, which gives control over the host"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hands_over_the_host_is_refused_in_every_spelling() {
        let policy = ValidationPolicy::default();
        for path in [
            "/",
            "//",
            "/.",
            "/proc",
            "/proc/self/root",
            "/sys/",
            "/dev/sda",
            "//etc//passwd",
            "/./etc/",
            "/ETC",
            "/boot",
            "/root/.ssh",
            "/run",
            "/run/user/1000/podman/podman.sock",
            "/var/run/docker.sock",
            "/var",
            "/var/lib",
            "/var/lib/docker/volumes/x",
            "/home/joe/.docker/run/docker.sock",
            "/srv/containerd.sock",
            "/srv/Docker.Sock",
            "/srv/../etc",
            "/..",
            "relative",
            "",
            "/private",
            "/home/joe/.docker/run",
            "/home/joe/.colima/default",
            "/usr/lib/systemd/system",
            "/bin",
            "/var/spool/cron",
            "/var/lib/rancher/k3s",
        ] {
            assert!(policy.bind_problem(path).is_some(), "{path:?} was allowed");
        }
    }

    #[test]
    fn other_folders_of_the_host_are_allowed() {
        let policy = ValidationPolicy::default();
        for path in [
            "/srv",
            "/home/joe/project",
            "/etcetera",
            "/var/lib/myapp",
            "/tmp/x.sock",
            "/data/docker.sock.d",
        ] {
            assert_eq!(policy.bind_problem(path), None, "{path:?}");
        }
    }

    #[test]
    fn an_exception_covers_what_is_inside_it_and_nothing_beside() {
        let policy = ValidationPolicy::default().allow_dangerous_bind("/etc/ssl/");
        assert_eq!(policy.bind_problem("/etc/ssl"), None);
        assert_eq!(policy.bind_problem("/etc/ssl/certs"), None);
        assert!(policy.bind_problem("/etc").is_some());
        assert!(policy.bind_problem("/etc/ssl2").is_some());
    }

    #[test]
    fn an_unusable_root_restricts_to_nothing() {
        let policy = ValidationPolicy::default().allow_bind("relative");
        assert!(policy.bind_problem("/srv").is_some());
    }

    #[test]
    fn refusing_binds_wins_over_every_exception() {
        let policy = ValidationPolicy::default()
            .allow_dangerous_bind("/etc")
            .allow_bind("/srv")
            .without_binds();
        assert!(policy.bind_problem("/etc").is_some() && policy.bind_problem("/srv").is_some());
    }
}
