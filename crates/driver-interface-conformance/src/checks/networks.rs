//! Checks of networks: which containers can reach each other.

use driver_interface_errors::{Effect, Hint, codes};
use driver_interface_types::{
    ContainerDriver, ContainerDriverExt as _, ContainerInstance, Guarantee, NetworkConfig, Property,
    RemoveOptions, StopOptions,
};

use crate::{Check, CheckResult, Ctx, Failure, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "networks/round-trip",
        "A network is returned with its name, session and labels, and can be removed once.",
        run!(round_trip),
    )
    .without_image(),
    Check::must(
        "networks/name-taken",
        "A second network with a taken name is refused, not retryable, and the first is unchanged.",
        run!(name_taken),
    )
    .without_image(),
    Check::must(
        "networks/in-use-not-removed",
        "A network with connected containers, which may name it by its id, is not removed until they are removed, \
         running or not.",
        run!(in_use),
    ),
    Check::must(
        "networks/resolve-by-name",
        "Containers on one network resolve each other by name and can communicate.",
        run!(resolve_by_name),
    )
    .properties(&[Property::RealProcesses]),
    Check::must(
        "networks/name-resolution-isolated",
        "A container does not resolve the name of a container on another network.",
        run!(name_resolution_isolated),
    )
    .properties(&[Property::RealProcesses]),
    Check::must(
        "networks/isolated",
        "A container reaches neither the name nor the address of a container on another network.",
        run!(isolated),
    )
    .because(
        "Docker Engine removes and restores its isolation rule whenever it creates a network, and packets \
         pass in between, so the check runs alone",
    )
    .exclusive()
    .guarantees(&[Guarantee::Network])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "networks/none",
        "A container without a network has only the loopback interface.",
        run!(none),
    )
    .properties(&[Property::RealProcesses]),
    Check::must(
        "networks/sessions-isolated",
        "On the default network, containers of different sessions cannot reach each other.",
        run!(sessions_isolated),
    )
    .guarantees(&[Guarantee::Sessions])
    .properties(&[Property::RealProcesses]),
];

const PORT: u16 = 7070;
const TRIES: u8 = 4;

/// Returns a script of a server that sends a word to every client that connects.
pub(super) fn server() -> String {
    format!("trap 'exit 0' TERM; echo ready; while true; do echo pong | nc -l -p {PORT}; done")
}

/// Returns a script of a client that connects to all `hosts` concurrently. For each host, the script prints whether
/// the host responded. The client retries, because the server does not listen for a moment after each connection.
///
/// An engine immediately resolves the names that it knows. It passes other names to the host's DNS server. If the
/// host has no DNS server, a lookup never ends. The script therefore limits the time of each `nc`. All connections
/// together take no longer than one connection, because the script tries them concurrently.
pub(super) fn client(hosts: &[&str]) -> String {
    let tries = hosts.iter().enumerate().map(|(number, host)| {
        format!(
            "(r=; n=0; while [ -z \"$r\" ] && [ $n -lt {TRIES} ]; do \
             r=$(nc -w 3 {host} {PORT} </dev/null 2>/dev/null); n=$((n+1)); [ -z \"$r\" ] && sleep 1; done; \
             echo {host} $r > /tmp/reply-{number}) & tries=\"$tries $!\"; "
        )
    });
    let replies = (0..hosts.len()).map(|number| format!(" /tmp/reply-{number}"));
    format!(
        "tries=; {}wait $tries; cat{}",
        tries.collect::<String>(),
        replies.collect::<String>()
    )
}

pub(super) fn expected_replies(hosts: &[&str], replied: bool) -> String {
    hosts
        .iter()
        .map(|host| {
            if replied {
                format!("{host} pong\n")
            } else {
                format!("{host}\n")
            }
        })
        .collect()
}

fn address(container: &ContainerInstance) -> CheckResult<String> {
    let none = || Failure::new(format!("the address of {}", container.name), "an address", "none").into();
    container
        .ip_address
        .map(|address| address.to_string())
        .ok_or_else(none)
}

async fn round_trip(ctx: Ctx) -> CheckResult {
    let config = ctx.network().label("empty", "").label("team", "größe");
    let created = ctx.driver().create_network(&config).await?;
    ctx.equal("name", created.name.as_str(), config.name.as_str())?;
    ctx.equal("session", created.session_id.as_ref(), Some(ctx.session()))?;
    ctx.equal("labels", created.labels, config.labels)?;
    ctx.driver().remove_network(&created.id).await?;
    let again = ctx.driver().remove_network(&created.id).await;
    ctx.refused("the second removal", again, &[codes::NETWORK_NOT_FOUND])?;
    let other = ctx
        .driver()
        .create_network(&NetworkConfig::new(ctx.name()))
        .await?;
    ctx.equal("session of a network without one", other.session_id, None)?;
    ctx.driver().remove_network(&other.id).await?;
    let again = ctx.driver().remove_network(&other.id).await;
    ctx.refused(
        "the second removal of the network",
        again,
        &[codes::NETWORK_NOT_FOUND],
    )?;
    Ok(())
}

async fn name_taken(ctx: Ctx) -> CheckResult {
    let config = ctx.network();
    let first = ctx.driver().create_network(&config).await?;
    for driver in [ctx.driver(), &ctx.second_driver().await?] {
        let error = driver.create_network(&config).await;
        let error = ctx.refused("the second creation", error, &[codes::NETWORK_CREATION_FAILED])?;
        ctx.equal("retryable", error.is_retryable(), false)?;
        ctx.equal("hint", error.hint(), Some(Hint::NameTaken))?;
        ctx.equal("effect", error.effect(), Effect::NotApplied)?;
    }
    ctx.driver().remove_network(&first.id).await?;
    let left = ctx.driver().find_network(&config.name).await?;
    ctx.equal("leftovers of the refused creations", left, None)?;
    Ok(())
}

async fn in_use(ctx: Ctx) -> CheckResult {
    let network = ctx.driver().create_network(&ctx.network()).await?;
    let container = ctx
        .driver()
        .create_container(&ctx.script(SERVE).network(&network.id))
        .await?;
    for state in ["created", "running", "exited"] {
        match state {
            "running" => drop(ctx.driver().start_container(&container.id).await?),
            "exited" => drop(
                ctx.driver()
                    .stop_container(&container.id, StopOptions::kill())
                    .await?,
            ),
            _ => {}
        }
        let result = ctx.driver().remove_network(&network.id).await;
        let error = ctx.refused(
            format!("removal while the container is {state}"),
            result,
            &[codes::NETWORK_REMOVE_FAILED],
        )?;
        ctx.equal("hint", error.hint(), Some(Hint::InUse))?;
        ctx.equal("retryable", error.is_retryable(), false)?;
        ctx.equal("effect", error.effect(), Effect::NotApplied)?;
    }
    ctx.driver().start_container(&container.id).await?;
    ctx.driver()
        .remove_container(&container.id, RemoveOptions::force())
        .await?;
    ctx.driver().remove_network(&network.id).await?;
    Ok(())
}

async fn resolve_by_name(ctx: Ctx) -> CheckResult {
    let network = ctx.driver().create_network(&ctx.network()).await?;
    let server = ctx
        .ready(&ctx.script(&server()).network(network.name.as_str()))
        .await?;
    let own = address(&server)?;
    let hosts = [server.name.as_str(), &own];
    let (_, logs) = ctx
        .finished(&ctx.script(&client(&hosts)).network(network.name.as_str()))
        .await?;
    ctx.equal("hosts that replied", logs, expected_replies(&hosts, true))
}

async fn name_resolution_isolated(ctx: Ctx) -> CheckResult {
    across_networks(&ctx, |server| Ok(vec![server.name.clone()])).await
}

async fn isolated(ctx: Ctx) -> CheckResult {
    across_networks(&ctx, |server| Ok(vec![server.name.clone(), address(server)?])).await
}

/// Asserts that a server can be reached from its own network, but not from another network.
async fn across_networks(
    ctx: &Ctx,
    hosts: impl Fn(&ContainerInstance) -> CheckResult<Vec<String>>,
) -> CheckResult {
    let here = ctx.driver().create_network(&ctx.network()).await?;
    let there = ctx.driver().create_network(&ctx.network()).await?;
    let server = ctx
        .ready(&ctx.script(&server()).network(here.name.as_str()))
        .await?;
    let hosts = hosts(&server)?;
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let (_, logs) = ctx
        .finished(&ctx.script(&client(&hosts)).network(here.name.as_str()))
        .await?;
    ctx.equal(
        "the control on the same network",
        logs,
        expected_replies(&hosts, true),
    )?;
    let (_, logs) = ctx
        .finished(&ctx.script(&client(&hosts)).network(there.name.as_str()))
        .await?;
    ctx.equal("from another network", logs, expected_replies(&hosts, false))
}

async fn none(ctx: Ctx) -> CheckResult {
    let list = "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '";
    let (_, logs) = ctx.finished(&ctx.script(list)).await?;
    ctx.ensure(
        "the control on the default network has more than the loopback",
        logs.lines().count() > 1,
        &logs,
    )?;
    let (_, logs) = ctx.finished(&ctx.script(list).network("none")).await?;
    // The kernel adds tunnel devices to every network namespace. They are all down, so they do not count.
    let devices: Vec<&str> = logs.lines().filter(|device| !is_kernel_tunnel(device)).collect();
    ctx.equal("devices", devices, vec!["lo"])?;
    let routes = "tail -n +2 /proc/net/route | wc -l";
    let (_, logs) = ctx.finished(&ctx.script(routes).network("none")).await?;
    ctx.equal("routes", logs.trim(), "0")
}

fn is_kernel_tunnel(device: &str) -> bool {
    [
        "tunl", "gre", "erspan", "ip_vti", "ip6_vti", "sit", "ip6tnl", "ip6gre", "gretap",
    ]
    .iter()
    .any(|kind| device.starts_with(kind))
}

async fn sessions_isolated(ctx: Ctx) -> CheckResult {
    let server = ctx.ready(&ctx.script(&server())).await?;
    let own = address(&server)?;
    let host = [own.as_str()];
    let mut inside = ctx.script(&client(&["127.0.0.1"]));
    inside.command = vec![
        "sh".to_owned(),
        "-c".to_owned(),
        format!(
            "(echo pong | nc -l -p {PORT}) & sleep 1; {}",
            client(&["127.0.0.1"])
        ),
    ];
    let (_, logs) = ctx.finished(&inside).await?;
    ctx.equal(
        "the control over the loopback",
        logs,
        expected_replies(&["127.0.0.1"], true),
    )?;
    let mut other = ctx.script(&client(&host));
    other.session_id = ctx.new_session()?.to_string();
    let (_, logs) = ctx.finished(&other).await?;
    ctx.equal("from another session", logs, expected_replies(&host, false))
}
