//! Which features the engine reports that it enforces, and what follows for a config.

use std::path::Path;

use driver_interface_errors::{
    ContainerCreationError, DriverError, Hint, ResourceLimitError, UnsupportedError,
};
use driver_interface_types::{Capabilities, ContainerConfig, ResourceLimits, Strictness, Warning};

use super::enforcement::Facts;
use super::tmpfs;
use crate::engine::{Flavour, SystemRecord};

/// The smallest memory limit that engines accept, in MiB.
const MIN_MEMORY: u64 = 6;

/// The features of an engine, determined once when the driver connects.
#[derive(Clone, Debug)]
pub(crate) struct EngineFeatures {
    pub(crate) capabilities: Capabilities,
    pub(crate) flavour: Flavour,
    /// Whether a tmpfs mount gets the mode of the image's directory at that path, whatever mode is requested; see
    /// [`keeps_mode`](crate::quirks::keeps_mode).
    pub(crate) keeps_mode: bool,
    /// The host's memory in MiB; 0 if the engine does not report it.
    pub(crate) host_memory: u64,
    /// Whether the engine has an init program to run as the first process.
    pub(crate) init: bool,
    /// Whether the engine keeps no readable logs by default.
    pub(crate) logs_off: bool,
    /// The runtimes that a config may select.
    pub(crate) runtimes: Vec<String>,
    /// The process limit that must be sent along with any other ulimit; see
    /// [`process_limit`](crate::quirks::process_limit).
    pub(crate) process_limit: Option<u64>,
}

impl EngineFeatures {
    pub(crate) fn of(system: &SystemRecord, flavour: Flavour, mounts: Option<&str>) -> Self {
        let yes = |flag: Option<bool>| flag.unwrap_or(false);
        let mut can = Capabilities::none();
        can.image_pull = true;
        can.image_import = true;
        can.image_remove = true;
        can.volume_list = true;
        can.network_list = true;
        can.container_wait = true;
        can.container_kill = true;
        can.container_pause = true;
        can.container_restart = true;
        can.exec = true;
        can.exec_stream = true;
        can.log_stream = true;
        can.exec_detached = crate::quirks::records_detached_ends(flavour);
        can.bind_mount = true;
        declare_setup(&mut can, flavour);
        can.cpu_limit = yes(system.cpu_cfs_quota);
        can.memory_limit = yes(system.memory_limit) && yes(system.swap_limit);
        can.pids_limit = yes(system.pids_limit);
        can.disk_limit = limits_disk(system, mounts);
        can.read_only_root = true;
        can.no_new_privileges = true;
        can.capability_drop = true;
        can.seccomp = filters_calls(system);
        can.user = true;
        can.session_isolation = crate::quirks::isolates_networks(flavour);
        can.network_isolation = crate::quirks::isolates_networks(flavour);
        can.real_processes = true;
        // CPU counts are far below 2^52.
        can.max_cpu = (system.cpus > 0).then_some(system.cpus as f64);
        can.min_memory = MIN_MEMORY;
        Self {
            capabilities: can,
            flavour,
            keeps_mode: false,
            host_memory: system.mem_total / (1024 * 1024),
            init: system
                .init_commit
                .as_ref()
                .is_none_or(|commit| commit.id != "N/A"),
            logs_off: system.logging_driver == "none",
            runtimes: system.runtimes.keys().cloned().collect(),
            process_limit: crate::quirks::process_limit(flavour),
        }
    }

    /// Rejects a runtime that the engine does not know.
    pub(crate) fn check_runtime(&self, config: &ContainerConfig) -> Result<(), ContainerCreationError> {
        let Some(runtime) = config
            .runtime
            .as_ref()
            .filter(|runtime| !self.runtimes.contains(runtime))
        else {
            return Ok(());
        };
        let text = format!(
            "the engine has no runtime `{runtime}`; it has `{}`",
            self.runtimes.join("`, `")
        );
        Err(ContainerCreationError::new(text).with_hint(Hint::UnknownRuntime))
    }

    /// Rejects tmpfs options that the engine does not support.
    pub(crate) fn check_tmpfs(&self, config: &ContainerConfig) -> Result<(), UnsupportedError> {
        match self.unsupported_tmpfs(config).first() {
            None => Ok(()),
            Some(warning) => {
                let reason = format!("`{}`: {}", warning.path, warning.message);
                Err(UnsupportedError::new("create_container", reason))
            }
        }
    }

    /// Returns the tmpfs options of a config that the engine does not support.
    pub(crate) fn unsupported_tmpfs(&self, config: &ContainerConfig) -> Vec<Warning> {
        let mounts = config.tmpfs.iter().enumerate();
        let lacking = mounts.filter_map(|(index, mount)| {
            let (field, why) = tmpfs::unsupported(mount, &config.security, self.flavour)?;
            Some(Warning::new(
                format!("tmpfs[{index}].{field}"),
                "unsupported",
                why,
            ))
        });
        lacking.collect()
    }

    /// Rejects limits that exceed the resources of the engine's host.
    pub(crate) fn check_limits(&self, limits: &ResourceLimits) -> Result<(), ResourceLimitError> {
        if let Some(most) = self.capabilities.max_cpu.filter(|most| limits.cpu > *most) {
            return Err(ResourceLimitError::new("cpu", most, limits.cpu));
        }
        if self.host_memory > 0 && limits.memory > self.host_memory {
            // Memory sizes in MiB are far below 2^52.
            return Err(ResourceLimitError::new(
                "memory",
                self.host_memory as f64,
                limits.memory as f64,
            ));
        }
        Ok(())
    }

    /// Returns warnings about requested features that this engine does not enforce.
    pub(crate) fn warnings(&self, facts: Facts) -> Vec<Warning> {
        let can = &self.capabilities;
        let mut warnings = Vec::new();
        let mut warn = |path: &str, holds: bool, why: &str| {
            if !holds {
                warnings.push(Warning::new(path, "not-enforced", why));
            }
        };
        warn(
            "resources.cpu",
            can.cpu_limit,
            "the engine's kernel has no CPU quota (CONFIG_CFS_BANDWIDTH)",
        );
        warn(
            "resources.memory",
            can.memory_limit,
            "the engine cannot limit memory together with swap; enable the memory cgroup with swap accounting",
        );
        warn(
            "resources.pids",
            can.pids_limit,
            "the engine cannot limit processes; enable the pids cgroup",
        );
        warn(
            "resources.disk",
            can.disk_limit || !facts.disk_limit,
            "the engine's storage has no quota per container; overlay2 on xfs mounted with `pquota`, btrfs \
             and zfs have one",
        );
        warn(
            "security",
            can.seccomp,
            "the engine does not filter system calls: its seccomp profile is off",
        );
        warn(
            "network",
            can.session_isolation || !facts.default_network,
            "the engine does not reliably isolate containers of different sessions on the default network; \
             use `none` where that matters",
        );
        warn(
            "network",
            can.network_isolation || facts.default_network || facts.no_network,
            "the engine does not reliably isolate containers of different networks; use `none` where that \
             matters",
        );
        warnings
    }

    /// Rejects a strict config if part of it would not be enforced.
    pub(crate) fn check_strictness(&self, config: &ContainerConfig) -> Result<(), DriverError> {
        if config.strictness != Strictness::Require {
            return Ok(());
        }
        let warnings = self.warnings(Facts::of_config(config));
        if warnings.is_empty() {
            return Ok(());
        }
        let reasons: Vec<String> = warnings
            .iter()
            .map(|warning| format!("`{}` would not be enforced: {}", warning.path, warning.message))
            .collect();
        let mut error = UnsupportedError::new("create_container", reasons.join("; "));
        if let [only] = warnings.as_slice()
            && only.path == "resources.disk"
        {
            error = error.with_hint(Hint::DiskQuotaUnsupported);
        }
        Err(error.into())
    }
}

/// Declares which of the optional parts of a config the engine supports.
fn declare_setup(can: &mut Capabilities, flavour: Flavour) {
    can.volume_inspect = true;
    can.network_inspect = true;
    can.network_connect = true;
    can.network_internal = true;
    can.volume_owner = true;
    can.network_cleanup = true;
    can.plan = true;
    can.image_list = true;
    can.image_inspect = true;
    can.image_load = true;
    can.image_pull_stream = true;
    can.container_stats = true;
    can.container_stats_stream = true;
    can.events = true;
    can.file_archive = true;
    can.archive_owners = crate::quirks::packs_owners(flavour);
    can.file_read = true;
    can.file_write = true;
    can.process_setup = true;
    can.tmpfs_mount = true;
    can.port_publish = true;
    can.name_resolution = true;
    can.platform_select = true;
    let docker = flavour == Flavour::Docker;
    // Podman runs health checks with systemd timers, which most hosts of its service lack. It takes the path of a
    // seccomp profile on its host and not the profile's text. It does not let a container choose its runtime.
    can.health_check_run = docker;
    can.seccomp_profile = docker;
    can.runtime_select = docker;
}

/// Returns whether the size of containers' writable layers can be limited, given the storage driver and its
/// backing file system. The engine does not report the mount options of its xfs; the host's mount table does, if
/// the engine is local.
fn limits_disk(system: &SystemRecord, mounts: Option<&str>) -> bool {
    let backing = system
        .driver_status
        .iter()
        .find(|row| row.first().is_some_and(|key| key == "Backing Filesystem"));
    let on_xfs = backing
        .and_then(|row| row.get(1))
        .is_some_and(|name| name == "xfs");
    match system.driver.as_str() {
        "btrfs" | "zfs" => true,
        "overlay2" | "overlay" => {
            on_xfs && mounts.is_some_and(|mounts| has_quota(mounts, &system.docker_root_dir))
        }
        _ => false,
    }
}

/// Returns whether a directory lies on an xfs with project quotas.
fn has_quota(mounts: &str, folder: &str) -> bool {
    let folder = Path::new(folder);
    let on = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (_, at, kind, options) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        folder.starts_with(at).then_some((at.len(), kind, options))
    });
    // If several mounts share a mount point, the last one counts.
    on.max_by_key(|(length, ..)| *length)
        .is_some_and(|(_, kind, options)| {
            kind == "xfs"
                && options
                    .split(',')
                    .any(|option| matches!(option, "pquota" | "prjquota"))
        })
}

fn filters_calls(system: &SystemRecord) -> bool {
    system.security_options.iter().any(|option| {
        let mut parts = option.split(',');
        parts.next() == Some("name=seccomp") && !parts.any(|part| part == "profile=unconfined")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The responses of the two engines that this was written against.
    const DOCKER: &str = r#"{"Driver":"overlay2","DriverStatus":[["Backing Filesystem","extfs"],["Supports d_type","true"]],
        "MemoryLimit":true,"SwapLimit":true,"CpuCfsQuota":true,"PidsLimit":true,"LoggingDriver":"json-file","NCPU":2,
        "MemTotal":25276502016,"SecurityOptions":["name=seccomp,profile=default"],"InitBinary":"docker-init",
        "InitCommit":{"ID":"","Expected":""},"DockerRootDir":"/var/lib/docker","OSType":"linux","Isolation":"","Warnings":null}"#;

    fn docker() -> SystemRecord {
        serde_json::from_str(DOCKER).unwrap()
    }

    #[test]
    fn an_engine_is_taken_at_its_word() {
        let features = EngineFeatures::of(&docker(), Flavour::Docker, None);
        let can = &features.capabilities;
        assert!(can.cpu_limit && can.memory_limit && can.pids_limit && can.seccomp && can.session_isolation);
        assert!(!can.disk_limit);
        assert_eq!(
            (can.max_cpu, features.host_memory, features.init),
            (Some(2.0), 24105, true)
        );
    }

    #[test]
    fn what_is_not_said_is_not_declared() {
        let features = EngineFeatures::of(&SystemRecord::default(), Flavour::Docker, None);
        let can = &features.capabilities;
        assert!(!can.cpu_limit && !can.memory_limit && !can.pids_limit && !can.disk_limit && !can.seccomp);
        assert_eq!(can.max_cpu, None);
    }

    #[test]
    fn memory_without_swap_is_no_limit() {
        let system = SystemRecord {
            swap_limit: Some(false),
            ..docker()
        };
        assert!(
            !EngineFeatures::of(&system, Flavour::Docker, None)
                .capabilities
                .memory_limit
        );
    }

    #[test]
    fn an_unconfined_seccomp_profile_is_no_filter() {
        let options = vec![
            "name=apparmor".to_owned(),
            "name=seccomp,profile=unconfined".to_owned(),
        ];
        let system = SystemRecord {
            security_options: options,
            ..docker()
        };
        assert!(
            !EngineFeatures::of(&system, Flavour::Docker, None)
                .capabilities
                .seccomp
        );
    }

    #[test]
    fn disk_is_limited_only_where_the_storage_has_quotas() {
        let xfs = SystemRecord {
            driver_status: vec![vec!["Backing Filesystem".to_owned(), "xfs".to_owned()]],
            ..docker()
        };
        let root = "/dev/a / ext4 rw 0 0\n";
        let with = format!("{root}/dev/b /var/lib/docker xfs rw,prjquota 0 0\n");
        let without = format!("{root}/dev/b /var/lib/docker xfs rw,noquota 0 0\n");
        let elsewhere = format!("{root}/dev/b /var/lib/dock xfs rw,prjquota 0 0\n");
        assert!(limits_disk(&xfs, Some(&with)));
        assert!(!limits_disk(&docker(), Some(&with)));
        for mounts in [Some(without.as_str()), Some(&elsewhere), Some(""), None] {
            assert!(!limits_disk(&xfs, mounts), "{mounts:?}");
        }
        assert!(limits_disk(
            &SystemRecord {
                driver: "btrfs".to_owned(),
                ..docker()
            },
            None
        ));
        assert!(!limits_disk(
            &SystemRecord {
                driver: "vfs".to_owned(),
                ..docker()
            },
            None
        ));
    }

    #[test]
    fn a_strict_config_is_refused_for_what_would_not_hold() {
        let features = EngineFeatures::of(&docker(), Flavour::Docker, None);
        let lax = ContainerConfig::new("s", "busybox");
        let limited = lax.clone().disk(64);
        assert!(features.check_strictness(&limited).is_ok());
        assert!(
            features
                .check_strictness(&lax.strictness(Strictness::Require))
                .is_ok()
        );
        let error = features
            .check_strictness(&limited.strictness(Strictness::Require))
            .unwrap_err();
        assert_eq!(error.code(), "UNSUPPORTED_OPERATION");
        assert!(error.message().contains("resources.disk"), "{error}");
    }

    #[test]
    fn limits_beyond_the_host_are_named() {
        let features = EngineFeatures::of(&docker(), Flavour::Docker, None);
        let check = |limits: ResourceLimits| features.check_limits(&limits);
        assert!(check(ResourceLimits::default().cpu(2.0)).is_ok());
        let error = check(ResourceLimits::default().cpu(2.5)).unwrap_err();
        assert_eq!(
            (error.resource(), error.limit(), error.requested()),
            ("cpu", 2.0, 2.5)
        );
        assert_eq!(
            check(ResourceLimits::default().memory(1 << 20))
                .unwrap_err()
                .resource(),
            "memory"
        );
    }
}
