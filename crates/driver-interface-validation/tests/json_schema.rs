//! The JSON Schemas and their files in `docs/schema`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::path::Path;

use driver_interface_validation::{container_config_json_schema, json_schema_files, json_schemas, limits};
use serde_json::Value;

#[test]
fn schema_files_are_up_to_date() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema");
    let files = json_schema_files();
    for (name, content) in &files {
        let kept = std::fs::read_to_string(directory.join(name)).unwrap_or_default();
        assert!(
            kept == *content,
            "docs/schema/{name} is stale: run `cargo xtask docs`"
        );
    }
    let kept: BTreeSet<String> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    assert_eq!(
        kept,
        files.into_keys().collect(),
        "docs/schema has other files: run `cargo xtask docs`"
    );
}

#[test]
fn schema_has_bounds_and_defaults() {
    let schema = container_config_json_schema();
    let resources = &schema["$defs"]["ResourceLimits"]["properties"];
    assert_eq!(resources["cpu"]["minimum"], limits::MIN_CPU);
    assert_eq!(resources["cpu"]["maximum"], limits::MAX_CPU);
    assert_eq!(resources["memory"]["minimum"], limits::MIN_MEMORY);
    assert_eq!(resources["pids"]["maximum"], limits::MAX_PIDS);
    assert_eq!(resources["disk"]["default"], serde_json::Value::Null);
    assert_eq!(schema["properties"]["volumes"]["maxItems"], limits::MAX_MOUNTS);
    assert_eq!(
        schema["$defs"]["LinuxCapabilities"]["properties"]["add"]["items"]["enum"]
            .as_array()
            .unwrap()
            .len(),
        41
    );
}

#[test]
fn every_type_and_field_has_a_description() {
    for (name, schema) in json_schemas() {
        assert_eq!(schema["title"], name);
        assert!(schema["description"].is_string(), "{name} has no description");
        each_object(&schema, &mut |object| {
            let Some(docs) = object.get("description").and_then(Value::as_str) else {
                return;
            };
            for rustdoc in ["```", "](", "[`", "\n|"] {
                assert!(!docs.contains(rustdoc), "{name}: {docs}");
            }
        });
        for (field, property) in schema["properties"].as_object().unwrap() {
            assert!(
                property["description"].is_string(),
                "{name}.{field} has no description"
            );
        }
    }
}

#[test]
fn references_resolve() {
    for (name, schema) in json_schemas() {
        each_object(&schema, &mut |object| {
            if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(
                    schema.pointer(pointer).is_some(),
                    "{name}: {reference} leads nowhere"
                );
            }
        });
    }
}

fn each_object(value: &Value, visit: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            visit(fields);
            fields.values().for_each(|value| each_object(value, visit));
        }
        Value::Array(items) => items.iter().for_each(|item| each_object(item, visit)),
        _ => {}
    }
}
