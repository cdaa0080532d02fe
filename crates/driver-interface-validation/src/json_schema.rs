//! JSON Schemas of the wire types, for editors and for programs in other languages.
//!
//! The schemas are generated from the types. They contain the defaults, and the rules that JSON Schema can express:
//! bounds, lengths, patterns, enumerations. Other rules, such as those on duplicate targets and dangerous bind
//! mounts, are checked only by the validators. The schemas accept everything that the validators accept.

use std::collections::BTreeMap;

use driver_interface_types::{
    ContainerConfig, ContainerFilter, ContainerInstance, DriverHealth, EventFilter, LogOptions,
    LogStreamOptions, Network, NetworkConfig, NetworkConnectOptions, StopOptions, Volume, VolumeConfig,
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value};

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
        ("EventFilter", schema_of::<EventFilter>()),
        ("LogOptions", schema_of::<LogOptions>()),
        ("LogStreamOptions", schema_of::<LogStreamOptions>()),
        ("Network", schema_of::<Network>()),
        ("NetworkConfig", schema_of::<NetworkConfig>()),
        ("NetworkConnectOptions", schema_of::<NetworkConnectOptions>()),
        ("StopOptions", schema_of::<StopOptions>()),
        ("Volume", schema_of::<Volume>()),
        ("VolumeConfig", schema_of::<VolumeConfig>()),
    ])
}

/// Returns the content of each file that `cargo xtask docs` writes to `docs/schema`, by the file's name.
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
    tidy(raw_schema::<T>())
}

/// Returns the schema as schemars generates it, including the formats that `tidy` removes.
pub(crate) fn raw_schema<T: JsonSchema>() -> Value {
    let generator = SchemaGenerator::new(SchemaSettings::draft2020_12());
    Value::from(generator.into_root_schema_for::<T>())
}

/// Sorts the fields of a schema, converts descriptions from rustdoc to plain text, and removes the formats that only
/// Rust knows, such as `uint64`. Strict validators reject these formats.
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

/// Returns the text of a doc comment without examples and tables, with links replaced by their text, and with one line
/// per paragraph.
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

/// Replaces links with their text: ``[`text`](target)``, ``[`text`]`` and `[text](target)`.
fn without_links(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((linked, behind)) = after.split_once(']') else {
            break;
        };
        let target = behind.strip_prefix('(').and_then(|target| target.split_once(')'));
        out.push_str(before);
        if target.is_some() || linked.starts_with('`') {
            out.push_str(linked);
        } else {
            out.push_str(&format!("[{linked}]"));
        }
        rest = target.map_or(behind, |(_, behind)| behind);
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
        assert_eq!(
            without_links("its [cursor](Event::cursor), `list[0]`"),
            "its cursor, `list[0]`"
        );
    }

    #[test]
    fn every_rule_belongs_to_a_property() {
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
