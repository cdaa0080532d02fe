//! A virtual machine with cgroup v2 and systemd. The machine is user-mode Linux: an ordinary program that needs no
//! hardware virtualisation.
//!
//! The machine boots for one script and then powers off. The machine's disk is an image of a root directory (see
//! [`super::root`]). The machine and the host exchange files through one directory of the host. In the machine, this
//! directory is `/host`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::root::{self, Release};
use super::{host, packet_filter};

/// A systemd service in the machine. The service runs the script `RUN_SCRIPT`.
const SERVICE: &str = "[Unit]
After=local-fs.target dbus.socket
[Service]
Type=oneshot
ExecStart=/bin/sh /etc/run-script
ExecStopPost=/bin/sh -c 'sync; poweroff -f'
[Install]
WantedBy=multi-user.target
";
/// A shell script. It mounts a directory of the host at `/host`, and runs the file `script` in that directory. The
/// kernel's command line contains the directory's path.
const RUN_SCRIPT: &str = "
mkdir -p /host
mount -t hostfs none /host -o hostfs=$(sed 's/.*share=//; s/ .*//' /proc/cmdline)
sh /host/script > /host/output 2>&1
echo $? > /host/status
";
/// Services that do not start at boot. The script from the host starts the services that it needs.
const IDLE: [&str; 5] = [
    "docker.service", "docker.socket", "containerd.service", "podman.socket", "docker-registry.service",
];
const MEMORY: &str = "mem=4G";
/// The size of the disk. Only the used part of the disk takes space on the host.
const DISK: &str = "8G";

/// Prepares a root directory for the virtual machine, so that the machine can boot from this directory and run a
/// script.
pub(super) fn prepare(root: &Path) -> Result<()> {
    let units = root.join("etc/systemd/system");
    let wanted = units.join("multi-user.target.wants");
    fs::create_dir_all(&wanted)?;
    fs::write(units.join("script.service"), SERVICE)?;
    fs::write(root.join("etc/run-script"), RUN_SCRIPT)?;
    std::os::unix::fs::symlink(
        "/etc/systemd/system/script.service",
        wanted.join("script.service"),
    )?;
    for unit in IDLE {
        for target in ["multi-user.target.wants", "sockets.target.wants"] {
            let link = units.join(target).join(unit);
            if link.is_symlink() {
                fs::remove_file(link)?;
            }
        }
    }
    fs::write(root.join("etc/fstab"), "/dev/ubda / ext4 rw 0 0\n")?;
    fs::create_dir_all(root.join("etc/docker"))?;
    fs::write(
        root.join("etc/docker/daemon.json"),
        // Otherwise, Docker would also drop the packets of Podman's internal networks.
        r#"{"ip-forward-no-drop":true}"#,
    )?;
    fs::create_dir_all(root.join("etc/containers/containers.conf.d"))?;
    fs::write(
        root.join("etc/containers/containers.conf.d/vm.conf"),
        "[network]\nfirewall_driver = \"iptables\"\n",
    )?;
    fs::write(
        root.join("etc/containers/registries.conf.d/vm.conf"),
        "[[registry]]\nlocation = \"127.0.0.1:5000\"\ninsecure = true\n",
    )?;
    // The kernel's modules are not where modprobe looks for them.
    let modules = root.join("usr/lib/modules");
    fs::create_dir_all(&modules)?;
    for kernel in fs::read_dir(root.join("usr/lib/uml/modules"))? {
        let name = kernel?.file_name();
        let target = Path::new("/usr/lib/uml/modules").join(&name);
        std::os::unix::fs::symlink(target, modules.join(&name))?;
        packet_filter::install(root, &name.to_string_lossy())?;
    }
    Ok(())
}

/// Boots the machine, and runs a script in it. `share` is a directory of the host. In the machine, this directory is
/// `/host`.
pub(crate) fn run(script: &str, share: &Path, deadline: Duration) -> Result<()> {
    host::require_root("a virtual machine needs root")?;
    let system = root::ensure_root(Release::ForkyVm, false)?;
    fs::write(share.join("script"), script)?;
    let disk = Disk(share.join("disk"));
    root::run(
        Command::new("mke2fs")
            .args(["-q", "-t", "ext4", "-O", "^has_journal", "-d"])
            .arg(&system)
            .arg(&disk.0)
            .arg(DISK),
    )?;
    let console = File::create(share.join("console"))?;
    let mut command = Command::new("setpriv");
    // The machine ends with this process.
    command.args([
        "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child", "--net", "--mount",
    ]);
    root::add_root(&mut command, &system, &[share]);
    // The kernel traces its processes with ptrace, its default. With `seccomp=on` it is faster, but corrupts the state of
    // programs with many threads: Podman crashed or hung within minutes.
    let machine = command
        .args([
            "linux.uml", "root=/dev/ubda", "rw", "con=null", "con0=null,fd:1", MEMORY,
        ])
        .arg(format!("ubd0={}", disk.0.display()))
        .arg(format!("share={}", share.display()))
        .env("PATH", host::program_path())
        .stdin(Stdio::null())
        .stdout(console.try_clone()?)
        .stderr(console)
        .spawn()
        .context("the virtual machine cannot be started")?;
    let mut machine = Machine(machine);
    let until = Instant::now() + deadline;
    while machine.0.try_wait()?.is_none() {
        ensure!(
            Instant::now() < until,
            "the virtual machine did not finish within {deadline:?}"
        );
        thread::sleep(Duration::from_millis(200));
    }
    let text = |name: &str| fs::read_to_string(share.join(name)).unwrap_or_default();
    drop(disk);
    let status = text("status");
    ensure!(
        status.trim() == "0",
        "the script in the virtual machine failed (status {:?}): {}{}",
        status.trim(),
        text("output"),
        text("console")
            .lines()
            .rev()
            .take(10)
            .collect::<Vec<_>>()
            .join(" | "),
    );
    Ok(())
}

/// The file with the machine's disk. The file is removed on drop.
struct Disk(PathBuf);

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The process of the running machine. The process is killed on drop.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
