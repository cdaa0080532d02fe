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
    "/var/run",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/kubelet",
    "/private/etc",
    "/private/var/run",
];

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
/// | `/run`, `/var/run` | the sockets of engines and of the init system |
/// | `/var/lib/docker`, `/var/lib/containerd`, `/var/lib/containers`, `/var/lib/kubelet` | other containers' files and secrets |
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
        if let Some(reason) = danger(&path.to_ascii_lowercase()) {
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
}

/// What a normalised lower-case path would hand over.
fn danger(path: &str) -> Option<String> {
    let name = path.rsplit('/').next().unwrap_or_default();
    if ENGINE_SOCKETS.contains(&name) {
        return Some("whoever can talk to an engine's socket controls its host".to_owned());
    }
    if let Some(folder) = DANGEROUS.iter().find(|folder| is_within(path, folder)) {
        return Some(format!("what is in `{folder}` gives control over the host"));
    }
    let inside = DANGEROUS.iter().find(|folder| is_within(folder, path))?;
    Some(format!("it holds `{inside}`, which gives control over the host"))
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
