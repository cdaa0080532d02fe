//! The validation rules for maps, such as environment variables, labels and options. Messages do not show the values
//! of environment variables and labels, because these values may be secret.

use std::collections::{BTreeMap, BTreeSet};

use super::limits::{MAX_ENTRIES, MAX_KEY, MAX_VALUE, MAX_WORD, MAX_WORDS_TOTAL};
use super::text::shown;
use super::{Findings, Key, Verdict, codes, refuse};
use crate::{VolumeConfig, label};

type Texts = BTreeMap<String, String>;

pub(crate) fn env(map: &Texts, found: &mut Findings<'_>) {
    each(map, found, map_key, |key, value| {
        no_nul(value)?;
        let length = key.len() + 1 + value.len();
        // A key that is itself too long has already been reported.
        if length > MAX_WORD && key.len() <= MAX_KEY {
            let message = format!("must be at most {MAX_WORD} bytes long with its value, has {length}");
            return refuse(codes::TOO_LONG, message);
        }
        Ok(())
    });
    let total: usize = map.iter().map(|(key, value)| key.len() + value.len() + 2).sum();
    if total > MAX_WORDS_TOTAL {
        let message = format!("must be at most {MAX_WORDS_TOTAL} bytes long in total, has {total}");
        found.note("", refuse(codes::TOO_LONG, message));
    }
}

pub(crate) fn labels(map: &Texts, found: &mut Findings<'_>) {
    found.at_most(MAX_ENTRIES, "entries", map.len());
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
    each(map, found, own_key, map_value);
}

/// Checks the options that are passed to a network driver.
pub(crate) fn options(map: &Texts, found: &mut Findings<'_>) {
    found.at_most(MAX_ENTRIES, "entries", map.len());
    each(map, found, option_key, option_value);
}

/// Checks the options of a log driver or volume driver, or annotations.
pub(crate) fn driver_options(map: &Texts, found: &mut Findings<'_>) {
    found.at_most(MAX_ENTRIES, "entries", map.len());
    each(map, found, map_key, map_value);
}

pub(crate) fn unset_env(keys: &BTreeSet<String>, found: &mut Findings<'_>) {
    for key in keys {
        found.note(Key(key), map_key(key));
    }
}

/// Kernel parameters that are allowed because they belong to the container's IPC namespace. [`sysctls`] also allows
/// all parameters below `net.` (network namespace) and below `fs.mqueue.` (IPC namespace). All other parameters
/// affect the host.
const OWN_SYSCTLS: &[&str] = &[
    "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
    "kernel.shmmni", "kernel.shm_rmid_forced",
];

pub(crate) fn sysctls(map: &Texts, found: &mut Findings<'_>) {
    found.at_most(MAX_ENTRIES, "entries", map.len());
    let own = |key: &str| {
        map_key(key)?;
        let is_own = OWN_SYSCTLS.contains(&key) || key.starts_with("net.") || key.starts_with("fs.mqueue.");
        if is_own && !key.contains('/') && !key.contains("..") {
            return Ok(());
        }
        let message = "must be a kernel parameter of the container itself: below `net.` or `fs.mqueue.`, or one of \
                       `kernel.msg*`, `kernel.sem` and `kernel.shm*`; others affect the host";
        refuse(codes::FORBIDDEN_OPTION, message)
    };
    each(map, found, own, map_value);
}

/// Checks the options of a volume. With the volume driver `local`, options can mount any file system that the
/// engine's host can reach. Therefore this driver may have only the type `tmpfs` and the types that the policy
/// allows.
pub(crate) fn volume_options(config: &VolumeConfig, found: &mut Findings<'_>) {
    let map = &config.options;
    driver_options(map, found);
    if map.is_empty() || !matches!(config.driver.as_deref(), None | Some("local")) {
        return;
    }
    for key in map
        .keys()
        .filter(|key| !matches!(key.as_str(), "type" | "device" | "o"))
    {
        let message = "must be `type`, `device` or `o`: the volume driver `local` has no other options";
        found.note(Key(key), refuse(codes::FORBIDDEN_OPTION, message));
    }
    let value = |key: &str| map.get(key).map_or("", String::as_str);
    let is_bind = value("o")
        .split(',')
        .any(|option| matches!(option.trim(), "bind" | "rbind"));
    let kind = if is_bind { "bind" } else { value("type") };
    if kind != "tmpfs" && !found.policy.allows_volume_type(kind) {
        let message = format!(
            "must be `tmpfs`, or a type that the driver's policy allows (`ValidationPolicy::allow_volume_type`); got {}",
            shown(kind)
        );
        found.note(Key("type"), refuse(codes::FORBIDDEN_OPTION, message));
    }
    if config.owner.is_some() {
        let message = "must not be set together with `owner`: set the owner in `o`, as in `uid=1000`";
        found.note("", refuse(codes::CONTRADICTION, message));
    }
}

/// The allowed network options, which affect only the network itself. Other options take over interfaces of the host or
/// the engine's own network, or break the isolation of containers.
const NETWORK_OPTIONS: &[(&str, OptionKind)] = &[
    ("com.docker.network.bridge.enable_icc", OptionKind::Bool),
    ("com.docker.network.bridge.enable_ip_masquerade", OptionKind::Bool),
    ("com.docker.network.driver.mtu", OptionKind::Mtu),
    ("mtu", OptionKind::Mtu),
];

#[derive(Clone, Copy)]
enum OptionKind {
    Bool,
    Mtu,
}

fn option_key(key: &str) -> Verdict {
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

fn option_value(key: &str, value: &str) -> Verdict {
    let kind = NETWORK_OPTIONS.iter().find(|(known, _)| *known == key);
    match kind {
        Some((_, OptionKind::Bool)) if !matches!(value, "true" | "false") => refuse(
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

/// Checks each key with `key_rule` and each value with `value_rule`, and records the violations at the path of the key.
fn each(
    map: &Texts,
    found: &mut Findings<'_>,
    key_rule: impl Fn(&str) -> Verdict,
    value_rule: impl Fn(&str, &str) -> Verdict,
) {
    for (key, value) in map {
        found.note(Key(key), key_rule(key));
        found.note(Key(key), value_rule(key, value));
    }
}

fn map_key(key: &str) -> Verdict {
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

fn map_value(_: &str, value: &str) -> Verdict {
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

fn no_nul(value: &str) -> Verdict {
    if value.contains('\0') {
        return refuse(
            codes::INVALID_CHARACTER,
            "must have a value without NUL characters",
        );
    }
    Ok(())
}
