use std::fmt;

use driver_interface_types::{ContainerConfig, NetworkMode, PullPolicy, Signal, Strictness};
use garde::{Path, Report, Validate};
use serde::Serialize;

use super::health_check::Health;
use super::map::{Env, Labels};
use super::mount::Mounts;
use super::setup::{Aliases, Devices, Dns, ExtraHosts, Gpus, Ports, Tmpfs, Ulimits};
use super::{ResourceLimitsSchema, SecurityOptionsSchema};
use crate::ValidationPolicy;
use crate::check::refusal;
use crate::codes;
use crate::limits::{MAX_WORD, MAX_WORDS_TOTAL};
use crate::rules;

/// The rules of [`ContainerConfig`], under a policy for bind mounts.
///
/// ```
/// use driver_interface_types::ContainerConfig;
/// use driver_interface_validation::{ContainerConfigSchema, Validate, ValidationPolicy};
///
/// let config = ContainerConfig::new("s1", "alpine");
/// assert!(ContainerConfigSchema::from(&config).validate_with(&ValidationPolicy::default()).is_ok());
/// ```
#[derive(Clone, Debug, Serialize, Validate)]
#[garde(context(ValidationPolicy))]
#[serde(rename_all = "camelCase")]
pub struct ContainerConfigSchema<'a> {
    #[garde(custom(rules::session_id))]
    session_id: &'a str,
    #[garde(custom(rules::image))]
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(rules::object_name)))]
    name: Option<&'a str>,
    #[garde(dive)]
    command: Command<'a>,
    #[garde(dive)]
    env: Env<'a>,
    #[garde(dive)]
    labels: Labels<'a>,
    #[garde(dive)]
    resources: ResourceLimitsSchema,
    #[garde(dive)]
    volumes: Mounts<'a>,
    #[garde(custom(rules::network_mode))]
    network: &'a NetworkMode,
    #[garde(dive)]
    security: SecurityOptionsSchema<'a>,
    #[garde(skip)]
    pull_policy: PullPolicy,
    #[garde(skip)]
    strictness: Strictness,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(rules::operation_key)))]
    operation_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(dive, custom(|words: &Option<Command<'_>>, _| has_program(words.as_ref(), &self.command)))]
    entrypoint: Option<Command<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(rules::container_path)))]
    working_dir: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(rules::hostname)))]
    hostname: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[garde(skip)]
    tty: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    stop_signal: Option<Signal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(skip)]
    init: Option<bool>,
    #[serde(skip_serializing_if = "Tmpfs::is_empty")]
    #[garde(dive)]
    tmpfs: Tmpfs<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(rules::shm_size)))]
    shm_size: Option<u64>,
    #[serde(skip_serializing_if = "Ulimits::is_empty")]
    #[garde(dive)]
    ulimits: Ulimits<'a>,
    #[serde(skip_serializing_if = "Ports::is_empty")]
    #[garde(dive, custom(|ports: &Ports<'_>, _| has_network(self.network, ports.is_empty())))]
    ports: Ports<'a>,
    #[serde(skip_serializing_if = "Aliases::is_empty")]
    #[garde(dive, custom(|names: &Aliases<'_>, _| has_network(self.network, names.is_empty())))]
    network_aliases: Aliases<'a>,
    #[serde(skip_serializing_if = "Dns::is_empty")]
    #[garde(dive)]
    dns: Dns<'a>,
    #[serde(skip_serializing_if = "ExtraHosts::is_empty")]
    #[garde(dive)]
    extra_hosts: ExtraHosts<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    health_check: Option<Health<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(rules::platform)))]
    platform: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(rules::driver_name)))]
    runtime: Option<&'a str>,
    #[serde(skip_serializing_if = "Devices::is_empty")]
    #[garde(dive)]
    devices: Devices<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    gpus: Option<Gpus<'a>>,
}

impl<'a> From<&'a ContainerConfig> for ContainerConfigSchema<'a> {
    fn from(config: &'a ContainerConfig) -> Self {
        Self {
            session_id: &config.session_id,
            image: &config.image,
            name: config.name.as_deref(),
            command: Command(&config.command),
            env: Env(&config.env),
            labels: Labels(&config.labels),
            resources: ResourceLimitsSchema::from(&config.resources),
            volumes: Mounts::from(&config.volumes),
            network: &config.network,
            security: SecurityOptionsSchema::from(&config.security),
            pull_policy: config.pull_policy,
            strictness: config.strictness,
            operation_key: config.operation_key.as_deref(),
            entrypoint: config.entrypoint.as_deref().map(Command),
            working_dir: config.working_dir.as_deref(),
            hostname: config.hostname.as_deref(),
            tty: config.tty,
            stop_signal: config.stop_signal,
            init: config.init,
            tmpfs: Tmpfs(&config.tmpfs),
            shm_size: config.shm_size,
            ulimits: Ulimits(&config.ulimits),
            ports: Ports(&config.ports),
            network_aliases: Aliases(&config.network_aliases),
            dns: Dns(&config.dns),
            extra_hosts: ExtraHosts(&config.extra_hosts),
            health_check: config.health_check.as_ref().map(Health),
            platform: config.platform.as_deref(),
            runtime: config.runtime.as_deref(),
            devices: Devices(&config.devices),
            gpus: config.gpus.as_ref().map(Gpus),
        }
    }
}

/// A program and its arguments. The `Debug` output shows only the number of words.
#[derive(Clone, Copy, Serialize)]
#[serde(transparent)]
pub(super) struct Command<'a>(pub(super) &'a [String]);

impl fmt::Debug for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} words", self.0.len())
    }
}

impl Validate for Command<'_> {
    type Context = ValidationPolicy;

    fn validate_into(&self, _: &ValidationPolicy, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        for (index, word) in self.0.iter().enumerate() {
            let (code, message) = if index == 0 && word.is_empty() {
                (codes::EMPTY, "must not be empty: it is the program".to_owned())
            } else if word.contains('\0') {
                (
                    codes::INVALID_CHARACTER,
                    "must not contain NUL characters".to_owned(),
                )
            } else if word.len() > MAX_WORD {
                (
                    codes::TOO_LONG,
                    format!("must be at most {MAX_WORD} bytes long, has {}", word.len()),
                )
            } else {
                continue;
            };
            report.append(parent().join(index), refusal(code, message));
        }
        let total: usize = self.0.iter().map(|word| word.len() + 1).sum();
        if total > MAX_WORDS_TOTAL {
            let message = format!("must be at most {MAX_WORDS_TOTAL} bytes long in total, has {total}");
            report.append(parent(), refusal(codes::TOO_LONG, message));
        }
    }
}

/// Checks that there is a program to run: an entrypoint, even an empty one, replaces the image's entrypoint and
/// discards the image's command.
fn has_program(entrypoint: Option<&Command<'_>>, command: &Command<'_>) -> garde::Result {
    if entrypoint.is_none_or(|entrypoint| !entrypoint.0.is_empty()) || !command.0.is_empty() {
        return Ok(());
    }
    let message = "must not be empty without a `command`: it discards the image's entrypoint and command, so \
                   there is no program to run; set `command`, or omit `entrypoint` to use the image's";
    rules::refuse(codes::EMPTY, message)
}

/// Checks that network settings are used only with a network.
fn has_network(mode: &NetworkMode, is_empty: bool) -> garde::Result {
    if is_empty || *mode != NetworkMode::None {
        return Ok(());
    }
    let message = "must not be set if `network` is `none`: the container would be unreachable";
    rules::refuse(codes::CONTRADICTION, message)
}
