//! Runs a script in a container, and collects its output and exit code.
//!
//! ```sh
//! cargo run -p driver-interface --example run_script                                   # on a mock
//! cargo run -p driver-interface --features docker --example run_script -- docker:      # on Docker
//! cargo run -p driver-interface --features docker --example run_script -- podman: alpine
//! ```

use std::time::Duration;

use anyhow::{Result, ensure};
use driver_interface::prelude::*;

const SCRIPT: &str = "for n in 1 2 3; do echo step $n; done; echo out of steps >&2; exit 7";

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let driver = connect(args.next().as_deref().unwrap_or("mock-docker:")).await?;
    let image = args.next().unwrap_or_else(|| "busybox".to_owned());
    let session = SessionId::new(format!("run-script-{}", std::process::id()))?;

    let outcome = run_script(&*driver, &session, &image).await;
    // Whatever happened, everything of the session goes.
    let removed = driver.remove_session(&session).await;
    outcome?;
    ensure!(removed.failures.is_empty(), "left behind: {:?}", removed.failures);
    Ok(())
}

async fn run_script(driver: &dyn ContainerDriver, session: &SessionId, image: &str) -> Result<()> {
    let config = ContainerConfig::new(session.as_str(), image)
        .command(["sh", "-c", SCRIPT])
        .resources(ResourceLimits::default().memory(64));
    let container = driver.create_container(&config).await?;
    // What this engine cannot enforce is never dropped in silence.
    for warning in &container.warnings {
        eprintln!("warning: {}: {}", warning.path, warning.message);
    }

    driver.start_container(&container.id).await?;
    let longest = WaitOptions::at_most(Duration::from_secs(30));
    let exit = driver.wait_container(&container.id, longest).await?;

    let output = driver
        .get_container_logs(&container.id, LogOptions::default().only_stdout())
        .await?;
    let errors = driver
        .get_container_logs(&container.id, LogOptions::default().only_stderr())
        .await?;
    println!("exit code {}\noutput:\n{output}errors:\n{errors}", exit.code);

    ensure!(exit.code == 7, "the script says 7, not {}", exit.code);
    ensure!(
        output == "step 1\nstep 2\nstep 3\n",
        "unexpected output: {output:?}"
    );
    ensure!(errors == "out of steps\n", "unexpected errors: {errors:?}");
    Ok(())
}
