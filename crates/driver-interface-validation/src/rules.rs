//! The rules of single texts, as garde calls them.

use driver_interface_types::{
    ImageRef, NetworkId, NetworkMode, OperationKey, SessionId, VolumeId, name_problem,
};

use crate::ValidationPolicy;
use crate::check::refusal;
use crate::codes;
use crate::limits::{MAX_DRIVER_NAME, MAX_UID, MAX_USER_NAME};
use crate::text::{sentence, shown};

/// What engines call their own networks, and modes that are no networks.
const RESERVED_NETWORKS: &[&str] = &[
    "default",
    "none",
    "host",
    "bridge",
    "private",
    "nat",
    "podman",
    "pasta",
    "slirp4netns",
    "ingress",
    "container",
    "ns",
    "pod",
];

pub(crate) fn refuse(code: &str, message: impl AsRef<str>) -> garde::Result {
    Err(refusal(code, message))
}

fn name(text: &str, min: usize, max: usize) -> garde::Result {
    match name_problem(text, min, max) {
        None => Ok(()),
        Some(problem) if text.is_empty() => refuse(codes::EMPTY, problem),
        Some(problem) => refuse(codes::INVALID_NAME, sentence(&problem)),
    }
}

pub(crate) fn session_id(text: &str, _: &ValidationPolicy) -> garde::Result {
    name(text, SessionId::MIN_LEN, SessionId::MAX_LEN)
}

pub(crate) fn operation_key(text: &str, _: &ValidationPolicy) -> garde::Result {
    name(text, OperationKey::MIN_LEN, OperationKey::MAX_LEN)
}

pub(crate) fn volume_name(text: &str, _: &ValidationPolicy) -> garde::Result {
    name(text, VolumeId::MIN_LEN, VolumeId::MAX_LEN)
}

/// A container's or network's name, which must not be taken for the id of another one.
pub(crate) fn object_name(text: &str, _: &ValidationPolicy) -> garde::Result {
    name(text, NetworkId::MIN_LEN, NetworkId::MAX_LEN)?;
    if text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit()) {
        return refuse(
            codes::RESERVED,
            "must not be 64 hex digits: engines would take it for an id",
        );
    }
    Ok(())
}

pub(crate) fn new_network_name(text: &str, policy: &ValidationPolicy) -> garde::Result {
    if RESERVED_NETWORKS.contains(&text) {
        return refuse(
            codes::RESERVED,
            format!(
                "must not be {}: engines have a meaning of their own for it",
                shown(text)
            ),
        );
    }
    object_name(text, policy)
}

pub(crate) fn image(text: &str, _: &ValidationPolicy) -> garde::Result {
    let Err(error) = ImageRef::new(text) else {
        return Ok(());
    };
    let problem = error
        .violations()
        .first()
        .map_or("is not an image reference", |violation| &violation.message);
    // The reference quotes the whole text behind its problem; the path says enough.
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

/// The name of an engine's plugin: `local`, `bridge`, `vieux/sshfs:latest`.
pub(crate) fn driver_name(text: &str, _: &ValidationPolicy) -> garde::Result {
    if text.is_empty() {
        return refuse(
            codes::EMPTY,
            "must not be empty; leave it out for the engine's default",
        );
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | ':');
    let well_formed = text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(allowed);
    if !well_formed || text.contains("..") || text.contains("//") || text.len() > MAX_DRIVER_NAME {
        return refuse(
            codes::INVALID_NAME,
            format!(
                "must be the name of an engine's driver, such as `local` or `bridge`; got {}",
                shown(text)
            ),
        );
    }
    Ok(())
}

pub(crate) fn network_driver(text: &str, policy: &ValidationPolicy) -> garde::Result {
    driver_name(text, policy)?;
    if text == "bridge" {
        return Ok(());
    }
    refuse(
        codes::FORBIDDEN_NETWORK,
        format!(
            "must be `bridge` or left out: any other kind of network joins the host's or another machine's; got {}",
            shown(text)
        ),
    )
}

pub(crate) fn network_mode(mode: &NetworkMode, _: &ValidationPolicy) -> garde::Result {
    let NetworkMode::Named(text) = mode else {
        return Ok(());
    };
    let kind = text.split(':').next().unwrap_or_default();
    let reason = match kind {
        "host" => "would share the host's network and reach all its local services",
        "container" => "would share another container's network",
        "ns" | "pod" => "would share a network namespace of the host",
        "bridge" | "podman" => {
            "is the engine's own network, on which containers of all sessions reach each other"
        }
        "private" | "slirp4netns" | "pasta" | "nat" => {
            "is a mode of one engine, outside the driver's isolation"
        }
        "" | "default" | "none" => {
            return refuse(
                codes::RESERVED,
                "must be the name of a network; `default` and `none` are modes of their own",
            );
        }
        _ => return name(text, NetworkId::MIN_LEN, NetworkId::MAX_LEN),
    };
    refuse(
        codes::FORBIDDEN_NETWORK,
        format!(
            "must be `default`, `none` or the name of a created network: {} {reason}",
            shown(text)
        ),
    )
}

pub(crate) fn user(text: &str, _: &ValidationPolicy) -> garde::Result {
    if text.is_empty() {
        return refuse(
            codes::EMPTY,
            "must not be empty: the image would choose, and that is root for most; for root write `0`",
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

/// One side of `user:group`: a number or a name.
fn user_part(part: &str, whole: &str) -> garde::Result {
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
