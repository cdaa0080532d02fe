//! Reads the values of a compose file.

use serde_json::Value;

use crate::settings::Settings;
use crate::{text, variables};

/// Replaces each variable by its value in all strings of a YAML value, including nested strings.
pub(crate) fn interpolate(settings: &mut Settings<'_>, path: &str, value: &mut Value) {
    match value {
        Value::String(text) if text.contains('$') => {
            let replaced = variables::interpolate(settings.options, text);
            if let Some(replaced) = settings.at(path).valid(replaced) {
                *text = replaced;
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                interpolate(settings, &format!("{path}[{index}]"), item);
            }
        }
        Value::Object(entries) => {
            for (key, entry) in entries {
                interpolate(settings, &format!("{path}.{key}"), entry);
            }
        }
        _ => {}
    }
}

/// Returns a string, number or boolean as text. Returns `None` for any other value.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// Returns the items of a list. Null counts as an empty list. Any other value counts as a list with one item.
pub(crate) fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        Value::Null => &[],
        single => std::slice::from_ref(single),
    }
}

/// Returns a short text for a value that is not carried over: the value itself, the items of a list, or the keys of a
/// mapping. Returns `None` for null, and for a list with an item that is not a text, number or boolean.
pub(crate) fn summary(value: &Value) -> Option<String> {
    let parts: Option<Vec<String>> = match value {
        Value::Array(items) => items.iter().map(text).collect(),
        Value::Object(entries) => Some(entries.keys().cloned().collect()),
        single => text(single).map(|text| vec![text]),
    };
    parts.map(|parts| parts.join(", "))
}

/// Returns whether a value is null, an empty list or an empty mapping.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    }
}

impl Settings<'_> {
    /// Returns a value as text. Reports null, a list or a mapping as invalid.
    pub(crate) fn text(&mut self, value: &Value) -> Option<String> {
        let found = text(value);
        if found.is_none() {
            self.invalid("must be a text, a number or a boolean");
        }
        found
    }

    /// Calls `apply` with the text of a value. Reports null, a list or a mapping as invalid.
    pub(crate) fn with_text(&mut self, value: &Value, apply: impl FnOnce(&mut Self, &str)) {
        if let Some(text) = self.text(value) {
            apply(self, &text);
        }
    }

    /// Calls `apply` with the text of each item of a list.
    pub(crate) fn each_text(&mut self, value: &Value, apply: impl Fn(&mut Self, &str)) {
        for item in items(value) {
            self.with_text(item, &apply);
        }
    }

    /// Returns the keys and values of a mapping, or of a list of texts such as `key=value`. A key without a value has
    /// the value `None`.
    pub(crate) fn entries(&mut self, value: &Value) -> Vec<(String, Option<String>)> {
        let mut entries = Vec::new();
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let value = if value.is_null() { None } else { self.text(value) };
                    entries.push((key.clone(), value));
                }
            }
            list => {
                for item in items(list) {
                    if let Some(item) = self.text(item) {
                        let (key, value) = text::key_value(&item);
                        entries.push((key.to_owned(), value.map(str::to_owned)));
                    }
                }
            }
        }
        entries
    }

    /// Returns a value as a boolean. The value may also be a text such as `true`, because the value of a variable is
    /// a text.
    pub(crate) fn boolean(&mut self, value: &Value) -> Option<bool> {
        let text = self.text(value)?;
        self.flag(&text)
    }

    /// Returns the words of a command. The command is a list of words, or a line. A line is split as a shell would
    /// split it.
    pub(crate) fn command(&mut self, value: &Value) -> Vec<String> {
        match value {
            Value::Array(words) => words.iter().filter_map(|word| self.text(word)).collect(),
            line => {
                let line = self.text(line).unwrap_or_default();
                self.valid(text::words(&line)).unwrap_or_default()
            }
        }
    }

    /// Lists the setting at the path `at` as not carried over, unless its value is empty.
    pub(crate) fn leave_key(&mut self, at: &str, value: &Value, reason: &str) {
        if !is_empty(value) {
            let summary = summary(value);
            self.at(at).leave(summary.as_deref(), reason);
        }
    }
}
