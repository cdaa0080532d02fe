//! Checks of inspecting networks and volumes, and of connecting containers to networks.

use driver_interface_errors::{Effect, codes};
use driver_interface_types::{
    ConfigFeature, ContainerDriver, ContainerInstance, ContainerStatus, Network, NetworkConnectOptions,
    NetworkId, Operation, Property, RemoveOptions, StopOptions,
};

use super::networks::{client, expected_replies, server};
use crate::{Check, CheckResult, Ctx, SERVE, run};

const NEEDS: &[Operation] = &[Operation::ConnectNetwork, Operation::DisconnectNetwork];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "networks/get",
        "`get_network` returns a network by its id, as it was created, only in its own namespace.",
        run!(get),
    )
    .requires(&[Operation::GetNetwork])
    .without_image(),
    Check::must(
        "networks/connect",
        "A created, running or exited container can be connected to a network and stays connected until it \
         is disconnected.",
        run!(connect),
    )
    .properties(&[Property::CreatedState])
    .requires(NEEDS),
    Check::must(
        "networks/connect-twice",
        "Connecting a connected container has no effect, and a single disconnect then disconnects it.",
        run!(connect_twice),
    )
    .requires(NEEDS),
    Check::must(
        "networks/connect-without-network",
        "Connecting a container that was created without a network returns `NetworkConnectError` and has no \
         effect.",
        run!(without_network),
    )
    .requires(NEEDS),
    Check::must(
        "networks/connect-reachable",
        "A connected running container is reachable by name on the network and keeps its other network.",
        run!(reachable),
    )
    .requires(NEEDS)
    .properties(&[Property::RealProcesses]),
    Check::must(
        "networks/connect-alias",
        "A connected container resolves by its aliases, on that network only.",
        run!(alias),
    )
    .requires(NEEDS)
    .properties(&[Property::RealProcesses]),
    Check::must(
        "networks/disconnect",
        "A disconnected running container is not reachable on the network.",
        run!(disconnect),
    )
    .requires(NEEDS)
    .properties(&[Property::RealProcesses]),
    Check::must(
        "networks/disconnect-twice",
        "Disconnecting a container that is not connected succeeds without effect.",
        run!(disconnect_twice),
    )
    .without_programs()
    .requires(NEEDS),
    Check::must(
        "networks/internal",
        "Containers on an internal network reach each other, and every driver reports the network as \
         internal.",
        run!(internal),
    )
    .because("the lack of an external route cannot be measured on hosts that have none")
    .config(&[ConfigFeature::InternalNetwork])
    .properties(&[Property::RealProcesses]),
];

async fn get(ctx: Ctx) -> CheckResult {
    let config = ctx.network().label("empty", "").label("team", "größe");
    let created = ctx.driver().create_network(&config).await?;
    let name = NetworkId::new(&created.name)?;
    for driver in [ctx.driver(), &ctx.second_driver().await?] {
        let found = driver.get_network(&created.id).await?;
        ctx.equal("lookup by id", found, Some(created.clone()))?;
        let found = driver.get_network(&name).await?;
        ctx.equal("lookup by name as an id", found, None)?;
    }
    let other_namespace = ctx.other_namespace().await?;
    ctx.equal(
        "in another namespace",
        other_namespace.get_network(&created.id).await?,
        None,
    )?;
    let prefix = NetworkId::new(created.id.as_str().get(..12).unwrap_or("ab"))?;
    if prefix != created.id {
        ctx.equal(
            "a prefix of the id",
            ctx.driver().get_network(&prefix).await?,
            None,
        )?;
    }
    ctx.driver().remove_network(&created.id).await?;
    ctx.equal(
        "after its removal",
        ctx.driver().get_network(&created.id).await?,
        None,
    )
}

fn plain() -> NetworkConnectOptions {
    NetworkConnectOptions::default()
}

async fn network(ctx: &Ctx) -> CheckResult<Network> {
    Ok(ctx.driver().create_network(&ctx.network()).await?)
}

/// Creates three containers on a new network: one that is only created, one that is running, and one that has exited.
async fn containers(ctx: &Ctx) -> CheckResult<[ContainerInstance; 3]> {
    let home = network(ctx).await?;
    let created = ctx
        .driver()
        .create_container(&ctx.script(SERVE).network(home.name.as_str()))
        .await?;
    let running = ctx.ready(&ctx.script(SERVE).network(home.name.as_str())).await?;
    let (exited, _) = ctx
        .finished(&ctx.script("exit 3").network(home.name.as_str()))
        .await?;
    Ok([created, running, exited])
}

/// Tries to remove a network. If `expected` is true, asserts that the driver refuses because the network is in use.
/// If `expected` is false, asserts that the removal succeeds.
async fn assert_in_use(ctx: &Ctx, about: &str, network: &Network, expected: bool) -> CheckResult {
    let removed = ctx.driver().remove_network(&network.id).await;
    if expected {
        ctx.refused(about, removed, &[codes::NETWORK_REMOVE_FAILED])?;
        return Ok(());
    }
    ctx.ensure(about, removed.is_ok(), &removed)
}

async fn connect(ctx: Ctx) -> CheckResult {
    for container in containers(&ctx).await? {
        let network = network(&ctx).await?;
        let about = |what: &str| format!("{what}, of a container that is {}", container.status);
        ctx.driver()
            .connect_network(&network.id, &container.id, plain())
            .await?;
        assert_in_use(&ctx, &about("attached"), &network, true).await?;
        let now = ctx.get(&container.id).await?;
        ctx.equal(about("status"), now.status, container.status)?;
        ctx.driver()
            .disconnect_network(&network.id, &container.id)
            .await?;
        assert_in_use(&ctx, &about("detached"), &network, false).await?;
    }
    // A container that is connected before its start is still connected after its start and its exit. Its removal
    // disconnects it.
    let [created, ..] = containers(&ctx).await?;
    let network = network(&ctx).await?;
    ctx.driver()
        .connect_network(&network.id, &created.id, plain())
        .await?;
    ctx.driver().start_container(&created.id).await?;
    ctx.driver()
        .stop_container(&created.id, StopOptions::kill())
        .await?;
    assert_in_use(&ctx, "attached after a run", &network, true).await?;
    ctx.driver()
        .remove_container(&created.id, RemoveOptions::default())
        .await?;
    assert_in_use(&ctx, "after the container's removal", &network, false).await
}

async fn connect_twice(ctx: Ctx) -> CheckResult {
    for container in containers(&ctx).await? {
        let network = network(&ctx).await?;
        for options in [plain(), plain(), plain().alias("other")] {
            ctx.driver()
                .connect_network(&network.id, &container.id, options)
                .await?;
        }
        assert_in_use(&ctx, "attached three times", &network, true).await?;
        ctx.driver()
            .disconnect_network(&network.id, &container.id)
            .await?;
        assert_in_use(&ctx, "detached once", &network, false).await?;
    }
    Ok(())
}

async fn without_network(ctx: Ctx) -> CheckResult {
    let network = network(&ctx).await?;
    let running = ctx.ready(&ctx.script(SERVE).network("none")).await?;
    let created = ctx
        .driver()
        .create_container(&ctx.script(SERVE).network("none"))
        .await?;
    for id in [&running.id, &created.id] {
        let before = ctx.get(id).await?;
        let result = ctx.driver().connect_network(&network.id, id, plain()).await;
        let error = ctx.refused("the connection", result, &[codes::NETWORK_CONNECT_FAILED])?;
        ctx.equal("retryable", error.is_retryable(), false)?;
        ctx.equal("effect", error.effect(), Effect::NotApplied)?;
        ctx.equal("the container", ctx.get(id).await?, before)?;
    }
    assert_in_use(&ctx, "the network is unused", &network, false).await
}

async fn requested(ctx: &Ctx, hosts: &[&str], network: &Network) -> CheckResult<String> {
    let (_, logs) = ctx
        .finished(&ctx.script(&client(hosts)).network(network.name.as_str()))
        .await?;
    Ok(logs)
}

async fn reachable(ctx: Ctx) -> CheckResult {
    let (home, more) = (network(&ctx).await?, network(&ctx).await?);
    let server = ctx
        .ready(&ctx.script(&server()).network(home.name.as_str()))
        .await?;
    let host = [server.name.as_str()];
    ctx.equal(
        "the control before",
        requested(&ctx, &host, &more).await?,
        expected_replies(&host, false),
    )?;
    ctx.driver()
        .connect_network(&more.id, &server.id, plain())
        .await?;
    ctx.equal(
        "on the new network",
        requested(&ctx, &host, &more).await?,
        expected_replies(&host, true),
    )?;
    ctx.equal(
        "on the first network",
        requested(&ctx, &host, &home).await?,
        expected_replies(&host, true),
    )
}

async fn alias(ctx: Ctx) -> CheckResult {
    let (home, more) = (network(&ctx).await?, network(&ctx).await?);
    let server = ctx
        .ready(&ctx.script(&server()).network(home.name.as_str()))
        .await?;
    let options = plain().alias("db").alias("postgres");
    ctx.driver()
        .connect_network(&more.id, &server.id, options)
        .await?;
    let hosts = ["db", "postgres", server.name.as_str()];
    ctx.equal(
        "on that network",
        requested(&ctx, &hosts, &more).await?,
        expected_replies(&hosts, true),
    )?;
    let aliases = ["db", "postgres"];
    ctx.equal(
        "on the other network",
        requested(&ctx, &aliases, &home).await?,
        expected_replies(&aliases, false),
    )
}

async fn disconnect(ctx: Ctx) -> CheckResult {
    let (home, more) = (network(&ctx).await?, network(&ctx).await?);
    let server = ctx
        .ready(&ctx.script(&server()).network(home.name.as_str()))
        .await?;
    ctx.driver()
        .connect_network(&more.id, &server.id, plain())
        .await?;
    let host = [server.name.as_str()];
    ctx.equal(
        "the control while attached",
        requested(&ctx, &host, &more).await?,
        expected_replies(&host, true),
    )?;
    ctx.driver().disconnect_network(&more.id, &server.id).await?;
    ctx.equal(
        "after the disconnect",
        requested(&ctx, &host, &more).await?,
        expected_replies(&host, false),
    )?;
    ctx.equal(
        "on its own network",
        requested(&ctx, &host, &home).await?,
        expected_replies(&host, true),
    )
}

async fn disconnect_twice(ctx: Ctx) -> CheckResult {
    for container in containers(&ctx).await? {
        let network = network(&ctx).await?;
        let before = ctx.get(&container.id).await?;
        ctx.driver()
            .disconnect_network(&network.id, &container.id)
            .await?;
        ctx.equal(
            "a container that was never attached",
            ctx.get(&container.id).await?,
            before,
        )?;
        ctx.driver()
            .connect_network(&network.id, &container.id, plain())
            .await?;
        assert_in_use(&ctx, "the control: it is attached", &network, true).await?;
        for _ in 0..2 {
            ctx.driver()
                .disconnect_network(&network.id, &container.id)
                .await?;
        }
        assert_in_use(&ctx, "disconnected twice", &network, false).await?;
    }
    Ok(())
}

async fn internal(ctx: Ctx) -> CheckResult {
    let closed = ctx.driver().create_network(&ctx.network().internal(true)).await?;
    let open = network(&ctx).await?;
    ctx.equal("internal", (closed.internal, open.internal), (true, false))?;
    let server = ctx
        .ready(&ctx.script(&server()).network(closed.name.as_str()))
        .await?;
    let host = [server.name.as_str()];
    ctx.equal(
        "on the internal network",
        requested(&ctx, &host, &closed).await?,
        expected_replies(&host, true),
    )?;
    let outside = ctx
        .driver()
        .create_container(&ctx.script(SERVE).network(open.name.as_str()))
        .await?;
    ctx.equal(
        "status of the control on the open network",
        outside.status,
        ContainerStatus::Created,
    )?;
    if ctx.declares(Operation::GetNetwork) {
        for network in [&closed, &open] {
            let actual = ctx.second_driver().await?.get_network(&network.id).await?;
            ctx.equal(
                "as seen by another driver",
                actual.map(|actual| actual.internal),
                Some(network.internal),
            )?;
        }
    }
    Ok(())
}
