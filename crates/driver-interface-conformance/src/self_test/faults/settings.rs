//! Faults in settings that users know from other container tools.

use std::net::Ipv4Addr;

use driver_interface_errors::ConfigurationError;
use driver_interface_types::{
    ContainerDriver as _, HealthTest, HostAddress, RestartPolicy, StopOptions, UlimitValue,
};
use futures_util::FutureExt as _;

use crate::self_test::Fault;
use crate::self_test::mutation::Mutation::{Config, CreateContainer, CreateVolume, StopContainer};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "groups-lost",
        "The supplementary groups are ignored.",
        &[Config(|config| config.groups.clear())],
        &["settings/groups"],
    ),
    Fault::new(
        "unset-env-ignored",
        "Variables of the image are never removed.",
        &[Config(|config| config.unset_env.clear())],
        &["settings/unset-env"],
    ),
    Fault::new(
        "disabled-health-check-runs",
        "The image's health check runs although the config disables it.",
        &[Config(|config| {
            config.health_check = config
                .health_check
                .take()
                .filter(|check| check.test != HealthTest::Disabled);
        })],
        &["settings/no-health-check"],
    ),
    Fault::new(
        "dns-options-lost",
        "The search domains and options of the resolver are ignored.",
        &[Config(|config| {
            config.dns_search.clear();
            config.dns_options.clear();
        })],
        &["settings/dns-search"],
    ),
    Fault::new(
        "host-gateway-is-loopback",
        "The host's address is the container's own loopback address.",
        &[Config(|config| {
            for address in config.extra_hosts.values_mut() {
                if *address == HostAddress::HostGateway {
                    *address = Ipv4Addr::LOCALHOST.into();
                }
            }
        })],
        &["settings/host-gateway"],
    ),
    Fault::new(
        "further-networks-lost",
        "A container is connected to one network only.",
        &[Config(|config| config.networks.clear())],
        &["settings/further-networks", "settings/missing-further-network"],
    ),
    Fault::new(
        "addresses-lost",
        "The addresses of the config are ignored.",
        &[Config(|config| config.addresses.clear())],
        &["settings/addresses"],
    ),
    Fault::new(
        "sysctls-lost",
        "The kernel parameters are ignored.",
        &[Config(|config| config.sysctls.clear())],
        &["settings/sysctls"],
    ),
    Fault::new(
        "restart-policy-lost",
        "Containers are never started again.",
        &[Config(|config| config.restart_policy = RestartPolicy::Never)],
        &["settings/restart-on-failure"],
    ),
    Fault::new(
        "stopped-container-starts-again",
        "A container that was stopped is started again.",
        &[StopContainer(|inside, id, options: StopOptions| {
            async move {
                let outcome = inside.driver.stop_container(id, options).await?;
                inside.driver.start_container(id).await?;
                Ok(outcome)
            }
            .boxed()
        })],
        &["settings/restart-after-stop"],
    ),
    Fault::new(
        "log-driver-lost",
        "Every container has the engine's default log driver.",
        &[Config(|config| config.log_driver = None)],
        &["settings/log-rotation", "settings/no-logs"],
    ),
    Fault::new(
        "cpuset-lost",
        "Containers run on all CPUs.",
        &[Config(|config| config.cpuset = None)],
        &["settings/cpuset"],
    ),
    Fault::new(
        "swap-and-weights-lost",
        "Swap, memory reservation and CPU weight are ignored.",
        &[Config(|config| {
            config.resources.swap = None;
            config.resources.memory_reservation = None;
            config.resources.cpu_shares = None;
        })],
        &["settings/swap-and-weights"],
    ),
    Fault::new(
        "unlimited-ulimits-limited",
        "An unlimited ulimit becomes a large one.",
        &[Config(|config| {
            for limit in &mut config.ulimits {
                for value in [&mut limit.soft, &mut limit.hard] {
                    if *value == UlimitValue::Unlimited {
                        *value = UlimitValue::Limited(1 << 20);
                    }
                }
            }
        })],
        &["settings/unlimited-ulimit"],
    ),
    Fault::new(
        "devices-lost",
        "Devices of the host are not available.",
        &[Config(|config| config.devices.clear())],
        &["settings/device"],
    ),
    Fault::new(
        "volume-copy-lost",
        "An empty volume stays empty.",
        &[Config(|config| {
            for mount in &mut config.volumes {
                mount.copy = false;
            }
        })],
        &["settings/volume-copy"],
    ),
    Fault::new(
        "volume-subpath-lost",
        "The whole volume is mounted instead of a directory of it.",
        &[Config(|config| {
            for mount in &mut config.volumes {
                mount.subpath = None;
            }
        })],
        &["settings/volume-subpath"],
    ),
    Fault::new(
        "volume-options-lost",
        "The options of the volume driver are ignored.",
        &[CreateVolume(|inside, config| {
            let mut config = config.clone();
            config.options.clear();
            async move { inside.driver.create_volume(&config).await }.boxed()
        })],
        &["settings/volume-options"],
    ),
    Fault::new(
        "health-start-interval-lost",
        "Health checks run at the usual interval from the start.",
        &[Config(|config| {
            if let Some(check) = &mut config.health_check {
                check.start_interval = None;
            }
        })],
        &["settings/health-start-interval"],
    ),
    Fault::new(
        "image-ids-refused",
        "A container cannot be created from an image's id.",
        &[CreateContainer(|inside, config| {
            match config.image.starts_with("sha256:") {
                true => {
                    let error =
                        ConfigurationError::single("image", "invalid-image-reference", "must be a name");
                    async move { Err(error.into()) }.boxed()
                }
                false => inside.driver.create_container(config),
            }
        })],
        &["settings/image-by-id"],
    ),
];
