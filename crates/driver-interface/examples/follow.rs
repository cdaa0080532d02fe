//! Follows what a container writes and what happens to it, until it ends.
//!
//! ```sh
//! cargo run -p driver-interface --example follow                                   # on a mock
//! cargo run -p driver-interface --features docker --example follow -- docker:      # on Docker
//! ```

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use driver_interface::prelude::*;

const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let driver = connect(args.next().as_deref().unwrap_or("mock-docker:")).await?;
    let image = args.next().unwrap_or_else(|| "busybox".to_owned());
    let session = SessionId::new(format!("follow-{}", std::process::id()))?;

    let outcome = tokio::time::timeout(DEADLINE, follow(&*driver, &session, &image)).await;
    // Whatever happened, everything of the session goes.
    let removed = driver.remove_session(&session).await;
    outcome.context("it took too long")??;
    ensure!(removed.failures.is_empty(), "left behind: {:?}", removed.failures);
    Ok(())
}

async fn follow(driver: &dyn ContainerDriver, session: &SessionId, image: &str) -> Result<()> {
    // From here on nothing that happens to the session's containers is missed.
    let events = driver
        .events(&EventFilter::default().session(session.clone()))
        .await?;

    let script = "for n in 1 2 3; do echo tick $n; sleep 1; done; exit 3";
    let config = ContainerConfig::new(session.as_str(), image).command(["sh", "-c", script]);
    let id = driver.create_container(&config).await?.id;
    // Logs can be followed before there are any.
    let logs = driver
        .stream_container_logs(&id, LogStreamOptions::default().follow(true))
        .await?;
    driver.start_container(&id).await?;

    let (written, happened) = tokio::try_join!(print_logs(logs), print_events(events))?;
    ensure!(
        written == "tick 1\ntick 2\ntick 3\n",
        "unexpected output: {written:?}"
    );
    let expected = [EventKind::Created, EventKind::Started, EventKind::Stopped];
    ensure!(happened == expected, "unexpected events: {happened:?}");
    Ok(())
}

/// The stream ends by itself when the container ends.
async fn print_logs(mut logs: LogStream) -> Result<String> {
    let mut written = String::new();
    while let Some(chunk) = logs.next().await {
        let chunk = chunk?;
        print!("{}", chunk.text());
        written.push_str(&chunk.text());
    }
    Ok(written)
}

/// Events go on as long as a reader exists; dropping the stream ends them.
async fn print_events(mut events: EventStream) -> Result<Vec<EventKind>> {
    let mut happened = Vec::new();
    while let Some(event) = events.next().await {
        let event = event?;
        println!(
            "-- {} {}",
            event.kind().as_str(),
            event.container_id().map_or("", |id| id.as_str())
        );
        happened.push(event.kind());
        if event.kind() == EventKind::Stopped {
            ensure!(
                event.exit_code() == Some(3),
                "unexpected exit code: {:?}",
                event.exit_code()
            );
            break;
        }
    }
    Ok(happened)
}
