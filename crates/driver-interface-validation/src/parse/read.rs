use std::collections::BTreeMap;
use std::time::Duration;

use driver_interface_errors::Violation;
use serde::de::value::{Error as AnyError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};

use super::node::Node;
use crate::codes;
use crate::limits::{self, Bounds};
use crate::text::{key_step, nearest, shown};

/// The violations found so far. Parsing continues with a default in place of an invalid value.
pub(super) type Found = Vec<Violation>;

/// Whole numbers above this cannot be represented exactly as floats.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// An object whose fields are taken out one by one.
pub(super) struct Fields<'a> {
    path: &'a str,
    left: Vec<(String, Node)>,
    asked: Vec<&'static str>,
    is_object: bool,
    found: &'a mut Found,
}

impl<'a> Fields<'a> {
    pub(super) fn of(node: Node, path: &'a str, found: &'a mut Found) -> Self {
        let (left, is_object) = match node {
            Node::Object(fields) => (fields, true),
            other => {
                wrong_type(found, path, "an object", other.kind());
                (Vec::new(), false)
            }
        };
        Self {
            path,
            left,
            asked: Vec::new(),
            is_object,
            found,
        }
    }

    /// Takes out a field and parses it; if it is missing, the target is unchanged.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        into: &mut T,
        read: impl FnOnce(Node, &str, &mut Found) -> Option<T>,
    ) -> bool {
        self.asked.push(name);
        let (mut given, left): (Vec<_>, Vec<_>) = std::mem::take(&mut self.left)
            .into_iter()
            .partition(|(key, _)| key == name);
        self.left = left;
        let path = field_path(self.path, name);
        if given.len() > 1 {
            self.found.push(Violation::new(
                &path,
                codes::DUPLICATE_FIELD,
                "must appear only once",
            ));
        }
        let Some((_, node)) = given.pop() else {
            return false;
        };
        if let Some(value) = read(node, &path, self.found) {
            *into = value;
        }
        true
    }

    /// Takes out a required field and parses it.
    pub(super) fn required<T>(
        &mut self,
        name: &'static str,
        into: &mut T,
        read: impl FnOnce(Node, &str, &mut Found) -> Option<T>,
    ) {
        if !self.optional(name, into, read) && self.is_object {
            let path = field_path(self.path, name);
            self.found.push(Violation::new(
                path,
                codes::MISSING_FIELD,
                "is required: it has no default",
            ));
        }
    }

    /// Reports the fields that were not taken out as unknown.
    pub(super) fn finish(self) {
        for (name, _) in self.left {
            let message = match nearest(&name, self.asked.iter().copied()) {
                Some(likely) => format!("is not a known field; did you mean `{likely}`?"),
                None => format!(
                    "is not a known field; the known fields are `{}`",
                    self.asked.join("`, `")
                ),
            };
            self.found.push(Violation::new(
                field_path(self.path, &name),
                codes::UNKNOWN_FIELD,
                message,
            ));
        }
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

fn wrong_type(found: &mut Found, path: &str, expected: &str, got: &str) {
    found.push(Violation::new(
        path,
        codes::WRONG_TYPE,
        format!("must be {expected}; got {got}"),
    ));
}

pub(super) fn text(node: Node, path: &str, found: &mut Found) -> Option<String> {
    match node {
        Node::Text(text) => Some(text),
        other => {
            wrong_type(found, path, "a string", other.kind());
            None
        }
    }
}

pub(super) fn flag(node: Node, path: &str, found: &mut Found) -> Option<bool> {
    match node {
        Node::Bool(value) => Some(value),
        other => {
            wrong_type(found, path, "true or false", other.kind());
            None
        }
    }
}

/// Parses a field that may be null.
pub(super) fn maybe<T>(
    read: impl FnOnce(Node, &str, &mut Found) -> Option<T>,
) -> impl FnOnce(Node, &str, &mut Found) -> Option<Option<T>> {
    move |node, path, found| match node {
        Node::Null => Some(None),
        node => read(node, path, found).map(Some),
    }
}

pub(super) fn cores(node: Node, path: &str, found: &mut Found) -> Option<f64> {
    let number = match &node {
        Node::Number(number) => number.as_f64(),
        _ => None,
    };
    if number.is_none() {
        wrong_type(found, path, "a finite number above 0", node.kind());
    }
    number
}

/// Parses a whole number, which may be written as a float such as `512.0`.
pub(super) fn whole(bounds: Bounds) -> impl FnOnce(Node, &str, &mut Found) -> Option<u64> {
    move |node, path, found| {
        let Node::Number(number) = node else {
            wrong_type(found, path, &bounds.what(), node.kind());
            return None;
        };
        let float = number.as_f64().unwrap_or_default();
        if let Some(value) = number.as_u64() {
            return Some(value);
        }
        if float.fract() == 0.0 && (0.0..=EXACT).contains(&float) {
            return Some(float as u64);
        }
        let code = if float.fract() == 0.0 {
            codes::OUT_OF_RANGE
        } else {
            codes::WRONG_TYPE
        };
        found.push(Violation::new(
            path,
            code,
            bounds.message(float > bounds.max as f64, number),
        ));
        None
    }
}

/// Parses a variant name of an enum.
pub(super) fn choice<T: DeserializeOwned>(
    names: &'static [&'static str],
) -> impl FnOnce(Node, &str, &mut Found) -> Option<T> {
    move |node, path, found| {
        let (value, got) = match &node {
            Node::Text(text) => {
                let input: StrDeserializer<'_, AnyError> = text.as_str().into_deserializer();
                (T::deserialize(input).ok(), shown(text))
            }
            other => (None, other.kind().to_owned()),
        };
        if value.is_none() {
            wrong_type(found, path, &format!("one of `{}`", names.join("`, `")), &got);
        }
        value
    }
}

/// Parses a text with a typed meaning, such as an address or a signal.
pub(super) fn parsed<T: DeserializeOwned>(
    what: &'static str,
) -> impl Fn(Node, &str, &mut Found) -> Option<T> {
    move |node, path, found| {
        let (value, got) = match &node {
            Node::Text(text) => {
                let input: StrDeserializer<'_, AnyError> = text.as_str().into_deserializer();
                (T::deserialize(input).ok(), shown(text))
            }
            other => (None, other.kind().to_owned()),
        };
        if value.is_none() {
            wrong_type(found, path, what, &got);
        }
        value
    }
}

/// Parses a whole number that must fit into a smaller type.
pub(super) fn small<T: TryFrom<u64>>(bounds: Bounds) -> impl FnOnce(Node, &str, &mut Found) -> Option<T> {
    move |node, path, found| {
        let value = whole(bounds)(node, path, found)?;
        let fits = T::try_from(value).ok();
        if fits.is_none() {
            found.push(Violation::new(
                path,
                codes::OUT_OF_RANGE,
                bounds.message(true, value),
            ));
        }
        fits
    }
}

pub(super) fn millis(node: Node, path: &str, found: &mut Found) -> Option<Duration> {
    whole(limits::MILLIS)(node, path, found).map(Duration::from_millis)
}

/// Parses a list whose items have no default. An invalid item is dropped; no item after it is validated any more.
pub(super) fn items<T>(
    read: impl Fn(Node, &str, &mut Found) -> Option<T>,
) -> impl FnOnce(Node, &str, &mut Found) -> Option<Vec<T>> {
    move |node, path, found| {
        let read = |node: Node, path: &str, found: &mut Found| Some(read(node, path, found));
        Some(list(read)(node, path, found)?.into_iter().flatten().collect())
    }
}

/// Parses an object whose values are texts with a typed meaning.
pub(super) fn parsed_map<T: DeserializeOwned>(
    what: &'static str,
) -> impl FnOnce(Node, &str, &mut Found) -> Option<BTreeMap<String, T>> {
    move |node, path, found| {
        let mut map = BTreeMap::new();
        for (key, value) in texts(node, path, found)? {
            let path = format!("{path}{}", key_step(&key));
            if let Some(value) = parsed(what)(Node::Text(value), &path, found) {
                map.insert(key, value);
            }
        }
        Some(map)
    }
}

/// Parses a list item by item. An invalid item is replaced by a default, so that the other items keep their
/// indices.
pub(super) fn list<T: Default>(
    read: impl Fn(Node, &str, &mut Found) -> Option<T>,
) -> impl FnOnce(Node, &str, &mut Found) -> Option<Vec<T>> {
    move |node, path, found| {
        let Node::List(items) = node else {
            wrong_type(found, path, "a list", node.kind());
            return None;
        };
        let read_one = |(index, item)| read(item, &format!("{path}[{index}]"), found).unwrap_or_default();
        Some(items.into_iter().enumerate().map(read_one).collect())
    }
}

/// Parses an object of strings. Messages never show a value.
pub(super) fn texts(node: Node, path: &str, found: &mut Found) -> Option<BTreeMap<String, String>> {
    let Node::Object(entries) = node else {
        wrong_type(found, path, "an object of strings", node.kind());
        return None;
    };
    let mut map = BTreeMap::new();
    for (key, value) in entries {
        let path = format!("{path}{}", key_step(&key));
        if map.contains_key(&key) {
            found.push(Violation::new(
                &path,
                codes::DUPLICATE_FIELD,
                "must appear only once",
            ));
        }
        let value = text(value, &path, found).unwrap_or_default();
        map.insert(key, value);
    }
    Some(map)
}
