//! Starts an engine as a detached process, with its own directories.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use super::host;
use super::http::Address;
use super::layout::{self, Layout};
use super::process::{self, Record};
use super::{Engine, START_DEADLINE, START_POLL};
use super::{quota, root};

/// Starts the engine at `address`, and writes the record of the engine's process. No engine may respond at `address`
/// before the call.
pub(super) fn launch(layout: &Layout, address: &Address) -> Result<Child> {
    remove_stale_state(layout, address)?;
    for dir in [&layout.data(), &layout.config(), layout.run()] {
        create_dir(dir)?;
    }
    let (program, command) = match layout.engine {
        Engine::Docker => ("dockerd", docker(layout, address)?),
        Engine::DockerQuota => ("dockerd", docker_quota(layout, address)?),
        Engine::Docker28 | Engine::Docker28Containerd | Engine::Docker26 => {
            let mut command = in_root(layout, "dockerd")?;
            add_docker_directories(&mut command, layout, address)?;
            ("dockerd", command)
        }
        Engine::Podman => ("podman", podman(Command::new("podman"), layout, address)?),
        Engine::Podman5 | Engine::Podman54 => {
            let mut command = in_root(layout, "podman")?;
            // On a host with cgroup v1, Podman 5 would print nothing but warnings about it.
            command.env("PODMAN_IGNORE_CGROUPSV1_WARNING", "1");
            ("podman", podman(command, layout, address)?)
        }
        Engine::Vm => bail!("the virtual machine boots for each run of the suite"),
        Engine::Registry => (
            "docker-registry",
            registry(Command::new("docker-registry"), layout)?,
        ),
    };
    spawn(layout, program, command, address)
}

/// Removes the files of a killed engine that would prevent a new engine from starting.
///
/// The engine's containers and the data of containerd remain, because a restarted engine recovers them itself.
fn remove_stale_state(layout: &Layout, address: &Address) -> Result<()> {
    if Record::load(&layout.record()).is_some_and(|record| !record.is_of_this_boot()) {
        // If /run was not cleared at boot, Podman would assume that its containers are still running.
        remove_dir(layout.run())?;
    }
    // dockerd and its containerd would believe that they are running if any process has the pid in the pid file.
    for (file, program) in [
        ("docker.pid", "dockerd"),
        ("exec/containerd/containerd.pid", "containerd"),
    ] {
        let file = layout.run().join(file);
        let pid = fs::read_to_string(&file)
            .ok()
            .and_then(|pid| pid.trim().parse().ok());
        if pid.is_some_and(|pid| !process::runs_program(pid, program)) {
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        }
    }
    if let Address::Unix(socket) = address {
        if let Some(dir) = socket.parent() {
            create_dir(dir)?;
        }
        remove_stale_socket(socket)?;
    }
    Ok(())
}

/// Removes the socket at a path. Fails if a process listens on the socket.
pub(super) fn remove_stale_socket(socket: &Path) -> Result<()> {
    let Ok(metadata) = fs::symlink_metadata(socket) else {
        return Ok(());
    };
    ensure!(
        metadata.file_type().is_socket(),
        "{} is in the way and not a socket",
        socket.display()
    );
    let refused = std::os::unix::net::UnixStream::connect(socket)
        .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused);
    ensure!(
        refused,
        "the listener on {} does not respond to a ping",
        socket.display()
    );
    fs::remove_file(socket).with_context(|| format!("cannot remove {}", socket.display()))
}

/// Removes a directory with its contents. Does nothing if the directory does not exist.
pub(super) fn remove_dir(dir: &Path) -> Result<()> {
    if !dir.exists() {
        return Ok(());
    }
    // Otherwise, the contents of mounts below the directory would be deleted, too.
    host::unmount_below(dir)?;
    fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))
}

fn docker(layout: &Layout, address: &Address) -> Result<Command> {
    // If dockerd enables forwarding, it also sets the policy for forwarded packets to DROP. Podman's internal networks
    // would not work, because bridged packets are filtered, too. So forwarding is enabled before dockerd starts.
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("cannot enable IPv4 forwarding")?;
    let mut command = Command::new("dockerd");
    add_docker_directories(&mut command, layout, address)?;
    Ok(command)
}

fn docker_quota(layout: &Layout, address: &Address) -> Result<Command> {
    quota::prepare(layout)?;
    let mut command = root::enter(&root::namespace(layout));
    command.arg("dockerd");
    add_docker_directories(&mut command, layout, address)?;
    command.args(["--storage-driver", "btrfs"]);
    // If the machine runs a containerd, dockerd uses that one. With the default namespaces, dockerd would treat the
    // containers of other dockerds there as its own.
    command.args(["--containerd-namespace", "xtask-quota"]);
    command.args(["--containerd-plugins-namespace", "xtask-quota-plugins"]);
    Ok(command)
}

fn add_docker_directories(command: &mut Command, layout: &Layout, address: &Address) -> Result<()> {
    // This configuration is used in place of the machine's, which may contain other hosts or directories.
    let config = match layout.engine {
        Engine::Docker28Containerd => r#"{"features":{"containerd-snapshotter":true}}"#,
        _ => "{}",
    };
    let config = write_config(layout, "daemon.json", config)?;
    command.arg("--config-file").arg(config);
    command.arg("--data-root").arg(layout.data());
    command.arg("--exec-root").arg(layout.run().join("exec"));
    command.arg("--pidfile").arg(layout.run().join("docker.pid"));
    command.arg("--host").arg(address.to_string());
    Ok(())
}

fn podman(mut command: Command, layout: &Layout, address: &Address) -> Result<Command> {
    let mut containers = String::new();
    if !host::may_raise_limits() {
        // Podman's default limits exceed those that we may set, so no container would start.
        containers.push_str("[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=4096:4096\"]\n");
    }
    // runc is used because crun 1.8 does not work if both cgroup versions are mounted. Events are written to a file
    // because there may be no journal.
    containers.push_str("[engine]\nruntime = \"runc\"\nevents_logger = \"file\"\n");
    if !host::has_systemd() {
        containers.push_str("cgroup_manager = \"cgroupfs\"\n");
    }
    let networks = host::quoted(&layout.data().join("networks"))?;
    containers.push_str(&format!(
        "tmp_dir = {}\n",
        host::quoted(&layout.run().join("tmp"))?
    ));
    containers.push_str(&format!(
        "[network]\nnetwork_backend = \"netavark\"\nnetwork_config_dir = {networks}\n"
    ));

    let on_overlay = host::file_system_of(&layout.data()).as_deref() == Some("overlay");
    let storage = format!(
        "[storage]\ndriver = {:?}\ngraphroot = {}\nrunroot = {}\n",
        // An overlay cannot have its upper directory on another overlay, as in a container.
        if on_overlay { "vfs" } else { "overlay" },
        host::quoted(&layout.data().join("storage"))?,
        host::quoted(&layout.run().join("root"))?,
    );
    // Unlike Docker, Podman uses TLS for registries on loopback unless the configuration forbids it.
    let registries = format!(
        "[[registry]]\nlocation = \"127.0.0.1:{}\"\ninsecure = true\n",
        layout::registry_port()
    );

    command.env(
        "CONTAINERS_CONF",
        write_config(layout, "containers.conf", &containers)?,
    );
    command.env(
        "CONTAINERS_STORAGE_CONF",
        write_config(layout, "storage.conf", &storage)?,
    );
    command.env(
        "CONTAINERS_REGISTRIES_CONF",
        write_config(layout, "registries.conf", &registries)?,
    );
    command
        .args(["system", "service", "--time", "0"])
        .arg(address.to_string());
    Ok(command)
}

/// Builds the command of an engine that runs in a root directory, and starts a registry in the engine's network
/// namespace.
fn in_root(layout: &Layout, program: &str) -> Result<Command> {
    let release = layout.engine.release().context("the engine has no root")?;
    let command = root::inside(layout, release, program)?;
    start_registry_beside(layout)?;
    Ok(command)
}

/// Starts a registry in the network namespace of an engine. Does nothing if this registry is already running, or if
/// the registry program is not installed on the host. The registry is stopped with the engine.
fn start_registry_beside(layout: &Layout) -> Result<()> {
    let beside = Layout::beside(Engine::Registry, layout);
    if !host::has_program("docker-registry") || process::is_running_in("docker-registry", beside.home()) {
        return Ok(());
    }
    for dir in [&beside.data(), &beside.config()] {
        create_dir(dir)?;
    }
    let mut command = root::enter(&root::namespace(layout));
    command.arg("docker-registry");
    let address = beside.usual_address();
    spawn(&beside, "docker-registry", registry(command, &beside)?, &address)?;
    let connect = format!("exec 3<>/dev/tcp/127.0.0.1/{}", layout::registry_port());
    let deadline = Instant::now() + START_DEADLINE;
    while root::run(root::enter(&root::namespace(layout)).args(["bash", "-c", &connect])).is_err() {
        ensure!(
            Instant::now() < deadline,
            "its registry does not listen; see {}",
            beside.log().display()
        );
        thread::sleep(START_POLL);
    }
    Ok(())
}

fn registry(mut command: Command, layout: &Layout) -> Result<Command> {
    let port = layout::registry_port();
    // The configuration of the registry is YAML, of which JSON is a subset.
    let config = json!({
        "version": "0.1",
        "log": { "level": "warn" },
        "storage": {
            "filesystem": { "rootdirectory": layout.data() },
            "delete": { "enabled": true },
        },
        "http": { "addr": format!("127.0.0.1:{port}") },
    });
    let config = write_config(layout, "registry.yml", &config.to_string())?;
    command.arg("serve").arg(config);
    Ok(command)
}

/// Starts the engine with `command`, and records the engine's process. `command` runs `program` directly or through
/// another program.
fn spawn(layout: &Layout, program: &str, mut command: Command, address: &Address) -> Result<Child> {
    let log = OpenOptions::new().create(true).append(true).open(layout.log());
    let log = log.with_context(|| format!("cannot open {}", layout.log().display()))?;
    command
        .env("PATH", host::program_path())
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("cannot share the log")?)
        .stderr(log)
        .current_dir("/")
        // The engine is in its own process group, so an interrupt at the terminal does not reach it.
        .process_group(0);
    let mut child = command.spawn().with_context(|| format!("cannot run {program}"))?;
    if let Err(error) = record(layout, &child, program, address) {
        // Without a record, the process could not be stopped later, so it is killed now. If it has already exited, the
        // caller shows its log.
        if child.try_wait().ok().flatten().is_none() {
            let _ = child.kill();
            return Err(error);
        }
    }
    Ok(child)
}

fn record(layout: &Layout, child: &Child, program: &str, address: &Address) -> Result<()> {
    // `spawn` may return before the new program is loaded, although it does not on Linux, and that program may execute
    // another one. So this waits until the engine's program runs.
    let deadline = Instant::now() + Duration::from_secs(2);
    while !process::runs_program(child.id(), program) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(2));
    }
    Record::of(child.id(), program, &address.to_string())?.save(&layout.record())
}

fn write_config(layout: &Layout, name: &str, text: &str) -> Result<std::path::PathBuf> {
    let path = layout.config().join(name);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn create_dir(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))
}
