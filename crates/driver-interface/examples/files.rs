//! Writes a file into a container, runs a command on it, reads the result, and copies a directory out.
//!
//! ```sh
//! cargo run -p driver-interface --example files                                   # on a mock
//! cargo run -p driver-interface --features docker --example files -- docker:      # on Docker
//! ```

use std::time::Duration;

use anyhow::{Result, ensure};
use driver_interface::prelude::*;

/// The most that is taken out of the container: what is in it is not to be trusted.
const LIMIT: usize = 1024 * 1024;

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let driver = connect(args.next().as_deref().unwrap_or("mock-docker:")).await?;
    let image = args.next().unwrap_or_else(|| "busybox".to_owned());
    let session = SessionId::new(format!("files-{}", std::process::id()))?;

    let outcome = files(&*driver, &session, &image).await;
    // Whatever happened, everything of the session goes.
    let removed = driver.remove_session(&session).await;
    outcome?;
    ensure!(removed.failures.is_empty(), "left behind: {:?}", removed.failures);
    Ok(())
}

async fn files(driver: &dyn ContainerDriver, session: &SessionId, image: &str) -> Result<()> {
    // A container that waits for commands. What it may write by default is in memory, where Docker cannot reach
    // files; so this one may write to its root file system.
    let config = ContainerConfig::new(session.as_str(), image)
        .command(["sleep", "60"])
        .security(SecurityOptions::default().read_only(false));
    let id = driver.create_container(&config).await?.id;
    driver.start_container(&id).await?;

    let work = ContainerPath::new("/work")?;
    let words = WriteFile::new("pear\napple\nfig\n")
        .mode(0o600)
        .create_parents(true);
    driver.write_file(&id, &work.join("words.txt")?, words).await?;

    let sort = ExecConfig::shell("sort words.txt > sorted.txt && wc -l < sorted.txt")
        .working_dir(work.as_str())
        .timeout(Duration::from_secs(10));
    let sorted = driver.exec(&id, sort).await?;
    ensure!(sorted.success(), "{:?}: {}", sorted.outcome, sorted.stderr_text());
    println!("sorted {} lines", sorted.stdout_text().trim());

    let limit = ReadFileOptions::limit(LIMIT);
    let result = driver.read_file(&id, &work.join("sorted.txt")?, limit).await?;
    ensure!(result == "apple\nfig\npear\n", "unexpected result: {result:?}");

    // What comes out of a container is not to be trusted: it goes into a directory of its own, within limits.
    let directory = std::env::temp_dir().join(session.as_str());
    let archive = driver.copy_from_container(&id, &work).await?;
    let limits = UnpackOptions::default().total_bytes(LIMIT as u64).entries(10);
    let unpacked = archive.unpack_into(&directory, limits).await;
    let copy = std::fs::read_to_string(directory.join("work/sorted.txt"));
    std::fs::remove_dir_all(&directory)?;
    println!("copied {} bytes", unpacked?.bytes);
    ensure!(copy? == "apple\nfig\npear\n", "unexpected copy");
    Ok(())
}
