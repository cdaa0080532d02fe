use std::collections::BTreeMap;

use driver_interface_types::{MountType, VolumeMount};
use garde::{Path, Report, Validate};
use serde::Serialize;

use crate::ValidationPolicy;
use crate::check::refusal;
use crate::codes;
use crate::limits::{MAX_MOUNTS, MAX_PATH};
use crate::path::{is_within, normalised};
use crate::rules::{refuse, volume_name};
use crate::text::shown;

/// Directories of a container that belong to the kernel.
const KERNEL_FOLDERS: &[&str] = &["/proc", "/sys", "/dev"];

/// The rules of [`VolumeMount`], under a policy for bind mounts.
///
/// ```
/// use driver_interface_types::VolumeMount;
/// use driver_interface_validation::{Validate, ValidationPolicy, VolumeMountSchema};
///
/// let mount = VolumeMount::bind("/srv/a", "/a");
/// let schema = VolumeMountSchema::from(&mount);
/// assert!(schema.validate_with(&ValidationPolicy::default().allow_bind_root("/srv")).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Serialize, Validate)]
#[garde(context(ValidationPolicy))]
#[serde(rename_all = "camelCase")]
pub struct VolumeMountSchema<'a> {
    #[garde(custom(|source: &str, policy| mount_source(source, self.mount_type, policy)))]
    source: &'a str,
    #[garde(custom(place_in_container))]
    target: &'a str,
    #[garde(skip)]
    read_only: bool,
    #[garde(skip)]
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<MountType>,
    /// The kind of mount, derived from the source if unset.
    #[garde(skip)]
    #[serde(skip)]
    mount_type: MountType,
}

impl<'a> From<&'a VolumeMount> for VolumeMountSchema<'a> {
    fn from(mount: &'a VolumeMount) -> Self {
        Self {
            source: &mount.source,
            target: &mount.target,
            read_only: mount.read_only,
            kind: mount.kind,
            mount_type: mount.mount_type(),
        }
    }
}

/// All mounts of a container; their targets must be unique.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Mounts<'a>(Vec<VolumeMountSchema<'a>>);

impl<'a> From<&'a Vec<VolumeMount>> for Mounts<'a> {
    fn from(mounts: &'a Vec<VolumeMount>) -> Self {
        Self(mounts.iter().map(VolumeMountSchema::from).collect())
    }
}

impl Validate for Mounts<'_> {
    type Context = ValidationPolicy;

    fn validate_into(
        &self,
        policy: &ValidationPolicy,
        parent: &mut dyn FnMut() -> Path,
        report: &mut Report,
    ) {
        if self.0.len() > MAX_MOUNTS {
            let message = format!("must have at most {MAX_MOUNTS} mounts, has {}", self.0.len());
            report.append(parent(), refusal(codes::TOO_MANY, message));
        }
        let mut first_with: BTreeMap<String, usize> = BTreeMap::new();
        for (index, mount) in self.0.iter().enumerate() {
            mount.validate_into(policy, &mut || parent().join(index), report);
            if place_in_container(mount.target, policy).is_err() {
                continue;
            }
            let place = normalised(mount.target).unwrap_or_default();
            let first = *first_with.entry(place).or_insert(index);
            if first != index {
                let message = format!("must not be a duplicate: `volumes[{first}]` has the same target");
                report.append(
                    parent().join(index).join("target"),
                    refusal(codes::DUPLICATE, message),
                );
            }
        }
    }
}

fn mount_source(source: &str, mount_type: MountType, policy: &ValidationPolicy) -> garde::Result {
    match mount_type {
        MountType::Bind => {
            if !source.is_empty() && !source.starts_with('/') {
                let message = "must be an absolute path on the host: relative paths are not resolved (for a \
                               volume's name, set `type` to `volume`)";
                return refuse(codes::NOT_ABSOLUTE, message);
            }
            clean_path(source)?;
            match policy.bind_problem(source) {
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
        _ => volume_name(source, policy),
    }
}

pub(super) fn place_in_container(path: &str, _: &ValidationPolicy) -> garde::Result {
    clean_path(path)?;
    let place = normalised(path).unwrap_or_default();
    if path.contains("//") || path.contains("/./") || path.ends_with("/.") {
        let message = format!(
            "must not contain empty or `.` components: write {}",
            shown(&place)
        );
        return refuse(codes::NOT_NORMALISED, message);
    }
    if place == "/" {
        return refuse(
            codes::FORBIDDEN_TARGET,
            "must not be `/`: it would hide the image",
        );
    }
    if let Some(folder) = KERNEL_FOLDERS.iter().find(|folder| is_within(&place, folder)) {
        return refuse(
            codes::FORBIDDEN_TARGET,
            format!("must not be in `{folder}`, which belongs to the kernel"),
        );
    }
    Ok(())
}

/// Checks the rules for every path: absolute, without `..`, and only of characters that engines pass on unchanged.
fn clean_path(path: &str) -> garde::Result {
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
