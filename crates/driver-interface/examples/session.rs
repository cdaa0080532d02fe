//! Two containers of one session talk to each other on a network that has no way out.
//!
//! ```sh
//! cargo run -p driver-interface --example session                                   # on a mock
//! cargo run -p driver-interface --features docker --example session -- docker:      # on Docker
//! ```

use std::time::Duration;

use anyhow::{Result, ensure};
use driver_interface::prelude::*;

const DEADLINE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let driver = connect(args.next().as_deref().unwrap_or("mock-docker:")).await?;
    let image = args.next().unwrap_or_else(|| "busybox".to_owned());
    let session = SessionId::new(format!("session-{}", std::process::id()))?;

    let outcome = talk(&*driver, &session, &image).await;
    // Containers, volumes and networks, found by their labels: another process could do this as well.
    let removed = driver.remove_session(&session).await;
    println!(
        "removed {} containers and {} networks",
        removed.containers, removed.networks
    );
    outcome?;
    ensure!(removed.failures.is_empty(), "left behind: {:?}", removed.failures);
    ensure!(
        driver.recover_session(&session).await?.is_empty(),
        "something is left"
    );
    Ok(())
}

async fn talk(driver: &dyn ContainerDriver, session: &SessionId, image: &str) -> Result<()> {
    let name = format!("{session}-net");
    let network = NetworkConfig::new(&name).session(session.as_str()).internal(true);
    driver.create_network(&network).await?;

    // A mock simulates programs and finds names, but nothing is sent over its networks.
    let real = driver
        .capabilities()
        .supports(driver_interface::Property::RealProcesses);
    let serve = if real {
        "trap 'exit 0' TERM; echo ready; while true; do echo pong | nc -l -p 7070; done"
    } else {
        "echo ready; sleep 60"
    };
    let ask = if real {
        "until nc -w 3 server 7070 </dev/null | grep pong; do sleep 1; done"
    } else {
        "nslookup server >/dev/null && echo pong"
    };

    let config = ContainerConfig::new(session.as_str(), image).network(NetworkMode::Named(name));
    let server = config
        .clone()
        .command(["sh", "-c", serve])
        .network_alias("server");
    let server = driver.create_container(&server).await?.id;
    driver.start_container(&server).await?;
    driver.wait_for_log(&server, "ready", DEADLINE).await?;

    let client = config.command(["sleep", "60"]);
    let client = driver.create_container(&client).await?.id;
    driver.start_container(&client).await?;

    let answer = driver
        .exec(&client, ExecConfig::shell(ask).timeout(DEADLINE))
        .await?;
    println!("the server says {:?}", answer.stdout_text());
    ensure!(answer.success(), "{:?}: {}", answer.outcome, answer.stderr_text());
    ensure!(answer.stdout_text() == "pong\n", "an unexpected answer");
    Ok(())
}
