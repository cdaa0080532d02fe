//! A session can be found and removed as a whole, by whoever comes later.

use driver_interface_types::{Capability, ContainerDriver, ContainerDriverExt, ResourceFilter, VolumeMount};

use crate::{Check, CheckResult, Ctx, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "cleanup/session",
        "Removing a session removes its containers, running ones too, and nothing of another session.",
        run!(session),
    ),
    Check::must(
        "cleanup/session-with-volumes-and-networks",
        "Removing a session removes volumes and networks that its containers use, in the right order.",
        run!(everything),
    )
    .requires(&[Capability::VolumeList, Capability::NetworkList]),
    Check::must(
        "cleanup/by-another-process",
        "A driver that made nothing of it finds a session by its labels and removes it.",
        run!(another_process),
    ),
];

async fn session(ctx: Ctx) -> CheckResult {
    ctx.ready(&ctx.script(SERVE)).await?;
    ctx.driver().create_container(&ctx.script("true")).await?;
    ctx.finished(&ctx.script("exit 1")).await?;
    let mut elsewhere = ctx.script("true");
    elsewhere.session_id = ctx.new_session()?.to_string();
    let other = ctx.driver().create_container(&elsewhere).await?;
    let removed = ctx.driver().remove_session(ctx.session()).await;
    ctx.equal(
        "removed containers and failures",
        (removed.containers, removed.failures.len()),
        (3, 0),
    )?;
    ctx.equal(
        "containers of the session",
        ctx.driver().list_containers(&ctx.own()).await?.len(),
        0,
    )?;
    ctx.equal("the other session's container", ctx.get(&other.id).await?, other)?;
    let again = ctx.driver().remove_session(ctx.session()).await;
    ctx.equal(
        "what a second removal finds",
        (again.containers, again.failures.len()),
        (0, 0),
    )
}

async fn everything(ctx: Ctx) -> CheckResult {
    let volume = ctx.driver().create_volume(&ctx.volume()).await?;
    let network = ctx.driver().create_network(&ctx.network()).await?;
    let config = ctx
        .script(SERVE)
        .security(super::volumes::writable())
        .mount(VolumeMount::volume(&volume.name, "/data"))
        .network(network.name.as_str());
    ctx.ready(&config).await?;
    let removed = ctx.driver().remove_session(ctx.session()).await;
    let counts = (
        removed.containers,
        removed.volumes,
        removed.networks,
        removed.failures.len(),
    );
    ctx.equal(
        "removed containers, volumes, networks, and failures",
        counts,
        (1, 1, 1, 0),
    )?;
    let filter = ResourceFilter::default().session(ctx.session().clone());
    ctx.equal(
        "volumes left",
        ctx.driver().list_volumes(&filter).await?,
        Vec::new(),
    )?;
    ctx.equal(
        "networks left",
        ctx.driver().list_networks(&filter).await?,
        Vec::new(),
    )
}

async fn another_process(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let second = ctx.second_driver().await?;
    let found = second.list_containers(&ctx.own()).await?;
    ctx.equal("the containers it finds", found, vec![running.clone()])?;
    let removed = second.remove_session(ctx.session()).await;
    ctx.equal(
        "removed containers and failures",
        (removed.containers, removed.failures.len()),
        (1, 0),
    )?;
    ctx.equal(
        "the container",
        ctx.driver().get_container(&running.id).await?,
        None,
    )
}
