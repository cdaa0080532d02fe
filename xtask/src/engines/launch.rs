//! Starting an engine, detached and with its own directories.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::host;
use super::http::Address;
use super::layout::{self, Layout};
use super::process::{self, Record};
use super::{Engine, START_DEADLINE, START_POLL};
use super::{quota, root};

/// Starts the engine on `address`, where nothing responds, and records its process.
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
            // Podman 5 would only write warnings on a host with cgroup v1.
            command.env("PODMAN_IGNORE_CGROUPSV1_WARNING", "1");
            ("podman", podman(command, layout, address)?)
        }
        Engine::Registry => (
            "docker-registry",
            registry(Command::new("docker-registry"), layout)?,
        ),
    };
    spawn(layout, program, command, address)
}

/// Removes leftovers of a killed predecessor that would prevent a new engine from starting.
///
/// The predecessor's containers and containerd's data stay, because the engines recover those themselves.
fn remove_stale_state(layout: &Layout, address: &Address) -> Result<()> {
    if Record::load(&layout.record()).is_some_and(|record| !record.is_of_this_boot()) {
        // If /run is not cleared at boot, Podman assumes that its containers still run.
        remove_dir(layout.run())?;
    }
    // dockerd and its containerd trust the pid in a pid file if any process has it.
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

/// Removes a socket on which nothing listens.
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

/// Removes a directory with its contents; a missing directory is no error.
pub(super) fn remove_dir(dir: &Path) -> Result<()> {
    if !dir.exists() {
        return Ok(());
    }
    // The contents of mounts below it must not be deleted.
    host::unmount_below(dir)?;
    fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))
}

fn docker(layout: &Layout, address: &Address) -> Result<Command> {
    // dockerd sets the forwarding policy to DROP if it enables forwarding itself. Podman's internal networks
    // then carry no traffic, because bridged packets are filtered too. So forwarding is enabled here first.
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
    // If the machine runs a containerd, dockerd uses it instead of its own, and another dockerd there treats
    // all containers in the default namespaces as its own.
    command.args(["--containerd-namespace", "xtask-quota"]);
    command.args(["--containerd-plugins-namespace", "xtask-quota-plugins"]);
    Ok(command)
}

fn add_docker_directories(command: &mut Command, layout: &Layout, address: &Address) -> Result<()> {
    // An empty configuration replaces the machine's, which may name other hosts or directories.
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
        // Podman's defaults exceed the limits we may set, so every start would fail.
        containers.push_str("[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=4096:4096\"]\n");
    }
    // crun 1.8 does not work if both cgroup versions are mounted. Events go to a file because there may be no
    // journal.
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
        // The kernel refuses an overlay whose upper directory is on an overlay, as in a container.
        if on_overlay { "vfs" } else { "overlay" },
        host::quoted(&layout.data().join("storage"))?,
        host::quoted(&layout.run().join("root"))?,
    );
    // Unlike Docker, Podman requires TLS from loopback registries unless configured otherwise.
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

/// Builds the command of an engine in a root, and starts the registry in its network namespace.
fn in_root(layout: &Layout, program: &str) -> Result<Command> {
    let release = layout.engine.release().context("the engine has no root")?;
    let command = root::inside(layout, release, program)?;
    start_registry_beside(layout)?;
    Ok(command)
}

/// Starts a registry in the network namespace of an engine, unless it is running or the host has no registry. The
/// registry is stopped with the engine.
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
    // The registry reads YAML, of which JSON is a subset.
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

/// Runs the command, which either is `program` or executes it.
fn spawn(layout: &Layout, program: &str, mut command: Command, address: &Address) -> Result<Child> {
    let log = OpenOptions::new().create(true).append(true).open(layout.log());
    let log = log.with_context(|| format!("cannot open {}", layout.log().display()))?;
    command
        .env("PATH", host::program_path())
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("cannot share the log")?)
        .stderr(log)
        .current_dir("/")
        // A separate process group, so that an interrupt at the terminal does not reach the engine.
        .process_group(0);
    let mut child = command.spawn().with_context(|| format!("cannot run {program}"))?;
    if let Err(error) = record(layout, &child, program, address) {
        // Without a record, the process could not be stopped later. If it has already exited, the caller shows
        // its log.
        if child.try_wait().ok().flatten().is_none() {
            let _ = child.kill();
            return Err(error);
        }
    }
    Ok(child)
}

fn record(layout: &Layout, child: &Child, program: &str, address: &Address) -> Result<()> {
    // On Linux `spawn` returns after the new program has been loaded, but this is not guaranteed, and the
    // program may in turn execute another one.
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
