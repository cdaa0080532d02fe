//! Operation keys. By such a key, a repeated creation finds and returns the container that an earlier attempt
//! created.

use driver_interface_errors::{ConfigurationError, Result};
use driver_interface_types::{ContainerConfig, Namespace, label};

use crate::Labels;

/// The operation key that identifies the creation of a container. The container's labels contain the key. The
/// container's name contains it too, unless the config sets a name. The driver can thus find the container even if
/// the response to the request is lost.
///
/// ```
/// use driver_interface_kit::{CreationKey, Ownership};
/// use driver_interface_types::{ContainerConfig, Namespace};
///
/// let ownership = Ownership::new(Namespace::default(), "host.1.a");
/// let mut config = ContainerConfig::new("s1", "alpine");
/// config.operation_key = Some("build-42".to_owned());
/// let key = CreationKey::of(&config, || unreachable!("the config has a key"));
/// let labels = ownership.container_labels(&config, &key);
///
/// // A second attempt finds the container by its labels.
/// assert!(key.is_on(&labels));
/// assert!(key.check_config(&config, &labels).is_ok());
/// let other = config.clone().memory(64);
/// assert!(key.check_config(&other, &labels).is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreationKey {
    text: String,
    is_given: bool,
}

impl CreationKey {
    /// Returns the operation key that the config sets. If the config sets none, calls `random`, which must return a
    /// key of at most 63 characters: letters, digits, `_`, `.` and `-`, with a letter or digit at the beginning and
    /// the end.
    pub fn of(config: &ContainerConfig, random: impl FnOnce() -> String) -> Self {
        Self {
            text: config.operation_key.clone().unwrap_or_else(random),
            is_given: config.operation_key.is_some(),
        }
    }

    /// Returns the key as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether the caller set the key in the config. A caller that sets a key expects the container of an
    /// earlier attempt if one exists. A key that the caller did not set is random.
    pub fn is_given(&self) -> bool {
        self.is_given
    }

    /// Returns whether a resource with these labels was created with this key.
    pub fn is_on(&self, labels: &Labels) -> bool {
        labels.get(label::OPERATION) == Some(&self.text)
    }

    /// Checks that the container with these labels was created from `config`.
    ///
    /// # Errors
    /// `ConfigurationError` with the code `key-reused`: the container was created with this key, but from a different
    /// config.
    pub fn check_config(&self, config: &ContainerConfig, labels: &Labels) -> Result<(), ConfigurationError> {
        let found = labels.get(label::FINGERPRINT);
        if found.is_some_and(|text| config.has_fingerprint(text)) {
            return Ok(());
        }
        let problem = format!(
            "must be new: `{}` was already used with a different config",
            self.text
        );
        Err(ConfigurationError::single("operationKey", "key-reused", problem))
    }

    /// Returns the container's name: the name that the config sets or, without one, a name derived from the key.
    pub fn container_name(&self, config: &ContainerConfig, namespace: &Namespace) -> String {
        let derived = || format!("{}-{}", namespace.name_prefix(), self.text);
        config.name.clone().unwrap_or_else(derived)
    }
}
