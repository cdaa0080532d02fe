//! What of the host a config may ask for: nothing that would hand it over.

use driver_interface_errors::codes;
use driver_interface_types::{Capability, ContainerDriver, MountType, NetworkMode, VolumeMount};

use super::config::{config, refused};
use crate::{Check, CheckResult, Ctx, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "config/mount-targets",
        "Mount targets that are relative, the root, or there twice are refused.",
        run!(mount_targets),
    )
    .without_image(),
    Check::must(
        "config/host-mounts",
        "Bind mounts of the engine's socket, the root, /proc, /sys, /dev, /etc and paths that lead there are refused.",
        run!(host_mounts),
    )
    .without_image(),
    Check::must(
        "config/host-network",
        "The host's network and another container's are refused.",
        run!(host_network),
    )
    .without_image(),

];

async fn mount_targets(ctx: Ctx) -> CheckResult {
    for target in ["", "data", "./data", "/", "/a/../b", "/a\0b"] {
        let config = config(&ctx).mount(VolumeMount::volume("data-1", target));
        refused(&ctx, &format!("target {target:?}"), &config, "volumes[0].target").await?;
    }
    let twice = config(&ctx)
        .mount(VolumeMount::volume("data-1", "/data"))
        .mount(VolumeMount::volume("data-2", "/data"));
    refused(&ctx, "one target twice", &twice, "volumes[1].target").await?;
    Ok(())
}

async fn host_mounts(ctx: Ctx) -> CheckResult {
    let sources = [
        "/",
        "/proc",
        "/sys",
        "/dev",
        "/etc",
        "/etc/shadow",
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/var/run",
        "/run",
        "/run/podman/podman.sock",
        "/tmp/../etc",
        "//etc",
    ];
    for source in sources {
        let config = config(&ctx).mount(VolumeMount::bind(source, "/host").read_only(true));
        let result = ctx.driver().create_container(&config).await;
        let refusals: &[&str] = if ctx.declares(Capability::BindMount) {
            &[codes::CONFIGURATION_ERROR]
        } else {
            &[codes::CONFIGURATION_ERROR, codes::UNSUPPORTED_OPERATION]
        };
        ctx.refused(format!("a bind mount of {source:?}"), result, refusals)?;
    }
    // A volume is not a way round: its name is never taken for a path.
    let mut disguised = VolumeMount::volume("/etc", "/host");
    disguised.kind = Some(MountType::Volume);
    refused(
        &ctx,
        "a volume named /etc",
        &config(&ctx).mount(disguised),
        "volumes[0].source",
    )
    .await?;
    Ok(())
}

async fn host_network(ctx: Ctx) -> CheckResult {
    for network in ["host", "container:abc", "bridge", "ns:/proc/1/ns/net"] {
        let config = config(&ctx).network(NetworkMode::Named(network.to_owned()));
        let result = ctx.driver().create_container(&config).await;
        // `bridge` is a good name for a network of one's own; the engine's is not ours, so it is not found.
        let refusals = [codes::CONFIGURATION_ERROR, codes::NETWORK_NOT_FOUND];
        ctx.refused(format!("network {network:?}"), result, &refusals)?;
    }
    ctx.equal(
        "containers",
        ctx.driver().list_containers(&ctx.own()).await?.len(),
        0,
    )
}
