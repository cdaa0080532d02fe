//! Runs the schemas and converts garde's report into violations.

use driver_interface_errors::{ConfigurationError, Violation};
use driver_interface_types::{
    ContainerConfig, ExecConfig, LogOptions, NetworkConfig, ResourceLimits, SecurityOptions, VolumeConfig,
    VolumeMount,
};
use garde::{Report, Validate};

use crate::{
    ContainerConfigSchema, ExecConfigSchema, LogOptionsSchema, NetworkConfigSchema, ResourceLimitsSchema,
    SecurityOptionsSchema, ValidationPolicy, VolumeConfigSchema, VolumeMountSchema,
};

/// Validates a container's config with the default (safe) policy for bind mounts.
///
/// # Errors
/// [`ConfigurationError`] with every violation.
///
/// ```
/// use driver_interface_types::ContainerConfig;
/// use driver_interface_validation::validate_container_config;
///
/// let error = validate_container_config(&ContainerConfig::new("s1", "Alpine").memory(1)).unwrap_err();
/// let paths: Vec<&str> = error.violations().iter().map(|violation| violation.path.as_str()).collect();
/// assert_eq!(paths, ["image", "resources.memory"]);
/// ```
pub fn validate_container_config(config: &ContainerConfig) -> Result<(), ConfigurationError> {
    validate_container_config_with(config, &ValidationPolicy::default())
}

/// Validates a container's config with a custom policy for bind mounts.
///
/// # Errors
/// [`ConfigurationError`] with every violation.
///
/// ```
/// use driver_interface_types::{ContainerConfig, VolumeMount};
/// use driver_interface_validation::{ValidationPolicy, validate_container_config_with};
///
/// let config = ContainerConfig::new("s1", "alpine").mount(VolumeMount::bind("/srv/a", "/a"));
/// assert!(validate_container_config_with(&config, &ValidationPolicy::default()).is_err());
/// let policy = ValidationPolicy::default().allow_bind_root("/srv");
/// assert!(validate_container_config_with(&config, &policy).is_ok());
/// ```
pub fn validate_container_config_with(
    config: &ContainerConfig,
    policy: &ValidationPolicy,
) -> Result<(), ConfigurationError> {
    refuse_if_any(violations(&ContainerConfigSchema::from(config), policy))
}

/// Validates the config of a command to run in a container. Environment variables follow the same rules as in a
/// container's config, with the same codes and paths.
///
/// # Errors
/// [`ConfigurationError`] with every violation.
///
/// ```
/// use driver_interface_types::ExecConfig;
/// use driver_interface_validation::validate_exec_config;
///
/// let error = validate_exec_config(&ExecConfig::new(["env"]).env("A=B", "x").working_dir("src")).unwrap_err();
/// let paths: Vec<&str> = error.violations().iter().map(|violation| violation.path.as_str()).collect();
/// assert_eq!(paths, ["env[\"A=B\"]", "workingDir"]);
/// ```
pub fn validate_exec_config(config: &ExecConfig) -> Result<(), ConfigurationError> {
    refuse_if_any(violations(
        &ExecConfigSchema::from(config),
        &ValidationPolicy::default(),
    ))
}

/// Validates resource limits. Paths are relative to them (`cpu`, not `resources.cpu`).
///
/// # Errors
/// [`ConfigurationError`] with every violation.
///
/// ```
/// use driver_interface_types::ResourceLimits;
/// use driver_interface_validation::validate_resource_limits;
///
/// assert!(validate_resource_limits(&ResourceLimits::default()).is_ok());
/// assert!(validate_resource_limits(&ResourceLimits::default().pids(0)).is_err());
/// ```
pub fn validate_resource_limits(limits: &ResourceLimits) -> Result<(), ConfigurationError> {
    refuse_if_any(violations(
        &ResourceLimitsSchema::from(limits),
        &ValidationPolicy::default(),
    ))
}

/// Validates security options. Paths are relative to them (`user`, not `security.user`).
///
/// # Errors
/// [`ConfigurationError`] with every violation.
///
/// ```
/// use driver_interface_types::SecurityOptions;
/// use driver_interface_validation::validate_security_options;
///
/// assert!(validate_security_options(&SecurityOptions::default()).is_ok());
/// assert!(validate_security_options(&SecurityOptions::default().add_capability("ALL")).is_err());
/// ```
pub fn validate_security_options(options: &SecurityOptions) -> Result<(), ConfigurationError> {
    refuse_if_any(violations(
        &SecurityOptionsSchema::from(options),
        &ValidationPolicy::default(),
    ))
}

/// Validates one mount with a policy. Paths are relative to it (`target`, not `volumes[0].target`).
///
/// # Errors
/// [`ConfigurationError`] with every violation.
///
/// ```
/// use driver_interface_types::VolumeMount;
/// use driver_interface_validation::{ValidationPolicy, validate_volume_mount};
///
/// let socket = VolumeMount::bind("/var/run/docker.sock", "/docker.sock");
/// assert!(validate_volume_mount(&socket, &ValidationPolicy::default()).is_err());
/// ```
pub fn validate_volume_mount(
    mount: &VolumeMount,
    policy: &ValidationPolicy,
) -> Result<(), ConfigurationError> {
    refuse_if_any(violations(&VolumeMountSchema::from(mount), policy))
}

/// Validates a volume's config.
///
/// # Errors
/// [`ConfigurationError`] with every violation.
///
/// ```
/// use driver_interface_types::VolumeConfig;
/// use driver_interface_validation::validate_volume_config;
///
/// assert!(validate_volume_config(&VolumeConfig::new("cache")).is_ok());
/// assert!(validate_volume_config(&VolumeConfig::new("../cache")).is_err());
/// ```
pub fn validate_volume_config(config: &VolumeConfig) -> Result<(), ConfigurationError> {
    refuse_if_any(violations(
        &VolumeConfigSchema::from(config),
        &ValidationPolicy::default(),
    ))
}

/// Validates a network's config.
///
/// # Errors
/// [`ConfigurationError`] with every violation.
///
/// ```
/// use driver_interface_types::NetworkConfig;
/// use driver_interface_validation::validate_network_config;
///
/// assert!(validate_network_config(&NetworkConfig::new("backend")).is_ok());
/// assert!(validate_network_config(&NetworkConfig::new("host")).is_err());
/// ```
pub fn validate_network_config(config: &NetworkConfig) -> Result<(), ConfigurationError> {
    refuse_if_any(violations(
        &NetworkConfigSchema::from(config),
        &ValidationPolicy::default(),
    ))
}

/// Validates log options.
///
/// # Errors
/// [`ConfigurationError`] if neither stream is selected.
///
/// ```
/// use driver_interface_types::LogOptions;
/// use driver_interface_validation::validate_log_options;
///
/// let mut options = LogOptions::default();
/// options.stdout = false;
/// assert!(validate_log_options(&options).is_ok());
/// options.stderr = false;
/// assert!(validate_log_options(&options).is_err());
/// ```
pub fn validate_log_options(options: &LogOptions) -> Result<(), ConfigurationError> {
    refuse_if_any(violations(
        &LogOptionsSchema::from(options),
        &ValidationPolicy::default(),
    ))
}

/// Returns all violations, in the alphabetical order of the fields (which is garde's order).
pub(crate) fn violations<S>(schema: &S, policy: &ValidationPolicy) -> Vec<Violation>
where
    S: Validate<Context = ValidationPolicy>,
{
    schema
        .validate_with(policy)
        .map_or_else(to_violations, |()| Vec::new())
}

pub(crate) fn refuse_if_any(violations: Vec<Violation>) -> Result<(), ConfigurationError> {
    if violations.is_empty() {
        Ok(())
    } else {
        Err(ConfigurationError::new(violations))
    }
}

/// Creates the error of a rule. garde keeps one text per error, so the code is appended to it:
/// `must not be empty [empty]`.
pub(crate) fn refusal(code: &str, message: impl AsRef<str>) -> garde::Error {
    garde::Error::new(format!("{} [{code}]", message.as_ref()))
}

fn to_violations(report: Report) -> Vec<Violation> {
    report
        .into_inner()
        .into_iter()
        .map(|(path, error)| {
            let text = error.message();
            let (message, code) = text
                .strip_suffix(']')
                .and_then(|text| text.rsplit_once(" ["))
                .unwrap_or((text, "invalid"));
            Violation::new(wire_path(&path.to_string()), code, message)
        })
        .collect()
}

/// Returns garde's path with the field names used on the wire: `session_id` becomes `sessionId`. Keys of maps are
/// kept.
fn wire_path(path: &str) -> String {
    let (fields, key) = path.split_at(path.find("[\"").unwrap_or(path.len()));
    let mut out = String::with_capacity(path.len());
    let mut words = fields.split('_');
    out.push_str(words.next().unwrap_or_default());
    for word in words {
        let mut chars = word.chars();
        out.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(chars.as_str());
    }
    out.push_str(key);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_the_names_of_the_wire_and_keep_keys() {
        assert_eq!(wire_path("session_id"), "sessionId");
        assert_eq!(wire_path("volumes[1].read_only"), "volumes[1].readOnly");
        assert_eq!(wire_path("env[\"MY_KEY\"]"), "env[\"MY_KEY\"]");
        assert_eq!(wire_path(""), "");
    }

    #[test]
    fn a_refusal_is_taken_apart_again_whatever_its_message_holds() {
        let mut report = Report::new();
        report.append(garde::Path::new("image"), refusal("empty", "must not be `a [b]`"));
        let violation = Violation::new("image", "empty", "must not be `a [b]`");
        assert_eq!(to_violations(report), [violation]);
    }
}
