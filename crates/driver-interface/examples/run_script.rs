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

    let session = format!("run-script-{}", std::process::id());
    let config = ContainerConfig::new(session, image).shell(SCRIPT).memory(64);
    // The container is removed at the end, also if the call fails or its future is dropped.
    let options = RunOptions::default().timeout(Duration::from_secs(30));
    let output = driver.run(&config, options).await?;
    println!(
        "{:?}\noutput:\n{}errors:\n{}",
        output.outcome,
        output.stdout_text(),
        output.stderr_text()
    );

    ensure!(
        output.outcome == ExecOutcome::Exited(7),
        "the script exits with 7"
    );
    ensure!(
        output.stdout_text() == "step 1\nstep 2\nstep 3\n",
        "unexpected output"
    );
    ensure!(output.stderr_text() == "out of steps\n", "unexpected errors");
    Ok(())
}
