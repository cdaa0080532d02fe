//! The engine itself: its identity and features.

use std::collections::BTreeMap;
use std::time::SystemTime;

use http::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::dialect::Dialect;
use crate::translate::records::nullable;
use crate::translate::time;
use crate::wire::{EngineError, Payload, Query, Wire};

/// The response to `/version`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct VersionRecord {
    #[serde(deserialize_with = "nullable")]
    pub(crate) version: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) api_version: String,
    #[serde(rename = "MinAPIVersion", deserialize_with = "nullable")]
    pub(crate) min_api_version: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) components: Vec<ComponentRecord>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ComponentRecord {
    #[serde(deserialize_with = "nullable")]
    pub(crate) name: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) version: String,
}

/// The relevant part of the response to `/info`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct SystemRecord {
    #[serde(deserialize_with = "nullable")]
    pub(crate) driver: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) driver_status: Vec<Vec<String>>,
    pub(crate) memory_limit: Option<bool>,
    pub(crate) swap_limit: Option<bool>,
    pub(crate) cpu_cfs_quota: Option<bool>,
    pub(crate) pids_limit: Option<bool>,
    #[serde(rename = "CPUSet")]
    pub(crate) cpu_set: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) logging_driver: String,
    #[serde(rename = "NCPU", deserialize_with = "nullable")]
    pub(crate) cpus: u64,
    #[serde(deserialize_with = "nullable")]
    pub(crate) mem_total: u64,
    #[serde(deserialize_with = "nullable")]
    pub(crate) security_options: Vec<String>,
    pub(crate) init_commit: Option<CommitRecord>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) docker_root_dir: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) system_time: String,
    /// The OCI runtimes; the key is the runtime's name. Podman lists every runtime that it supports, installed or
    /// not.
    #[serde(deserialize_with = "nullable")]
    pub(crate) runtimes: BTreeMap<String, IgnoredAny>,
    /// The directories with device specifications of the Container Device Interface (CDI). Empty if the engine does
    /// not use CDI.
    #[serde(rename = "CDISpecDirs", deserialize_with = "nullable")]
    pub(crate) cdi_spec_dirs: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CommitRecord {
    #[serde(rename = "ID", deserialize_with = "nullable")]
    pub(crate) id: String,
}

impl VersionRecord {
    pub(crate) fn dialect(&self) -> &'static Dialect {
        let podman = self
            .components
            .iter()
            .any(|component| component.name.contains("Podman"));
        let major = self
            .version
            .split('.')
            .next()
            .and_then(|major| major.parse().ok());
        match (podman, major.unwrap_or(0_u32)) {
            (false, _) => Dialect::DOCKER,
            (true, ..5) => Dialect::PODMAN,
            (true, _) => Dialect::PODMAN_5,
        }
    }

    /// Returns the version of runc if the engine uses runc to run containers, or an empty string if it uses another
    /// runtime.
    pub(crate) fn runc(&self) -> &str {
        let of_runc = |name: &str| name == "runc" || name == "OCI Runtime (runc)";
        let found = self.components.iter().find(|component| of_runc(&component.name));
        found.map_or("", |component| &component.version)
    }
}

/// The relevant part of the response to Podman's own `/info`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PodmanRecord {
    host: PodmanHost,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PodmanHost {
    #[serde(deserialize_with = "nullable")]
    cgroup_version: String,
    #[serde(deserialize_with = "nullable")]
    cgroup_controllers: Vec<String>,
}

impl SystemRecord {
    /// Corrects Podman's report of the limits that it supports: Podman looks for files that only cgroup v1 has. On
    /// cgroup v2, the available controllers determine which resources can be limited.
    pub(crate) fn correct(&mut self, host: &PodmanHost) {
        if host.cgroup_version != "v2" {
            return;
        }
        let has = |name: &str| {
            Some(
                host.cgroup_controllers
                    .iter()
                    .any(|controller| controller == name),
            )
        };
        self.memory_limit = has("memory");
        // Swap is part of the memory controller.
        self.swap_limit = has("memory");
        self.cpu_cfs_quota = has("cpu");
        self.pids_limit = has("pids");
        self.cpu_set = has("cpuset");
    }
}

/// Requests an engine's version, before an API version is negotiated.
pub(crate) async fn version(wire: &Wire) -> Result<VersionRecord, EngineError> {
    wire.call(Method::GET, &Query::new("/version"), Payload::Nothing)
        .await?
        .json()
}

impl super::Engine {
    /// Returns the time of the engine's clock.
    pub(crate) async fn time(&self) -> Result<SystemTime, EngineError> {
        let system = self.system().await?;
        let time = time::parse(&system.system_time);
        time.ok_or_else(|| EngineError::InvalidResponse("it has no valid system time".to_owned()))
    }

    pub(crate) async fn system(&self) -> Result<SystemRecord, EngineError> {
        self.ask(&Query::new("/info")).await?.json()
    }

    /// Returns the features that the engine reports, corrected for Podman.
    pub(crate) async fn features(&self) -> Result<SystemRecord, EngineError> {
        let mut system = self.system().await?;
        if self.dialect.libpod {
            let podman: PodmanRecord = self.ask(&Query::new("/v4.0.0/libpod/info")).await?.json()?;
            system.correct(&podman.host);
        }
        Ok(system)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn podman_on_cgroup_v2_limits_what_its_controllers_can() {
        // What Podman 5.8 reports on a host with cgroup v2.
        let reported: SystemRecord = serde_json::from_str(
            r#"{"MemoryLimit":true,"SwapLimit":false,"CpuCfsQuota":false,"PidsLimit":true}"#,
        )
        .unwrap();
        let corrected = |host: &str| {
            let record: PodmanRecord = serde_json::from_str(host).unwrap();
            let mut system = reported.clone();
            system.correct(&record.host);
            [
                system.memory_limit, system.swap_limit, system.cpu_cfs_quota, system.pids_limit,
            ]
        };
        let v2 = r#"{"host":{"cgroupVersion":"v2","cgroupControllers":["cpu","io","memory","pids"]}}"#;
        assert_eq!(corrected(v2), [Some(true); 4]);
        let rootless = r#"{"host":{"cgroupVersion":"v2","cgroupControllers":["memory","pids"]}}"#;
        assert_eq!(
            corrected(rootless),
            [Some(true), Some(true), Some(false), Some(true)]
        );
        let v1 = r#"{"host":{"cgroupVersion":"v1","cgroupControllers":["cpu"]}}"#;
        assert_eq!(corrected(v1), [Some(true), Some(false), Some(false), Some(true)]);
    }
}
