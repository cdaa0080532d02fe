//! `cargo xtask screenshots`: takes screenshots of the conformance report. CI publishes the screenshots as build
//! artifacts.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::engines_command::target_dir;

/// The program names of the browsers that can take screenshots.
const BROWSERS: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// The name, size and colour scheme of each screenshot. For the colour scheme, 0 means dark and 1 means light.
const SCREENSHOTS: &[(&str, &str, u8)] = &[
    ("light", "1280,2000", 1),
    ("dark", "1280,2000", 0),
    ("narrow", "500,2000", 1),
];

const LONGEST: Duration = Duration::from_secs(60);

/// Takes the screenshots and writes them to `target/conformance/screenshots`. If no browser is installed, takes no
/// screenshots and does not fail.
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
    // If the browser fails, an old screenshot must not be mistaken for a new one.
    let _ = fs::remove_file(picture);
    let mut child = Command::new(browser)
        // As root, which build servers often use, the sandbox does not work. It is not needed for our own page.
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
