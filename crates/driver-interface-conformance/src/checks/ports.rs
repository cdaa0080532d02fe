//! Checks of container ports, reached from the host.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_types::{
    ConfigFeature, ContainerDriver, ContainerId, PortMapping, Property, Protocol, StopOptions,
};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::networks::server;
use crate::{Check, CheckResult, Ctx, Failure, SERVE, Verdict, run};

const NEEDS: &[ConfigFeature] = &[ConfigFeature::PortPublish];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "ports/recorded",
        "The instance of a running container has each published port with protocol and host address; otherwise none.",
        run!(recorded),
    )
    .config(NEEDS),
    Check::must(
        "ports/loopback-by-default",
        "A port is published on the host's loopback only, unless the config has an address.",
        run!(loopback),
    )
    .because("engines publish on all interfaces by default")
    .config(NEEDS),
    Check::must(
        "ports/picked-apart",
        "Two containers that publish the same container port get different host ports.",
        run!(picked),
    )
    .config(NEEDS),
    Check::must(
        "ports/reached",
        "A server in the container is reached at the address that the instance reports.",
        run!(reached),
    )
    .config(NEEDS)
    .properties(&[Property::RealProcesses]),
    Check::must(
        "ports/given",
        "A configured host port is used, and is closed after the stop.",
        run!(given),
    )
    .config(NEEDS)
    .properties(&[Property::RealProcesses]),
    Check::must(
        "ports/taken",
        "A host port that is in use is `ContainerStartError`, and the container does not run.",
        run!(taken),
    )
    .config(NEEDS)
    .properties(&[Property::RealProcesses]),
    Check::must(
        "ports/unpublished-is-closed",
        "The instance does not report a port that is not published, even if a server listens on it.",
        run!(unpublished),
    )
    .config(NEEDS),
];

const PORT: u16 = 7070;

async fn recorded(ctx: Ctx) -> CheckResult {
    let config = ctx
        .script(SERVE)
        .port(PortMapping::new(PORT))
        .port(PortMapping::new(PORT).protocol(Protocol::Udp))
        .port(PortMapping::new(81));
    let created = ctx.driver().create_container(&config).await?;
    ctx.equal(
        "ports before the start",
        ctx.get(&created.id).await?.ports,
        Vec::new(),
    )?;
    ctx.driver().start_container(&created.id).await?;
    let running = ctx.get(&created.id).await?;
    let mut actual: Vec<_> = running
        .ports
        .iter()
        .map(|port| (port.container_port, port.protocol))
        .collect();
    actual.sort_unstable();
    ctx.equal(
        "the ports",
        actual,
        vec![(81, Protocol::Tcp), (PORT, Protocol::Tcp), (PORT, Protocol::Udp)],
    )?;
    let given = running.ports.iter().all(|port| port.host_port > 0);
    ctx.ensure("each has one on the host", given, &running.ports)?;
    ctx.ensure(
        "the endpoint is known",
        running.endpoint(PORT).is_some(),
        &running.ports,
    )?;
    let listed = ctx.driver().list_containers(&ctx.session_filter()).await?;
    ctx.equal(
        "a list reports the same",
        listed.first().map(|one| &one.ports),
        Some(&running.ports),
    )?;
    ctx.driver()
        .stop_container(&created.id, StopOptions::kill())
        .await?;
    ctx.equal(
        "ports after the exit",
        ctx.get(&created.id).await?.ports,
        Vec::new(),
    )
}

async fn loopback(ctx: Ctx) -> CheckResult {
    let config = ctx
        .script(SERVE)
        .port(PortMapping::new(PORT))
        .port(PortMapping::new(81).host_ip(Ipv4Addr::UNSPECIFIED));
    let running = ctx.ready(&config).await?;
    let at = |inside: u16| -> Vec<IpAddr> {
        let of_it = running.ports.iter().filter(|port| port.container_port == inside);
        of_it.map(|port| port.host_ip).collect()
    };
    ctx.equal(
        "without an address",
        at(PORT),
        vec![IpAddr::from(Ipv4Addr::LOCALHOST)],
    )?;
    ctx.ensure(
        "the control with every address",
        at(81).contains(&Ipv4Addr::UNSPECIFIED.into()),
        at(81),
    )
}

async fn picked(ctx: Ctx) -> CheckResult {
    let config = || ctx.script(SERVE).port(PortMapping::new(PORT));
    let (one, other) = (ctx.ready(&config()).await?, ctx.ready(&config()).await?);
    let (one, other) = (one.endpoint(PORT), other.endpoint(PORT));
    ctx.ensure("both have one", one.is_some() && other.is_some(), (one, other))?;
    ctx.ensure("they differ", one != other, (one, other))
}

/// Connects to a server and returns what it sends, if it is reachable.
async fn read_greeting(address: SocketAddr) -> Option<String> {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.ok()?;
        Some(text).filter(|text| !text.is_empty())
    };
    timeout(Duration::from_secs(5), talk).await.ok().flatten()
}

/// Retries until the server responds, because it is unavailable between two connections.
async fn answers(ctx: &Ctx, id: &ContainerId, address: SocketAddr) -> CheckResult {
    let about = format!("an answer of {id} at {address}");
    let word = ctx
        .eventually(&about, Duration::from_secs(20), || async {
            Ok(read_greeting(address).await.ok_or_else(|| "none".to_owned()))
        })
        .await?;
    ctx.equal("the answer", word.as_str(), "pong\n")
}

async fn location(ctx: &Ctx, id: &ContainerId) -> CheckResult<SocketAddr> {
    let location = ctx.get(id).await?.endpoint(PORT);
    Ok(location.ok_or_else(|| Failure::new("the port's host address", "one", "none"))?)
}

async fn reached(ctx: Ctx) -> CheckResult {
    let running = ctx
        .ready(&ctx.script(&server()).port(PortMapping::new(PORT)))
        .await?;
    answers(&ctx, &running.id, location(&ctx, &running.id).await?).await?;
    // The next run may use another port; the instance reports it.
    ctx.driver()
        .stop_container(&running.id, StopOptions::kill())
        .await?;
    ctx.driver().start_container(&running.id).await?;
    answers(&ctx, &running.id, location(&ctx, &running.id).await?).await
}

/// Reserves a free port. The listener holds it until it is dropped.
async fn free_port() -> CheckResult<(TcpListener, u16)> {
    let broken = |error: std::io::Error| Verdict::Broken(format!("there is no free port: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(broken)?;
    let port = listener.local_addr().map_err(broken)?.port();
    Ok((listener, port))
}

async fn given(ctx: Ctx) -> CheckResult {
    let (listener, port) = free_port().await?;
    drop(listener);
    let config = ctx.script(&server()).port(PortMapping::new(PORT).host_port(port));
    let running = ctx.ready(&config).await?;
    let at = location(&ctx, &running.id).await?;
    ctx.equal(
        "the address",
        at,
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port),
    )?;
    answers(&ctx, &running.id, at).await?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::kill())
        .await?;
    ctx.equal("after the stop", read_greeting(at).await, None)
}

async fn taken(ctx: Ctx) -> CheckResult {
    let (listener, port) = free_port().await?;
    let config = ctx.script(&server()).port(PortMapping::new(PORT).host_port(port));
    let created = ctx.driver().create_container(&config).await?;
    let result = ctx.driver().start_container(&created.id).await;
    ctx.refused("the start", result, &[codes::CONTAINER_START_FAILED])?;
    let now = ctx.get(&created.id).await?;
    ctx.equal(
        "the state",
        now.state == driver_interface_types::ContainerState::Running,
        false,
    )?;
    drop(listener);
    ctx.driver().start_container(&created.id).await?;
    answers(&ctx, &created.id, location(&ctx, &created.id).await?).await
}

async fn unpublished(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE).port(PortMapping::new(81))).await?;
    ctx.equal("ports", running.ports.len(), 1)?;
    ctx.equal("one that is not published", running.endpoint(PORT), None)?;
    ctx.ensure(
        "the control: one that is",
        running.endpoint(81).is_some(),
        &running.ports,
    )
}
