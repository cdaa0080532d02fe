//! The packet filter of the [virtual machine](super::vm).
//!
//! iptables needs nf_tables with support for IPv4. Debian's kernel for user-mode Linux has nf_tables, but without the
//! kernel option for IPv4. The modules that depend on this option are therefore rebuilt from Debian's kernel source.
//! All other modules come from Debian's package.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::launch::remove_dir;
use super::root::{self, Release};

/// The packages that the build needs, in addition to the kernel's source.
const PACKAGES: &str = "gcc,libc6-dev,make,flex,bison,bc,libelf-dev,xz-utils";
/// The modules to build. The kernel option for IPv4 changes nf_tables. Without this option, Debian's kernel lacks
/// nft_chain_nat. The two modules suffice for the rules of iptables, but not for the rules that Podman writes for
/// nftables.
const MODULES: [&str; 2] = ["net/netfilter/nf_tables.ko", "net/netfilter/nft_chain_nat.ko"];
/// A script that builds kernel modules. The arguments of the script are the last number of the kernel's version, and
/// the modules.
///
/// The kernel source may be a few fixes newer than the kernel. A kernel only loads modules of its own version, so the
/// script sets the last number of the source's version to that of the kernel. The kernel itself is not built, and its
/// symbols are therefore undefined. The script does not treat undefined symbols as errors.
const BUILD: &str = r#"
set -e
sed -i "s/^SUBLEVEL = .*/SUBLEVEL = $1/" Makefile
shift
gunzip -c /config.gz > .config
scripts/config --enable NF_TABLES_IPV4 --enable NF_TABLES_IPV6 --module NFT_NAT
make --silent ARCH=um olddefconfig
make --silent ARCH=um -j"$(nproc)" KBUILD_MODPOST_WARN=1 "$@"
"#;

/// Builds the modules for the kernel `version`, and installs them in the root directory `root`. The build takes one
/// or two minutes. During the build, a directory beside `root` takes 3 GB.
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
