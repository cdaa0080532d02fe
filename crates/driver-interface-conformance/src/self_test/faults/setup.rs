//! Faults in container setup: parts of the config are lost, or ports are published differently.

use std::net::Ipv4Addr;

use driver_interface_errors::codes;
use driver_interface_types::{Protocol, PublishedPort, TmpfsMount};

use crate::self_test::Fault;
use crate::self_test::sabotage::Sabotage::{Config, Error, Instance};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "undeclared-fields-dropped",
        "What a config asks for and the driver does not declare is left out in silence.",
        &[Config(|config| {
            config.gpus = None;
            config.runtime = None;
            config.devices.clear();
        })],
        &["setup/undeclared-is-refused", "plan/beyond-the-driver"],
    ),
    Fault::new(
        "bad-working-dir-passes",
        "A working directory that is no absolute path is the image's.",
        &[Config(|config| {
            config.working_dir = config.working_dir.take().filter(|folder| folder.starts_with('/'));
        })],
        &["setup/hostile"],
    ),
    Fault::new(
        "entrypoint-lost",
        "The entrypoint is the image's, whatever the config says.",
        &[Config(|config| config.entrypoint = None)],
        &["setup/entrypoint"],
    ),
    Fault::new(
        "entrypoint-without-command",
        "An entrypoint runs without the command's arguments.",
        &[Config(|config| {
            if config.entrypoint.as_ref().is_some_and(|words| !words.is_empty()) {
                config.command.clear();
            }
        })],
        &["setup/entrypoint"],
    ),
    Fault::new(
        "empty-entrypoint-is-the-images",
        "An empty entrypoint is the image's own.",
        &[Config(|config| {
            config.entrypoint = config.entrypoint.take().filter(|words| !words.is_empty());
        })],
        &["setup/empty-entrypoint"],
    ),
    Fault::new(
        "nothing-to-run-is-retryable",
        "A creation that has nothing to run is worth another try.",
        &[Error(|error| match error.code() {
            codes::CONTAINER_CREATION_FAILED => error.with_retryable(true),
            _ => error,
        })],
        &["setup/nothing-to-run", "creation/name-taken"],
    ),
    Fault::new(
        "tmpfs-is-roots",
        "A tmpfs mount has the owner and the mode that directories of the image have.",
        &[Config(|config| {
            for mount in &mut config.tmpfs {
                (mount.uid, mount.gid, mount.mode) = (Some(0), Some(0), Some(0o755));
            }
        })],
        &["setup/tmpfs-over-the-image", "setup/tmpfs-options"],
    ),
    Fault::new(
        "tmpfs-options-lost",
        "Of a tmpfs mount only the size counts.",
        &[Config(|config| {
            for mount in &mut config.tmpfs {
                *mount = TmpfsMount::new(mount.target.as_str(), mount.size);
            }
        })],
        &["setup/tmpfs-options"],
    ),
    Fault::new(
        "working-dir-lost",
        "The working directory is the image's, whatever the config says.",
        &[Config(|config| config.working_dir = None)],
        &["setup/working-dir"],
    ),
    Fault::new(
        "hostname-lost",
        "A container gets a name of the engine's choice for itself.",
        &[Config(|config| config.hostname = None)],
        &["setup/hostname"],
    ),
    Fault::new(
        "terminal-lost",
        "The main process has no terminal, though one was asked for.",
        &[Config(|config| config.tty = false)],
        &["setup/terminal"],
    ),
    Fault::new(
        "stop-signal-lost",
        "The signal that a config sets for stopping is not used.",
        &[Config(|config| config.stop_signal = None)],
        &["setup/stop-signal"],
    ),
    Fault::new(
        "init-lost",
        "There is no init process, though one was asked for.",
        &[Config(|config| config.init = config.init.map(|_| false))],
        &["setup/init"],
    ),
    Fault::new(
        "init-always",
        "There is an init process, whatever the config says.",
        &[Config(|config| config.init = Some(true))],
        &["setup/init"],
    ),
    Fault::new(
        "ulimits-lost",
        "The kernel's limits are the engine's, whatever the config says.",
        &[Config(|config| config.ulimits.clear())],
        &["setup/ulimits"],
    ),
    Fault::new(
        "tmpfs-without-size",
        "A folder in memory may grow far beyond the size that was asked for.",
        &[Config(|config| {
            for folder in config.tmpfs.iter_mut().filter(|folder| folder.size > 0) {
                folder.size = 64;
            }
        })],
        &["setup/tmpfs"],
    ),
    Fault::new(
        "own-tmp-stays",
        "A folder in memory at `/tmp` does not replace the one that every container has.",
        &[Config(|config| {
            config.tmpfs.retain(|folder| folder.target != "/tmp")
        })],
        &["setup/tmpfs"],
    ),
    Fault::new(
        "shm-size-lost",
        "`/dev/shm` has the engine's size, whatever the config says.",
        &[Config(|config| config.shm_size = None)],
        &["setup/shm-size"],
    ),
    Fault::new(
        "aliases-lost",
        "A container is not found by its aliases.",
        &[Config(|config| config.network_aliases.clear())],
        &["setup/aliases"],
    ),
    Fault::new(
        "extra-hosts-lost",
        "Host names that a config gives do not resolve.",
        &[Config(|config| config.extra_hosts.clear())],
        &["setup/extra-hosts"],
    ),
    Fault::new(
        "dns-lost",
        "Name servers that a config gives are not asked.",
        &[Config(|config| config.dns.clear())],
        &["setup/dns"],
    ),
    Fault::new(
        "ports-lost",
        "No port is published.",
        &[Config(|config| config.ports.clear())],
        &["ports/recorded", "ports/picked-apart", "ports/reached"],
    ),
    Fault::new(
        "ports-outlive-the-run",
        "A container that has ended still has published ports.",
        &[Instance(|container| {
            if container.exit.is_some() {
                container.ports.push(some_port());
            }
        })],
        &["ports/recorded"],
    ),
    Fault::new(
        "ports-for-the-world",
        "Ports are published at every address of the host.",
        &[Config(|config| {
            for port in &mut config.ports {
                port.host_ip = Ipv4Addr::UNSPECIFIED.into();
            }
        })],
        &["ports/loopback-by-default"],
    ),
    Fault::new(
        "host-port-is-the-inner-one",
        "Where no host port is given, a port is published under its own number.",
        &[Config(|config| {
            for port in &mut config.ports {
                port.host_port.get_or_insert(port.container_port);
            }
        })],
        &["ports/picked-apart"],
    ),
    Fault::new(
        "host-ports-swapped",
        "The bytes of a host port are told in the wrong order.",
        &[Instance(|container| {
            for port in &mut container.ports {
                port.host_port = port.host_port.swap_bytes();
            }
        })],
        &["ports/reached", "ports/given"],
    ),
    Fault::new(
        "given-host-port-lost",
        "The host port is picked by the engine, whatever the config says.",
        &[Config(|config| {
            for port in &mut config.ports {
                port.host_port = None;
            }
        })],
        &["ports/given", "ports/taken"],
    ),
    Fault::new(
        "unpublished-ports-told",
        "A port that nobody published is among the instance's.",
        &[Instance(|container| {
            if !container.ports.is_empty() {
                container.ports.push(some_port());
            }
        })],
        &["ports/unpublished-is-closed", "ports/recorded"],
    ),
];

fn some_port() -> PublishedPort {
    PublishedPort::new(7070, Protocol::Tcp, Ipv4Addr::LOCALHOST.into(), 32768)
}
