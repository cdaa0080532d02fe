use driver_interface_types::{ContainerConfig, NetworkMode, PullPolicy, Strictness};
use garde::{Path, Report, Validate};
use serde::Serialize;

use super::map::{Env, Labels};
use super::mount::Mounts;
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
        }
    }
}

/// A program and its arguments.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
struct Command<'a>(&'a [String]);

impl Validate for Command<'_> {
    type Context = ValidationPolicy;

    fn validate_into(&self, _: &ValidationPolicy, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        for (index, word) in self.0.iter().enumerate() {
            let (code, message) = if index == 0 && word.is_empty() {
                (codes::EMPTY, "must not be empty: it is the program".to_owned())
            } else if word.contains('\0') {
                (
                    codes::INVALID_CHARACTER,
                    "must not have NUL characters".to_owned(),
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
            let message = format!("must be at most {MAX_WORDS_TOTAL} bytes long in all, has {total}");
            report.append(parent(), refusal(codes::TOO_LONG, message));
        }
    }
}
