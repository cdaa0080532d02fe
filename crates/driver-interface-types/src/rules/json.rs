//! Functions that add validation rules to the generated JSON Schemas, as far as JSON Schema can express the rules.

use schemars::Schema;
use serde_json::{Value, json};

use super::capabilities::{ALL_CAPABILITIES, CAPABILITIES};
use super::limits::{
    Bounds, MAX_ENTRIES, MAX_HEALTH_TIME, MAX_HOST_NAME, MAX_KEY, MAX_NAMES, MAX_VALUE, MAX_WORD,
};
use crate::{ContainerId, SessionId};

pub(crate) const PATH: &str = "^/[^:]+$";
pub(crate) const DEVICE: &str = "^/dev/[^:]+$";
pub(crate) const PERMISSIONS: &str = "^[rwm]{1,3}$";
pub(crate) const USER: &str = "^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$";
const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9_.-]*$";
const LABEL_VALUE: &str = "^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$";
const KEY: &str = "^[^=\\u0000-\\u001f\\u007f-\\u009f]+$";
const NO_NUL: &str = "^[^\\u0000]*$";

/// Adds the rules for the name of a container, volume or network.
pub(crate) fn name(schema: &mut Schema) {
    id(ContainerId::MIN_LEN, ContainerId::MAX_LEN, false)(schema);
}

/// Adds the rules for a [`SessionId`] or an operation key.
pub(crate) fn label_value(schema: &mut Schema) {
    id(SessionId::MIN_LEN, SessionId::MAX_LEN, true)(schema);
}

/// Returns a function that adds the rules for a name of `min` to `max` characters. If `is_label_value` is set, the
/// name must also end with a letter or digit.
pub(crate) fn id(min: usize, max: usize, is_label_value: bool) -> impl FnMut(&mut Schema) {
    let pattern = if is_label_value { LABEL_VALUE } else { NAME };
    move |schema| {
        merge(
            schema,
            json!({ "pattern": pattern, "minLength": min, "maxLength": max }),
        )
    }
}

pub(crate) fn command(schema: &mut Schema) {
    merge(schema, json!({ "items": text(MAX_WORD) }));
}

pub(crate) fn env(schema: &mut Schema) {
    merge(
        schema,
        json!({ "propertyNames": key(), "additionalProperties": text(MAX_WORD) }),
    );
}

/// Adds the rules for a set of names of environment variables.
pub(crate) fn keys(schema: &mut Schema) {
    merge(schema, json!({ "items": key() }));
}

/// Adds the rules for labels or options.
pub(crate) fn map(schema: &mut Schema) {
    let values = text(MAX_VALUE);
    merge(
        schema,
        json!({ "maxProperties": MAX_ENTRIES, "propertyNames": key(), "additionalProperties": values }),
    );
}

pub(crate) fn network_names(schema: &mut Schema) {
    merge(schema, json!({ "maxItems": MAX_NAMES, "items": network_name() }));
}

pub(crate) fn extra_hosts(schema: &mut Schema) {
    merge(
        schema,
        json!({ "maxProperties": MAX_NAMES, "propertyNames": network_name() }),
    );
}

pub(crate) fn dropped(schema: &mut Schema) {
    let names: Vec<&str> = std::iter::once(ALL_CAPABILITIES)
        .chain(CAPABILITIES.iter().copied())
        .collect();
    merge(schema, json!({ "items": { "enum": names }, "uniqueItems": true }));
}

pub(crate) fn added(schema: &mut Schema) {
    merge(
        schema,
        json!({ "items": { "enum": CAPABILITIES }, "uniqueItems": true }),
    );
}

/// Returns a function that adds the bounds of a whole number, and adds the number's unit as a comment.
pub(crate) fn within(Bounds { unit, min, max }: Bounds) -> impl FnMut(&mut Schema) {
    move |schema| {
        merge(schema, json!({ "minimum": min, "maximum": max }));
        if !unit.is_empty() {
            merge(schema, json!({ "$comment": format!("in {unit}") }));
        }
    }
}

/// Returns a function that adds the bounds of a duration in a health check. The minimum is `min` milliseconds, and
/// the maximum is [`MAX_HEALTH_TIME`].
pub(crate) fn health_time(min: u64) -> impl FnMut(&mut Schema) {
    let max = MAX_HEALTH_TIME.as_secs() * 1000;
    move |schema| {
        merge(
            schema,
            json!({ "minimum": min, "maximum": max, "$comment": "in milliseconds" }),
        )
    }
}

fn network_name() -> Value {
    json!({ "pattern": NAME, "minLength": 1, "maxLength": MAX_HOST_NAME })
}

fn key() -> Value {
    json!({ "pattern": KEY, "maxLength": MAX_KEY })
}

fn text(max: usize) -> Value {
    json!({ "maxLength": max, "pattern": NO_NUL })
}

fn merge(schema: &mut Schema, more: Value) {
    let mut whole = std::mem::take(schema).to_value();
    merge_values(&mut whole, more);
    // The merged value is an object, because both merged values are objects.
    *schema = Schema::try_from(whole).unwrap_or_default();
}

fn merge_values(schema: &mut Value, more: Value) {
    match (schema, more) {
        (Value::Object(fields), Value::Object(more)) => {
            for (name, value) in more {
                merge_values(fields.entry(name).or_insert(Value::Null), value);
            }
        }
        (location, value) => *location = value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merge_keeps_and_overrides_values() {
        let mut schema = json!({ "a": { "type": "integer", "minimum": 0 } });
        merge_values(&mut schema, json!({ "a": { "minimum": 6 } }));
        assert_eq!(schema, json!({ "a": { "type": "integer", "minimum": 6 } }));
    }
}
