//! Checks of drivers of different namespaces, and of unmanaged resources, on the same engine.

use driver_interface_errors::codes;
use driver_interface_types::{
    ContainerDriver, ContainerDriverExt, ContainerFilter, ContainerId, LogOptions, NetworkId, Operation,
    RemoveOptions, ResourceFilter, StopOptions, VolumeId, VolumeMount, label,
};

use crate::{Check, CheckResult, Ctx, Need, SERVE, TrackedDriver, Verdict, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "namespaces/containers-isolated",
        "A driver neither sees nor changes containers of another namespace, by id or by name.",
        run!(containers),
    ),
    Check::must(
        "namespaces/volumes-and-networks-isolated",
        "A driver neither sees, uses nor removes volumes and networks of another namespace.",
        run!(volumes_and_networks),
    )
    .without_programs(),
    Check::must(
        "namespaces/counts-isolated",
        "The counts of a health check exclude other namespaces.",
        run!(counts),
    ),
    Check::must(
        "namespaces/sessions-isolated",
        "`remove_session` does not affect the session of the same name in another namespace.",
        run!(sessions),
    )
    .without_programs(),
    Check::must(
        "namespaces/unmanaged-untouched",
        "No operation finds unmanaged resources, and the cleanup of a session leaves them unchanged.",
        run!(unmanaged_resources),
    )
    .needs(&[Need::Image, Need::UnmanagedResources]),
];

/// Asserts that every operation of `driver` returns "not found" for a container.
async fn unreachable(ctx: &Ctx, driver: &TrackedDriver, id: &ContainerId) -> CheckResult {
    let missing = [codes::CONTAINER_NOT_FOUND];
    ctx.equal("get", driver.get_container(id).await?, None)?;
    ctx.refused("start", driver.start_container(id).await, &missing)?;
    ctx.refused(
        "stop",
        driver.stop_container(id, StopOptions::kill()).await,
        &missing,
    )?;
    ctx.refused(
        "remove",
        driver.remove_container(id, RemoveOptions::force()).await,
        &missing,
    )?;
    ctx.refused(
        "logs",
        driver.get_container_logs(id, LogOptions::default()).await,
        &missing,
    )?;
    ctx.refused("health", driver.is_container_healthy(id).await, &missing)?;
    Ok(())
}

async fn containers(ctx: Ctx) -> CheckResult {
    let other_namespace = ctx.other_namespace().await?;
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    unreachable(&ctx, &other_namespace, &running.id).await?;
    ctx.equal(
        "the other namespace's container of that name",
        other_namespace.find_container(&running.name).await?,
        None,
    )?;
    let actual = other_namespace
        .list_containers(&ContainerFilter::default())
        .await?;
    ctx.equal("the other namespace's list", actual, Vec::new())?;
    ctx.equal("the container", ctx.get(&running.id).await?, running)
}

async fn volumes_and_networks(ctx: Ctx) -> CheckResult {
    let other_namespace = ctx.other_namespace().await?;
    let volume = ctx.driver().create_volume(&ctx.volume()).await?;
    let network = ctx.driver().create_network(&ctx.network()).await?;
    ctx.refused(
        "removing the volume",
        other_namespace.remove_volume(&volume.id).await,
        &[codes::VOLUME_NOT_FOUND],
    )?;
    ctx.refused(
        "removing the network",
        other_namespace.remove_network(&network.id).await,
        &[codes::NETWORK_NOT_FOUND],
    )?;
    let mounts = ctx
        .script("true")
        .security(super::volumes::writable())
        .mount(VolumeMount::volume(&volume.name, "/data"));
    ctx.refused(
        "mounting the volume",
        other_namespace.create_container(&mounts).await,
        &[codes::VOLUME_NOT_FOUND],
    )?;
    let joins = ctx.script("true").network(network.name.as_str());
    ctx.refused(
        "joining the network",
        other_namespace.create_container(&joins).await,
        &[codes::NETWORK_NOT_FOUND],
    )?;
    if ctx.declares(Operation::ListVolumes) {
        ctx.equal(
            "volumes",
            other_namespace.list_volumes(&ResourceFilter::default()).await?,
            Vec::new(),
        )?;
    }
    if ctx.declares(Operation::ListNetworks) {
        ctx.equal(
            "networks",
            other_namespace.list_networks(&ResourceFilter::default()).await?,
            Vec::new(),
        )?;
    }
    // Both volumes still exist for the driver that created them.
    ctx.driver().remove_volume(&volume.id).await?;
    ctx.driver().remove_network(&network.id).await?;
    Ok(())
}

async fn counts(ctx: Ctx) -> CheckResult {
    let other_namespace = ctx.other_namespace().await?;
    ctx.ready(&ctx.script(SERVE)).await?;
    ctx.equal(
        "the other namespace's total",
        other_namespace.health_check().await?.containers.total,
        0,
    )?;
    other_namespace.create_container(&ctx.script("true")).await?;
    ctx.equal(
        "the other namespace's total with one container",
        other_namespace.health_check().await?.containers.total,
        1,
    )
}

async fn sessions(ctx: Ctx) -> CheckResult {
    let other_namespace = ctx.other_namespace().await?;
    let ours = ctx.driver().create_container(&ctx.script("true")).await?;
    let theirs = other_namespace.create_container(&ctx.script("true")).await?;
    let removed = other_namespace.remove_session(ctx.session()).await;
    ctx.equal(
        "removed containers",
        (removed.containers, removed.failures.len()),
        (1, 0),
    )?;
    ctx.equal(
        "the container of the other namespace",
        other_namespace.get_container(&theirs.id).await?,
        None,
    )?;
    ctx.equal(
        "the container of this namespace",
        ctx.get(&ours.id).await?.id,
        ours.id,
    )
}

async fn unmanaged_resources(ctx: Ctx) -> CheckResult {
    let resources = ctx.unmanaged_resources()?;
    let outcome = among_unmanaged_resources(&ctx, &*resources).await;
    let removed = resources.remove_all().await;
    outcome?;
    removed.map_err(|error| Verdict::Broken(format!("the unmanaged resources could not be removed: {error}")))
}

async fn among_unmanaged_resources(ctx: &Ctx, resources: &dyn crate::UnmanagedResources) -> CheckResult {
    let broken =
        |error: String| Verdict::Broken(format!("an unmanaged resource could not be created: {error}"));
    let (plain, lookalike, volume, network) = (ctx.name(), ctx.name(), ctx.name(), ctx.name());
    let plain_id = resources
        .add_container(&plain, ctx.image(), &[])
        .await
        .map_err(broken)?;
    // The labels of a session and of a manager do not make the container managed, because its namespace is another.
    let unmanaged = ctx.unmanaged_namespace();
    let labels = [
        (label::MANAGED_BY, label::MANAGED_BY_VALUE),
        (label::SESSION, ctx.session().as_str()),
        (label::NAMESPACE, &unmanaged),
        (label::OPERATION, &lookalike),
    ];
    let lookalike_id = resources
        .add_container(&lookalike, ctx.image(), &labels)
        .await
        .map_err(broken)?;
    resources.add_volume(&volume).await.map_err(broken)?;
    resources.add_network(&network).await.map_err(broken)?;
    let before = resources.inventory().await.map_err(broken)?;
    let driver = ctx.driver();
    for (name, id) in [(&plain, &plain_id), (&lookalike, &lookalike_id)] {
        unreachable(ctx, driver, &ContainerId::new(id.as_str())?).await?;
        ctx.equal(
            "the container with an unmanaged container's name",
            driver.find_container(name).await?,
            None,
        )?;
    }
    let missing = [codes::VOLUME_NOT_FOUND, codes::NETWORK_NOT_FOUND];
    ctx.refused(
        "removing the volume",
        driver.remove_volume(&VolumeId::new(volume.as_str())?).await,
        &missing,
    )?;
    ctx.refused(
        "removing the network",
        driver.remove_network(&NetworkId::new(network.as_str())?).await,
        &missing,
    )?;
    let taken = driver.create_container(&ctx.script("true").name(&plain)).await;
    ctx.refused(
        "creating a container with a taken name",
        taken,
        &[codes::CONTAINER_CREATION_FAILED],
    )?;
    driver.create_container(&ctx.script("true")).await?;
    let removed = driver.remove_session(ctx.session()).await;
    ctx.equal(
        "resources removed with the session",
        (removed.containers, removed.failures.len()),
        (1, 0),
    )?;
    let after = resources.inventory().await.map_err(broken)?;
    ctx.equal("the unmanaged resources", after, before)
}
