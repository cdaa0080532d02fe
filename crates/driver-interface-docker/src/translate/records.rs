//! The engine's records, reduced to the fields that the driver needs. Every field is optional and every enumeration
//! is plain text, so that responses of an engine with new fields or states can still be parsed.

use std::collections::BTreeMap;

use driver_interface_types::VolumeOwner;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

/// Deserializes `null` as the default: engines write `null` for empty maps, lists and strings.
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    input: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(input).map(Option::unwrap_or_default)
}

pub(crate) use driver_interface_kit::Labels;

/// A container as returned by inspect. This record deliberately omits the container's environment, except for the
/// search path.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ContainerRecord {
    #[serde(deserialize_with = "nullable")]
    pub(crate) id: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) name: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) created: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) state: StateRecord,
    /// The program of the main process: the first word of the entrypoint followed by the command.
    #[serde(deserialize_with = "nullable")]
    pub(crate) path: String,
    /// The arguments of the main process.
    #[serde(deserialize_with = "nullable")]
    pub(crate) args: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) config: ConfigRecord,
    #[serde(deserialize_with = "nullable")]
    pub(crate) host_config: HostConfigRecord,
    #[serde(deserialize_with = "nullable")]
    pub(crate) network_settings: NetworkSettingsRecord,
    #[serde(deserialize_with = "nullable")]
    pub(crate) mounts: Vec<MountRecord>,
}

/// A mount of a container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct MountRecord {
    #[serde(rename = "Type", deserialize_with = "nullable")]
    pub(crate) kind: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) source: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) destination: String,
    #[serde(rename = "RW", deserialize_with = "nullable")]
    pub(crate) writable: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct StateRecord {
    #[serde(deserialize_with = "nullable")]
    pub(crate) status: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) running: bool,
    #[serde(deserialize_with = "nullable")]
    pub(crate) paused: bool,
    #[serde(deserialize_with = "nullable")]
    pub(crate) restarting: bool,
    #[serde(deserialize_with = "nullable")]
    pub(crate) dead: bool,
    #[serde(rename = "OOMKilled", deserialize_with = "nullable")]
    pub(crate) oom_killed: bool,
    #[serde(deserialize_with = "nullable")]
    pub(crate) exit_code: i64,
    #[serde(deserialize_with = "nullable")]
    pub(crate) started_at: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) finished_at: String,
    pub(crate) health: Option<HealthRecord>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct HealthRecord {
    #[serde(deserialize_with = "nullable")]
    pub(crate) status: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) failing_streak: u32,
    #[serde(deserialize_with = "nullable")]
    pub(crate) log: Vec<CheckRecord>,
}

/// One run of a health check.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct CheckRecord {
    #[serde(deserialize_with = "nullable")]
    pub(crate) exit_code: i64,
    #[serde(deserialize_with = "nullable")]
    pub(crate) output: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ConfigRecord {
    #[serde(deserialize_with = "nullable")]
    pub(crate) image: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) labels: Labels,
    #[serde(deserialize_with = "nullable")]
    pub(crate) tty: bool,
    #[serde(deserialize_with = "nullable")]
    pub(crate) open_stdin: bool,
    /// The signal that stops the container: a name on Docker, a number on Podman.
    #[serde(deserialize_with = "word")]
    pub(crate) stop_signal: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) working_dir: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) user: String,
    /// The value of `PATH` in the container's environment, or `None` if it is not set.
    #[serde(rename = "Env", deserialize_with = "search_path")]
    pub(crate) search_path: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct HostConfigRecord {
    #[serde(deserialize_with = "nullable")]
    pub(crate) init: bool,
    #[serde(deserialize_with = "nullable")]
    pub(crate) network_mode: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) security_opt: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) readonly_rootfs: bool,
    /// The tmpfs mounts. The key is the mount point, and the value is the mount options.
    #[serde(deserialize_with = "nullable")]
    pub(crate) tmpfs: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct NetworkSettingsRecord {
    #[serde(deserialize_with = "nullable")]
    pub(crate) networks: BTreeMap<String, EndpointRecord>,
    /// The published ports, by container port and protocol, as in `80/tcp`.
    #[serde(deserialize_with = "nullable")]
    pub(crate) ports: BTreeMap<String, Option<Vec<BindingRecord>>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct BindingRecord {
    #[serde(deserialize_with = "nullable")]
    pub(crate) host_ip: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) host_port: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct EndpointRecord {
    #[serde(rename = "NetworkID", deserialize_with = "nullable")]
    pub(crate) network_id: String,
    #[serde(rename = "IPAddress", deserialize_with = "nullable")]
    pub(crate) ip_address: String,
    #[serde(rename = "GlobalIPv6Address", deserialize_with = "nullable")]
    pub(crate) ipv6_address: String,
}

/// A container as returned by listings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct SummaryRecord {
    #[serde(deserialize_with = "nullable")]
    pub(crate) id: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) names: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) state: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) labels: Labels,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct VolumeRecord {
    #[serde(deserialize_with = "nullable")]
    pub(crate) name: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) driver: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) mountpoint: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) created_at: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) labels: Labels,
    /// The options of the volume driver. On Podman, they include the volume's owner.
    #[serde(deserialize_with = "nullable")]
    pub(crate) options: BTreeMap<String, String>,
}

impl VolumeRecord {
    /// Returns the volume's owner as reported by the engine, or `None` if the engine reports no owner.
    pub(crate) fn reported_owner(&self) -> Option<VolumeOwner> {
        let id = |key: &str| self.options.get(key)?.parse().ok();
        Some(VolumeOwner::new(id("UID")?, id("GID")?))
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct NetworkRecord {
    #[serde(deserialize_with = "nullable")]
    pub(crate) id: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) name: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) driver: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) created: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) labels: Labels,
    #[serde(deserialize_with = "nullable")]
    pub(crate) internal: bool,
}

/// An image as returned by inspect.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ImageRecord {
    #[serde(deserialize_with = "nullable")]
    pub(crate) id: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) repo_tags: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) repo_digests: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) created: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) size: i64,
    #[serde(deserialize_with = "nullable")]
    pub(crate) os: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) architecture: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) variant: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) config: ImageConfigRecord,
}

/// An image as returned by listings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ImageSummaryRecord {
    #[serde(deserialize_with = "nullable")]
    pub(crate) id: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) repo_tags: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) labels: Labels,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ImageConfigRecord {
    #[serde(deserialize_with = "nullable")]
    pub(crate) labels: Labels,
    #[serde(deserialize_with = "nullable")]
    pub(crate) user: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) entrypoint: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) cmd: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) volumes: BTreeMap<String, IgnoredAny>,
}

impl ContainerRecord {
    /// Returns the container's name without the slash that Docker prepends.
    pub(crate) fn plain_name(&self) -> &str {
        self.name.strip_prefix('/').unwrap_or(&self.name)
    }
}

/// Deserializes the value of `PATH` and drops the other variables.
fn search_path<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    let variables = Option::<Vec<String>>::deserialize(input)?.unwrap_or_default();
    Ok(variables
        .iter()
        .find_map(|variable| variable.strip_prefix("PATH="))
        .map(str::to_owned))
}

fn word<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Word {
        Text(String),
        Number(i64),
    }
    Ok(match Option::<Word>::deserialize(input)? {
        Some(Word::Text(text)) => text,
        Some(Word::Number(number)) => number.to_string(),
        None => String::new(),
    })
}
