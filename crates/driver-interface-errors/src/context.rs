use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text;

/// The context fields that are listed first, in the order in which readers usually need them.
const WELL_KNOWN: [&str; 6] = ["container", "image", "volume", "network", "session", "path"];

/// The context of an error: the driver, the operation and the ids involved.
///
/// Fields have a fixed order: `container`, `image`, `volume`, `network`, `session`, `path`, then all other fields by
/// name. The order in which the fields were added has no influence. Two errors with equal fields therefore have the
/// same text.
///
/// The first value set for a field is kept. The reason is that layers add fields as an error propagates outwards, and
/// the innermost layer knows the most precise values.
///
/// The values of fields whose name suggests a credential (`token`, `registryPassword`, …) are redacted.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorContext {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    driver: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(default)]
    fields: Fields,
}

impl ErrorContext {
    /// Returns the name of the driver, such as `mock-docker`; `None` if no driver is set.
    pub fn driver(&self) -> Option<&str> {
        self.driver.as_deref()
    }

    /// Returns the operation that failed, such as `start_container`; `None` if no operation is set.
    pub fn operation(&self) -> Option<&str> {
        self.operation.as_deref()
    }

    /// Returns the fields as keys and values, in their fixed order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Returns the value of the field `key`; `None` if the field is not set.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.fields()
            .find_map(|(name, value)| (name == key).then_some(value))
    }

    pub(crate) fn set_driver(&mut self, driver: impl Into<String>) {
        self.driver.get_or_insert_with(|| driver.into());
    }

    pub(crate) fn set_operation(&mut self, operation: impl Into<String>) {
        self.operation.get_or_insert_with(|| operation.into());
    }

    pub(crate) fn set_field(&mut self, key: impl Into<String>, value: impl fmt::Display) {
        self.fields.insert(key.into(), &value.to_string());
    }
}

impl fmt::Debug for ErrorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.driver().map(|driver| ("driver", driver)))
            .entries(self.operation().map(|operation| ("operation", operation)))
            .entries(self.fields())
            .finish()
    }
}

#[derive(Clone, Default, PartialEq, Eq)]
struct Fields(Vec<(String, String)>);

impl Fields {
    fn insert(&mut self, key: String, value: &str) {
        let location = self
            .0
            .binary_search_by(|(other, _)| order(other).cmp(&order(&key)));
        if let Err(index) = location {
            let value = text::field_value(&key, value);
            self.0.insert(index, (key, value));
        }
    }
}

fn order(key: &str) -> (usize, &str) {
    let rank = WELL_KNOWN.iter().position(|known| *known == key);
    (rank.unwrap_or(WELL_KNOWN.len()), key)
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings to strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some((key, value)) = map.next_entry::<String, String>()? {
                    fields.insert(key, &value);
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}
