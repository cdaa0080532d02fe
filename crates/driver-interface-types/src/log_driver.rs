//! Where the engine stores a container's output.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use crate::rules::{self, json, limits::MAX_DRIVER_NAME, many, one};

/// The engine's log driver for a container, with the options of the log driver. The log driver determines where the
/// engine stores the container's output.
///
/// Docker can return logs from the log drivers `json-file`, `local` and `journald`. With most other log drivers,
/// Docker can return logs only if Docker also keeps a local copy of the logs. With the log driver `none`, there are
/// no logs, and the log operations fail with `UnsupportedError`.
///
/// ```
/// use driver_interface_types::{ContainerConfig, LogDriver};
///
/// let rotated = LogDriver::new("json-file").option("max-size", "10m").option("max-file", "3");
/// let config = ContainerConfig::new("demo", "nginx").log_driver(rotated);
/// assert_eq!(LogDriver::rotated(10, 3), *config.log_driver.as_ref().unwrap());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(feature = "schema", garde(context(rules::RuleContext)))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct LogDriver {
    /// The name of the log driver on the engine, such as `json-file`, `local`, `journald` or `none`.
    #[cfg_attr(feature = "schema", garde(custom(one(rules::driver_name))), schemars(length(min = 1, max = MAX_DRIVER_NAME)))]
    pub name: String,
    /// The options of the log driver, such as `max-size`. The options are passed to the engine unchanged.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::driver_options))), schemars(transform = json::map))]
    pub options: BTreeMap<String, String>,
}

impl LogDriver {
    /// Creates a log driver without options.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            options: BTreeMap::new(),
        }
    }

    /// Creates the log driver `json-file` with at most `files` files of `mib` MiB each. When all files are full, the
    /// engine discards the oldest output.
    pub fn rotated(mib: u64, files: u32) -> Self {
        Self::new("json-file")
            .option("max-size", format!("{mib}m"))
            .option("max-file", files.to_string())
    }

    crate::setters! {
        /// Sets an option of the log driver.
        option(self, key: impl Into<String>, value: impl Into<String>) {
            self.options.insert(key.into(), value.into());
        }
    }
}
