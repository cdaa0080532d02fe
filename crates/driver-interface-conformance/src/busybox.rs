//! Finding a busybox program from which the test image is built.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::TestImage;

/// The environment variable that contains the path of the busybox program to use.
const VARIABLE: &str = "DRIVER_INTERFACE_BUSYBOX";
/// The image that the engine pulls if no busybox is found.
const PULLED: &str = "docker.io/library/busybox:stable";

impl TestImage {
    /// If the environment variable `DRIVER_INTERFACE_BUSYBOX` is set, builds an image from the file that the variable
    /// names. If that file is unusable, returns [`TestImage::Missing`].
    ///
    /// If the variable is not set, builds an image from the first available busybox:
    /// - a static busybox in a directory of `PATH`
    /// - the busybox that an earlier call has put into `cache`
    /// - the busybox of Debian's package, which is downloaded into `cache`
    ///
    /// If no busybox is available, returns an image that the engine pulls.
    ///
    /// This function blocks: it reads files and runs `apt-get download`.
    pub fn find(cache: &Path) -> Self {
        if let Some(path) = std::env::var_os(VARIABLE) {
            let path = PathBuf::from(path);
            // If the user names a file, no other busybox is used.
            return read(&path).unwrap_or_else(|problem| {
                Self::Missing(format!("{VARIABLE} names {}: {problem}", path.display()))
            });
        }
        let unpacked = cache.join("root/bin/busybox");
        on_path()
            .into_iter()
            .chain([unpacked.clone()])
            .find_map(|path| read(&path).ok())
            .or_else(|| fetch(cache).then(|| read(&unpacked).ok()).flatten())
            .unwrap_or_else(|| Self::existing(PULLED).unwrap_or_else(|_| Self::Missing(remedy())))
    }
}

fn remedy() -> String {
    format!(
        "no static busybox was found: install busybox-static, set {VARIABLE}, or name an image with --image"
    )
}

fn read(path: &Path) -> Result<TestImage, String> {
    let program = fs::read(path).map_err(|error| error.to_string())?;
    TestImage::from_busybox(&program).map_err(|error| error.to_string())
}

fn on_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join("busybox"))
        .collect()
}

/// Downloads Debian's `busybox-static` package and unpacks it into `cache`. Root privileges are not needed. Returns
/// whether both steps succeeded.
///
/// Several processes may call this function concurrently. Each process uses its own directory. The first process to
/// finish moves the unpacked files to `cache`.
fn fetch(cache: &Path) -> bool {
    let directory = cache.join(std::process::id().to_string());
    let done = unpack(&directory);
    // If this fails, another process was first. Its download is equivalent.
    let _ = fs::rename(directory.join("root"), cache.join("root"));
    let _ = fs::remove_dir_all(&directory);
    done
}

fn unpack(directory: &Path) -> bool {
    if fs::create_dir_all(directory).is_err()
        || !quietly(
            Command::new("apt-get")
                .args(["download", "busybox-static"])
                .current_dir(directory),
        )
    {
        return false;
    }
    let packages = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let package = packages
        .into_iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"));
    package.is_some_and(|package| {
        quietly(
            Command::new("dpkg-deb")
                .arg("-x")
                .arg(package)
                .arg(directory.join("root")),
        )
    })
}

fn quietly(command: &mut Command) -> bool {
    let done = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    done.is_ok_and(|status| status.success())
}
