use std::net::IpAddr;

use driver_interface_errors::Violation;
use driver_interface_types::rules::codes;
use driver_interface_types::rules::limits::{out_of_range, whole_number};
use driver_interface_types::rules::text::{key_step, nearest, shown};
use driver_interface_types::{HostAddress, RestartPolicy, Signal};
use serde_json::{Map, Number, Value};

use super::node::Node;

/// The limit up to which a float represents every whole number exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Compares a JSON tree with a JSON Schema that schemars generated from a type, and collects all violations.
pub(super) struct Reader<'a> {
    root: &'a Value,
    found: Vec<Violation>,
}

impl<'a> Reader<'a> {
    /// Returns the valid parts of a tree, and all violations. Placeholders stand for required parts that are missing
    /// or invalid.
    pub(super) fn read(node: Node, root: &'a Value) -> (Value, Vec<Violation>) {
        let mut reader = Self {
            root,
            found: Vec::new(),
        };
        let value = reader.value(node, root, "");
        let value = value.unwrap_or_else(|| reader.placeholder(root));
        (value, reader.found)
    }

    /// Reads a value as `schema` describes it. Returns `None` if the value is invalid, and records the violation.
    fn value(&mut self, node: Node, schema: &'a Value, path: &str) -> Option<Value> {
        let schema = self.resolve(schema, &node);
        if let Some(choices) = schema["oneOf"].as_array() {
            return self.choice(node, choices, path);
        }
        match node {
            Node::Null if is(schema, "null") => Some(Value::Null),
            Node::Bool(value) if is(schema, "boolean") => Some(value.into()),
            Node::Number(number) if is(schema, "integer") => self.whole(&number, schema, path),
            Node::Number(number) if is(schema, "number") => Some(number.into()),
            Node::Text(text) if is(schema, "string") => match other_form(schema, &text) {
                None => Some(text.into()),
                Some(expected) => self.wrong_type(path, expected, &shown(&text)),
            },
            Node::List(items) if is(schema, "array") => Some(self.list(items, &schema["items"], path)),
            Node::Object(fields) if schema["additionalProperties"].is_object() => {
                Some(self.map(fields, &schema["additionalProperties"], path))
            }
            Node::Object(fields) if is(schema, "object") => Some(self.fields(fields, schema, path)),
            other => self.wrong_type(path, &expected(schema), other.kind()),
        }
    }

    /// Follows references in a schema. If a schema has alternatives, picks the alternative that matches `node`. If no
    /// alternative matches, picks the last alternative other than `null`.
    fn resolve(&self, schema: &'a Value, node: &Node) -> &'a Value {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = self.root.pointer(reference.trim_start_matches('#'));
            return self.resolve(target.unwrap_or(&Value::Null), node);
        }
        let Some(all) = schema["anyOf"].as_array() else {
            return schema;
        };
        let all = || all.iter().map(|one| self.resolve(one, node));
        let fits = |one: &&Value| match node {
            Node::Null => is(one, "null"),
            Node::List(_) => is(one, "array"),
            Node::Number(_) => is(one, "integer") || is(one, "number"),
            _ => false,
        };
        let named = || all().rfind(|one| !is(one, "null"));
        all().find(fits).or_else(named).unwrap_or(schema)
    }

    fn fields(&mut self, mut given: Vec<(String, Node)>, schema: &'a Value, path: &str) -> Value {
        let mut out = Map::new();
        let required = |name: &str| {
            let required = schema["required"].as_array();
            required.is_some_and(|all| all.iter().any(|one| one == name))
        };
        let mut known: Vec<(&str, &Value)> = Vec::new();
        let properties = schema["properties"].as_object();
        known.extend(
            properties
                .into_iter()
                .flatten()
                .map(|(name, schema)| (name.as_str(), schema)),
        );
        known.sort_by_key(|(name, _)| *name);
        for (name, schema) in &known {
            let at = field_path(path, name);
            let mut nodes: Vec<Node> = given
                .extract_if(.., |(key, _)| key == name)
                .map(|(_, node)| node)
                .collect();
            if nodes.len() > 1 {
                self.note(&at, codes::DUPLICATE_FIELD, "must appear only once");
            }
            let value = match nodes.pop() {
                Some(node) => self.value(node, schema, &at),
                None if required(name) => {
                    self.note(&at, codes::MISSING_FIELD, "is required: it has no default");
                    None
                }
                None => None,
            };
            let value = value.or_else(|| required(name).then(|| self.placeholder(schema)));
            out.extend(value.map(|value| ((*name).to_owned(), value)));
        }
        for (name, _) in given {
            let names = known.iter().map(|(name, _)| *name);
            let message = match nearest(&name, names.clone()) {
                Some(likely) => format!("is not a known field; did you mean `{likely}`?"),
                None => {
                    let names: Vec<&str> = names.collect();
                    format!(
                        "is not a known field; the known fields are `{}`",
                        names.join("`, `")
                    )
                }
            };
            self.note(&field_path(path, &name), codes::UNKNOWN_FIELD, message);
        }
        Value::Object(out)
    }

    fn map(&mut self, entries: Vec<(String, Node)>, schema: &'a Value, path: &str) -> Value {
        let mut out = Map::new();
        for (key, node) in entries {
            let at = format!("{path}{}", key_step(&key));
            if out.contains_key(&key) {
                self.note(&at, codes::DUPLICATE_FIELD, "must appear only once");
            }
            let value = self.value(node, schema, &at);
            out.insert(key, value.unwrap_or_else(|| self.placeholder(schema)));
        }
        Value::Object(out)
    }

    fn list(&mut self, items: Vec<Node>, schema: &'a Value, path: &str) -> Value {
        let item = |(index, node)| {
            let value = self.value(node, schema, &format!("{path}[{index}]"));
            value.unwrap_or_else(|| self.placeholder(schema))
        };
        Value::Array(items.into_iter().enumerate().map(item).collect())
    }

    /// Reads a text that must be the name of an enum's variant.
    fn choice(&mut self, node: Node, choices: &[Value], path: &str) -> Option<Value> {
        let got = match node {
            Node::Text(text) if choices.iter().any(|choice| choice["const"] == *text) => {
                return Some(text.into());
            }
            Node::Text(text) => shown(&text),
            other => other.kind().to_owned(),
        };
        let names: Vec<&str> = choices
            .iter()
            .filter_map(|choice| choice["const"].as_str())
            .collect();
        self.wrong_type(path, &format!("one of `{}`", names.join("`, `")), &got)
    }

    /// Reads a whole number, which may be written as a float such as `512.0`. This function checks only that the
    /// number fits the integer type. The validation rules check the bounds.
    fn whole(&mut self, number: &Number, schema: &Value, path: &str) -> Option<Value> {
        let largest = largest(schema);
        let float = number.as_f64().unwrap_or_default();
        let is_whole = float.fract() == 0.0;
        let exact = || (is_whole && (0.0..=EXACT).contains(&float)).then_some(float as u64);
        if let Some(value) = number.as_u64().or_else(exact).filter(|value| *value <= largest) {
            return Some(value.into());
        }
        let min = schema["minimum"].as_u64().unwrap_or_default();
        let max = schema["maximum"].as_u64().unwrap_or(largest);
        let code = if is_whole {
            codes::OUT_OF_RANGE
        } else {
            codes::WRONG_TYPE
        };
        let message = out_of_range(unit(schema), min, max, float > max as f64, number);
        self.note(path, code, message);
        None
    }

    /// Returns a placeholder for a required part whose violation has been recorded.
    fn placeholder(&self, schema: &'a Value) -> Value {
        let schema = self.resolve(schema, &Node::Object(Vec::new()));
        match (schema["type"].as_str(), schema["format"].as_str()) {
            (Some("string"), Some("ip" | "host-address")) => "::".into(),
            (Some("string"), Some("unlimited")) => "unlimited".into(),
            (Some("string"), _) => "".into(),
            // The largest number violates no rule that compares the field with another field.
            (Some("integer"), _) => largest(schema).into(),
            (Some("array"), _) => Value::Array(Vec::new()),
            _ => {
                let required = schema["required"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str);
                let field = |name: &str| {
                    let property = schema["properties"].get(name).unwrap_or(&Value::Null);
                    (name.to_owned(), self.placeholder(property))
                };
                Value::Object(required.map(field).collect())
            }
        }
    }

    fn wrong_type(&mut self, path: &str, expected: &str, got: &str) -> Option<Value> {
        self.note(path, codes::WRONG_TYPE, format!("must be {expected}; got {got}"));
        None
    }

    fn note(&mut self, path: &str, code: &str, message: impl Into<String>) {
        self.found.push(Violation::new(path, code, message));
    }
}

/// Returns whether a schema allows values of the type `name`.
fn is(schema: &Value, name: &str) -> bool {
    match &schema["type"] {
        Value::Array(types) => types.iter().any(|one| one == name),
        one => one == name,
    }
}

/// Returns the largest number that an integer's type can hold.
fn largest(schema: &Value) -> u64 {
    match schema["format"].as_str() {
        Some("uint16") => u16::MAX.into(),
        Some("uint32") => u32::MAX.into(),
        _ => u64::MAX,
    }
}

/// Returns the unit of a whole number, or an empty text if the number has no unit. The schema states the unit in
/// `$comment`.
fn unit(schema: &Value) -> &str {
    schema["$comment"]
        .as_str()
        .and_then(|text| text.strip_prefix("in "))
        .unwrap_or_default()
}

/// Describes the values that a schema allows.
fn expected(schema: &Value) -> String {
    let text = match () {
        () if is(schema, "integer") => return whole_number(unit(schema)),
        () if is(schema, "number") => "a number",
        () if is(schema, "boolean") => "true or false",
        () if is(schema, "array") => "a list",
        () if schema["additionalProperties"].is_object() => "an object of strings",
        () if is(schema, "object") => "an object",
        () => other_form(schema, "").unwrap_or("a string"),
    };
    text.to_owned()
}

/// Returns the form that the schema's format requires, or `None` if `text` already has this form.
fn other_form(schema: &Value, text: &str) -> Option<&'static str> {
    match schema["format"].as_str() {
        Some("ip") if text.parse::<IpAddr>().is_err() => Some("an IP address"),
        Some("host-address") if text.parse::<HostAddress>().is_err() => {
            Some("an IP address or `host-gateway`")
        }
        Some("restart-policy") if text.parse::<RestartPolicy>().is_err() => {
            Some("`no`, `always`, `unless-stopped`, `on-failure` or `on-failure:` and a number")
        }
        Some("unlimited") if text != "unlimited" => Some("a whole number or `unlimited`"),
        Some("signal") if text.parse::<Signal>().is_err() => Some("a signal, such as `SIGTERM`"),
        _ => None,
    }
}

fn field_path(parent: &str, name: &str) -> String {
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') || name.len() > 64 {
        return format!("{parent}{}", key_step(name));
    }
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}.{name}")
    }
}
