//! Macros that implement the text form of enums.

use driver_interface_errors::ConfigurationError;

/// Implements `ALL`, `as_str`, `Display` and `FromStr` for an enum of unit variants. The text of each variant must be
/// its name in JSON.
macro_rules! text_enum {
    ($name:ident, $what:literal: $($variant:ident = $text:literal),+ $(,)?) => {
        impl $name {
            /// All values of the enum.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            /// Returns the value's name, as in JSON.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        $crate::text_enum::text_form!($name, $what);
    };
}

/// Implements `Display` and `FromStr` for an enum that has `ALL` and `as_str`.
macro_rules! text_form {
    ($name:ident, $what:literal) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = driver_interface_errors::ConfigurationError;

            /// Parses a name that [`as_str`](Self::as_str) returns.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.iter().find(|value| value.as_str() == text);
                found.copied().ok_or_else(|| {
                    $crate::text_enum::unknown($what, text, Self::ALL.iter().map(|value| value.as_str()))
                })
            }
        }
    };
}

pub(crate) use {text_enum, text_form};

/// Returns the error for a `text` that is not one of the `values`. `what` describes the kind of value.
pub(crate) fn unknown<'a>(
    what: &str,
    text: &str,
    values: impl Iterator<Item = &'a str>,
) -> ConfigurationError {
    let values: Vec<&str> = values.collect();
    let message = match values.len() {
        // A longer list would be less helpful than the documentation.
        0..=12 => format!("must be one of {}; got {text:?}", values.join(", ")),
        _ => format!("is not a known {what}; got {text:?}"),
    };
    ConfigurationError::single(what, "unknown", message)
}

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Display};
    use std::str::FromStr;

    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use crate::*;

    fn read_back<T: Copy + PartialEq + Debug + Display + FromStr<Err = ConfigurationError>>(all: &[T]) {
        for value in all {
            assert_eq!(value.to_string().parse::<T>().unwrap(), *value);
            assert_eq!(format!("{value:>40}").len(), 40, "{value} ignores the width");
        }
        let error = "no such value".parse::<T>().unwrap_err();
        assert!(error.to_string().contains("no such value"), "{error}");
    }

    fn as_in_json<T: Copy + PartialEq + Debug + Display + Serialize + DeserializeOwned>(all: &[T]) {
        for value in all {
            let json = serde_json::to_value(value).unwrap();
            assert_eq!(json, value.to_string());
            assert_eq!(serde_json::from_value::<T>(json).unwrap(), *value);
        }
    }

    #[test]
    fn every_enum_text_round_trips() {
        macro_rules! check {
            ($($name:ident)+) => { $(
                read_back(&$name::ALL[..]);
                as_in_json(&$name::ALL[..]);
            )+ };
        }
        check!(ContainerStatus ContainerState StartOutcome StopOutcome PauseOutcome UnpauseOutcome RestartOutcome
            PullPolicy Strictness HealthStatus ContainerHealthStatus LogSource MountType Protocol EventKind);
        read_back(&Capability::all().collect::<Vec<_>>());
        read_back(Guarantee::ALL);
        read_back(&ConfigFeature::ALL);
        read_back(&Property::ALL);
        read_back(Operation::ALL);
        read_back(&OperationKind::ALL);
        read_back(&Repeat::ALL);
    }
}
