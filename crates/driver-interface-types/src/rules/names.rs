//! The validation rules for single strings, such as names, images, users and paths.

use super::codes;
use super::limits::{MAX_DRIVER_NAME, MAX_HOST_NAME, MAX_HOSTNAME, MAX_PROFILE, MAX_UID, MAX_USER_NAME};
use super::text::{sentence, shown};
use super::{Verdict, refuse};
use crate::{
    ContainerPath, ImageRef, NetworkId, NetworkMode, OperationKey, SessionId, VolumeId, name_problem,
};

/// Names that a new network must not have. Engines use these names for built-in networks, or for network modes such
/// as `none` and `container`.
const RESERVED_NETWORKS: &[&str] = &[
    "default", "none", "host", "bridge", "private", "nat", "podman", "pasta", "slirp4netns", "ingress",
    "container", "ns", "pod",
];

fn name(text: &str, problem: fn(&str) -> Option<String>) -> Verdict {
    match problem(text) {
        None => Ok(()),
        Some(problem) if text.is_empty() => refuse(codes::EMPTY, problem),
        Some(problem) => refuse(codes::INVALID_NAME, sentence(&problem)),
    }
}

pub(crate) fn session_id(text: &str) -> Verdict {
    name(text, SessionId::problem)
}

pub(crate) fn operation_key(text: &str) -> Verdict {
    name(text, OperationKey::problem)
}

pub(crate) fn volume_name(text: &str) -> Verdict {
    name(text, VolumeId::problem)
}

/// Checks the name of a container or network, which must not look like an id.
pub(crate) fn object_name(text: &str) -> Verdict {
    name(text, NetworkId::problem)?;
    if text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit()) {
        return refuse(
            codes::RESERVED,
            "must not be 64 hex digits: engines would treat it as an id",
        );
    }
    Ok(())
}

pub(crate) fn new_network_name(text: &str) -> Verdict {
    if RESERVED_NETWORKS.contains(&text) {
        return refuse(
            codes::RESERVED,
            format!("must not be {}: engines reserve this name", shown(text)),
        );
    }
    object_name(text)
}

pub(crate) fn image(text: &str) -> Verdict {
    let Err(error) = ImageRef::new(text) else {
        return Ok(());
    };
    let problem = error
        .violations()
        .first()
        .map_or("is not an image reference", |violation| &violation.message);
    // The error of `ImageRef` ends with the whole reference, which is redundant here: the path already identifies it.
    let problem = problem
        .rsplit_once(" (in ")
        .map_or(problem, |(problem, _)| problem);
    refuse(
        if text.is_empty() {
            codes::EMPTY
        } else {
            codes::INVALID_IMAGE
        },
        sentence(problem),
    )
}

/// Checks the name of a runtime, or of a driver in the engine, such as a volume driver or network driver. Examples of
/// valid names are `local`, `bridge` and `vieux/sshfs:latest`.
pub(crate) fn driver_name(text: &str) -> Verdict {
    if text.is_empty() {
        return refuse(
            codes::EMPTY,
            "must not be empty; omit it to use the engine's default",
        );
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | ':');
    let well_formed = text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(allowed);
    if !well_formed || text.contains("..") || text.contains("//") || text.len() > MAX_DRIVER_NAME {
        return refuse(
            codes::INVALID_NAME,
            format!(
                "must be the name of an engine driver, such as `local` or `bridge`; got {}",
                shown(text)
            ),
        );
    }
    Ok(())
}

pub(crate) fn network_driver(text: &str) -> Verdict {
    driver_name(text)?;
    if text == "bridge" {
        return Ok(());
    }
    refuse(
        codes::FORBIDDEN_NETWORK,
        format!(
            "must be `bridge` or omitted: other drivers join the network of the host or of another machine; \
             got {}",
            shown(text)
        ),
    )
}

pub(crate) fn network_mode(mode: &NetworkMode) -> Verdict {
    let NetworkMode::Named(text) = mode else {
        return Ok(());
    };
    let kind = text.split(':').next().unwrap_or_default();
    let reason = match kind {
        "host" => "would share the host's network and reach all its local services",
        "container" => "would share another container's network",
        "ns" | "pod" => "would share a network namespace of the host",
        "bridge" | "podman" => {
            "is the engine's default network, on which containers of all sessions can reach each other"
        }
        "private" | "slirp4netns" | "pasta" | "nat" => {
            "is an engine-specific mode that bypasses the driver's isolation"
        }
        "" | "default" | "none" => {
            return refuse(
                codes::RESERVED,
                "must be the name of a network; `default` and `none` are separate modes",
            );
        }
        _ => return name(text, NetworkId::problem),
    };
    refuse(
        codes::FORBIDDEN_NETWORK,
        format!(
            "must be `default`, `none` or the name of a created network: {} {reason}",
            shown(text)
        ),
    )
}

pub(crate) fn user(text: &str) -> Verdict {
    if text.is_empty() {
        return refuse(
            codes::EMPTY,
            "must not be empty: set a user such as `1000:1000`, `0` for root, or null",
        );
    }
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    std::iter::once(user)
        .chain(group)
        .try_for_each(|part| user_part(part, text))
}

/// Checks the name or numeric id of a group.
pub(crate) fn group_name(text: &str) -> Verdict {
    user_part(text, text).or_else(|_| {
        refuse(
            codes::INVALID_USER,
            format!("must be a group's name or numeric id; got {}", shown(text)),
        )
    })
}

/// Checks `part`, which is the user or the group in `whole`. A user or group must be a numeric id or a name. Messages
/// show `whole`.
fn user_part(part: &str, whole: &str) -> Verdict {
    if !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()) {
        return match part.parse::<u64>() {
            Ok(number) if number <= MAX_UID => Ok(()),
            _ => refuse(
                codes::OUT_OF_RANGE,
                format!("must have numbers of at most {MAX_UID}; got {}", shown(whole)),
            ),
        };
    }
    let well_formed = part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && part
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
        && part.len() <= MAX_USER_NAME;
    if well_formed {
        return Ok(());
    }
    refuse(
        codes::INVALID_USER,
        format!(
            "must be `uid`, `uid:gid`, `name` or `name:group`; got {}",
            shown(whole)
        ),
    )
}

pub(crate) fn container_path(text: &str) -> Verdict {
    let Err(error) = ContainerPath::new(text) else {
        return Ok(());
    };
    match error.violations().first() {
        Some(violation) => refuse(violation.code.clone(), sentence(&violation.message)),
        None => refuse(codes::NOT_ABSOLUTE, "must be an absolute path"),
    }
}

pub(crate) fn hostname(text: &str) -> Verdict {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    if text.len() > MAX_HOSTNAME || !text.split('.').all(label) {
        let message = format!(
            "must be a host name of at most {MAX_HOSTNAME} letters, digits, `-` and `.`; got {}",
            shown(text)
        );
        return refuse(codes::INVALID_NAME, message);
    }
    Ok(())
}

/// Checks a network alias, a DNS search domain or the name of an extra host.
pub(crate) fn network_name(text: &str) -> Verdict {
    name(text, |text| name_problem(text, 1, MAX_HOST_NAME))
}

/// Checks a platform: `os/architecture` or `os/architecture/variant`.
pub(crate) fn platform(text: &str) -> Verdict {
    let parts: Vec<&str> = text.split('/').collect();
    let part = |part: &&str| {
        !part.is_empty()
            && part.len() <= 32
            && part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    if !matches!(parts.len(), 2 | 3) || !parts.iter().all(part) {
        let message = format!(
            "must be `os/architecture` or `os/architecture/variant`, such as `linux/arm64` or \
             `linux/arm/v7`; got {}",
            shown(text)
        );
        return refuse(codes::INVALID_NAME, message);
    }
    Ok(())
}

pub(crate) fn seccomp_profile(text: &str) -> Verdict {
    if text.len() > MAX_PROFILE {
        let message = format!("must be at most {MAX_PROFILE} bytes long, has {}", text.len());
        return refuse(codes::TOO_LONG, message);
    }
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(serde_json::Value::Object(_)) => Ok(()),
        _ => refuse(
            codes::INVALID_PROFILE,
            "must be a seccomp profile in JSON; seccomp cannot be turned off",
        ),
    }
}

pub(crate) fn apparmor_profile(text: &str) -> Verdict {
    let well_formed = !text.is_empty()
        && text.len() <= MAX_DRIVER_NAME
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-/".contains(c));
    if !well_formed || text == "unconfined" {
        let message = "must be the name of an AppArmor profile loaded on the host; AppArmor cannot be turned \
                       off";
        return refuse(codes::INVALID_PROFILE, message);
    }
    Ok(())
}
