//! Parses configs from JSON and reports all violations at once: syntax, types, fields and values.
//!
//! Serde stops at the first error. The text is therefore parsed into a tree, and the tree is converted field by
//! field into a config with defaults in place of invalid fields. The schemas then validate the config.

mod node;
mod read;
mod setup;

use std::collections::HashSet;

use driver_interface_errors::{ConfigurationError, Violation};
use driver_interface_types::{
    ContainerConfig, LinuxCapabilities, NetworkConfig, NetworkMode, ResourceLimits, SecurityOptions,
    VolumeConfig, VolumeMount, VolumeOwner,
};

use self::node::Node;
use self::read::{Fields, Found, choice, cores, flag, list, maybe, small, text, texts, whole};
use crate::check::{refuse_if_any, violations};
use crate::text::sentence;
use crate::{
    ContainerConfigSchema, NetworkConfigSchema, ValidationPolicy, VolumeConfigSchema, codes, limits,
};

/// Parses a container's config from JSON and validates it with the default (safe) policy for bind mounts.
///
/// A whole number may be written as a float (`512.0`), and fields with a default may be omitted.
///
/// # Errors
/// [`ConfigurationError`] with every violation: invalid syntax (with line and column), wrong types, unknown,
/// missing and duplicate fields, and all rules of [`validate_container_config`](crate::validate_container_config).
///
/// ```
/// use driver_interface_validation::parse_container_config;
///
/// let config = parse_container_config(r#"{ "sessionId": "s1", "image": "alpine", "resources": { "memory": 256 } }"#)?;
/// assert_eq!(config.resources.memory, 256);
///
/// let error = parse_container_config(r#"{ "session_id": "s1", "image": "alpine", "resources": { "memory": -5 } }"#)
///     .unwrap_err();
/// let lines: Vec<String> = error.violations().iter().map(ToString::to_string).collect();
/// assert_eq!(lines, [
///     "sessionId: is required: it has no default",
///     "resources.memory: must be a whole number of MiB, at least 6; got -5",
///     "session_id: is not a known field; did you mean `sessionId`?",
/// ]);
/// # Ok::<(), driver_interface_validation::ConfigurationError>(())
/// ```
pub fn parse_container_config(json: &str) -> Result<ContainerConfig, ConfigurationError> {
    parse_container_config_with(json, &ValidationPolicy::default())
}

/// Parses a container's config from JSON and validates it with a custom policy for bind mounts.
///
/// # Errors
/// Same as [`parse_container_config`].
///
/// ```
/// use driver_interface_validation::{ValidationPolicy, parse_container_config_with};
///
/// let json = r#"{ "sessionId": "s1", "image": "alpine", "volumes": [{ "source": "/etc/ssl", "target": "/ssl" }] }"#;
/// let policy = ValidationPolicy::default();
/// assert!(parse_container_config_with(json, &policy).is_err());
/// assert!(parse_container_config_with(json, &policy.allow_dangerous_bind("/etc/ssl")).is_ok());
/// ```
pub fn parse_container_config_with(
    json: &str,
    policy: &ValidationPolicy,
) -> Result<ContainerConfig, ConfigurationError> {
    parse(json, container_config, |config| {
        violations(&ContainerConfigSchema::from(config), policy)
    })
}

/// Parses a volume's config from JSON and validates it.
///
/// # Errors
/// Same as [`parse_container_config`], with the rules of
/// [`validate_volume_config`](crate::validate_volume_config).
///
/// ```
/// use driver_interface_validation::parse_volume_config;
///
/// assert_eq!(parse_volume_config(r#"{ "name": "cache" }"#)?.name, "cache");
/// # Ok::<(), driver_interface_validation::ConfigurationError>(())
/// ```
pub fn parse_volume_config(json: &str) -> Result<VolumeConfig, ConfigurationError> {
    let policy = ValidationPolicy::default();
    parse(json, volume_config, |config| {
        violations(&VolumeConfigSchema::from(config), &policy)
    })
}

/// Parses a network's config from JSON and validates it.
///
/// # Errors
/// Same as [`parse_container_config`], with the rules of
/// [`validate_network_config`](crate::validate_network_config).
///
/// ```
/// use driver_interface_validation::parse_network_config;
///
/// assert_eq!(parse_network_config(r#"{ "name": "backend" }"#)?.name, "backend");
/// # Ok::<(), driver_interface_validation::ConfigurationError>(())
/// ```
pub fn parse_network_config(json: &str) -> Result<NetworkConfig, ConfigurationError> {
    let policy = ValidationPolicy::default();
    parse(json, network_config, |config| {
        violations(&NetworkConfigSchema::from(config), &policy)
    })
}

fn parse<T>(
    json: &str,
    read: impl FnOnce(Node, &mut Found) -> T,
    check: impl FnOnce(&T) -> Vec<Violation>,
) -> Result<T, ConfigurationError> {
    let node: Node = serde_json::from_str(json).map_err(|error| {
        let message = format!("must be valid JSON: {}", sentence(&error.to_string()));
        ConfigurationError::single("", codes::INVALID_JSON, message)
    })?;
    let mut found = Found::new();
    let value = read(node, &mut found);
    // Fields that could not be parsed now hold defaults, which must not be validated.
    let broken: HashSet<String> = found.iter().map(|violation| violation.path.clone()).collect();
    let judged = check(&value);
    found.extend(
        judged
            .into_iter()
            .filter(|new| !and_parents(&new.path).any(|path| broken.contains(path))),
    );
    refuse_if_any(found)?;
    Ok(value)
}

/// Returns a path and all its parents: `a.b[0]`, `a.b`, `a` and the root.
fn and_parents(path: &str) -> impl Iterator<Item = &str> {
    let parents = path
        .match_indices(['.', '['])
        .filter_map(|(end, _)| path.get(..end));
    parents.chain([path, ""])
}

fn container_config(node: Node, found: &mut Found) -> ContainerConfig {
    let mut config = ContainerConfig::new("", "");
    let mut fields = Fields::of(node, "", found);
    fields.required("sessionId", &mut config.session_id, text);
    fields.required("image", &mut config.image, text);
    fields.optional("name", &mut config.name, maybe(text));
    fields.optional("command", &mut config.command, list(text));
    fields.optional("env", &mut config.env, texts);
    fields.optional("labels", &mut config.labels, texts);
    fields.optional("resources", &mut config.resources, resource_limits);
    fields.optional("volumes", &mut config.volumes, volume_mounts);
    fields.optional("network", &mut config.network, |node, path, found| {
        text(node, path, found).map(NetworkMode::from)
    });
    fields.optional("security", &mut config.security, security_options);
    fields.optional(
        "pullPolicy",
        &mut config.pull_policy,
        choice(&["missing", "always", "never"]),
    );
    fields.optional("strictness", &mut config.strictness, choice(&["warn", "require"]));
    fields.optional("operationKey", &mut config.operation_key, maybe(text));
    setup::optional_fields(&mut fields, &mut config);
    fields.finish();
    config
}

fn resource_limits(node: Node, path: &str, found: &mut Found) -> Option<ResourceLimits> {
    let mut resources = ResourceLimits::default();
    let mut fields = Fields::of(node, path, found);
    fields.optional("cpu", &mut resources.cpu, cores);
    fields.optional("memory", &mut resources.memory, whole(limits::MEMORY));
    fields.optional("disk", &mut resources.disk, maybe(whole(limits::DISK)));
    fields.optional("pids", &mut resources.pids, whole(limits::PIDS));
    fields.finish();
    Some(resources)
}

fn volume_mounts(node: Node, path: &str, found: &mut Found) -> Option<Vec<VolumeMount>> {
    let mounts = list(|node, path, found| Some(Some(volume_mount(node, path, found))))(node, path, found)?;
    Some(mounts.into_iter().flatten().collect())
}

fn volume_mount(node: Node, path: &str, found: &mut Found) -> VolumeMount {
    let mut mount = VolumeMount::volume("", "");
    mount.kind = None;
    let mut fields = Fields::of(node, path, found);
    fields.required("source", &mut mount.source, text);
    fields.required("target", &mut mount.target, text);
    fields.optional("readOnly", &mut mount.read_only, flag);
    fields.optional("type", &mut mount.kind, maybe(choice(&["bind", "volume"])));
    fields.finish();
    mount
}

fn security_options(node: Node, path: &str, found: &mut Found) -> Option<SecurityOptions> {
    let mut security = SecurityOptions::default();
    let mut fields = Fields::of(node, path, found);
    fields.optional("readOnly", &mut security.read_only, flag);
    fields.optional("noNewPrivileges", &mut security.no_new_privileges, flag);
    fields.optional("user", &mut security.user, maybe(text));
    fields.optional("capabilities", &mut security.capabilities, linux_capabilities);
    fields.optional("seccompProfile", &mut security.seccomp_profile, maybe(text));
    fields.optional("apparmorProfile", &mut security.apparmor_profile, maybe(text));
    fields.finish();
    Some(security)
}

fn linux_capabilities(node: Node, path: &str, found: &mut Found) -> Option<LinuxCapabilities> {
    let mut capabilities = LinuxCapabilities::default();
    let mut fields = Fields::of(node, path, found);
    fields.optional("drop", &mut capabilities.drop, list(text));
    fields.optional("add", &mut capabilities.add, list(text));
    fields.finish();
    Some(capabilities)
}

fn volume_config(node: Node, found: &mut Found) -> VolumeConfig {
    let mut config = VolumeConfig::new("");
    let mut fields = Fields::of(node, "", found);
    fields.required("name", &mut config.name, text);
    fields.optional("sessionId", &mut config.session_id, maybe(text));
    fields.optional("driver", &mut config.driver, maybe(text));
    fields.optional("owner", &mut config.owner, maybe(volume_owner));
    fields.optional("labels", &mut config.labels, texts);
    fields.finish();
    config
}

fn volume_owner(node: Node, path: &str, found: &mut Found) -> Option<VolumeOwner> {
    let mut owner = VolumeOwner::DEFAULT;
    let mut fields = Fields::of(node, path, found);
    fields.required("uid", &mut owner.uid, small(limits::ID));
    fields.required("gid", &mut owner.gid, small(limits::ID));
    fields.finish();
    Some(owner)
}

fn network_config(node: Node, found: &mut Found) -> NetworkConfig {
    let mut config = NetworkConfig::new("");
    let mut fields = Fields::of(node, "", found);
    fields.required("name", &mut config.name, text);
    fields.optional("sessionId", &mut config.session_id, maybe(text));
    fields.optional("driver", &mut config.driver, maybe(text));
    fields.optional("labels", &mut config.labels, texts);
    fields.optional("options", &mut config.options, texts);
    fields.optional("internal", &mut config.internal, flag);
    fields.finish();
    config
}
