//! Debian's packages, downloaded once for each version and never installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// Prefixes of packages that only installation scripts, other languages or optional modules need.
const UNNEEDED: &[&str] = &[
    "adduser", "debconf", "dpkg", "gcc-", "init-system-helpers", "iproute2", "libaudit-common", "libbpf",
    "libc-bin", "libc-l10n", "libcap2-bin", "libdb5", "libelf", "libfile-", "libgdbm", "libjson-perl",
    "libllvm", "libmnl", "libnginx-mod", "libnumber-", "libpam-", "libperl", "libsemanage", "libsepol",
    "libtext-", "libtirpc", "libxtables", "libz3", "locales", "login", "lsb-base", "netbase", "openssl",
    "passwd", "perl", "postgresql-client-common", "postgresql-common", "readline-common", "sensible-utils",
    "ssl-cert", "sysvinit-utils", "tar", "ucf", "usrmerge", "util-linux-",
];

/// Serialises apt: it locks its lists, and tests share packages.
static APT: Mutex<()> = Mutex::new(());

/// A downloaded package.
pub(super) struct Package {
    pub(super) name: String,
    file: PathBuf,
}

/// Returns these packages with the libraries that they need.
pub(super) fn download(names: &[&str]) -> Result<Vec<Package>, String> {
    let _alone = APT.lock().unwrap_or_else(PoisonError::into_inner);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stock-packages");
    fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let found = resolve(names).or_else(|_| {
        // The lists may be absent, as in a container image.
        apt(&directory, &["update"])?;
        resolve(names)
    })?;
    if fetch(&directory, &found).is_err() {
        // The lists may be older than the mirror's content.
        apt(&directory, &["update"])?;
        fetch(&directory, &resolve(names)?)?;
    }
    let found = resolve(names)?.into_iter();
    let packages = found.map(|file| Package {
        name: name(&file).to_owned(),
        file: directory.join(file),
    });
    Ok(packages.collect())
}

impl Package {
    /// Returns the package's files as a tar archive.
    pub(super) fn files(&self) -> Result<Vec<u8>, String> {
        run(Command::new("dpkg-deb").arg("--fsys-tarfile").arg(&self.file))
    }
}

/// Returns the file names of packages and of what they depend on, as if nothing were installed.
fn resolve(names: &[&str]) -> Result<Vec<String>, String> {
    let fixed = [
        "install", "--print-uris", "--yes", "-qq", "--no-install-recommends",
    ];
    let nothing_installed = ["-o", "Dir::State::status=/dev/null", "-o", "Debug::NoLocking=1"];
    let printed = run(Command::new("apt-get")
        .args(fixed)
        .args(nothing_installed)
        .args(names))?;
    let printed = String::from_utf8_lossy(&printed);
    let files = printed.lines().filter_map(|line| line.split(' ').nth(1));
    let needed = files.filter(|file| !UNNEEDED.iter().any(|start| file.starts_with(start)));
    Ok(needed.map(str::to_owned).collect())
}

/// Downloads what is missing. apt verifies it.
fn fetch(directory: &Path, files: &[String]) -> Result<(), String> {
    let missing: Vec<String> = files
        .iter()
        .filter(|file| !directory.join(file).exists())
        .map(|file| {
            let version = file.split('_').nth(1).unwrap_or_default().replace("%3a", ":");
            format!("{}={version}", name(file))
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    // An interrupted download must not pass for a package later.
    let incomplete = tempfile::tempdir_in(directory).map_err(|error| error.to_string())?;
    let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
    apt(incomplete.path(), &[&["download"][..], &missing].concat())?;
    for entry in fs::read_dir(incomplete.path())
        .map_err(|error| error.to_string())?
        .flatten()
    {
        fs::rename(entry.path(), directory.join(entry.file_name())).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn name(file: &str) -> &str {
    file.split('_').next().unwrap_or(file)
}

fn apt(directory: &Path, arguments: &[&str]) -> Result<(), String> {
    let options = ["-qq", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=2"];
    let mut command = Command::new("apt-get");
    run(command.args(options).args(arguments).current_dir(directory)).map(drop)
}

fn run(command: &mut Command) -> Result<Vec<u8>, String> {
    let output = command.stdin(Stdio::null()).env("LC_ALL", "C").output();
    let output = output.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "{} failed: {}",
        command.get_program().display(),
        errors.trim()
    ))
}
