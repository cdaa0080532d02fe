//! Conversion of a config to the engine's create request.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount,
    MountBindOptions, MountBindOptionsPropagationEnum, MountType as EngineMountType, MountVolumeOptions,
    RestartPolicy as EnginePolicy, RestartPolicyNameEnum,
};
use driver_interface_types::{
    ContainerConfig, Guarantee, MountType, NetworkMode, Propagation, RestartPolicy, SelinuxLabel,
    StopOptions, TmpfsMount, VolumeMount,
};

use super::capabilities::EngineFeatures;
use super::image;
use super::labels::to_map;
use super::records::Labels;
use super::{setup, tmpfs};

const MIB: u64 = 1024 * 1024;
pub(crate) const TMP: &str = "/tmp";
/// The stop timeout of new containers, in seconds. If another client stops a container without giving a timeout, the
/// engine waits this long before it kills the container. Podman's default would be 0.
const STOP_TIMEOUT: i64 = StopOptions::DEFAULT_GRACE.as_secs().cast_signed();

/// Returns the create request for a container. `network` is the name of the network to join. If `init` is `true`, the
/// first process is the engine's init program.
pub(crate) fn request(
    config: &ContainerConfig,
    labels: Labels,
    network: &str,
    features: &EngineFeatures,
    init: bool,
) -> ContainerCreateBody {
    // The engine removes a variable that is given without a value.
    let set = config.env.iter().map(|(key, value)| format!("{key}={value}"));
    let env = set.chain(config.unset_env.iter().cloned()).collect();
    let mut body = ContainerCreateBody {
        image: Some(image::engine_name(&config.image)),
        cmd: (!config.command.is_empty()).then(|| config.command.clone()),
        env: Some(env),
        user: config.security.user.clone(),
        open_stdin: Some(config.stdin),
        stdin_once: Some(config.stdin),
        stop_timeout: Some(STOP_TIMEOUT),
        host_config: Some(host_config(config, &labels, network, features, init)),
        labels: Some(to_map(labels)),
        ..ContainerCreateBody::default()
    };
    setup::add_to(&mut body, config, network, features.dialect.other_ulimits);
    body
}

/// Returns the name of the network to send to the engine, or `None` for the default network.
pub(crate) fn network_mode(mode: &NetworkMode) -> Option<&str> {
    match mode {
        NetworkMode::None => Some("none"),
        NetworkMode::Named(name) => Some(name),
        _ => None,
    }
}

fn host_config(
    config: &ContainerConfig,
    labels: &Labels,
    network: &str,
    features: &EngineFeatures,
    init: bool,
) -> HostConfig {
    let limits = &config.resources;
    let security = &config.security;
    let memory = bytes(limits.memory);
    let can = &features.capabilities;
    HostConfig {
        nano_cpus: can.supports(Guarantee::Cpu).then(|| nano_cpus(limits.cpu)),
        memory: Some(memory),
        memory_swap: Some(bytes(limits.memory.saturating_add(limits.swap.unwrap_or(0)))),
        memory_reservation: limits.memory_reservation.map(bytes),
        cpu_shares: limits.cpu_shares.map(setup::signed),
        cpuset_cpus: config.cpuset.clone(),
        pids_limit: Some(i64::try_from(limits.pids).unwrap_or(i64::MAX)),
        storage_opt: limits
            .disk
            .filter(|_| can.supports(Guarantee::Disk))
            .map(|mib| HashMap::from([("size".to_owned(), format!("{mib}m"))])),
        readonly_rootfs: Some(security.read_only),
        tmpfs: in_memory(config, features),
        cap_drop: Some(security.capabilities.drop.clone()),
        cap_add: Some(security.capabilities.add.clone()),
        security_opt: security
            .no_new_privileges
            .then(|| vec!["no-new-privileges".to_owned()]),
        privileged: Some(false),
        // By default, older engines would show the host's cgroup paths to the container.
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        init: Some(init),
        restart_policy: Some(restart_policy(config.restart_policy)),
        auto_remove: Some(false),
        network_mode: Some(network.to_owned()),
        mounts: Some(
            config
                .volumes
                .iter()
                .filter(|volume| volume.selinux.is_none())
                .map(|volume| mount(volume, labels))
                .collect(),
        ),
        binds: binds(config),
        log_config: log_driver(config, features),
        ..HostConfig::default()
    }
}

fn restart_policy(policy: RestartPolicy) -> EnginePolicy {
    let (name, retries) = match policy {
        RestartPolicy::OnFailure { max_retries } => (RestartPolicyNameEnum::ON_FAILURE, max_retries),
        RestartPolicy::Always => (RestartPolicyNameEnum::ALWAYS, None),
        RestartPolicy::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, None),
        _ => (RestartPolicyNameEnum::NO, None),
    };
    EnginePolicy {
        name: Some(name),
        maximum_retry_count: retries.map(i64::from),
    }
}

/// Returns the log driver of a container, or `None` for the engine's default.
fn log_driver(config: &ContainerConfig, features: &EngineFeatures) -> Option<HostConfigLogConfig> {
    let own = config.log_driver.as_ref().map(|driver| HostConfigLogConfig {
        typ: Some(driver.name.clone()),
        config: Some(driver.options.clone().into_iter().collect()),
    });
    // The engine's default may not return logs reliably.
    own.or_else(|| {
        features.needs_log_driver.then(|| HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: None,
        })
    })
}

/// Returns the bind mounts that have an SELinux label, in the engine's older text form. The newer form cannot have
/// such a label. Colons separate the parts of the text. Validated paths contain no colons.
fn binds(config: &ContainerConfig) -> Option<Vec<String>> {
    let labelled = config.volumes.iter().filter_map(|volume| {
        let label = match volume.selinux? {
            SelinuxLabel::Private => "Z",
            _ => "z",
        };
        let access = if volume.read_only { "ro" } else { "rw" };
        let propagation = volume
            .propagation
            .map(|mode| format!(",{mode}"))
            .unwrap_or_default();
        Some(format!(
            "{}:{}:{access},{label}{propagation}",
            volume.source, volume.target
        ))
    });
    let binds: Vec<String> = labelled.collect();
    (!binds.is_empty()).then_some(binds)
}

fn in_memory(config: &ContainerConfig, features: &EngineFeatures) -> Option<HashMap<String, String>> {
    let mounts = tmpfs::all(config);
    let options = |mount: &TmpfsMount| tmpfs::options(mount, &config.security, features.dialect);
    let mounts: HashMap<String, String> = mounts
        .iter()
        .map(|mount| (mount.target.clone(), options(mount)))
        .collect();
    (!mounts.is_empty()).then_some(mounts)
}

/// Returns whether the driver adds its own tmpfs mount at `/tmp`. It does so if the container's root file system is
/// read-only, and the config mounts nothing at `/tmp`.
pub(crate) fn own_tmp(config: &ContainerConfig) -> bool {
    config.security.read_only
        && !config
            .tmpfs
            .iter()
            .any(|mount| mount.target.trim_end_matches('/') == TMP)
        && !config
            .volumes
            .iter()
            .any(|volume| volume.target.trim_end_matches('/') == TMP)
}

fn mount(volume: &VolumeMount, labels: &Labels) -> Mount {
    let (typ, volume_options) = match volume.mount_type() {
        MountType::Bind => (EngineMountType::BIND, None),
        // If the volume disappears before the container is created, the engine creates an empty one. These labels
        // distinguish it from the volume requested.
        _ => {
            let options = MountVolumeOptions {
                // Copying the image's files would also give the volume the owner of the image's directory.
                no_copy: Some(!volume.copy),
                subpath: volume.subpath.clone(),
                labels: Some(to_map(labels.clone())),
                ..MountVolumeOptions::default()
            };
            (EngineMountType::VOLUME, Some(options))
        }
    };
    Mount {
        target: Some(volume.target.clone()),
        source: Some(volume.source.clone()),
        typ: Some(typ),
        read_only: Some(volume.read_only),
        volume_options,
        bind_options: volume.propagation.map(|mode| MountBindOptions {
            propagation: Some(match mode {
                Propagation::HostToContainer => MountBindOptionsPropagationEnum::RSLAVE,
                Propagation::Bidirectional => MountBindOptionsPropagationEnum::RSHARED,
                _ => MountBindOptionsPropagationEnum::RPRIVATE,
            }),
            ..MountBindOptions::default()
        }),
        ..Mount::default()
    }
}

fn bytes(mib: u64) -> i64 {
    i64::try_from(mib.saturating_mul(MIB)).unwrap_or(i64::MAX)
}

/// Converts a number of cores to billionths of a core. Validated limits are finite, positive and far below the largest
/// `i64`.
fn nano_cpus(cores: f64) -> i64 {
    (cores * 1e9).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use crate::engine::ApiVersion;
    use crate::engine::SystemRecord;
    use driver_interface_types::SecurityOptions;

    /// The API version of Docker 20.10.
    const OLD: ApiVersion = ApiVersion::new(1, 41);

    fn host(config: &ContainerConfig) -> HostConfig {
        let system = SystemRecord {
            cpu_cfs_quota: Some(true),
            ..SystemRecord::default()
        };
        let features = EngineFeatures::of(&system, Dialect::DOCKER, OLD, None);
        request(config, Labels::new(), "di", &features, true)
            .host_config
            .unwrap()
    }

    #[test]
    fn defaults_are_safe() {
        let config = ContainerConfig::new("s", "busybox");
        let features = EngineFeatures::of(&SystemRecord::default(), Dialect::DOCKER, OLD, None);
        let body = request(&config, Labels::new(), "di", &features, true);
        assert_eq!(body.user.as_deref(), Some("1000:1000"));
        assert_eq!(body.image.as_deref(), Some("busybox:latest"));
        assert_eq!((body.cmd, body.tty), (None, Some(false)));
        assert_eq!(body.stop_timeout, Some(10));
        let host = host(&config);
        assert_eq!(
            (host.memory, host.memory_swap),
            (Some(512 << 20), Some(512 << 20))
        );
        assert_eq!((host.nano_cpus, host.pids_limit), (Some(500_000_000), Some(100)));
        assert_eq!(
            (host.readonly_rootfs, host.privileged, host.init),
            (Some(true), Some(false), Some(true))
        );
        assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
        assert_eq!(host.security_opt, Some(vec!["no-new-privileges".to_owned()]));
        assert_eq!(host.restart_policy.unwrap().name, Some(RestartPolicyNameEnum::NO));
        assert_eq!(
            host.tmpfs.unwrap()["/tmp"],
            "rw,exec,nosuid,nodev,mode=1777,size=64m,uid=1000,gid=1000"
        );
        assert_eq!((host.storage_opt, host.log_config), (None, None));
    }

    #[test]
    fn mount_at_tmp_replaces_default_tmpfs() {
        let config = ContainerConfig::new("s", "busybox");
        assert!(
            host(&config.clone().mount(VolumeMount::volume("data", "/tmp")))
                .tmpfs
                .is_none()
        );
        assert!(
            host(&config.clone().mount(VolumeMount::volume("data", "/tmp/x")))
                .tmpfs
                .is_some()
        );
        assert!(
            host(&config.security(SecurityOptions::default().read_only(false)))
                .tmpfs
                .is_none()
        );
    }

    #[test]
    fn mounts_keep_their_kind() {
        let config = ContainerConfig::new("s", "busybox")
            .mount(VolumeMount::volume("data", "/data").read_only(true))
            .mount(VolumeMount::bind("/srv", "/srv"));
        let mounts = host(&config).mounts.unwrap();
        assert_eq!(
            (mounts[0].typ, mounts[0].read_only),
            (Some(EngineMountType::VOLUME), Some(true))
        );
        assert_eq!(
            (mounts[1].typ, mounts[1].read_only),
            (Some(EngineMountType::BIND), Some(false))
        );
    }
}
