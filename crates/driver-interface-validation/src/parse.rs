//! Parses configs from JSON and reports all violations at once: syntax, types, fields and values.
//!
//! Serde alone would stop at the first error. The text is therefore first parsed into a tree. The tree is compared
//! with the JSON Schema of the type, and invalid fields are reported and left out. Serde then converts the remaining
//! tree into the type, and the validation rules check the result.

mod node;
mod read;

use std::any::TypeId;
use std::collections::{HashMap, HashSet};
use std::sync::{OnceLock, PoisonError, RwLock};

use driver_interface_types::rules::RuleContext;
use driver_interface_types::rules::text::sentence;
use driver_interface_types::{ContainerConfig, NetworkConfig, VolumeConfig};
use garde::Validate;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::node::Node;
use self::read::Reader;
use crate::check::{refuse_if_any, violations};
use crate::json_schema::raw_schema;
use crate::{ConfigurationError, ValidationPolicy, codes};

/// Parses a container's config from JSON and validates it with the default (safe) policy for bind mounts and Linux
/// capabilities.
///
/// A whole number may be written as a float (`512.0`), and fields with a default may be omitted.
///
/// # Errors
/// [`ConfigurationError`] with every violation: invalid syntax (with line and column), wrong types, unknown, missing
/// and duplicate fields, and violations of the rules of
/// [`validate_container_config`](crate::validate_container_config).
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
///     "resources.memory: must be a whole number of MiB, at least 6; got -5",
///     "sessionId: is required: it has no default",
///     "session_id: is not a known field; did you mean `sessionId`?",
/// ]);
/// # Ok::<(), driver_interface_validation::ConfigurationError>(())
/// ```
pub fn parse_container_config(json: &str) -> Result<ContainerConfig, ConfigurationError> {
    parse_container_config_with(json, &ValidationPolicy::default())
}

/// Parses a container's config from JSON and validates it with a custom policy for bind mounts and Linux capabilities.
///
/// # Errors
/// The same errors as for [`parse_container_config`].
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
    parse(json, policy)
}

/// Parses a volume's config from JSON and validates it.
///
/// # Errors
/// [`ConfigurationError`], as for [`parse_container_config`]. The rules are those of
/// [`validate_volume_config`](crate::validate_volume_config).
///
/// ```
/// use driver_interface_validation::parse_volume_config;
///
/// assert_eq!(parse_volume_config(r#"{ "name": "cache" }"#)?.name, "cache");
/// # Ok::<(), driver_interface_validation::ConfigurationError>(())
/// ```
pub fn parse_volume_config(json: &str) -> Result<VolumeConfig, ConfigurationError> {
    parse(json, &ValidationPolicy::default())
}

/// Parses a network's config from JSON and validates it.
///
/// # Errors
/// [`ConfigurationError`], as for [`parse_container_config`]. The rules are those of
/// [`validate_network_config`](crate::validate_network_config).
///
/// ```
/// use driver_interface_validation::parse_network_config;
///
/// assert_eq!(parse_network_config(r#"{ "name": "backend" }"#)?.name, "backend");
/// # Ok::<(), driver_interface_validation::ConfigurationError>(())
/// ```
pub fn parse_network_config(json: &str) -> Result<NetworkConfig, ConfigurationError> {
    parse(json, &ValidationPolicy::default())
}

fn parse<T>(json: &str, policy: &ValidationPolicy) -> Result<T, ConfigurationError>
where
    T: DeserializeOwned + JsonSchema + Validate<Context = RuleContext> + 'static,
{
    let node: Node = serde_json::from_str(json).map_err(|error| {
        let message = format!("must be valid JSON: {}", sentence(&error.to_string()));
        ConfigurationError::single("", codes::INVALID_JSON, message)
    })?;
    let (value, mut found) = Reader::read(node, schema::<T>());
    // The reader has checked all types, so this fails only for a Rust type that the reader does not know.
    let value = T::deserialize(value)
        .map_err(|error| ConfigurationError::single("", codes::WRONG_TYPE, sentence(&error.to_string())))?;
    // Fields that could not be read now hold defaults or placeholders, which must not be validated.
    let broken: HashSet<String> = found.iter().map(|violation| violation.path.clone()).collect();
    let judged = violations(&value, policy).into_iter();
    found.extend(judged.filter(|new| !and_parents(&new.path).any(|path| broken.contains(path))));
    refuse_if_any(found)?;
    Ok(value)
}

/// Returns the schema of a type, which is generated once.
fn schema<T: JsonSchema + 'static>() -> &'static Value {
    static SCHEMAS: OnceLock<RwLock<HashMap<TypeId, &'static Value>>> = OnceLock::new();
    let schemas = SCHEMAS.get_or_init(RwLock::default);
    let known = schemas
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&TypeId::of::<T>())
        .copied();
    known.unwrap_or_else(|| {
        let mut schemas = schemas.write().unwrap_or_else(PoisonError::into_inner);
        // The number of types is small and fixed, so the schemas may stay in memory.
        schemas
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Box::leak(Box::new(raw_schema::<T>())))
    })
}

/// Returns a path and all its parents. For `a.b[0]`, the parents are `a.b`, `a` and the empty path of the root.
fn and_parents(path: &str) -> impl Iterator<Item = &str> {
    let parents = path
        .match_indices(['.', '['])
        .filter_map(|(end, _)| path.get(..end));
    parents.chain([path, ""])
}
