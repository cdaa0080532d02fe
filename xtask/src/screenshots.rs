//! `cargo xtask screenshots`: screenshots of the conformance report, published with a build's other artifacts.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::engines_command::target_dir;

/// The supported browsers, by program name.
const BROWSERS: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// Each screenshot with its size and the requested colour scheme: 0 is dark, 1 is light.
const SCREENSHOTS: &[(&str, &str, u8)] = &[
    ("light", "1280,2000", 1),
    ("dark", "1280,2000", 0),
    ("narrow", "500,2000", 1),
];

const LONGEST: Duration = Duration::from_secs(60);

/// Writes `target/conformance/screenshots`. A missing browser is reported but is not a failure.
pub(crate) fn main() -> Result<ExitCode> {
    let directory = target_dir().join("conformance");
    let page = directory.join("report.html");
    let page = fs::canonicalize(&page)
        .with_context(|| format!("{}: run `cargo xtask conformance` first", page.display()))?;
    let Some(browser) = BROWSERS.iter().find(|browser| is_there(browser)) else {
        println!("no screenshots: none of {} is installed", BROWSERS.join(", "));
        return Ok(ExitCode::SUCCESS);
    };
    let directory = directory.join("screenshots");
    fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    for (name, size, scheme) in SCREENSHOTS {
        let picture = directory.join(format!("{name}.png"));
        take(browser, &page, &picture, size, *scheme)?;
        println!("{}", picture.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn is_there(browser: &str) -> bool {
    let requested = Command::new(browser).arg("--version").output();
    requested.is_ok_and(|output| output.status.success())
}

fn take(browser: &str, page: &Path, picture: &Path, size: &str, scheme: u8) -> Result<()> {
    // A screenshot of an earlier run must not be mistaken for this run's.
    let _ = fs::remove_file(picture);
    let mut child = Command::new(browser)
        // The sandbox does not work as root, which build servers often use; the page is our own.
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
            bail!("{browser} took no screenshot within {LONGEST:?}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    if !picture.exists() {
        bail!("{browser} took no screenshot of {}", page.display());
    }
    Ok(())
}
