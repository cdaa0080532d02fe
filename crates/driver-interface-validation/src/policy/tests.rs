use super::*;

/// Returns a policy that allows bind mounts of all paths except dangerous paths.
fn open() -> ValidationPolicy {
    ValidationPolicy::default().allow_any_bind()
}

#[test]
fn host_paths_are_denied_by_default_with_remedy() {
    let policy = ValidationPolicy::default();
    for path in ["/srv", "/data/x", "/tmp", "/opt/app"] {
        let problem = policy.bind_problem(path).unwrap();
        let call = format!("`ValidationPolicy::allow_bind_root(\"{path}\")`");
        assert!(problem.contains(&call), "{problem}");
        assert_eq!(policy.clone().allow_bind_root(path).bind_problem(path), None);
    }
    let problem = policy.allow_bind_root("/srv").bind_problem("/data").unwrap();
    assert!(problem.contains("policy allows (`/srv`)"), "{problem}");
}

#[test]
fn dangerous_paths_are_refused_in_every_spelling() {
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
        "/run/containerd",
        "/var/run/docker.sock",
        "/var",
        "/var/lib",
        "/var/lib/docker/volumes/x",
        "/var/lib/crio",
        "/var/lib/buildkit/x",
        "/var/log",
        "/var/log/app",
        "/srv/containerd.sock",
        "/srv/containerd.sock.ttrpc",
        "/srv/Docker.Sock",
        "/tmp/my-podman-api.sock",
        "/tmp/crio/crio.sock",
        "/tmp/libvirt-sock",
        "/srv/../etc",
        "/..",
        "relative",
        "",
        "/private",
        "/home",
        "/home/",
        "/home/joe",
        "/Users/joe/",
        "/var/home/joe",
        "/home/joe/.docker/run",
        "/home/joe/.colima/default",
        "/home/joe/.ssh/id_ed25519",
        "/srv/joe/.aws",
        "/srv/joe/.kube/config",
        "/home/joe/.config",
        "/home/joe/.config/gcloud/credentials.db",
        "/home/joe/.local",
        "/home/joe/.local/share",
        "/home/joe/.local/share/containers/storage",
        "/home/joe/project/.netrc",
        "/usr/lib/systemd/system",
        "/bin",
        "/var/spool/cron",
        "/var/lib/rancher/k3s",
    ] {
        for policy in [open(), open().allow_bind_root("/").allow_bind_root(path)] {
            assert!(policy.bind_problem(path).is_some(), "{path:?} was allowed");
        }
    }
}

#[test]
fn allow_any_permits_other_host_directories() {
    for path in [
        "/srv", "/home/joe/project", "/home/joe/.config/myapp", "/home/joe/.cargo/registry",
        "/home/joe/.local/share/myapp", "/etcetera", "/var/lib/myapp", "/var/logs", "/tmp/x.sock",
        "/data/docker.sock.d", "/srv/docker", "/srv/.sshd", "/opt/app",
    ] {
        assert_eq!(open().bind_problem(path), None, "{path:?}");
    }
}

#[test]
fn exception_covers_only_its_subtree() {
    let policy = ValidationPolicy::default().allow_dangerous_bind("/etc/ssl/");
    assert_eq!(policy.bind_problem("/etc/ssl"), None);
    assert_eq!(policy.bind_problem("/etc/ssl/certs"), None);
    assert!(policy.bind_problem("/etc").is_some());
    assert!(policy.bind_problem("/etc/ssl2").is_some());
    let problem = open().bind_problem("/etc/ssl").unwrap();
    let call = "`ValidationPolicy::allow_dangerous_bind(\"/etc/ssl\")`";
    assert!(problem.contains(call), "{problem}");
}

#[test]
fn invalid_root_allows_nothing() {
    let policy = ValidationPolicy::default()
        .allow_bind_root("relative")
        .allow_bind_root("/srv/../data");
    assert!(policy.bind_problem("/srv").is_some() && policy.bind_problem("/data").is_some());
}

#[test]
fn rules_apply_to_symlink_targets() {
    let links = |path: &str| match path {
        "/srv" => Some("/mnt/disk/srv".to_owned()),
        "/var/run/docker.sock" => Some("/run/docker.sock".to_owned()),
        "/Engine" => Some("/mnt/disk/Engine".to_owned()),
        _ => None,
    };
    let policy = ValidationPolicy::default()
        .allow_bind_root("/srv")
        .allow_bind_root("/mnt/disk")
        .allow_dangerous_bind("/var/run/docker.sock")
        .protect("/Engine");
    assert!(policy.bind_problem("/run/docker.sock").is_some());
    assert_eq!(policy.bind_problem("/mnt/disk/Engine"), None);
    let policy = policy.with_links_resolved(links);
    for allowed in [
        "/srv/a", "/mnt/disk/srv/a", "/run/docker.sock", "/var/run/docker.sock",
    ] {
        assert_eq!(policy.bind_problem(allowed), None, "{allowed}");
    }
    for refused in ["/mnt/disk/Engine/x", "/mnt/disk/engine", "/mnt/disk", "/Engine"] {
        assert!(policy.bind_problem(refused).is_some(), "{refused}");
    }
}
