//! `cargo xtask screenshots`: pictures of the conformance report, to be looked at with a build's other artifacts.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::engines_command::target_dir;

/// Browsers that can do it, by the names they are installed under.
const BROWSERS: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// Each picture with its size and the colour scheme asked for: 0 is dark, 1 is light.
const PICTURES: &[(&str, &str, u8)] = &[
    ("light", "1280,2000", 1),
    ("dark", "1280,2000", 0),
    ("narrow", "500,2000", 1),
];

const LONGEST: Duration = Duration::from_secs(60);

/// Writes `target/conformance/screenshots`. That no browser is there is said, and no failure.
pub(crate) fn main() -> Result<ExitCode> {
    let folder = target_dir().join("conformance");
    let page = folder.join("report.html");
    let page = fs::canonicalize(&page)
        .with_context(|| format!("{}: run `cargo xtask conformance` first", page.display()))?;
    let Some(browser) = BROWSERS.iter().find(|browser| is_there(browser)) else {
        println!("no screenshots: none of {} is installed", BROWSERS.join(", "));
        return Ok(ExitCode::SUCCESS);
    };
    let folder = folder.join("screenshots");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for (name, size, scheme) in PICTURES {
        let picture = folder.join(format!("{name}.png"));
        take(browser, &page, &picture, size, *scheme)?;
        println!("{}", picture.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn is_there(browser: &str) -> bool {
    let asked = Command::new(browser).arg("--version").output();
    asked.is_ok_and(|output| output.status.success())
}

fn take(browser: &str, page: &Path, picture: &Path, size: &str, scheme: u8) -> Result<()> {
    // One of an earlier run must not pass for this one's.
    let _ = fs::remove_file(picture);
    let mut child = Command::new(browser)
        // Root has no sandbox, and build servers are often root; the page is our own.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
        .arg(format!("--screenshot={}", picture.display()))
        .arg(format!("--window-size={size}"))
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg(format!("file://{}", page.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("{browser} did not start"))?;
    let end = Instant::now() + LONGEST;
    while child.try_wait()?.is_none() {
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            bail!("{browser} took no picture within {LONGEST:?}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    if !picture.exists() {
        bail!("{browser} took no picture of {}", page.display());
    }
    Ok(())
}
