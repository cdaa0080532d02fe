//! The restart policy, which determines when the engine starts a container again.

use std::fmt;
use std::str::FromStr;

use driver_interface_errors::ConfigurationError;
use serde::{Deserialize, Serialize};

/// Whether the engine starts a container again after the container's main process has exited. On the wire, a policy
/// is a string in Docker's form, such as `on-failure:3`.
///
/// The engine waits before each restart, and each wait is longer than the previous wait. If a caller stops, kills or
/// removes the container, the restarts end. Between two runs, the container's status is `running` on some engines,
/// and the status of an exited container on other engines. [`wait_container`](crate::ContainerDriver::wait_container)
/// returns when the current run ends, even if the engine starts the container again afterwards.
///
/// ```
/// use driver_interface_types::{ContainerConfig, RestartPolicy};
///
/// let policy: RestartPolicy = "on-failure:3".parse()?;
/// assert_eq!(policy, RestartPolicy::OnFailure { max_retries: Some(3) });
/// let config = ContainerConfig::new("demo", "nginx").restart_policy(policy);
/// assert_eq!(config.restart_policy.to_string(), "on-failure:3");
/// # Ok::<(), driver_interface_types::ConfigurationError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(with = "String", extend("format" = "restart-policy")))]
#[non_exhaustive]
pub enum RestartPolicy {
    /// `no`: the engine never starts the container again.
    #[default]
    Never,
    /// `on-failure` or `on-failure:N`: the engine starts the container again if the exit code is not 0.
    OnFailure {
        /// The maximum number of restarts (`N`); `None` if the number is not limited.
        max_retries: Option<u32>,
    },
    /// `always`: the engine starts the container again regardless of the exit code. The engine also starts the
    /// container when the engine itself starts.
    Always,
    /// `unless-stopped`: like `always`, with one exception. When the engine itself starts, it does not start a
    /// container that was stopped before.
    UnlessStopped,
}

impl RestartPolicy {
    /// Returns whether the engine ever starts the container again.
    pub fn restarts(self) -> bool {
        self != Self::Never
    }
}

impl fmt::Display for RestartPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.pad("no"),
            Self::OnFailure { max_retries: None } => f.pad("on-failure"),
            Self::OnFailure {
                max_retries: Some(count),
            } => f.pad(&format!("on-failure:{count}")),
            Self::Always => f.pad("always"),
            Self::UnlessStopped => f.pad("unless-stopped"),
        }
    }
}

impl FromStr for RestartPolicy {
    type Err = ConfigurationError;

    /// Parses the text form. As on Docker, `on-failure:0` means that the number of restarts is not limited.
    fn from_str(text: &str) -> Result<Self, ConfigurationError> {
        let count = |text: &str| text.parse().ok().map(|count: u32| (count > 0).then_some(count));
        let policy = match text {
            "no" | "" => Some(Self::Never),
            "always" => Some(Self::Always),
            "unless-stopped" => Some(Self::UnlessStopped),
            "on-failure" => Some(Self::OnFailure { max_retries: None }),
            _ => text
                .strip_prefix("on-failure:")
                .and_then(count)
                .map(|max_retries| Self::OnFailure { max_retries }),
        };
        policy.ok_or_else(|| {
            let message = format!(
                "must be `no`, `always`, `unless-stopped`, `on-failure` or `on-failure:` and a number; got {text:?}"
            );
            ConfigurationError::single("restartPolicy", "wrong-type", message)
        })
    }
}

impl TryFrom<String> for RestartPolicy {
    type Error = ConfigurationError;

    fn try_from(text: String) -> Result<Self, ConfigurationError> {
        text.parse()
    }
}

impl From<RestartPolicy> for String {
    fn from(policy: RestartPolicy) -> Self {
        policy.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips() {
        for text in ["no", "always", "unless-stopped", "on-failure", "on-failure:7"] {
            let policy: RestartPolicy = text.parse().unwrap();
            assert_eq!(policy.to_string(), text);
            let json = serde_json::to_string(&policy).unwrap();
            assert_eq!(serde_json::from_str::<RestartPolicy>(&json).unwrap(), policy);
        }
        let any: RestartPolicy = "on-failure:0".parse().unwrap();
        assert_eq!(any, RestartPolicy::OnFailure { max_retries: None });
        for text in ["never", "on-failure:", "on-failure:-1", "on-failure:x", "Always"] {
            assert!(text.parse::<RestartPolicy>().is_err(), "{text}");
        }
    }
}
