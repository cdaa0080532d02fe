//! The features that the engine supports according to its own reports, and checks whether a config is compatible with
//! these features.

use std::collections::BTreeSet;
use std::path::Path;

use driver_interface_errors::{
    ContainerCreationError, DriverError, Hint, ResourceLimitError, UnsupportedError,
};
use driver_interface_types::{
    Capabilities, ConfigFeature, ContainerConfig, Enforcement, EnforcementReport, Operation, Property,
    ResourceLimits, Strictness, Warning,
};

use super::enforcement::{Facts, report};
use super::tmpfs;
use crate::dialect::Dialect;
use crate::engine::{ApiVersion, SystemRecord};

/// The smallest memory limit that engines accept, in MiB.
const MIN_MEMORY: u64 = 6;

/// The features of an engine, determined once when the driver connects.
#[derive(Clone, Debug)]
pub(crate) struct EngineFeatures {
    pub(crate) capabilities: Capabilities,
    pub(crate) dialect: &'static Dialect,
    /// Whether a tmpfs mount gets the mode of the image's directory at the mount point instead of the requested mode;
    /// see [`keeps_mode`](tmpfs::keeps_mode).
    pub(crate) keeps_mode: bool,
    /// Whether the engine has an init program to run as the first process.
    pub(crate) init: bool,
    /// Whether a container needs another log driver than the engine's default, because the default keeps no logs, or
    /// may return them late, as Podman's `journald` does.
    pub(crate) needs_log_driver: bool,
    /// The OCI runtimes that a config may select.
    pub(crate) runtimes: Vec<String>,
}

impl EngineFeatures {
    pub(crate) fn of(
        system: &SystemRecord,
        dialect: &'static Dialect,
        api: ApiVersion,
        mounts: Option<&str>,
    ) -> Self {
        let mut can = Capabilities::minimal();
        can.operations.extend(Operation::ALL);
        if !dialect.records_detached_exit {
            can.operations.remove(&Operation::ExecDetached);
            can.operations.remove(&Operation::ExecStatus);
        }
        can.config = config_features(system, dialect, api);
        can.guarantees = guarantees(system, dialect, mounts);
        // The conversion is exact, because CPU counts are far below 2^52.
        can.bounds.max_cpu = (system.cpus > 0).then_some(system.cpus as f64);
        can.bounds.min_memory = MIN_MEMORY;
        can.bounds.max_memory = Some(system.mem_total / (1024 * 1024)).filter(|memory| *memory > 0);
        can.properties = Property::ALL.into();
        if !dialect.packs_owners {
            can.properties.remove(&Property::ArchiveOwners);
        }
        Self {
            capabilities: can,
            dialect,
            keeps_mode: false,
            init: system
                .init_commit
                .as_ref()
                .is_none_or(|commit| commit.id != "N/A"),
            needs_log_driver: match system.logging_driver.as_str() {
                "none" => true,
                "journald" => dialect.libpod,
                _ => false,
            },
            runtimes: system.runtimes.keys().cloned().collect(),
        }
    }

    /// Returns an error if the config selects a runtime that the engine does not have.
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

    /// Returns an error if the config has tmpfs options that the engine does not support.
    pub(crate) fn check_tmpfs(&self, config: &ContainerConfig) -> Result<(), UnsupportedError> {
        match self.unsupported_tmpfs(config).first() {
            None => Ok(()),
            Some(warning) => {
                let reason = format!("`{}`: {}", warning.path, warning.message);
                Err(UnsupportedError::new("create_container", reason))
            }
        }
    }

    /// Returns a warning for each tmpfs option of a config that the engine does not support.
    pub(crate) fn unsupported_tmpfs(&self, config: &ContainerConfig) -> Vec<Warning> {
        let mounts = config.tmpfs.iter().enumerate();
        let lacking = mounts.filter_map(|(index, mount)| {
            let (field, why) = tmpfs::unsupported(mount, &config.security, self.dialect)?;
            Some(Warning::new(
                format!("tmpfs[{index}].{field}"),
                "unsupported",
                why,
            ))
        });
        lacking.collect()
    }

    /// Returns an error if the limits exceed the resources of the engine's host.
    pub(crate) fn check_limits(&self, limits: &ResourceLimits) -> Result<(), ResourceLimitError> {
        let bounds = self.capabilities.bounds;
        if let Some(most) = bounds.max_cpu.filter(|most| limits.cpu > *most) {
            return Err(ResourceLimitError::new("cpu", most, limits.cpu));
        }
        if let Some(most) = bounds.max_memory.filter(|most| limits.memory > *most) {
            // The conversion is exact, because memory sizes in MiB are far below 2^52.
            return Err(ResourceLimitError::new(
                "memory", most as f64, limits.memory as f64,
            ));
        }
        Ok(())
    }

    /// Returns an error if the config requires strict enforcement and part of the config would not be enforced.
    pub(crate) fn check_strictness(&self, config: &ContainerConfig) -> Result<(), DriverError> {
        if config.strictness != Strictness::Require {
            return Ok(());
        }
        let warnings = report(self, Facts::of_config(config)).warnings();
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

/// Returns the optional features of a config that an engine with this dialect supports.
fn config_features(system: &SystemRecord, dialect: &Dialect, api: ApiVersion) -> BTreeSet<ConfigFeature> {
    let mut features = BTreeSet::from(ConfigFeature::ALL);
    let since = |minor| !dialect.libpod && api >= ApiVersion::new(1, minor);
    for (feature, is_supported) in [
        (ConfigFeature::ApparmorProfile, has_apparmor(system)),
        (ConfigFeature::Gpus, has_gpus(system)),
        (ConfigFeature::CpuSet, system.cpu_set == Some(true)),
        (ConfigFeature::UnsetEnv, !dialect.libpod),
        // The volumes' own option against copying, which sets their owner, would have precedence.
        (ConfigFeature::VolumeCopy, !dialect.takes_volume_owner),
        (ConfigFeature::RestartPolicy, dialect.keeps_stopped),
        (ConfigFeature::HostGateway, dialect.knows_host_gateway),
        (ConfigFeature::Annotations, since(43)),
        (ConfigFeature::HealthStartInterval, since(44)),
        (ConfigFeature::VolumeSubpath, since(45)),
        (ConfigFeature::HealthCheck, dialect.runs_health_checks),
        (ConfigFeature::SeccompProfile, dialect.takes_seccomp_text),
        (ConfigFeature::Runtime, dialect.selects_runtime),
    ] {
        if !is_supported {
            features.remove(&feature);
        }
    }
    features
}

fn has_apparmor(system: &SystemRecord) -> bool {
    system
        .security_options
        .iter()
        .any(|option| option.starts_with("name=apparmor"))
}

/// Returns whether the engine has GPUs to request: through NVIDIA's runtime, or as devices of the Container Device
/// Interface.
fn has_gpus(system: &SystemRecord) -> bool {
    system.runtimes.contains_key("nvidia") || !system.cdi_spec_dirs.is_empty()
}

/// Returns which limits and security options the engine enforces, and why it does not enforce the others.
fn guarantees(system: &SystemRecord, dialect: &Dialect, mounts: Option<&str>) -> EnforcementReport {
    let mut report = EnforcementReport::default();
    let yes = |flag: Option<bool>| flag.unwrap_or(false);
    let unless = |holds: bool, why: &str| match holds {
        true => Enforcement::Enforced,
        false => Enforcement::unsupported(why),
    };
    report.cpu = unless(
        yes(system.cpu_cfs_quota),
        "the engine's kernel has no CPU quota (CONFIG_CFS_BANDWIDTH)",
    );
    report.memory = unless(
        yes(system.memory_limit) && yes(system.swap_limit),
        "the engine cannot limit memory together with swap; enable the memory cgroup with swap accounting",
    );
    report.pids = unless(
        yes(system.pids_limit),
        "the engine cannot limit processes; enable the pids cgroup",
    );
    report.disk = unless(
        limits_disk(system, mounts),
        "the engine's storage has no quota per container; overlay2 on xfs mounted with `pquota`, btrfs and zfs \
         have one",
    );
    report.seccomp = unless(
        filters_calls(system),
        "the engine does not filter system calls: its seccomp profile is off",
    );
    if !dialect.isolates_networks {
        report.network = Enforcement::weakened(
            "the engine does not reliably isolate containers of different networks; use `none` where that matters",
        );
        report.sessions = Enforcement::weakened(
            "the engine does not reliably isolate containers of different sessions on the default network; use \
             `none` where that matters",
        );
    }
    report
}

/// Returns whether the engine can limit the size of a container's writable layer, judging by the engine's storage
/// driver and the file system below the driver. On xfs, this also depends on the mount options. The engine does not
/// report these, so they are read from `mounts`, the host's mount table. `mounts` is `None` if the engine is remote.
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

/// Returns whether a directory is on an xfs file system with project quotas, according to the mount table `mounts`.
fn has_quota(mounts: &str, directory: &str) -> bool {
    let directory = Path::new(directory);
    let on = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (_, at, kind, options) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        directory.starts_with(at).then_some((at.len(), kind, options))
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
    use driver_interface_types::Guarantee;

    use super::*;

    /// The API version of Docker 20.10.
    const OLD: ApiVersion = ApiVersion::new(1, 41);

    /// A recorded response of Docker.
    const DOCKER: &str = r#"{"Driver":"overlay2","DriverStatus":[["Backing Filesystem","extfs"],["Supports d_type","true"]],
        "MemoryLimit":true,"SwapLimit":true,"CpuCfsQuota":true,"PidsLimit":true,"LoggingDriver":"json-file","NCPU":2,
        "MemTotal":25276502016,"SecurityOptions":["name=seccomp,profile=default"],"InitBinary":"docker-init",
        "InitCommit":{"ID":"","Expected":""},"DockerRootDir":"/var/lib/docker","OSType":"linux","Isolation":"","Warnings":null}"#;

    fn docker() -> SystemRecord {
        serde_json::from_str(DOCKER).unwrap()
    }

    #[test]
    fn capabilities_follow_system_info() {
        let features = EngineFeatures::of(&docker(), Dialect::DOCKER, OLD, None);
        let can = &features.capabilities;
        let lacking: Vec<Guarantee> = Guarantee::ALL
            .iter()
            .copied()
            .filter(|one| !can.supports(*one))
            .collect();
        assert_eq!(lacking, [Guarantee::Disk]);
        assert_eq!(
            (can.bounds.max_cpu, can.bounds.max_memory, features.init),
            (Some(2.0), Some(24105), true)
        );
    }

    #[test]
    fn missing_info_declares_no_guarantee() {
        let features = EngineFeatures::of(&SystemRecord::default(), Dialect::DOCKER, OLD, None);
        let can = &features.capabilities;
        for guarantee in [
            Guarantee::Cpu,
            Guarantee::Memory,
            Guarantee::Pids,
            Guarantee::Disk,
            Guarantee::Seccomp,
        ] {
            assert!(!can.supports(guarantee), "{guarantee}");
        }
        assert_eq!((can.bounds.max_cpu, can.bounds.max_memory), (None, None));
    }

    #[test]
    fn memory_limit_requires_swap_limit() {
        let system = SystemRecord {
            swap_limit: Some(false),
            ..docker()
        };
        assert!(
            !EngineFeatures::of(&system, Dialect::DOCKER, OLD, None)
                .capabilities
                .supports(Guarantee::Memory)
        );
    }

    #[test]
    fn unconfined_seccomp_is_not_declared() {
        let options = vec![
            "name=apparmor".to_owned(),
            "name=seccomp,profile=unconfined".to_owned(),
        ];
        let system = SystemRecord {
            security_options: options,
            ..docker()
        };
        assert!(
            !EngineFeatures::of(&system, Dialect::DOCKER, OLD, None)
                .capabilities
                .supports(Guarantee::Seccomp)
        );
    }

    #[test]
    fn disk_limit_requires_storage_quotas() {
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
    fn strict_config_with_unenforced_limit_is_refused() {
        let features = EngineFeatures::of(&docker(), Dialect::DOCKER, OLD, None);
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
    fn limit_error_names_the_exceeded_resource() {
        let features = EngineFeatures::of(&docker(), Dialect::DOCKER, OLD, None);
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
