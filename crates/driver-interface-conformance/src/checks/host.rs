//! Checks that a config cannot request access that would compromise the host.

use driver_interface_errors::codes;
use driver_interface_types::{
    ConfigFeature, ContainerDriver, MountType, NetworkMode, SecurityOptions, VolumeMount,
};

use super::config::{config, refused};
use crate::{Check, CheckResult, Ctx, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "config/mount-targets",
        "Mount targets that are relative, the root or duplicates are refused.",
        run!(mount_targets),
    )
    .without_image(),
    Check::must(
        "config/host-mounts",
        "Bind mounts of engine sockets and state, system directories, logs, homes and credentials are \
         refused.",
        run!(host_mounts),
    )
    .without_image(),
    Check::must(
        "config/host-network",
        "The networks of the host and of other containers are refused.",
        run!(host_network),
    )
    .without_image(),
    Check::must(
        "config/bind-mounts-need-policy",
        "A bind mount of a path that is not allowed is refused, and the message names the call that allows \
         it.",
        run!(binds_need_policy),
    )
    .because("a list of dangerous paths is never complete")
    .without_image(),
    Check::must(
        "config/dangerous-capabilities",
        "Capabilities with effects outside the container, such as `SYS_ADMIN` and `NET_RAW`, are refused \
         unless allowed.",
        run!(dangerous_capabilities),
    )
    .because("on a shared network a container with `NET_RAW` can take the address of another container")
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
    refused(&ctx, "a duplicate target", &twice, "volumes[1].target").await?;
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
        "/run/containerd/containerd.sock",
        "/srv/engine/podman.sock",
        "/var/lib/docker",
        "/var/lib/containers/storage",
        "/var/lib/kubelet",
        "/var/log",
        "/root",
        "/home",
        "/home/user",
        "/home/user/.ssh",
        "/srv/user/.aws/credentials",
        "/tmp/../etc",
        "//etc",
    ];
    for source in sources {
        let config = config(&ctx).mount(VolumeMount::bind(source, "/host").read_only(true));
        let result = ctx.driver().create_container(&config).await;
        ctx.refused(format!("a bind mount of {source:?}"), result, bind_refusals(&ctx))?;
    }
    // A volume must not serve as a bind mount: its name is never treated as a path.
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

/// Returns the error codes with which the driver may refuse an invalid bind mount.
fn bind_refusals(ctx: &Ctx) -> &'static [&'static str] {
    if ctx.declares(ConfigFeature::BindMount) {
        &[codes::CONFIGURATION_ERROR]
    } else {
        &[codes::CONFIGURATION_ERROR, codes::UNSUPPORTED_OPERATION]
    }
}

async fn binds_need_policy(ctx: Ctx) -> CheckResult {
    let source = format!("/{}", ctx.name());
    let config = config(&ctx).mount(VolumeMount::bind(source.as_str(), "/host").read_only(true));
    let result = ctx.driver().create_container(&config).await;
    let error = ctx.refused("a bind mount that is not allowed", result, bind_refusals(&ctx))?;
    if error.code() == codes::CONFIGURATION_ERROR {
        let violations = error.to_report().violations;
        let reported = violations
            .iter()
            .any(|violation| violation.path == "volumes[0].source" && violation.message.contains("allow"));
        ctx.ensure("a violation with the call that allows it", reported, violations)?;
    }
    Ok(())
}

async fn dangerous_capabilities(ctx: Ctx) -> CheckResult {
    for name in [
        "ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "NET_ADMIN", "NET_RAW", "BPF",
    ] {
        let security = SecurityOptions::default().user("0:0").add_capability(name);
        let config = config(&ctx).security(security);
        refused(&ctx, name, &config, "security.capabilities.add[0]").await?;
    }
    Ok(())
}

async fn host_network(ctx: Ctx) -> CheckResult {
    for network in ["host", "container:abc", "bridge", "ns:/proc/1/ns/net"] {
        let config = config(&ctx).network(NetworkMode::Named(network.to_owned()));
        let result = ctx.driver().create_container(&config).await;
        // `bridge` is a valid name of a managed network. The engine's own network of that name is unmanaged, so the
        // driver does not find it.
        let refusals = [codes::CONFIGURATION_ERROR, codes::NETWORK_NOT_FOUND];
        ctx.refused(format!("network {network:?}"), result, &refusals)?;
    }
    ctx.equal(
        "containers",
        ctx.driver().list_containers(&ctx.session_filter()).await?.len(),
        0,
    )
}
