//! Checks of name resolution: how containers find each other and other hosts.

use std::net::Ipv4Addr;

use driver_interface_types::{ConfigFeature, ContainerDriver, Property};

use super::networks::{client, expected_replies, server};
use crate::{Check, CheckResult, Ctx, Verdict, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "setup/aliases",
        "A container resolves by its aliases on its network.",
        run!(aliases),
    )
    .config(&[ConfigFeature::NameResolution])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "setup/extra-hosts",
        "Configured host names resolve to their addresses.",
        run!(extra_hosts),
    )
    .config(&[ConfigFeature::NameResolution])
    .properties(&[Property::RealProcesses]),
    Check::must("setup/dns", "DNS queries go to the configured server.", run!(dns))
        .config(&[ConfigFeature::NameResolution])
        .properties(&[Property::RealProcesses]),
];

async fn aliases(ctx: Ctx) -> CheckResult {
    let network = ctx.driver().create_network(&ctx.network()).await?;
    let hosts = ["db", "postgres"];
    let plain = || ctx.script(&server()).network(network.name.as_str());
    let requested = async || -> CheckResult<String> {
        let config = ctx.script(&client(&hosts)).network(network.name.as_str());
        Ok(ctx.finished(&config).await?.1)
    };
    ctx.ready(&plain()).await?;
    ctx.equal(
        "the control without aliases",
        requested().await?,
        expected_replies(&hosts, false),
    )?;
    ctx.ready(&plain().network_alias("db").network_alias("postgres"))
        .await?;
    ctx.equal(
        "hosts that replied",
        requested().await?,
        expected_replies(&hosts, true),
    )
}

async fn extra_hosts(ctx: Ctx) -> CheckResult {
    let config = ctx
        .script("grep there.example /etc/hosts || true")
        .extra_host("there.example", Ipv4Addr::new(10, 9, 8, 7));
    let (_, logs) = ctx.finished(&config).await?;
    let words: Vec<&str> = logs.split_whitespace().collect();
    ctx.equal("the entry", words, vec!["10.9.8.7", "there.example"])
}

async fn dns(ctx: Ctx) -> CheckResult {
    // An address reserved for documentation, at which no host responds.
    let server = Ipv4Addr::new(192, 0, 2, 53);
    let script = "grep nameserver /etc/resolv.conf; nslookup asked.example >/dev/null 2>&1 & sleep 2; cat /proc/net/udp";
    // Either the container's list of DNS servers contains the server, or the engine's resolver in the container queries
    // it through a socket to port 53.
    let socket = format!("{:08X}:0035", u32::from_le_bytes(server.octets()));
    let requested = |logs: &str| logs.contains(&server.to_string()) || logs.contains(&socket);
    let (_, logs) = ctx.finished(&ctx.script(script)).await?;
    ctx.ensure(
        "the control does not query the DNS server",
        !requested(&logs),
        &logs,
    )?;
    let resolver_inside = logs.contains("nameserver 127.");
    let (_, logs) = ctx.finished(&ctx.script(script).dns(server)).await?;
    let listed = logs.lines().filter(|line| line.starts_with("nameserver")).count();
    ctx.ensure("a DNS server is configured", listed > 0, &logs)?;
    if !requested(&logs) && !resolver_inside {
        let reason = "the engine's resolver is outside the container and cannot be inspected";
        return Err(Verdict::NotApplicable(reason.to_owned()));
    }
    ctx.ensure("the DNS server is queried", requested(&logs), logs)
}
