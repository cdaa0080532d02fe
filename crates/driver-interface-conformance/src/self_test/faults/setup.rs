//! Faults in setting up containers and in publishing their ports.

use std::net::Ipv4Addr;

use driver_interface_errors::codes;
use driver_interface_types::{Protocol, PublishedPort, TmpfsMount};

use crate::self_test::Fault;
use crate::self_test::mutation::Mutation::{Config, Error, Instance};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "undeclared-fields-dropped",
        "Config fields that the driver does not declare are dropped silently.",
        &[Config(|config| {
            config.gpus = None;
            config.runtime = None;
            config.devices.clear();
        })],
        &["setup/undeclared-refused", "plan/exceeds-driver-limit"],
    ),
    Fault::new(
        "invalid-working-dir-accepted",
        "A working directory that is not absolute is replaced with the image's.",
        &[Config(|config| {
            config.working_dir = config
                .working_dir
                .take()
                .filter(|directory| directory.starts_with('/'));
        })],
        &["setup/invalid"],
    ),
    Fault::new(
        "entrypoint-lost",
        "The entrypoint of the config is ignored.",
        &[Config(|config| config.entrypoint = None)],
        &["setup/entrypoint"],
    ),
    Fault::new(
        "entrypoint-without-command",
        "An entrypoint runs without the command's arguments.",
        &[Config(|config| {
            if config.entrypoint.as_ref().is_some_and(|args| !args.is_empty()) {
                config.command.clear();
            }
        })],
        &["setup/entrypoint"],
    ),
    Fault::new(
        "empty-entrypoint-replaced",
        "An empty entrypoint is replaced with the image's.",
        &[Config(|config| {
            config.entrypoint = config.entrypoint.take().filter(|args| !args.is_empty());
        })],
        &["setup/empty-entrypoint"],
    ),
    Fault::new(
        "no-command-retryable",
        "A creation without a command is retryable.",
        &[Error(|error| match error.code() {
            codes::CONTAINER_CREATION_FAILED => error.with_retryable(true),
            _ => error,
        })],
        &["setup/no-command", "creation/name-taken"],
    ),
    Fault::new(
        "tmpfs-owned-by-root",
        "A tmpfs mount has the owner and mode of the image's directory.",
        &[Config(|config| {
            for mount in &mut config.tmpfs {
                (mount.uid, mount.gid, mount.mode) = (Some(0), Some(0), Some(0o755));
            }
        })],
        &["setup/tmpfs-over-image-directory", "setup/tmpfs-options"],
    ),
    Fault::new(
        "tmpfs-options-lost",
        "All options of a tmpfs mount except its size are ignored.",
        &[Config(|config| {
            for mount in &mut config.tmpfs {
                *mount = TmpfsMount::new(mount.target.as_str(), mount.size);
            }
        })],
        &["setup/tmpfs-options"],
    ),
    Fault::new(
        "working-dir-lost",
        "The working directory of the config is ignored.",
        &[Config(|config| config.working_dir = None)],
        &["setup/working-dir"],
    ),
    Fault::new(
        "hostname-lost",
        "The hostname of the config is ignored.",
        &[Config(|config| config.hostname = None)],
        &["setup/hostname"],
    ),
    Fault::new(
        "tty-lost",
        "The main process has no terminal although the config has one.",
        &[Config(|config| config.tty = false)],
        &["setup/tty"],
    ),
    Fault::new(
        "stop-signal-lost",
        "The stop signal of the config is ignored.",
        &[Config(|config| config.stop_signal = None)],
        &["setup/stop-signal"],
    ),
    Fault::new(
        "init-lost",
        "The init process of the config is missing.",
        &[Config(|config| config.init = config.init.map(|_| false))],
        &["setup/init"],
    ),
    Fault::new(
        "init-always",
        "There is always an init process.",
        &[Config(|config| config.init = Some(true))],
        &["setup/init"],
    ),
    Fault::new(
        "ulimits-lost",
        "The ulimits of the config are ignored.",
        &[Config(|config| config.ulimits.clear())],
        &["setup/ulimits"],
    ),
    Fault::new(
        "tmpfs-without-size",
        "A tmpfs mount can greatly exceed its size.",
        &[Config(|config| {
            for directory in config.tmpfs.iter_mut().filter(|directory| directory.size > 0) {
                directory.size = 64;
            }
        })],
        &["setup/tmpfs"],
    ),
    Fault::new(
        "tmp-mount-not-replaced",
        "A tmpfs mount at `/tmp` does not replace the driver's.",
        &[Config(|config| {
            config.tmpfs.retain(|directory| directory.target != "/tmp")
        })],
        &["setup/tmpfs"],
    ),
    Fault::new(
        "shm-size-lost",
        "The size of `/dev/shm` in the config is ignored.",
        &[Config(|config| config.shm_size = None)],
        &["setup/shm-size"],
    ),
    Fault::new(
        "aliases-lost",
        "A container does not resolve by its aliases.",
        &[Config(|config| config.network_aliases.clear())],
        &["setup/aliases"],
    ),
    Fault::new(
        "extra-hosts-lost",
        "The extra hosts of the config do not resolve.",
        &[Config(|config| config.extra_hosts.clear())],
        &["setup/extra-hosts"],
    ),
    Fault::new(
        "dns-lost",
        "The DNS servers of the config are ignored.",
        &[Config(|config| config.dns.clear())],
        &["setup/dns"],
    ),
    Fault::new(
        "ports-lost",
        "No port is published.",
        &[Config(|config| config.ports.clear())],
        &["ports/recorded", "ports/distinct-host-ports", "ports/reachable"],
    ),
    Fault::new(
        "ports-kept-after-exit",
        "An exited container still has published ports.",
        &[Instance(|container| {
            if container.exit.is_some() {
                container.ports.push(some_port());
            }
        })],
        &["ports/recorded"],
    ),
    Fault::new(
        "ports-on-all-interfaces",
        "Ports are published on all interfaces of the host.",
        &[Config(|config| {
            for port in &mut config.ports {
                port.host_ip = Ipv4Addr::UNSPECIFIED.into();
            }
        })],
        &["ports/loopback-by-default"],
    ),
    Fault::new(
        "host-port-equals-container-port",
        "A port without a configured host port is published under its container port.",
        &[Config(|config| {
            for port in &mut config.ports {
                port.host_port.get_or_insert(port.container_port);
            }
        })],
        &["ports/distinct-host-ports"],
    ),
    Fault::new(
        "host-ports-byte-swapped",
        "Host ports are reported in the wrong byte order.",
        &[Instance(|container| {
            for port in &mut container.ports {
                port.host_port = port.host_port.swap_bytes();
            }
        })],
        &["ports/reachable", "ports/fixed-host-port"],
    ),
    Fault::new(
        "fixed-host-port-lost",
        "The host port of the config is ignored.",
        &[Config(|config| {
            for port in &mut config.ports {
                port.host_port = None;
            }
        })],
        &["ports/fixed-host-port", "ports/host-port-in-use"],
    ),
    Fault::new(
        "unpublished-ports-reported",
        "The instance reports a port that is not published.",
        &[Instance(|container| {
            if !container.ports.is_empty() {
                container.ports.push(some_port());
            }
        })],
        &["ports/unpublished-not-reported", "ports/recorded"],
    ),
];

fn some_port() -> PublishedPort {
    PublishedPort::new(7070, Protocol::Tcp, Ipv4Addr::LOCALHOST.into(), 32768)
}
