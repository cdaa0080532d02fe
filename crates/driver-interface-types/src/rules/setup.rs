//! The validation rules for ulimits, ports, network names, devices and GPUs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::limits::{MAX_DEVICES, MAX_DNS, MAX_NAMES, MAX_PORTS};
use super::names::{group_name, network_mode, network_name};
use super::paths::{is_within, normalised};
use super::text::{key_step, nearest, shown};
use super::{Findings, Index, Verdict, codes, refuse};
use crate::{DeviceMapping, GpuRequest, HostAddress, NetworkMode, PortMapping, Subnet, Ulimit, UlimitValue};

/// The names of the kernel's resource limits, without `RLIMIT_` and in lower case.
const ULIMITS: &[&str] = &[
    "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss",
    "rtprio", "rttime", "sigpending", "stack",
];

/// The path prefixes of devices that give access to the host's disks, memory and kernel log.
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

pub(crate) fn soft_limit(soft: UlimitValue, hard: UlimitValue) -> Verdict {
    if soft <= hard {
        return Ok(());
    }
    refuse(
        codes::OUT_OF_RANGE,
        format!("must be at most the hard limit {hard}; got {soft}"),
    )
}

/// Checks the number of ports, and that no two entries have the same host address, host port and protocol. Two
/// entries without a host port must differ in the host address, container port or protocol.
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

/// Checks a list of network aliases or DNS search domains.
pub(crate) fn names(names: &[String], found: &mut Findings<'_>) {
    found.at_most(MAX_NAMES, "names", names.len());
    for (index, name) in names.iter().enumerate() {
        found.note(Index(index), network_name(name));
    }
}

pub(crate) fn dns(servers: &[IpAddr], found: &mut Findings<'_>) {
    found.at_most(MAX_DNS, "DNS servers", servers.len());
}

/// Checks the options of the DNS resolver. Each option is a word without spaces.
pub(crate) fn dns_options(options: &[String], found: &mut Findings<'_>) {
    found.at_most(MAX_NAMES, "DNS options", options.len());
    for (index, option) in options.iter().enumerate() {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':');
        if option.is_empty() || !option.chars().all(allowed) {
            let message = format!(
                "must be an option of `resolv.conf`, such as `ndots:1`; got {}",
                shown(option)
            );
            found.note(format!("[{index}]"), refuse(codes::INVALID_NAME, message));
        }
    }
}

/// Checks the groups of a user. Each group is a name or a numeric id.
pub(crate) fn groups(groups: &[String], found: &mut Findings<'_>) {
    found.at_most(MAX_NAMES, "groups", groups.len());
    for (index, group) in groups.iter().enumerate() {
        found.note(Index(index), group_name(group));
    }
}

/// Checks the names in [`ContainerConfig::networks`](crate::ContainerConfig::networks).
pub(crate) fn network_names<T>(networks: &BTreeMap<String, T>, found: &mut Findings<'_>) {
    found.at_most(MAX_NAMES, "networks", networks.len());
    for name in networks.keys() {
        let verdict = match NetworkMode::from(name.as_str()) {
            NetworkMode::Default | NetworkMode::None => {
                refuse(codes::RESERVED, "must be the name of a network that was created")
            }
            mode => network_mode(&mode),
        };
        found.note(key_step(name), verdict);
    }
}

/// Checks the addresses of a container on one network.
pub(crate) fn addresses(addresses: &[IpAddr], found: &mut Findings<'_>) {
    let mut families = BTreeSet::new();
    for (index, address) in addresses.iter().enumerate() {
        let verdict = if address.is_unspecified() || address.is_loopback() || address.is_multicast() {
            refuse(
                codes::OUT_OF_RANGE,
                format!("must be an address of one container; got {address}"),
            )
        } else if !families.insert(address.is_ipv4()) {
            refuse(codes::DUPLICATE, "must be the only IPv4 or the only IPv6 address")
        } else {
            Ok(())
        };
        found.note(format!("[{index}]"), verdict);
    }
}

/// Parses an address range in CIDR form. Returns the address and the length of the prefix in bits.
fn cidr(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = text.split_once('/')?;
    let (address, bits): (IpAddr, u32) = (address.parse().ok()?, bits.parse().ok()?);
    let most = if address.is_ipv4() { 32 } else { 128 };
    (1..most).contains(&bits).then_some((address, bits))
}

/// Returns the first `bits` bits of an address. These bits identify the network to which the address belongs.
fn network_part(address: IpAddr, bits: u32) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address) >> (32 - bits)),
        IpAddr::V6(address) => u128::from(address) >> (128 - bits),
    }
}

pub(crate) fn address_range(text: &str) -> Verdict {
    let Some((address, bits)) = cidr(text) else {
        let message = format!(
            "must be an address range such as `10.89.7.0/24`; got {}",
            shown(text)
        );
        return refuse(codes::OUT_OF_RANGE, message);
    };
    let below = match address {
        IpAddr::V4(address) => u128::from(u32::from(address) << bits),
        IpAddr::V6(address) => u128::from(address) << bits,
    };
    if below != 0 {
        let message = format!(
            "must begin with the first address of its network; got {}",
            shown(text)
        );
        return refuse(codes::OUT_OF_RANGE, message);
    }
    Ok(())
}

pub(crate) fn gateway(range: &str, gateway: IpAddr) -> Verdict {
    let inside = cidr(range).is_none_or(|(address, bits)| {
        address.is_ipv4() == gateway.is_ipv4() && network_part(address, bits) == network_part(gateway, bits)
    });
    if inside {
        return Ok(());
    }
    refuse(
        codes::OUT_OF_RANGE,
        format!("must be within `{range}`; got {gateway}"),
    )
}

/// Checks that a network has at most one address range for each version of IP.
pub(crate) fn subnets(subnets: &[Subnet], found: &mut Findings<'_>) {
    let mut families = BTreeSet::new();
    for (index, subnet) in subnets.iter().enumerate() {
        if !families.insert(subnet.range.contains(':')) {
            let message = "must be the only range for IPv4 or for IPv6";
            found.note(format!("[{index}].range"), refuse(codes::DUPLICATE, message));
        }
    }
}

/// Checks a list of CPUs, such as `0-2,5`.
pub(crate) fn cpu_list(text: &str) -> Verdict {
    let number = |text: &str| -> Option<u16> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| digits)
    };
    let is_valid = |part: &str| match part.split_once('-') {
        Some((first, last)) => {
            number(first).is_some_and(|first| number(last).is_some_and(|last| first <= last))
        }
        None => number(part).is_some(),
    };
    if text.split(',').all(is_valid) {
        return Ok(());
    }
    let message = format!(
        "must be a list of CPU numbers and ranges, such as `0-2,5`; got {}",
        shown(text)
    );
    refuse(codes::OUT_OF_RANGE, message)
}

pub(crate) fn extra_hosts(hosts: &BTreeMap<String, HostAddress>, found: &mut Findings<'_>) {
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
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:/=".contains(c);
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
