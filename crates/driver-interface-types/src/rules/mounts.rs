//! The validation rules for mounts.

use std::collections::BTreeMap;

use super::limits::{MAX_MOUNTS, MAX_PATH};
use super::names::volume_name;
use super::paths::{is_within, normalised};
use super::text::shown;
use super::{Findings, Verdict, codes, refuse};
use crate::{MountType, TmpfsMount, VolumeMount};

/// Directories of a container that belong to the kernel.
const KERNEL_DIRECTORIES: &[&str] = &["/proc", "/sys", "/dev"];

/// Checks the number of volume mounts and bind mounts, and that their targets are unique.
pub(crate) fn unique_mounts(mounts: &[VolumeMount], found: &mut Findings<'_>) {
    found.at_most(MAX_MOUNTS, "mounts", mounts.len());
    unique_targets("volumes", mounts.iter().map(|mount| mount.target.as_str()), found);
}

/// Checks the number of tmpfs mounts, and that their targets are unique.
pub(crate) fn unique_tmpfs(mounts: &[TmpfsMount], found: &mut Findings<'_>) {
    found.at_most(MAX_MOUNTS, "tmpfs mounts", mounts.len());
    unique_targets("tmpfs", mounts.iter().map(|mount| mount.target.as_str()), found);
}

fn unique_targets<'a>(list: &str, targets: impl ExactSizeIterator<Item = &'a str>, found: &mut Findings<'_>) {
    if targets.len() < 2 {
        return;
    }
    let mut first_with = BTreeMap::new();
    for (index, target) in targets.enumerate() {
        if location_in_container(target).is_err() {
            continue;
        }
        let first = *first_with.entry(normalised(target)).or_insert(index);
        if first != index {
            let message = format!("must not be a duplicate: `{list}[{first}]` has the same target");
            found.note(format!("[{index}].target"), refuse(codes::DUPLICATE, message));
        }
    }
}

/// Checks the source of a mount: the name of a volume, or a host path that the policy allows.
pub(crate) fn mount_source(mount: &VolumeMount, found: &mut Findings<'_>) {
    let policy = found.policy;
    let verdict = source_of(mount, |path| policy.bind_problem(path));
    found.note("", verdict);
}

fn source_of(mount: &VolumeMount, bind_problem: impl Fn(&str) -> Option<String>) -> Verdict {
    let source = mount.source.as_str();
    match mount.mount_type() {
        MountType::Bind => {
            if !source.is_empty() && !source.starts_with('/') {
                let message = "must be an absolute path on the host: relative paths are not resolved (for a \
                               volume's name, set `type` to `volume`)";
                return refuse(codes::NOT_ABSOLUTE, message);
            }
            clean_path(source)?;
            match bind_problem(source) {
                Some(problem) => refuse(codes::FORBIDDEN_BIND, problem),
                None => Ok(()),
            }
        }
        _ if source.starts_with('/') => refuse(
            codes::INVALID_NAME,
            "must be a volume's name; for a directory on the host, set `type` to `bind`",
        ),
        _ if source.starts_with('.') || source.starts_with('~') => {
            let message =
                "must be a volume's name or an absolute path on the host; relative paths are not resolved";
            refuse(codes::NOT_ABSOLUTE, message)
        }
        _ => volume_name(source),
    }
}

/// Returns an error if a setting of a mount is set (`is_set`), but is not allowed for this kind of mount
/// (`is_allowed`). `kind` is the kind of mount that may have the setting.
fn only_for(is_set: bool, is_allowed: bool, kind: &str) -> Verdict {
    if is_allowed || !is_set {
        return Ok(());
    }
    refuse(
        codes::CONTRADICTION,
        format!("must not be set: this is not a {kind}"),
    )
}

pub(crate) fn subpath(mount: &VolumeMount, found: &mut Findings<'_>) {
    let Some(path) = &mount.subpath else {
        return;
    };
    let is_volume = mount.mount_type() == MountType::Volume;
    let verdict = only_for(true, is_volume, "volume").and_then(|()| {
        if path.is_empty() || path.starts_with('/') {
            return refuse(codes::NOT_NORMALISED, "must be a relative path within the volume");
        }
        clean_path(&format!("/{path}"))
    });
    found.note("", verdict);
}

pub(crate) fn copy(mount: &VolumeMount, found: &mut Findings<'_>) {
    let is_volume = mount.mount_type() == MountType::Volume;
    found.note("", only_for(mount.copy, is_volume, "volume"));
}

pub(crate) fn propagation(mount: &VolumeMount, found: &mut Findings<'_>) {
    let is_bind = mount.mount_type() == MountType::Bind;
    found.note("", only_for(mount.propagation.is_some(), is_bind, "bind mount"));
}

pub(crate) fn selinux_label(mount: &VolumeMount, found: &mut Findings<'_>) {
    let is_bind = mount.mount_type() == MountType::Bind;
    found.note("", only_for(mount.selinux.is_some(), is_bind, "bind mount"));
}

pub(crate) fn location_in_container(path: &str) -> Verdict {
    clean_path(path)?;
    let location = normalised(path).unwrap_or_default();
    if path.contains("//") || path.contains("/./") || path.ends_with("/.") {
        let message = format!(
            "must not contain empty or `.` components: write {}",
            shown(&location)
        );
        return refuse(codes::NOT_NORMALISED, message);
    }
    if location == "/" {
        return refuse(
            codes::FORBIDDEN_TARGET,
            "must not be `/`: it would hide the image",
        );
    }
    if let Some(directory) = KERNEL_DIRECTORIES
        .iter()
        .find(|directory| is_within(&location, directory))
    {
        return refuse(
            codes::FORBIDDEN_TARGET,
            format!("must not be in `{directory}`, which belongs to the kernel"),
        );
    }
    Ok(())
}

/// Checks the source path or target path of a mount. The path must be absolute, and must not be too long. The path
/// must not contain `..`, or a character at which engines split the text form of a mount.
fn clean_path(path: &str) -> Verdict {
    if path.is_empty() {
        return refuse(codes::EMPTY, "must not be empty");
    }
    if !path.starts_with('/') {
        return refuse(
            codes::NOT_ABSOLUTE,
            format!("must be an absolute path; got {}", shown(path)),
        );
    }
    if path.contains(|c: char| c.is_control() || matches!(c, ':' | ',' | '"')) {
        let message = "must not contain a colon, a comma, a quote, line breaks or other control characters: \
                       engines split mounts at these, and would treat the rest as options";
        return refuse(codes::INVALID_CHARACTER, message);
    }
    if path.len() > MAX_PATH {
        return refuse(
            codes::TOO_LONG,
            format!("must be at most {MAX_PATH} bytes long, has {}", path.len()),
        );
    }
    if normalised(path).is_none() {
        return refuse(codes::NOT_NORMALISED, "must not contain `..`");
    }
    Ok(())
}
