//! Host paths that would give control over the host or expose credentials.

use driver_interface_types::rules::paths::is_within;

/// Directories that make up the host itself: its kernel, devices, settings, secrets, logs and engines.
const DIRECTORIES: &[&str] = &[
    "/proc", "/sys", "/dev", "/cgroup", "/etc", "/boot", "/root", "/lost+found", "/run", "/bin", "/sbin",
    "/lib", "/lib32", "/lib64", "/libx32", "/usr", "/nix", "/gnu", "/ostree", "/sysroot", "/var/run",
    "/var/lock", "/var/log", "/var/mail", "/var/spool", "/var/backups", "/var/snap", "/var/lib/docker",
    "/var/lib/docker-engine", "/var/lib/dockershim", "/var/lib/cri-dockerd", "/var/lib/containerd",
    "/var/lib/containers", "/var/lib/buildkit", "/var/lib/nerdctl", "/var/lib/crio", "/var/lib/cni",
    "/var/lib/calico", "/var/lib/cilium", "/var/lib/kubelet", "/var/lib/kube-proxy", "/var/lib/kubernetes",
    "/var/lib/minikube", "/var/lib/rancher", "/var/lib/k0s", "/var/lib/etcd", "/var/lib/lxc", "/var/lib/lxd",
    "/var/lib/incus", "/var/lib/libvirt", "/var/lib/machines", "/var/lib/portables", "/var/lib/extensions",
    "/var/lib/private", "/var/lib/systemd", "/var/lib/cloud", "/var/lib/polkit-1", "/var/lib/sudo",
    "/var/lib/sss", "/var/lib/dpkg", "/var/lib/rpm", "/var/lib/pacman", "/var/lib/apk", "/opt/cni",
    "/opt/containerd", "/private/etc", "/private/var", "/system", "/library",
];

/// The parent directories of home directories.
const HOMES: &[&str] = &["/home", "/var/home", "/users"];

/// Directories and files in which users' programs keep credentials, or users' engines keep sockets, images and
/// containers. They are dangerous at any location.
const PRIVATE: &[&str] = &[
    ".ssh", ".gnupg", ".pki", ".password-store", ".netrc", ".git-credentials", ".pgpass", ".my.cnf",
    ".npmrc", ".yarnrc.yml", ".pypirc", ".gem/credentials", ".cargo/credentials", ".cargo/credentials.toml",
    ".m2/settings.xml", ".m2/settings-security.xml", ".gradle/gradle.properties", ".aws", ".azure", ".oci",
    ".boto", ".s3cfg", ".terraform.d", ".terraformrc", ".vault-token", ".kube", ".minikube", ".k3d",
    ".docker", ".dockercfg", ".colima", ".lima", ".orbstack", ".rd", ".mozilla", ".thunderbird", ".electrum",
    ".bash_history", ".zsh_history", ".config/containers", ".config/docker", ".config/gcloud", ".config/gh",
    ".config/glab-cli", ".config/doctl", ".config/helm", ".config/hub", ".config/op", ".config/rclone",
    ".config/sops", ".config/systemd", ".config/google-chrome", ".config/chromium", ".config/bravesoftware",
    ".config/1password", ".config/git/credentials", ".local/share/containers", ".local/share/containerd",
    ".local/share/docker", ".local/share/buildkit", ".local/share/nerdctl", ".local/share/keyrings",
    ".local/share/kwalletd", ".local/share/systemd",
];

/// Substrings of the names of engine sockets. An engine's socket gives root access to the host, at any location.
const ENGINES: &[&str] = &[
    "docker", "podman", "containerd", "crio", "buildkit", "nerdctl", "kubelet", "libvirt", "virtqemud",
    "lxd", "incus",
];

/// Returns why a bind mount of `path` is dangerous. Returns `None` if the bind mount is not dangerous. `path` must be
/// normalised and in lower case. `protected` lists further directories that are treated like `DIRECTORIES`.
pub(super) fn danger(path: &str, protected: &[String]) -> Option<String> {
    if is_engine_socket(path) {
        return Some("access to an engine's socket gives control over its host".to_owned());
    }
    match private(path) {
        Some(Private::Inside(name)) => {
            return Some(format!("`{name}` contains credentials or a user's engine"));
        }
        Some(Private::Above(name)) => {
            return Some(format!(
                "it contains `{name}`, which holds credentials or a user's engine"
            ));
        }
        None => {}
    }
    if is_home(path) {
        return Some("it contains credentials (such as `.ssh`, `.aws` and `.docker`)".to_owned());
    }
    let directories = || {
        DIRECTORIES
            .iter()
            .copied()
            .chain(protected.iter().map(String::as_str))
    };
    if let Some(directory) = directories().find(|directory| is_within(path, directory)) {
        return Some(format!("`{directory}` gives control over the host"));
    }
    let inside = directories()
        .chain(HOMES.iter().copied())
        .find(|directory| is_within(directory, path))?;
    Some(format!(
        "it contains `{inside}`, which gives control over the host"
    ))
}

fn is_engine_socket(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_socket = [".sock", ".sock.ttrpc", "-sock", "-sock-ro"]
        .iter()
        .any(|end| name.ends_with(end));
    is_socket && ENGINES.iter().any(|engine| name.contains(engine))
}

/// Returns whether the path is a home directory, or the parent of home directories.
fn is_home(path: &str) -> bool {
    HOMES.iter().any(|homes| {
        path.strip_prefix(homes)
            .is_some_and(|rest| rest.is_empty() || (rest.starts_with('/') && rest.matches('/').count() == 1))
    })
}

enum Private {
    Inside(&'static str),
    /// The checked path may contain this private path, because the checked path ends with a parent of the private
    /// path. For example, `/data/.config` may contain `.config/gh`.
    Above(&'static str),
}

fn private(path: &str) -> Option<Private> {
    let parts: Vec<&str> = path.split('/').collect();
    let mut above = None;
    for name in PRIVATE {
        let required: Vec<String> = name.split('/').map(str::to_lowercase).collect();
        if parts.windows(required.len()).any(|window| window == required) {
            return Some(Private::Inside(name));
        }
        let begins = (1..required.len()).any(|length| {
            let beginning = required.get(..length).unwrap_or_default();
            parts.ends_with(&beginning.iter().map(String::as_str).collect::<Vec<_>>())
        });
        if begins && above.is_none() {
            above = Some(Private::Above(name));
        }
    }
    above
}
