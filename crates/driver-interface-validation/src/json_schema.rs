//! JSON Schemas of the wire types, for editors and for programs in other languages.
//!
//! They are generated from the types, so fields and defaults always match. This module adds the rules that JSON
//! Schema can express: bounds, lengths, patterns, enumerations. Only the validators check the other rules (a
//! duplicate target, a dangerous bind mount). The schemas accept everything that the validators accept.

use std::collections::BTreeMap;

use driver_interface_types::{
    ContainerConfig, ContainerFilter, ContainerId, ContainerInstance, DriverHealth, LogOptions, Network,
    NetworkConfig, NetworkId, SessionId, StopOptions, Volume, VolumeConfig, VolumeId,
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::limits;
use crate::schema::{ALL_CAPABILITIES, CAPABILITIES};

/// Returns the JSON Schema (draft 2020-12) of a container's config, with defaults and bounds.
///
/// ```
/// let schema = driver_interface_validation::container_config_json_schema();
/// assert_eq!(schema["required"], serde_json::json!(["sessionId", "image"]));
/// assert_eq!(schema["$defs"]["ResourceLimits"]["properties"]["memory"]["minimum"], 6);
/// assert_eq!(schema["$defs"]["ResourceLimits"]["properties"]["memory"]["default"], 512);
/// ```
pub fn container_config_json_schema() -> Value {
    schema_of::<ContainerConfig>()
}

/// Returns the JSON Schema of every wire type, by the type's name.
///
/// ```
/// let schemas = driver_interface_validation::json_schemas();
/// assert_eq!(schemas["LogOptions"]["title"], "LogOptions");
/// ```
pub fn json_schemas() -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("ContainerConfig", container_config_json_schema()),
        ("ContainerFilter", schema_of::<ContainerFilter>()),
        ("ContainerInstance", schema_of::<ContainerInstance>()),
        ("DriverHealth", schema_of::<DriverHealth>()),
        ("LogOptions", schema_of::<LogOptions>()),
        ("Network", schema_of::<Network>()),
        ("NetworkConfig", schema_of::<NetworkConfig>()),
        ("StopOptions", schema_of::<StopOptions>()),
        ("Volume", schema_of::<Volume>()),
        ("VolumeConfig", schema_of::<VolumeConfig>()),
    ])
}

/// Returns the files of `docs/schema` by name, with the content that `cargo xtask docs` writes.
///
/// ```
/// let files = driver_interface_validation::json_schema_files();
/// assert!(files["ContainerConfig.json"].ends_with("}\n"));
/// ```
pub fn json_schema_files() -> BTreeMap<String, String> {
    let file = |(name, schema): (&str, Value)| (format!("{name}.json"), format!("{schema:#}\n"));
    json_schemas().into_iter().map(file).collect()
}

fn schema_of<T: JsonSchema>() -> Value {
    let generator = SchemaGenerator::new(SchemaSettings::draft2020_12());
    let mut schema = Value::from(generator.into_root_schema_for::<T>());
    merge(&mut schema, rules_of(&T::schema_name()));
    if let Some(Value::Object(definitions)) = schema.get_mut("$defs") {
        for (name, definition) in definitions {
            merge(definition, rules_of(name));
        }
    }
    tidy(schema)
}

/// Returns the validators' rules for a type, as far as JSON Schema can express them.
fn rules_of(type_name: &str) -> Value {
    match type_name {
        "ContainerConfig" => json!({ "properties": {
            "sessionId": label_value(),
            "image": { "minLength": 1 },
            "name": name(ContainerId::MIN_LEN, ContainerId::MAX_LEN),
            "command": { "items": { "maxLength": limits::MAX_WORD, "pattern": NO_NUL } },
            "env": { "propertyNames": key(), "additionalProperties": { "maxLength": limits::MAX_WORD, "pattern": NO_NUL } },
            "labels": map(),
            "volumes": { "maxItems": limits::MAX_MOUNTS },
            "operationKey": label_value(),
            "tmpfs": { "maxItems": limits::MAX_MOUNTS },
            "shmSize": { "minimum": 1, "maximum": limits::MAX_MEMORY },
            "ports": { "maxItems": limits::MAX_PORTS },
            "networkAliases": { "maxItems": limits::MAX_NAMES, "items": name(1, limits::MAX_HOST_NAME) },
            "dns": { "maxItems": limits::MAX_DNS },
            "extraHosts": { "maxProperties": limits::MAX_NAMES, "propertyNames": name(1, limits::MAX_HOST_NAME) },
            "devices": { "maxItems": limits::MAX_DEVICES },
        } }),
        "ResourceLimits" => json!({ "properties": {
            "cpu": { "minimum": limits::MIN_CPU, "maximum": limits::MAX_CPU },
            "memory": { "minimum": limits::MIN_MEMORY, "maximum": limits::MAX_MEMORY },
            "disk": { "minimum": limits::MIN_DISK, "maximum": limits::MAX_DISK },
            "pids": { "minimum": limits::MIN_PIDS, "maximum": limits::MAX_PIDS },
        } }),
        "TmpfsMount" => json!({ "properties": {
            "target": { "pattern": "^/[^:]+$", "maxLength": limits::MAX_PATH },
            "size": { "minimum": 1, "maximum": limits::MAX_MEMORY },
            "mode": { "minimum": 0, "maximum": 0o7777 },
            "uid": { "minimum": 0, "maximum": limits::MAX_UID },
            "gid": { "minimum": 0, "maximum": limits::MAX_UID },
        } }),
        "PortMapping" => json!({ "properties": {
            "containerPort": { "minimum": 1, "maximum": 65_535 },
            "hostPort": { "minimum": 1, "maximum": 65_535 },
        } }),
        "HealthCheck" => {
            let most = limits::MAX_HEALTH_TIME.as_secs() * 1000;
            json!({ "properties": {
                "interval": { "minimum": 1, "maximum": most },
                "timeout": { "minimum": 1, "maximum": most },
                "startPeriod": { "maximum": most },
                "retries": { "minimum": 1 },
            } })
        }
        "DeviceMapping" => json!({ "properties": {
            "hostPath": { "pattern": "^/dev/[^:]+$" },
            "containerPath": { "pattern": "^/dev/[^:]+$" },
            "permissions": { "pattern": "^[rwm]{1,3}$" },
        } }),
        "GpuRequest" => json!({ "properties": { "count": { "minimum": 1 } } }),
        "VolumeMount" => json!({ "properties": {
            "source": { "minLength": 1, "maxLength": limits::MAX_PATH },
            "target": { "pattern": "^/[^:]+$", "maxLength": limits::MAX_PATH },
        } }),
        "SecurityOptions" => json!({ "properties": {
            "user": { "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$" },
        } }),
        "LinuxCapabilities" => {
            let with_all: Vec<&str> = std::iter::once(ALL_CAPABILITIES)
                .chain(CAPABILITIES.iter().copied())
                .collect();
            json!({ "properties": {
                "drop": { "items": { "enum": with_all }, "uniqueItems": true },
                "add": { "items": { "enum": CAPABILITIES }, "uniqueItems": true },
            } })
        }
        "VolumeConfig" => json!({ "properties": {
            "name": name(VolumeId::MIN_LEN, VolumeId::MAX_LEN),
            "sessionId": label_value(),
            "driver": { "minLength": 1, "maxLength": limits::MAX_DRIVER_NAME },
            "labels": map(),
        } }),
        "VolumeOwner" => json!({ "properties": {
            "uid": { "minimum": 0, "maximum": limits::MAX_UID },
            "gid": { "minimum": 0, "maximum": limits::MAX_UID },
        } }),
        "NetworkConfig" => json!({ "properties": {
            "name": name(NetworkId::MIN_LEN, NetworkId::MAX_LEN),
            "sessionId": label_value(),
            "driver": { "minLength": 1, "maxLength": limits::MAX_DRIVER_NAME },
            "labels": map(),
            "options": map(),
        } }),
        "SessionId" => label_value(),
        "ContainerId" => name(ContainerId::MIN_LEN, ContainerId::MAX_LEN),
        "VolumeId" => name(VolumeId::MIN_LEN, VolumeId::MAX_LEN),
        "NetworkId" => name(NetworkId::MIN_LEN, NetworkId::MAX_LEN),
        _ => json!({}),
    }
}

const NO_NUL: &str = "^[^\\u0000]*$";

fn name(min: usize, max: usize) -> Value {
    json!({ "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]*$", "minLength": min, "maxLength": max })
}

/// A [`SessionId`] or an operation key.
fn label_value() -> Value {
    json!({
        "pattern": "^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$",
        "minLength": SessionId::MIN_LEN,
        "maxLength": SessionId::MAX_LEN,
    })
}

fn key() -> Value {
    json!({ "pattern": "^[^=\\u0000-\\u001f\\u007f-\\u009f]+$", "maxLength": limits::MAX_KEY })
}

fn map() -> Value {
    json!({
        "maxProperties": limits::MAX_ENTRIES,
        "propertyNames": key(),
        "additionalProperties": { "maxLength": limits::MAX_VALUE, "pattern": NO_NUL },
    })
}

/// Merges `more` into `schema`, field by field.
fn merge(schema: &mut Value, more: Value) {
    match (schema, more) {
        (Value::Object(fields), Value::Object(more)) => {
            for (name, value) in more {
                merge(fields.entry(name).or_insert(Value::Null), value);
            }
        }
        (place, value) => *place = value,
    }
}

/// Sorts the fields, converts descriptions from rustdoc to plain text, and removes the formats that only Rust
/// knows (`uint64`), because strict validators reject them.
fn tidy(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<String, Value> = fields.into_iter().collect();
            let mut out = Map::new();
            for (name, value) in sorted {
                match (name.as_str(), value) {
                    ("format", Value::String(_)) => {}
                    ("description", Value::String(docs)) => {
                        out.insert(name, Value::String(plain(&docs)));
                    }
                    (_, value) => {
                        out.insert(name, tidy(value));
                    }
                }
            }
            Value::Object(out)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(tidy).collect()),
        other => other,
    }
}

/// Returns a doc comment without its examples, tables and links, with one line per paragraph.
fn plain(docs: &str) -> String {
    let paragraphs = docs.split("\n\n").map(str::trim);
    let mut in_example = false;
    let kept = paragraphs.filter(|paragraph| {
        let fences = paragraph.matches("```").count();
        let is_text = !in_example && fences == 0 && !paragraph.starts_with('|');
        in_example ^= fences % 2 == 1;
        is_text
    });
    let lines: Vec<String> = kept
        .map(|paragraph| without_links(&paragraph.replace('\n', " ")))
        .collect();
    lines.join("\n\n")
}

/// Replaces links with code: ``[`text`](target)`` and ``[`text`]`` become `` `text` ``.
fn without_links(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[`") {
        let Some((linked, behind)) = after.split_once("`]") else {
            break;
        };
        out.push_str(before);
        out.push('`');
        out.push_str(linked);
        out.push('`');
        rest = match behind.strip_prefix('(').and_then(|target| target.split_once(')')) {
            Some((_, behind)) => behind,
            None => behind,
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_become_plain_text() {
        let docs = "A [`Warning`](crate::Warning) of\n[`Self`].\n\n```\nlet a = [1];\n\nlet b = 2;\n```\n\n| a |\n|---|\n\nEnd [1].";
        assert_eq!(plain(docs), "A `Warning` of `Self`.\n\nEnd [1].");
        assert_eq!(without_links("an open [`end"), "an open [`end");
    }

    #[test]
    fn merging_keeps_what_is_there_and_replaces_what_is_said_anew() {
        let mut schema = json!({ "a": { "type": "integer", "minimum": 0 } });
        merge(&mut schema, json!({ "a": { "minimum": 6 } }));
        assert_eq!(schema, json!({ "a": { "type": "integer", "minimum": 6 } }));
    }

    #[test]
    fn every_rule_belongs_to_a_property_that_exists() {
        for (name, schema) in json_schemas() {
            let definitions = schema["$defs"].as_object().cloned().unwrap_or_default();
            for (name, schema) in definitions.iter().chain([(&name.to_owned(), &schema)]) {
                for (property, value) in schema["properties"].as_object().into_iter().flatten() {
                    let typed = ["type", "$ref", "anyOf", "oneOf"]
                        .iter()
                        .any(|key| value.get(*key).is_some());
                    assert!(typed, "{name}.{property} has rules but no type: {value}");
                }
            }
        }
    }
}
