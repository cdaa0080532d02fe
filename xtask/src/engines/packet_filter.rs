//! The packet filter of the [virtual machine](super::vm).
//!
//! Debian's kernel for user-mode Linux has nf_tables, which iptables uses, but not its option for IPv4. So the modules
//! that depend on this option are built again, from Debian's kernel source. All others are those of the package.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::launch::remove_dir;
use super::root::{self, Release};

/// The packages for the build, besides the kernel's source.
const PACKAGES: &str = "gcc,libc6-dev,make,flex,bison,bc,libelf-dev,xz-utils";
/// The modules that the option changes, and nft_chain_nat, which is not built without it. They suffice for the rules of
/// iptables, but not for those that Podman writes for nftables.
const MODULES: [&str; 2] = ["net/netfilter/nf_tables.ko", "net/netfilter/nft_chain_nat.ko"];
/// A script that builds the modules given after the last number of the kernel's version.
///
/// The source may be a few fixes newer, but a kernel only loads modules with its own version, so that number is changed.
/// The kernel itself is not built, so its symbols are unknown, and undefined symbols must not be errors.
const BUILD: &str = r#"
set -e
sed -i "s/^SUBLEVEL = .*/SUBLEVEL = $1/" Makefile
shift
gunzip -c /config.gz > .config
scripts/config --enable NF_TABLES_IPV4 --enable NF_TABLES_IPV6 --module NFT_NAT
make --silent ARCH=um olddefconfig
make --silent ARCH=um -j"$(nproc)" KBUILD_MODPOST_WARN=1 "$@"
"#;

/// Builds the modules for the kernel of this version in the root, and installs them there. Takes one or two
/// minutes, and 3 GB beside the root until they are built.
pub(super) fn install(root: &Path, version: &str) -> Result<()> {
    let (series, sublevel) = version
        .rsplit_once('.')
        .with_context(|| format!("the virtual machine's kernel has an unexpected version, {version}"))?;
    let build = root.with_extension("build");
    remove_dir(&build)?;
    let source = format!("linux-source-{series}");
    root::bootstrap(&build, Release::ForkyVm, &format!("{PACKAGES},{source}")).with_context(|| {
        format!("cannot install a compiler and {source}; if the mirror has no such package, try again later")
    })?;
    let config = root.join("usr/share/doc/user-mode-linux/config.gz");
    fs::copy(&config, build.join("config.gz"))
        .with_context(|| format!("cannot copy {}", config.display()))?;
    let linux = build.join("linux");
    fs::create_dir(&linux)?;
    root::run(
        Command::new("tar")
            .arg("-xf")
            .arg(build.join(format!("usr/src/{source}.tar.xz")))
            .arg("--strip-components=1")
            .current_dir(&linux),
    )?;
    root::run(
        Command::new("chroot")
            .arg(&build)
            .args(["env", "--chdir=/linux", "bash", "-c", BUILD, "build", sublevel])
            .args(MODULES),
    )
    .context("cannot build the virtual machine's packet filter")?;
    // Modules in this directory have precedence over the packaged ones.
    let updates = root.join("usr/lib/uml/modules").join(version).join("updates");
    fs::create_dir(&updates)?;
    root::run(Command::new("cp").args(MODULES).arg(&updates).current_dir(&linux))?;
    root::run(Command::new("chroot").arg(root).args(["depmod", version]))?;
    remove_dir(&build)
}
