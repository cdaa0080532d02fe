//! The validation functions. Each function runs garde on a value and returns an error with every violation.

use driver_interface_types::rules::RuleContext;
use driver_interface_types::{
    BuildOptions, CommitOptions, ContainerConfig, EventFilter, ExecConfig, ImageRef, LogOptions,
    LogStreamOptions, NetworkConfig, NetworkConnectOptions, PullOptions, ResourceLimits, SecurityOptions,
    VolumeConfig, VolumeMount, WriteFile,
};
use garde::Validate;

use crate::{ConfigurationError, ValidationPolicy, Violation, codes};

macro_rules! validators {
    ($($(#[$docs:meta])+ $name:ident($type:ty);)+) => {
        $(
            $(#[$docs])+
            pub fn $name(value: &$type) -> Result<(), ConfigurationError> {
                validate_with(value, &ValidationPolicy::default())
            }
        )+
    };
}

validators! {
    /// Validates a container's config with the default (safe) policy for bind mounts and Linux capabilities.
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
    validate_container_config(ContainerConfig);

    /// Validates the config of a command to run in a container. The rules for environment variables are those of a
    /// container's config. Violations of these rules also have the same codes and paths as in a container's config.
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
    validate_exec_config(ExecConfig);

    /// Validates resource limits. The paths of violations are relative to the limits (`cpu`, not `resources.cpu`).
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
    validate_resource_limits(ResourceLimits);

    /// Validates security options. The paths of violations are relative to the options (`user`, not `security.user`).
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
    validate_security_options(SecurityOptions);

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
    validate_volume_config(VolumeConfig);

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
    validate_network_config(NetworkConfig);

    /// Validates log options.
    ///
    /// # Errors
    /// [`ConfigurationError`] if neither `stdout` nor `stderr` is set.
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
    validate_log_options(LogOptions);

    /// Validates the options of a log stream.
    ///
    /// # Errors
    /// [`ConfigurationError`] if neither `stdout` nor `stderr` is set.
    ///
    /// ```
    /// use driver_interface_types::LogStreamOptions;
    /// use driver_interface_validation::validate_log_stream_options;
    ///
    /// assert!(validate_log_stream_options(&LogStreamOptions::default().only_stderr()).is_ok());
    /// ```
    validate_log_stream_options(LogStreamOptions);

    /// Validates an event filter.
    ///
    /// # Errors
    /// [`ConfigurationError`] if both `since` and `after` are set.
    ///
    /// ```
    /// use std::time::SystemTime;
    /// use driver_interface_types::{EventCursor, EventFilter};
    /// use driver_interface_validation::validate_event_filter;
    ///
    /// let mut filter = EventFilter::default().since(SystemTime::UNIX_EPOCH);
    /// assert!(validate_event_filter(&filter).is_ok());
    /// filter.after = Some(EventCursor::new("7")?);
    /// assert!(validate_event_filter(&filter).is_err());
    /// # Ok::<(), driver_interface_validation::ConfigurationError>(())
    /// ```
    validate_event_filter(EventFilter);

    /// Validates the options of connecting a container to a network. The aliases follow the same rules as a container's
    /// `networkAliases`.
    ///
    /// # Errors
    /// [`ConfigurationError`] with every violation.
    ///
    /// ```
    /// use driver_interface_types::NetworkConnectOptions;
    /// use driver_interface_validation::validate_network_connect_options;
    ///
    /// let error = validate_network_connect_options(&NetworkConnectOptions::default().alias("a b")).unwrap_err();
    /// assert_eq!(error.violations()[0].path, "aliases[0]");
    /// ```
    validate_network_connect_options(NetworkConnectOptions);

    /// Validates the options of an image pull.
    ///
    /// # Errors
    /// [`ConfigurationError`] if the platform is not in the form `os/architecture[/variant]`.
    ///
    /// ```
    /// use driver_interface_types::PullOptions;
    /// use driver_interface_validation::validate_pull_options;
    ///
    /// assert!(validate_pull_options(&PullOptions::default().platform("linux/arm64")).is_ok());
    /// assert!(validate_pull_options(&PullOptions::default().platform("arm64")).is_err());
    /// ```
    validate_pull_options(PullOptions);

    /// Validates a file to write into a container.
    ///
    /// # Errors
    /// [`ConfigurationError`] if the mode has bits other than permission bits.
    ///
    /// ```
    /// use driver_interface_types::WriteFile;
    /// use driver_interface_validation::validate_write_file;
    ///
    /// assert!(validate_write_file(&WriteFile::new("text").mode(0o4755)).is_ok());
    /// assert!(validate_write_file(&WriteFile::new("text").mode(0o100_644)).is_err());
    /// ```
    validate_write_file(WriteFile);

    /// Validates the options of an image build.
    ///
    /// # Errors
    /// [`ConfigurationError`] with every violation. Messages show no values of build arguments.
    ///
    /// ```
    /// use driver_interface_types::BuildOptions;
    /// use driver_interface_validation::validate_build_options;
    ///
    /// assert!(validate_build_options(&BuildOptions::from_dockerfile("FROM busybox")).is_ok());
    /// let outside = BuildOptions::default().dockerfile_path("../Dockerfile");
    /// assert_eq!(validate_build_options(&outside).unwrap_err().violations()[0].path, "dockerfile");
    /// ```
    validate_build_options(BuildOptions);

    /// Validates the options of a commit.
    ///
    /// # Errors
    /// [`ConfigurationError`] with every violation.
    ///
    /// ```
    /// use driver_interface_types::CommitOptions;
    /// use driver_interface_validation::validate_commit_options;
    ///
    /// assert!(validate_commit_options(&CommitOptions::default().change("ENV MODE=fast")).is_ok());
    /// assert!(validate_commit_options(&CommitOptions::default().change("RUN reboot")).is_err());
    /// ```
    validate_commit_options(CommitOptions);
}

/// Validates the name of an image to create, tag or push. The name must not be an image id. The name must not contain
/// a digest either, because only the image's content determines the digest.
///
/// # Errors
/// [`ConfigurationError`]: the name has a digest or is an id.
///
/// ```
/// use driver_interface_types::ImageRef;
/// use driver_interface_validation::validate_new_image;
///
/// let digest = format!("app@sha256:{}", "a".repeat(64));
/// assert!(validate_new_image(&"app:1".parse::<ImageRef>()?).is_ok());
/// assert!(validate_new_image(&digest.parse::<ImageRef>()?).is_err());
/// # Ok::<(), driver_interface_validation::ConfigurationError>(())
/// ```
pub fn validate_new_image(image: &ImageRef) -> Result<(), ConfigurationError> {
    validate_image_name(image)?;
    match image.digest() {
        None => Ok(()),
        Some(_) => Err(ConfigurationError::single(
            "image",
            codes::INVALID_IMAGE,
            "must not have a digest",
        )),
    }
}

/// Validates the name of an image to pull or import. An image id is not a valid name.
///
/// # Errors
/// [`ConfigurationError`]: the name is an image id.
///
/// ```
/// use driver_interface_types::ImageRef;
/// use driver_interface_validation::validate_image_name;
///
/// let id = format!("sha256:{}", "a".repeat(64));
/// assert!(validate_image_name(&"app:1".parse::<ImageRef>()?).is_ok());
/// assert!(validate_image_name(&id.parse::<ImageRef>()?).is_err());
/// # Ok::<(), driver_interface_validation::ConfigurationError>(())
/// ```
pub fn validate_image_name(image: &ImageRef) -> Result<(), ConfigurationError> {
    if !image.is_id() {
        return Ok(());
    }
    let message = "must be a name, not the id of an image";
    Err(ConfigurationError::single("image", codes::INVALID_IMAGE, message))
}

/// Validates a container's config with a custom policy for bind mounts and Linux capabilities.
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
    validate_with(config, policy)
}

/// Validates a volume's config with a custom policy for the types of volumes.
///
/// # Errors
/// [`ConfigurationError`] with every violation.
///
/// ```
/// use driver_interface_types::VolumeConfig;
/// use driver_interface_validation::{ValidationPolicy, validate_volume_config_with};
///
/// let config = VolumeConfig::new("data").option("o", "bind").option("device", "/srv/data");
/// assert!(validate_volume_config_with(&config, &ValidationPolicy::default()).is_err());
/// let policy = ValidationPolicy::default().allow_volume_type("bind");
/// assert!(validate_volume_config_with(&config, &policy).is_ok());
/// ```
pub fn validate_volume_config_with(
    config: &VolumeConfig,
    policy: &ValidationPolicy,
) -> Result<(), ConfigurationError> {
    validate_with(config, policy)
}

/// Validates one mount with `policy`. The paths of violations are relative to the mount (`target`, not
/// `volumes[0].target`).
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
    validate_with(mount, policy)
}

/// Validates the config of a detached exec. No caller stays connected to the command, so the config must have no
/// timeout, input or terminal. The other rules are those of [`validate_exec_config`].
///
/// # Errors
/// [`ConfigurationError`] with every violation.
///
/// ```
/// use driver_interface_types::ExecConfig;
/// use driver_interface_validation::{codes, validate_detached_exec_config};
///
/// let error = validate_detached_exec_config(&ExecConfig::new([""]).stdin("yes")).unwrap_err();
/// let found: Vec<&str> = error.violations().iter().map(|violation| violation.code.as_str()).collect();
/// assert_eq!(found, [codes::EMPTY, codes::NOT_DETACHED]);
/// ```
pub fn validate_detached_exec_config(config: &ExecConfig) -> Result<(), ConfigurationError> {
    let mut violations = violations(config, &ValidationPolicy::default());
    let connected = [
        ("stdin", config.stdin.is_some()),
        ("timeout", config.timeout.is_some()),
        ("tty", config.tty.is_some()),
    ];
    for (path, _) in connected.iter().filter(|(_, is_set)| *is_set) {
        let message = "must not be set for a detached exec";
        violations.push(Violation::new(*path, codes::NOT_DETACHED, message));
    }
    refuse_if_any(violations)
}

fn validate_with<T>(value: &T, policy: &ValidationPolicy) -> Result<(), ConfigurationError>
where
    T: Validate<Context = RuleContext>,
{
    refuse_if_any(violations(value, policy))
}

/// Returns all violations in a value. Garde lists them in the alphabetical order of the value's fields.
pub(crate) fn violations<T>(value: &T, policy: &ValidationPolicy) -> Vec<Violation>
where
    T: Validate<Context = RuleContext>,
{
    RuleContext::new(policy.clone()).violations(value)
}

pub(crate) fn refuse_if_any(violations: Vec<Violation>) -> Result<(), ConfigurationError> {
    if violations.is_empty() {
        Ok(())
    } else {
        Err(ConfigurationError::new(violations))
    }
}
