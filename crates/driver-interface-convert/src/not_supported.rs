//! Docker's settings that have no counterpart in a [`ContainerConfig`](driver_interface_types::ContainerConfig).

/// Each row: a flag of `docker run`, the key of a compose service for the same setting, and the reason why the
/// setting is not supported, with the remedy. If only one of the two exists, the other is an empty text.
const NOT_SUPPORTED: &[(&str, &str, &str)] = &[
    (
        "attach",
        "attach",
        "the caller chooses what to attach to; use `attach_container` or the log operations",
    ),
    ("blkio-weight", "blkio_config", NO_BLOCK_IO),
    ("blkio-weight-device", "", NO_BLOCK_IO),
    ("cgroup-parent", "cgroup_parent", NO_CGROUP),
    ("cgroupns", "cgroup", NO_CGROUP),
    (
        "cidfile",
        "",
        "no file is written; `create_container` returns the container's id",
    ),
    ("cpu-count", "cpu_count", WINDOWS),
    ("cpu-percent", "cpu_percent", WINDOWS),
    ("cpu-rt-period", "cpu_rt_period", NO_REAL_TIME),
    ("cpu-rt-runtime", "cpu_rt_runtime", NO_REAL_TIME),
    (
        "cpuset-mems",
        "",
        "memory nodes cannot be chosen; choose the CPUs of the node with `cpuset`",
    ),
    (
        "detach-keys",
        "",
        "an attach session has no detach keys; drop the session to detach",
    ),
    (
        "device-cgroup-rule",
        "device_cgroup_rules",
        "rules for devices are not supported; list each device with `--device`",
    ),
    ("device-read-bps", "", NO_BLOCK_IO),
    ("device-read-iops", "", NO_BLOCK_IO),
    ("device-write-bps", "", NO_BLOCK_IO),
    ("device-write-iops", "", NO_BLOCK_IO),
    (
        "disable-content-trust",
        "",
        "images are not verified by signature; name the image by its digest",
    ),
    (
        "domainname",
        "domainname",
        "there is no NIS domain name; use a full host name or DNS search domains",
    ),
    (
        "expose",
        "expose",
        "it has no effect: containers on a network reach every port; publish the ports that the host must reach",
    ),
    ("io-maxbandwidth", "", WINDOWS),
    ("io-maxiops", "", WINDOWS),
    (
        "ipc",
        "ipc",
        "containers have their own IPC namespace; share data through a volume, and set the size of `/dev/shm`",
    ),
    ("isolation", "isolation", WINDOWS),
    (
        "kernel-memory",
        "",
        "Linux no longer supports it; limit the memory",
    ),
    (
        "link",
        "links",
        "links are not supported; connect both containers to one network, where they resolve each other by name",
    ),
    (
        "link-local-ip",
        "",
        "link-local addresses are not supported; set the container's address on a network of its own",
    ),
    (
        "mac-address",
        "mac_address",
        "MAC addresses cannot be chosen; find the container by its name on the network",
    ),
    (
        "memory-swappiness",
        "mem_swappiness",
        "it cannot be tuned; limit the swap with `resources.swap`",
    ),
    ("oom-kill-disable", "oom_kill_disable", NO_OOM),
    ("oom-score-adj", "oom_score_adj", NO_OOM),
    (
        "pid",
        "pid",
        "containers cannot share the host's or another container's processes; run the processes in one container",
    ),
    (
        "privileged",
        "privileged",
        "privileged containers are not supported; add the capabilities and devices that the program needs",
    ),
    (
        "publish-all",
        "",
        "the image's ports are not known; publish each port",
    ),
    (
        "quiet",
        "",
        "it concerns only the output of the `docker` command; a pull's progress is reported by `pull_image`",
    ),
    (
        "sig-proxy",
        "",
        "signals are not forwarded; use `kill_container` or `stop_container`",
    ),
    (
        "use-api-socket",
        "use_api_socket",
        "access to the engine's socket gives control over its host; pass the program a driver of its own instead",
    ),
    (
        "userns",
        "userns_mode",
        "the engine's user namespace applies to all containers; choose the user instead",
    ),
    (
        "uts",
        "uts",
        "containers have their own host name; set it with `--hostname`",
    ),
    (
        "volumes-from",
        "volumes_from",
        "the other container's mounts are not known; mount each volume",
    ),
    (
        "",
        "build",
        "images are not built; build the image and load it, or name one with `image`",
    ),
    (
        "",
        "configs",
        "configs are not supported; write the file with `write_file`, or mount it",
    ),
    ("", "credential_spec", WINDOWS),
    (
        "",
        "depends_on",
        "one service is converted at a time; start the others first, and use `WaitFor` until they are ready",
    ),
    (
        "",
        "develop",
        "it concerns only `docker compose watch`; use a bind mount",
    ),
    (
        "",
        "extends",
        "the other service is not read; convert the output of `docker compose config` instead",
    ),
    (
        "",
        "external_links",
        "links are not supported; connect both containers to one network",
    ),
    (
        "",
        "models",
        "models are not supported; pass the model's address in the environment",
    ),
    (
        "",
        "post_start",
        "hooks are not supported; use `exec` after the start",
    ),
    (
        "",
        "pre_stop",
        "hooks are not supported; use `exec` before the stop",
    ),
    ("", "profiles", "the caller decides which services to convert"),
    (
        "",
        "provider",
        "providers are not supported; run the service that it provides",
    ),
    (
        "",
        "scale",
        "a config creates one container; create one for each replica",
    ),
    (
        "",
        "secrets",
        "secrets are not supported; write the file with `write_file`, or mount it",
    ),
];

const NO_BLOCK_IO: &str = "block I/O is not limited; limit it on the engine's host";
const NO_CGROUP: &str = "the engine chooses the control group; set the limits in `resources`";
const NO_OOM: &str = "the kernel's out-of-memory handling cannot be changed; raise the memory limit";
const NO_REAL_TIME: &str = "real-time scheduling is not supported; set the CPU limit and CPU shares";
const WINDOWS: &str = "it concerns only Windows containers; remove it";

/// Returns the reason why a flag has no counterpart in a config. `name` is the flag without its dashes. Returns
/// `None` if the flag has a counterpart or is unknown.
pub(crate) fn flag(name: &str) -> Option<&'static str> {
    let row = NOT_SUPPORTED.iter().find(|(flag, ..)| *flag == name);
    row.map(|(.., reason)| *reason)
}

/// Returns the reason why the key `name` of a compose service has no counterpart in a config. Returns `None` if the
/// key has a counterpart or is unknown.
pub(crate) fn key(name: &str) -> Option<&'static str> {
    let row = NOT_SUPPORTED.iter().find(|(_, key, _)| *key == name);
    row.map(|(.., reason)| *reason)
}
