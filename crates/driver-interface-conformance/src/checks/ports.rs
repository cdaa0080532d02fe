//! Checks of published container ports, to which a client on the host connects.

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
        "A running container reports each published port with protocol and host address; any other reports \
         none.",
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
        "ports/distinct-host-ports",
        "Two containers that publish the same container port get different host ports.",
        run!(distinct_host_ports),
    )
    .config(NEEDS),
    Check::must(
        "ports/reachable",
        "A server in a container is reachable at the address that the instance reports.",
        run!(reachable),
    )
    .config(NEEDS)
    .properties(&[Property::RealProcesses]),
    Check::must(
        "ports/fixed-host-port",
        "A configured host port is open while the container runs and closed after the stop.",
        run!(fixed_host_port),
    )
    .config(NEEDS)
    .properties(&[Property::RealProcesses]),
    Check::must(
        "ports/host-port-in-use",
        "A start with a host port that is in use returns `ContainerStartError`, and the container does not \
         run.",
        run!(host_port_in_use),
    )
    .config(NEEDS)
    .properties(&[Property::RealProcesses]),
    Check::must(
        "ports/unpublished-not-reported",
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
    ctx.ensure("each has a host port", given, &running.ports)?;
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

async fn distinct_host_ports(ctx: Ctx) -> CheckResult {
    let config = || ctx.script(SERVE).port(PortMapping::new(PORT));
    let (one, other) = (ctx.ready(&config()).await?, ctx.ready(&config()).await?);
    let (one, other) = (one.endpoint(PORT), other.endpoint(PORT));
    ctx.ensure(
        "both have an endpoint",
        one.is_some() && other.is_some(),
        (one, other),
    )?;
    ctx.ensure("they differ", one != other, (one, other))
}

/// Connects to a server and returns the text that the server sends. Returns `None` if there is no response.
async fn read_greeting(address: SocketAddr) -> Option<String> {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.ok()?;
        Some(text).filter(|text| !text.is_empty())
    };
    timeout(Duration::from_secs(5), exchange).await.ok().flatten()
}

/// Connects to the server repeatedly until the server responds. A single attempt can fail, because the server does
/// not listen for a moment after each connection.
async fn expect_reply(ctx: &Ctx, id: &ContainerId, address: SocketAddr) -> CheckResult {
    let about = format!("a reply of {id} at {address}");
    let reply = ctx
        .eventually(&about, Duration::from_secs(20), || async {
            Ok(read_greeting(address).await.ok_or_else(|| "none".to_owned()))
        })
        .await?;
    ctx.equal("the reply", reply.as_str(), "pong\n")
}

async fn host_address(ctx: &Ctx, id: &ContainerId) -> CheckResult<SocketAddr> {
    let location = ctx.get(id).await?.endpoint(PORT);
    Ok(location.ok_or_else(|| Failure::new("the port's host address", "an address", "none"))?)
}

async fn reachable(ctx: Ctx) -> CheckResult {
    let running = ctx
        .ready(&ctx.script(&server()).port(PortMapping::new(PORT)))
        .await?;
    expect_reply(&ctx, &running.id, host_address(&ctx, &running.id).await?).await?;
    // After a restart, the host port may be another one, which the instance reports.
    ctx.driver()
        .stop_container(&running.id, StopOptions::kill())
        .await?;
    ctx.driver().start_container(&running.id).await?;
    expect_reply(&ctx, &running.id, host_address(&ctx, &running.id).await?).await
}

/// Reserves a free port. The port stays reserved until the returned listener is dropped.
async fn free_port() -> CheckResult<(TcpListener, u16)> {
    let broken = |error: std::io::Error| Verdict::Broken(format!("there is no free port: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(broken)?;
    let port = listener.local_addr().map_err(broken)?.port();
    Ok((listener, port))
}

async fn fixed_host_port(ctx: Ctx) -> CheckResult {
    let (listener, port) = free_port().await?;
    drop(listener);
    let config = ctx.script(&server()).port(PortMapping::new(PORT).host_port(port));
    let running = ctx.ready(&config).await?;
    let at = host_address(&ctx, &running.id).await?;
    ctx.equal(
        "the address",
        at,
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port),
    )?;
    expect_reply(&ctx, &running.id, at).await?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::kill())
        .await?;
    ctx.equal("after the stop", read_greeting(at).await, None)
}

async fn host_port_in_use(ctx: Ctx) -> CheckResult {
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
    expect_reply(&ctx, &created.id, host_address(&ctx, &created.id).await?).await
}

async fn unpublished(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE).port(PortMapping::new(81))).await?;
    ctx.equal("ports", running.ports.len(), 1)?;
    ctx.equal("a port that is not published", running.endpoint(PORT), None)?;
    ctx.ensure(
        "the control: a published port",
        running.endpoint(81).is_some(),
        &running.ports,
    )
}
