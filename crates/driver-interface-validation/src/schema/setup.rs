//! The rules of a config's smaller parts: tmpfs mounts, ulimits, ports, names, devices.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use driver_interface_types::{DeviceMapping, GpuRequest, PortMapping, TmpfsMount, Ulimit, name_problem};
use garde::{Path, Report, Validate};
use serde::Serialize;

use super::mount::place_in_container;
use crate::ValidationPolicy;
use crate::check::refusal;
use crate::codes;
use crate::limits::{
    FILE_MODE, ID, MAX_DEVICES, MAX_DNS, MAX_HOST_NAME, MAX_MOUNTS, MAX_NAMES, MAX_PORTS, TMPFS,
};
use crate::path::{is_within, normalised};
use crate::rules::{driver_name, refuse};
use crate::text::{nearest, sentence, shown};

/// The kernel's process limits, as named by `ulimit`.
const ULIMITS: &[&str] = &[
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// Path prefixes of devices that give access to the host's disks, memory and log.
const HOST_DEVICES: &[&str] = &[
    "/dev/mem",
    "/dev/kmem",
    "/dev/port",
    "/dev/kmsg",
    "/dev/sd",
    "/dev/hd",
    "/dev/vd",
    "/dev/xvd",
    "/dev/nvme",
    "/dev/mmcblk",
    "/dev/md",
    "/dev/dm-",
    "/dev/mapper",
    "/dev/disk",
    "/dev/loop",
    "/dev/root",
    "/dev/nbd",
];

macro_rules! borrowed {
    ($($(#[$docs:meta])+ $name:ident => $value:ty;)+) => {
        $(
            $(#[$docs])+
            #[derive(Clone, Copy, Debug, Serialize)]
            #[serde(transparent)]
            pub(super) struct $name<'a>(pub(super) &'a $value);

            impl $name<'_> {
                /// Whether nothing is configured, in which case the field is not serialised.
                #[allow(dead_code, reason = "an optional field is never empty")]
                pub(super) fn is_empty(&self) -> bool {
                    self.0.is_empty()
                }
            }
        )+
    };
}

borrowed! {
    /// Tmpfs mounts; their targets must be unique.
    Tmpfs => [TmpfsMount];
    /// Ulimits, each at most once.
    Ulimits => [Ulimit];
    /// Ports; no two may be published at the same host address and port.
    Ports => [PortMapping];
    /// Additional names of the container.
    Aliases => [String];
    /// DNS servers.
    Dns => [IpAddr];
    /// Host names with their addresses.
    ExtraHosts => BTreeMap<String, IpAddr>;
    /// Host devices.
    Devices => [DeviceMapping];
}

/// GPUs.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Gpus<'a>(pub(super) &'a GpuRequest);

/// Returns the path of one field of one part.
fn at(parent: &mut dyn FnMut() -> Path, index: usize, field: &'static str) -> Path {
    parent().join(index).join(field)
}

fn note(report: &mut Report, path: Path, result: garde::Result) {
    if let Err(error) = result {
        report.append(path, error);
    }
}

fn at_most(length: usize, most: usize, what: &str, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
    if length > most {
        let message = format!("must have at most {most} {what}, has {length}");
        report.append(parent(), refusal(codes::TOO_MANY, message));
    }
}

impl Validate for Tmpfs<'_> {
    type Context = ValidationPolicy;

    fn validate_into(
        &self,
        policy: &ValidationPolicy,
        parent: &mut dyn FnMut() -> Path,
        report: &mut Report,
    ) {
        at_most(self.0.len(), MAX_MOUNTS, "tmpfs mounts", parent, report);
        let mut seen = BTreeSet::new();
        for (index, mount) in self.0.iter().enumerate() {
            let target = place_in_container(&mount.target, policy);
            if target.is_ok() && !seen.insert(normalised(&mount.target)) {
                let message = "must not be a duplicate: an earlier tmpfs mount has the same target";
                note(
                    report,
                    at(parent, index, "target"),
                    refuse(codes::DUPLICATE, message),
                );
            }
            note(report, at(parent, index, "target"), target);
            note(report, at(parent, index, "size"), TMPFS.check(mount.size));
            for (field, value, bounds) in [
                ("mode", mount.mode, FILE_MODE),
                ("uid", mount.uid, ID),
                ("gid", mount.gid, ID),
            ] {
                let result = value.map_or(Ok(()), |value| bounds.check(value.into()));
                note(report, at(parent, index, field), result);
            }
        }
    }
}

impl Validate for Ulimits<'_> {
    type Context = ValidationPolicy;

    fn validate_into(&self, _: &ValidationPolicy, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        let mut seen = BTreeSet::new();
        for (index, limit) in self.0.iter().enumerate() {
            let name = if !ULIMITS.contains(&limit.name.as_str()) {
                let message = match nearest(&limit.name, ULIMITS.iter().copied()) {
                    Some(likely) => {
                        format!("must be a resource limit of the kernel; did you mean `{likely}`?")
                    }
                    None => format!(
                        "must be one of `{}`; got {}",
                        ULIMITS.join("`, `"),
                        shown(&limit.name)
                    ),
                };
                refuse(codes::INVALID_NAME, message)
            } else if !seen.insert(&limit.name) {
                refuse(codes::DUPLICATE, "must not be a duplicate")
            } else {
                Ok(())
            };
            note(report, at(parent, index, "name"), name);
            if limit.soft > limit.hard {
                let message = format!(
                    "must be at most the hard limit {}; got {}",
                    limit.hard, limit.soft
                );
                note(
                    report,
                    at(parent, index, "soft"),
                    refuse(codes::OUT_OF_RANGE, message),
                );
            }
        }
    }
}

impl Validate for Ports<'_> {
    type Context = ValidationPolicy;

    fn validate_into(&self, _: &ValidationPolicy, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        at_most(self.0.len(), MAX_PORTS, "ports", parent, report);
        let port = "must be a port, 1 to 65535; got 0";
        let (mut mappings, mut places) = (BTreeSet::new(), BTreeSet::new());
        for (index, mapping) in self.0.iter().enumerate() {
            if mapping.container_port == 0 {
                note(
                    report,
                    at(parent, index, "containerPort"),
                    refuse(codes::OUT_OF_RANGE, port),
                );
            }
            match mapping.host_port {
                Some(0) => {
                    let message = format!("{port}; omit it for a free port");
                    note(
                        report,
                        at(parent, index, "hostPort"),
                        refuse(codes::OUT_OF_RANGE, message),
                    );
                }
                Some(host) if !places.insert((mapping.host_ip, host, mapping.protocol)) => {
                    let message = format!("must not be a duplicate: {host} is used by an earlier entry");
                    note(
                        report,
                        at(parent, index, "hostPort"),
                        refuse(codes::DUPLICATE, message),
                    );
                }
                None if !mappings.insert((mapping.host_ip, mapping.container_port, mapping.protocol)) => {
                    let message = "must not be a duplicate: an earlier entry is the same";
                    note(
                        report,
                        at(parent, index, "containerPort"),
                        refuse(codes::DUPLICATE, message),
                    );
                }
                _ => {}
            }
        }
    }
}

impl Validate for Aliases<'_> {
    type Context = ValidationPolicy;

    fn validate_into(&self, _: &ValidationPolicy, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        at_most(self.0.len(), MAX_NAMES, "names", parent, report);
        for (index, alias) in self.0.iter().enumerate() {
            note(report, parent().join(index), network_name(alias));
        }
    }
}

impl Validate for Dns<'_> {
    type Context = ValidationPolicy;

    fn validate_into(&self, _: &ValidationPolicy, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        at_most(self.0.len(), MAX_DNS, "DNS servers", parent, report);
    }
}

impl Validate for ExtraHosts<'_> {
    type Context = ValidationPolicy;

    fn validate_into(&self, _: &ValidationPolicy, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        at_most(self.0.len(), MAX_NAMES, "host names", parent, report);
        for name in self.0.keys() {
            note(
                report,
                parent().join(super::map::KeyStep(name)),
                network_name(name),
            );
        }
    }
}

impl Validate for Devices<'_> {
    type Context = ValidationPolicy;

    fn validate_into(&self, _: &ValidationPolicy, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        at_most(self.0.len(), MAX_DEVICES, "devices", parent, report);
        for (index, device) in self.0.iter().enumerate() {
            note(
                report,
                at(parent, index, "hostPath"),
                host_device(&device.host_path),
            );
            note(
                report,
                at(parent, index, "containerPath"),
                below_dev(&device.container_path),
            );
            let letters: BTreeSet<char> = device.permissions.chars().collect();
            let known = letters.iter().all(|letter| "rwm".contains(*letter));
            if !known || letters.is_empty() || letters.len() != device.permissions.len() {
                let message = format!(
                    "must consist of the letters `r`, `w` and `m`, each at most once; got {}",
                    shown(&device.permissions)
                );
                note(
                    report,
                    at(parent, index, "permissions"),
                    refuse(codes::INVALID_CHARACTER, message),
                );
            }
        }
    }
}

impl Validate for Gpus<'_> {
    type Context = ValidationPolicy;

    fn validate_into(
        &self,
        policy: &ValidationPolicy,
        parent: &mut dyn FnMut() -> Path,
        report: &mut Report,
    ) {
        let Self(request) = self;
        match request.count {
            Some(0) => {
                let message = "must be at least 1; omit `gpus` for none";
                report.append(parent().join("count"), refusal(codes::OUT_OF_RANGE, message));
            }
            Some(_) if !request.device_ids.is_empty() => {
                let message = "must not be set together with `deviceIds`";
                report.append(parent().join("count"), refusal(codes::CONTRADICTION, message));
            }
            _ => {}
        }
        for (index, id) in request.device_ids.iter().enumerate() {
            if id.is_empty()
                || !id
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.:/".contains(c))
            {
                let message = format!("must be a device id of the GPU driver; got {}", shown(id));
                let path = parent().join("deviceIds").join(index);
                report.append(path, refusal(codes::INVALID_NAME, message));
            }
        }
        if let Some(driver) = &request.driver {
            note(report, parent().join("driver"), driver_name(driver, policy));
        }
    }
}

/// Checks a name by which other containers find this one, or by which this one finds other hosts.
fn network_name(text: &str) -> garde::Result {
    match name_problem(text, 1, MAX_HOST_NAME) {
        None => Ok(()),
        Some(problem) => refuse(codes::INVALID_NAME, sentence(&problem)),
    }
}

fn below_dev(path: &str) -> garde::Result {
    let place = normalised(path).filter(|place| is_within(place, "/dev") && place != "/dev");
    if place.as_deref() != Some(path) || path.contains(|c: char| c.is_control() || c == ':') {
        let message = format!(
            "must be the normalised path of a device in `/dev`; got {}",
            shown(path)
        );
        return refuse(codes::FORBIDDEN_DEVICE, message);
    }
    Ok(())
}

fn host_device(path: &str) -> garde::Result {
    below_dev(path)?;
    if HOST_DEVICES.iter().any(|device| path.starts_with(device)) {
        let message = format!("must not be {}: it gives control over the host", shown(path));
        return refuse(codes::FORBIDDEN_DEVICE, message);
    }
    Ok(())
}
