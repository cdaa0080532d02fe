use std::collections::BTreeMap;
use std::fmt;

use driver_interface_types::label;
use garde::error::{Kind, PathComponentKind};
use garde::{Path, Report, Validate};
use serde::Serialize;

use crate::ValidationPolicy;
use crate::check::refusal;
use crate::codes;
use crate::limits::{MAX_ENTRIES, MAX_KEY, MAX_VALUE, MAX_WORD, MAX_WORDS_TOTAL};
use crate::rules::refuse;
use crate::text::{key_step, shown};

/// Environment variables. Neither the `Debug` output nor the violations show a value.
#[derive(Clone, Copy, Serialize)]
#[serde(transparent)]
pub(super) struct Env<'a>(pub(super) &'a BTreeMap<String, String>);

/// User-defined labels.
#[derive(Clone, Copy, Serialize)]
#[serde(transparent)]
pub(super) struct Labels<'a>(pub(super) &'a BTreeMap<String, String>);

/// Options that are passed to a network driver.
#[derive(Clone, Copy, Serialize)]
#[serde(transparent)]
pub(super) struct Options<'a>(pub(super) &'a BTreeMap<String, String>);

impl Validate for Env<'_> {
    type Context = ValidationPolicy;

    fn validate_into(&self, _: &ValidationPolicy, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        each(self.0, parent, report, map_key, |key, value| {
            no_nul(value)?;
            let length = key.len() + 1 + value.len();
            // A key that is itself too long has already been reported.
            if length > MAX_WORD && key.len() <= MAX_KEY {
                let message = format!("must be at most {MAX_WORD} bytes long with its value, has {length}");
                return refuse(codes::TOO_LONG, message);
            }
            Ok(())
        });
        let total: usize = self
            .0
            .iter()
            .map(|(key, value)| key.len() + value.len() + 2)
            .sum();
        if total > MAX_WORDS_TOTAL {
            let message = format!("must be at most {MAX_WORDS_TOTAL} bytes long in total, has {total}");
            report.append(parent(), refusal(codes::TOO_LONG, message));
        }
    }
}

impl Validate for Labels<'_> {
    type Context = ValidationPolicy;

    fn validate_into(&self, _: &ValidationPolicy, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        at_most_entries(self.0, parent, report);
        let own_key = |key: &str| {
            map_key(key)?;
            if label::is_reserved(key) {
                let message = format!(
                    "must not start with `{}`: this prefix is reserved for drivers",
                    label::RESERVED_PREFIX
                );
                return refuse(codes::RESERVED, message);
            }
            Ok(())
        };
        each(self.0, parent, report, own_key, map_value);
    }
}

impl Validate for Options<'_> {
    type Context = ValidationPolicy;

    fn validate_into(&self, _: &ValidationPolicy, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        at_most_entries(self.0, parent, report);
        each(self.0, parent, report, option_key, option_value);
    }
}

/// Network options that affect only the network itself. Other options take over interfaces of the host or the
/// engine's own network, or break the isolation.
const NETWORK_OPTIONS: &[(&str, OptionKind)] = &[
    ("com.docker.network.bridge.enable_icc", OptionKind::Truth),
    (
        "com.docker.network.bridge.enable_ip_masquerade",
        OptionKind::Truth,
    ),
    ("com.docker.network.driver.mtu", OptionKind::Mtu),
    ("mtu", OptionKind::Mtu),
];

#[derive(Clone, Copy)]
enum OptionKind {
    Truth,
    Mtu,
}

fn option_key(key: &str) -> garde::Result {
    if NETWORK_OPTIONS.iter().any(|(known, _)| *known == key) {
        return Ok(());
    }
    let known: Vec<String> = NETWORK_OPTIONS
        .iter()
        .map(|(known, _)| format!("`{known}`"))
        .collect();
    let message = format!(
        "must be one of {}: other options affect more than this network",
        known.join(", ")
    );
    refuse(codes::FORBIDDEN_OPTION, message)
}

fn option_value(key: &str, value: &str) -> garde::Result {
    let kind = NETWORK_OPTIONS.iter().find(|(known, _)| *known == key);
    match kind {
        Some((_, OptionKind::Truth)) if !matches!(value, "true" | "false") => refuse(
            codes::OUT_OF_RANGE,
            format!("must be `true` or `false`; got {}", shown(value)),
        ),
        Some((_, OptionKind::Mtu)) if !value.parse().is_ok_and(|mtu: u32| (68..=65_535).contains(&mtu)) => {
            refuse(
                codes::OUT_OF_RANGE,
                format!("must be a number from 68 to 65535; got {}", shown(value)),
            )
        }
        _ => Ok(()),
    }
}

/// Reports the violations of each key and of each value, under the key.
fn each(
    map: &BTreeMap<String, String>,
    parent: &mut dyn FnMut() -> Path,
    report: &mut Report,
    key_rule: impl Fn(&str) -> garde::Result,
    value_rule: impl Fn(&str, &str) -> garde::Result,
) {
    for (key, value) in map {
        for error in [key_rule(key), value_rule(key, value)]
            .into_iter()
            .filter_map(Result::err)
        {
            report.append(parent().join(KeyStep(key)), error);
        }
    }
}

fn at_most_entries(map: &BTreeMap<String, String>, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
    if map.len() > MAX_ENTRIES {
        let message = format!("must have at most {MAX_ENTRIES} entries, has {}", map.len());
        report.append(parent(), refusal(codes::TOO_MANY, message));
    }
}

fn map_key(key: &str) -> garde::Result {
    if key.is_empty() {
        return refuse(codes::EMPTY, "must have a non-empty key");
    }
    if key.len() > MAX_KEY {
        let message = format!("must have a key of at most {MAX_KEY} bytes, has {}", key.len());
        return refuse(codes::TOO_LONG, message);
    }
    if key.contains(|c: char| c.is_control() || c == '=') {
        return refuse(
            codes::INVALID_CHARACTER,
            "must have a key without `=`, line breaks or other control characters",
        );
    }
    Ok(())
}

fn map_value(_: &str, value: &str) -> garde::Result {
    no_nul(value)?;
    if value.len() > MAX_VALUE {
        let message = format!(
            "must have a value of at most {MAX_VALUE} bytes, has {}",
            value.len()
        );
        return refuse(codes::TOO_LONG, message);
    }
    Ok(())
}

fn no_nul(value: &str) -> garde::Result {
    if value.contains('\0') {
        return refuse(
            codes::INVALID_CHARACTER,
            "must have a value without NUL characters",
        );
    }
    Ok(())
}

/// A map key as a step of garde's path: `["A=B"]`, directly after the field.
pub(super) struct KeyStep<'a>(pub(super) &'a str);

impl fmt::Display for KeyStep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&key_step(self.0))
    }
}

impl PathComponentKind for KeyStep<'_> {
    fn component_kind() -> Kind {
        Kind::None
    }
}

macro_rules! debug_shows_keys_only {
    ($($map:ident)+) => {
        $(impl fmt::Debug for $map<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_set().entries(self.0.keys()).finish()
            }
        })+
    };
}

debug_shows_keys_only!(Env Labels Options);
