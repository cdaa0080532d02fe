//! The validation rules for ulimits, ports, network names, devices and GPUs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::limits::{MAX_DEVICES, MAX_DNS, MAX_NAMES, MAX_PORTS};
use super::names::network_name;
use super::paths::{is_within, normalised};
use super::text::{key_step, nearest, shown};
use super::{Findings, Verdict, codes, refuse};
use crate::{DeviceMapping, GpuRequest, PortMapping, Ulimit};

/// The kernel's process limits, as named by `ulimit`.
const ULIMITS: &[&str] = &[
    "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss",
    "rtprio", "rttime", "sigpending", "stack",
];

/// Path prefixes of devices that give access to the host's disks, memory and log.
const HOST_DEVICES: &[&str] = &[
    "/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/dev/sd", "/dev/hd", "/dev/vd", "/dev/xvd",
    "/dev/nvme", "/dev/mmcblk", "/dev/md", "/dev/dm-", "/dev/mapper", "/dev/disk", "/dev/loop", "/dev/root",
    "/dev/nbd",
];

/// Checks that the names of ulimits are known and unique.
pub(crate) fn ulimits(limits: &[Ulimit], found: &mut Findings<'_>) {
    let mut seen = BTreeSet::new();
    for (index, Ulimit { name, .. }) in limits.iter().enumerate() {
        let verdict = if !ULIMITS.contains(&name.as_str()) {
            let message = match nearest(name, ULIMITS.iter().copied()) {
                Some(likely) => format!("must be a resource limit of the kernel; did you mean `{likely}`?"),
                None => format!("must be one of `{}`; got {}", ULIMITS.join("`, `"), shown(name)),
            };
            refuse(codes::INVALID_NAME, message)
        } else if !seen.insert(name) {
            refuse(codes::DUPLICATE, "must not be a duplicate")
        } else {
            Ok(())
        };
        found.note(format!("[{index}].name"), verdict);
    }
}

pub(crate) fn soft_limit(soft: u64, hard: u64) -> Verdict {
    if soft <= hard {
        return Ok(());
    }
    refuse(
        codes::OUT_OF_RANGE,
        format!("must be at most the hard limit {hard}; got {soft}"),
    )
}

/// Checks the number of ports, and that no two of them are published at the same host address and port.
pub(crate) fn ports(ports: &[PortMapping], found: &mut Findings<'_>) {
    found.at_most(MAX_PORTS, "ports", ports.len());
    let (mut mappings, mut locations) = (BTreeSet::new(), BTreeSet::new());
    for (index, mapping) in ports.iter().enumerate() {
        match mapping.host_port {
            Some(host) if host != 0 && !locations.insert((mapping.host_ip, host, mapping.protocol)) => {
                let message = format!("must not be a duplicate: {host} is used by an earlier entry");
                found.note(format!("[{index}].hostPort"), refuse(codes::DUPLICATE, message));
            }
            None if !mappings.insert((mapping.host_ip, mapping.container_port, mapping.protocol)) => {
                let message = "must not be a duplicate: an earlier entry is the same";
                found.note(
                    format!("[{index}].containerPort"),
                    refuse(codes::DUPLICATE, message),
                );
            }
            _ => {}
        }
    }
}

/// Checks a list of network aliases.
pub(crate) fn names(names: &[String], found: &mut Findings<'_>) {
    found.at_most(MAX_NAMES, "names", names.len());
    for (index, name) in names.iter().enumerate() {
        found.note(format!("[{index}]"), network_name(name));
    }
}

pub(crate) fn dns(servers: &[IpAddr], found: &mut Findings<'_>) {
    found.at_most(MAX_DNS, "DNS servers", servers.len());
}

pub(crate) fn extra_hosts(hosts: &BTreeMap<String, IpAddr>, found: &mut Findings<'_>) {
    found.at_most(MAX_NAMES, "host names", hosts.len());
    for name in hosts.keys() {
        found.note(key_step(name), network_name(name));
    }
}

pub(crate) fn devices(devices: &[DeviceMapping], found: &mut Findings<'_>) {
    found.at_most(MAX_DEVICES, "devices", devices.len());
}

pub(crate) fn device_permissions(text: &str) -> Verdict {
    let letters: BTreeSet<char> = text.chars().collect();
    let known = letters.iter().all(|letter| "rwm".contains(*letter));
    if known && !letters.is_empty() && letters.len() == text.len() {
        return Ok(());
    }
    let message = format!(
        "must consist of the letters `r`, `w` and `m`, each at most once; got {}",
        shown(text)
    );
    refuse(codes::INVALID_CHARACTER, message)
}

pub(crate) fn gpu_count(request: &GpuRequest) -> Verdict {
    match request.count {
        Some(0) => refuse(codes::OUT_OF_RANGE, "must be at least 1; omit `gpus` for none"),
        Some(_) if !request.device_ids.is_empty() => {
            refuse(codes::CONTRADICTION, "must not be set together with `deviceIds`")
        }
        _ => Ok(()),
    }
}

pub(crate) fn device_id(id: &str) -> Verdict {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:/".contains(c);
    if !id.is_empty() && id.chars().all(allowed) {
        return Ok(());
    }
    refuse(
        codes::INVALID_NAME,
        format!("must be a device id of the GPU driver; got {}", shown(id)),
    )
}

/// Checks the device path inside a container.
pub(crate) fn inner_device(path: &str) -> Verdict {
    let location = normalised(path).filter(|location| is_within(location, "/dev") && location != "/dev");
    if location.as_deref() != Some(path) || path.contains(|c: char| c.is_control() || c == ':') {
        let message = format!(
            "must be the normalised path of a device in `/dev`; got {}",
            shown(path)
        );
        return refuse(codes::FORBIDDEN_DEVICE, message);
    }
    Ok(())
}

pub(crate) fn host_device(path: &str) -> Verdict {
    inner_device(path)?;
    if HOST_DEVICES.iter().any(|device| path.starts_with(device)) {
        let message = format!("must not be {}: it gives control over the host", shown(path));
        return refuse(codes::FORBIDDEN_DEVICE, message);
    }
    Ok(())
}
