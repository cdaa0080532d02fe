//! `cargo xtask examples`: runs the programs in `crates/driver-interface/examples` on drivers.

use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use driver_interface::prelude::*;
use driver_interface::{ConnectOptions, connect_with};
use driver_interface_conformance::TestImage;

use crate::conformance::drivers;
use crate::engines_command::target_dir;
use crate::tidy::workspace;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A driver to run the examples on, such as `mock-docker:`, `docker:` or `unix:///run/podman/podman.sock`.
    /// Default: both mocks and every engine that responds.
    #[arg(long = "driver", value_name = "URI")]
    drivers: Vec<String>,
}

const DIRECTORY: &str = "crates/driver-interface/examples";
/// The longest time that an example may run.
const LONGEST: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(20);

/// Builds the examples, and runs each example on each driver. A failed example does not stop the others. At the end,
/// prints which examples failed or were not run.
///
/// Fails if an example fails, or if a named or required driver is unavailable.
pub(crate) fn main(args: &Args) -> Result<ExitCode> {
    let root = workspace();
    let names = names(&root.join(DIRECTORY))?;
    let (found, absent) = drivers(&args.drivers)?;
    build(&root)?;

    let mut failed = Vec::new();
    for driver in found {
        println!("==> {}", driver.uri);
        let runs = if driver.simulated {
            run_all(&names, &driver.uri, None)
        } else {
            on_engine(&names, &driver.uri)
        };
        match runs {
            Ok(failures) => failed.extend(failures),
            Err(error) => {
                println!("not run on {}: {error:#}", driver.uri);
                failed.extend(driver.required.then(|| format!("all of them on {}", driver.uri)));
            }
        }
    }
    for driver in absent {
        println!("not run on {}: {}", driver.uri, driver.reason);
        failed.extend(driver.required.then(|| format!("all of them on {}", driver.uri)));
    }
    if !failed.is_empty() {
        bail!("examples failed: {}", failed.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the names of the example programs in a directory, sorted.
fn names(directory: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in
        std::fs::read_dir(directory).with_context(|| format!("no examples in {}", directory.display()))?
    {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let stem = path.file_stem().unwrap_or_default();
            names.push(stem.to_string_lossy().into_owned());
        }
    }
    if names.is_empty() {
        bail!("no examples in {}", directory.display());
    }
    names.sort();
    Ok(names)
}

/// Builds the examples with the features of the whole workspace. The tests use these features too, so no crate is
/// built twice.
fn build(root: &Path) -> Result<()> {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--workspace", "--examples", "--locked", "--quiet"])
        .current_dir(root)
        .status()
        .context("cargo did not start")?;
    if !status.success() {
        bail!("the examples could not be built");
    }
    Ok(())
}

/// Runs the examples on an engine. Unless a test image already exists, imports an image before the run and removes
/// the image after the run.
fn on_engine(names: &[String], uri: &str) -> Result<Vec<String>> {
    let root = match TestImage::find(&crate::conformance::test_image_cache()) {
        TestImage::Root(root) => root,
        TestImage::Existing(image) => return run_all(names, uri, Some(&image)),
        TestImage::Missing(reason) => bail!("no image: {reason}"),
        _ => bail!("no image of a known kind"),
    };
    let image = ImageRef::new(format!(
        "localhost/driver-interface-examples:{}",
        std::process::id()
    ))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let options = ConnectOptions::default().namespace(Namespace::new("examples")?);
    let driver = runtime.block_on(connect_with(uri, options))?;
    runtime.block_on(driver.import_image(&image, root.into()))?;
    let failed = run_all(names, uri, Some(&image));
    let swept = runtime.block_on(sweep(uri, &image));
    let removed = runtime.block_on(driver.remove_image(&image));
    let mut failed = failed?;
    if let Err(error) = swept {
        failed.push(format!("cleaning up on {uri} ({error:#})"));
    }
    if let Err(error) = removed {
        failed.push(format!("removing the image {image} on {uri} ({error:#})"));
    }
    Ok(failed)
}

/// Removes the sessions that killed examples have left behind. Such a session is recognized by the image of its
/// containers.
async fn sweep(uri: &str, image: &ImageRef) -> Result<()> {
    let driver = connect(uri).await?;
    for container in driver.list_containers(&ContainerFilter::default()).await? {
        if container.image == image.as_str() {
            let removed = driver.remove_session(&container.session_id).await;
            println!("removed leftovers of session {}", container.session_id);
            if let Some(error) = removed.failures.into_iter().next() {
                bail!(error);
            }
        }
    }
    Ok(())
}

/// Runs every example on a driver. Returns the names of the failed examples.
fn run_all(names: &[String], uri: &str, image: Option<&ImageRef>) -> Result<Vec<String>> {
    let directory = target_dir().join("debug/examples");
    let mut failed = Vec::new();
    for name in names {
        println!("--> {name} {uri}");
        let began = Instant::now();
        let program = directory.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        let child = Command::new(&program)
            .arg(uri)
            .args(image.map(ImageRef::as_str))
            .spawn()
            .with_context(|| format!("{} did not start", program.display()))?;
        let problem = match ended(child, LONGEST)? {
            Some(status) if status.success() => None,
            Some(status) => Some(status.to_string()),
            None => Some(format!("timed out after {} s", LONGEST.as_secs())),
        };
        match problem {
            None => println!("    ok, {:.1} s", began.elapsed().as_secs_f64()),
            Some(problem) => {
                println!("    FAILED: {problem}");
                failed.push(format!("{name} on {uri}"));
            }
        }
    }
    Ok(failed)
}

/// Waits until a program exits, and returns its exit status. If the program runs longer than `longest`, kills the
/// program and returns `None`.
fn ended(mut child: Child, longest: Duration) -> Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if began.elapsed() > longest {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_examples_by_name() {
        let names = names(&workspace().join(DIRECTORY)).unwrap();
        assert_eq!(names, ["files", "follow", "run_script", "session", "web_server"]);
    }

    #[test]
    fn directory_without_examples_is_an_error() {
        assert!(names(&workspace().join("docs")).is_err());
        assert!(names(&workspace().join("nowhere")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn hanging_program_is_killed() {
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        assert_eq!(ended(child, Duration::from_millis(50)).unwrap(), None);
        let child = Command::new("false").spawn().unwrap();
        assert!(!ended(child, Duration::from_secs(10)).unwrap().unwrap().success());
    }
}
