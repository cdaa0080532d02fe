//! Checks that a later process can find and remove all resources of a session.

use std::time::Duration;

use driver_interface_types::{
    ContainerDriver, ContainerDriverExt, ContainerFilter, ContainerStatus, Operation, ResourceFilter,
    StopOptions, VolumeMount,
};

use crate::{Check, CheckResult, Ctx, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "cleanup/session",
        "`remove_session` removes all containers of the session, including running ones, and nothing of \
         another session.",
        run!(session),
    ),
    Check::must(
        "cleanup/session-with-volumes-and-networks",
        "`remove_session` also removes the session's volumes and networks, after the containers that use \
         them.",
        run!(everything),
    )
    .requires(&[Operation::ListVolumes, Operation::ListNetworks]),
    Check::must(
        "cleanup/by-another-process",
        "A driver that created none of a session's resources finds and removes them by their labels.",
        run!(another_process),
    ),
    Check::must(
        "cleanup/namespace",
        "`clear_namespace` removes every resource of the namespace, with or without a session, and nothing \
         else.",
        run!(namespace),
    )
    .requires(&[Operation::ListVolumes, Operation::ListNetworks]),
    Check::must(
        "cleanup/idle-networks",
        "`remove_idle_networks` keeps the networks of running, exited and created containers.",
        run!(idle_networks),
    )
    .requires(&[Operation::RemoveIdleNetworks]),
    Check::must(
        "cleanup/idle-networks-concurrent",
        "Concurrent `remove_idle_networks` calls by two drivers affect neither each other nor containers \
         being created.",
        run!(idle_networks_concurrent),
    )
    .requires(&[Operation::RemoveIdleNetworks]),
];

async fn session(ctx: Ctx) -> CheckResult {
    ctx.ready(&ctx.script(SERVE)).await?;
    ctx.driver().create_container(&ctx.script("true")).await?;
    ctx.finished(&ctx.script("exit 1")).await?;
    let mut in_other_session = ctx.script("true");
    in_other_session.session_id = ctx.new_session()?.to_string();
    let other = ctx.driver().create_container(&in_other_session).await?;
    let removed = ctx.driver().remove_session(ctx.session()).await;
    ctx.equal(
        "removed containers and failures",
        (removed.containers, removed.failures.len()),
        (3, 0),
    )?;
    ctx.equal(
        "containers of the session",
        ctx.driver().list_containers(&ctx.session_filter()).await?.len(),
        0,
    )?;
    ctx.equal("the other session's container", ctx.get(&other.id).await?, other)?;
    let again = ctx.driver().remove_session(ctx.session()).await;
    ctx.equal(
        "result of a second removal",
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
        "leftover volumes",
        ctx.driver().list_volumes(&filter).await?,
        Vec::new(),
    )?;
    ctx.equal(
        "leftover networks",
        ctx.driver().list_networks(&filter).await?,
        Vec::new(),
    )
}

async fn another_process(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let second = ctx.second_driver().await?;
    let found = second.list_containers(&ctx.session_filter()).await?;
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

async fn namespace(ctx: Ctx) -> CheckResult {
    let other = ctx.other_namespace().await?;
    let ours = ctx.driver().create_container(&ctx.script("true")).await?;
    let running = other.create_container(&ctx.script(SERVE)).await?;
    other.start_container(&running.id).await?;
    let mut in_other_session = ctx.script("true");
    in_other_session.session_id = ctx.new_session()?.to_string();
    other.create_container(&in_other_session).await?;
    let (mut volume, mut network) = (ctx.volume(), ctx.network());
    (volume.session_id, network.session_id) = (None, None);
    other.create_volume(&volume).await?;
    other.create_network(&network).await?;
    let removed = other.clear_namespace().await;
    let counts = (
        removed.containers,
        removed.volumes,
        removed.networks,
        removed.failures.len(),
    );
    ctx.equal(
        "removed containers, volumes, networks, and failures",
        counts,
        (2, 1, 1, 0),
    )?;
    let left = (
        other.list_containers(&ContainerFilter::default()).await?,
        other.list_volumes(&ResourceFilter::default()).await?,
        other.list_networks(&ResourceFilter::default()).await?,
    );
    ctx.equal("leftover resources", left, (Vec::new(), Vec::new(), Vec::new()))?;
    ctx.equal("the container of this namespace", ctx.get(&ours.id).await?, ours)
}

async fn idle_networks(ctx: Ctx) -> CheckResult {
    // The containers are in different sessions, because each session may have its own network.
    let in_new_session = |script: &str| -> CheckResult<_> {
        let mut config = ctx.script(script);
        config.session_id = ctx.new_session()?.to_string();
        Ok(config)
    };
    let running = ctx.ready(&in_new_session(SERVE)?).await?;
    let created = ctx.driver().create_container(&in_new_session(SERVE)?).await?;
    let exited = ctx.ready(&in_new_session(SERVE)?).await?;
    ctx.driver()
        .stop_container(&exited.id, StopOptions::kill())
        .await?;
    for driver in [ctx.driver(), &ctx.second_driver().await?] {
        driver.remove_idle_networks().await?;
    }
    ctx.equal("the running container", ctx.get(&running.id).await?, running)?;
    for container in [created, exited] {
        ctx.driver().start_container(&container.id).await?;
        let now = ctx.get(&container.id).await?;
        ctx.equal("status after a start", now.status, ContainerStatus::Running)?;
        ctx.ensure("it has an address", now.ip_address.is_some(), &now)?;
    }
    Ok(())
}

async fn idle_networks_concurrent(ctx: Ctx) -> CheckResult {
    let second = ctx.second_driver().await?;
    let cleaning = ctx.together(8, |number| {
        let driver = ctx.in_turn(&second, number).clone();
        async move {
            for _ in 0..4 {
                driver.remove_idle_networks().await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok::<_, driver_interface_types::DriverError>(())
        }
    });
    let creating = async {
        for number in 0..6 {
            let driver = ctx.in_turn(&second, number);
            let created = driver.create_container(&ctx.script(SERVE)).await?;
            driver.start_container(&created.id).await?;
            let now = ctx.get(&created.id).await?;
            ctx.ensure("a new container has an address", now.ip_address.is_some(), &now)?;
            let removed = driver.remove_session(ctx.session()).await;
            let counts = (removed.containers, removed.failures.len());
            ctx.equal("removed containers and failures", counts, (1, 0))?;
        }
        Ok(())
    };
    let (cleaned, created): (_, CheckResult) = tokio::join!(cleaning, creating);
    for result in cleaned? {
        result?;
    }
    created
}
