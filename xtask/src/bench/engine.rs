//! The rows of the benchmark that are measured on an engine.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{ListContainersOptions, LogsOptions, RemoveContainerOptions};
use driver_interface::docker::{DockerConfig, DockerDriver};
use driver_interface::prelude::*;
use driver_interface::{
    ContainerId, ContainerPath, ImageRef, LogStreamOptions, Namespace, NetworkMode, RemoveOptions,
    WaitOptions,
};
use driver_interface_conformance::TestImage;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::Mutex;

use super::measure::{Contender, Measured, RAW, Row, US, whole};
use super::raw::Raw;

const BOLLARD: &str = "bollard";
const COMMAND: &str = "docker command";
const DOCKER_PY: &str = "docker-py";
/// The number of containers that run at the same time in the throughput row.
const CONCURRENT: usize = 32;
const SECONDS: u64 = 120;

/// The amount of work in the rows: the number of rounds, of listed containers and of log lines, and the size of a
/// file.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) rounds: usize,
    pub(super) listed: usize,
    pub(super) lines: usize,
    pub(super) file_mib: usize,
}

impl Size {
    pub(super) const WHOLE: Self = Self {
        rounds: 15,
        listed: 500,
        lines: 1_000_000,
        file_mib: 500,
    };
    /// The reduced amount of work for `--quick`.
    pub(super) const QUICK: Self = Self {
        rounds: 7,
        listed: 100,
        lines: 100_000,
        file_mib: 64,
    };
}

/// An engine, and everything that the rows need on this engine.
pub(super) struct Engine {
    driver: Arc<DockerDriver>,
    namespace: Namespace,
    socket: PathBuf,
    bollard: Docker,
    image: ImageRef,
    size: Size,
    /// Whether to measure the docker command: it was requested with `--peers` and is installed.
    has_command: bool,
    has_python: bool,
}

impl Engine {
    pub(super) async fn prepare(uri: &str, image: &TestImage, size: Size, peers: bool) -> Result<Self> {
        let namespace = Namespace::new(format!("bench-{}", std::process::id()))?;
        let config = DockerConfig::for_uri(uri)?.namespace(namespace.clone());
        let driver = DockerDriver::connect(config).await?;
        let address = driver.address();
        let socket = address
            .strip_prefix("unix://")
            .with_context(|| format!("{address}: only an engine on a Unix socket can be measured"))?;
        let bollard = Docker::connect_with_unix(socket, SECONDS, bollard::API_DEFAULT_VERSION)?;
        let bollard = bollard.negotiate_version().await?;
        let name = ImageRef::new(format!("localhost/driver-interface-bench:{}", std::process::id()))?;
        let TestImage::Root(root) = image else {
            anyhow::bail!("the test image cannot be built: install busybox-static");
        };
        driver.import_image(&name, root.clone().into()).await?;
        Ok(Self {
            socket: socket.into(),
            bollard,
            image: name,
            size,
            has_command: peers && succeeds("docker", &["version"]).await,
            has_python: peers && succeeds("python3", &["-c", "import docker"]).await,
            driver: Arc::new(driver),
            namespace,
        })
    }

    /// Removes the resources that [`prepare`](Self::prepare) and the rows have created.
    pub(super) async fn clear(&self) -> Result<()> {
        let cleared = self.driver.clear_namespace().await;
        ensure!(cleared.failures.is_empty(), "{:?}", cleared.failures);
        self.driver.remove_image(&self.image).await?;
        Ok(())
    }

    pub(super) fn describe(&self) -> String {
        let info = self.driver.engine_info();
        format!(
            "{} {} (API {})",
            info.name,
            info.version,
            info.api_version.as_deref().unwrap_or("unknown")
        )
    }

    /// Returns the peers that are not installed, if peers were requested.
    pub(super) fn absent(&self) -> Vec<&'static str> {
        let peers = [(self.has_command, COMMAND), (self.has_python, DOCKER_PY)];
        let absent = peers.into_iter().filter(|(is_there, _)| !is_there);
        absent.map(|(_, name)| name).collect()
    }

    pub(super) async fn rows(&self, shown: impl Fn(&Measured)) -> Result<Vec<Measured>> {
        let mut rows = Vec::new();
        macro_rules! row {
            ($row:expr) => {{
                let measured = $row.await?;
                shown(&measured);
                rows.push(measured);
            }};
        }
        row!(self.health());
        row!(self.inspect());
        row!(self.list());
        row!(self.exec());
        row!(self.cycle("cycle without a network", NetworkMode::None, 1.02));
        row!(self.cycle("cycle on the default network", NetworkMode::Default, 1.05));
        row!(self.concurrent());
        row!(self.logs());
        row!(self.file_out());
        Ok(rows)
    }

    async fn raw(&self) -> Result<Arc<Mutex<Raw>>> {
        Ok(Arc::new(Mutex::new(Raw::connect(&self.socket).await?)))
    }

    fn config(&self, command: &[&str]) -> ContainerConfig {
        ContainerConfig::new("bench", self.image.as_str())
            .command(command.to_vec())
            .network(NetworkMode::None)
    }

    async fn started(&self, command: &[&str]) -> Result<ContainerId> {
        let made = self.driver.create_container(&self.config(command)).await?;
        self.driver.start_container(&made.id).await?;
        Ok(made.id)
    }

    async fn removed(&self, id: &ContainerId) -> Result<()> {
        Ok(self.driver.remove_container(id, RemoveOptions::force()).await?)
    }

    async fn health(&self) -> Result<Measured> {
        const CALLS: u32 = 50;
        let raw = self.raw().await?;
        let row = Row {
            name: "health check",
            goal: Some((RAW, 3.0)),
            rounds: self.size.rounds * 2,
            operations: CALLS,
        };
        row.measure(vec![
            whole(US, || async {
                for _ in 0..CALLS {
                    ensure!(self.driver.health_check().await?.is_healthy(), "it is unhealthy");
                }
                Ok(())
            }),
            whole(RAW, || {
                let raw = Arc::clone(&raw);
                async move {
                    let mut raw = raw.lock().await;
                    for _ in 0..CALLS {
                        raw.call("GET", "/_ping", b"").await?;
                    }
                    anyhow::Ok(())
                }
            }),
            whole(BOLLARD, || async {
                for _ in 0..CALLS {
                    self.bollard.ping().await?;
                }
                anyhow::Ok(())
            }),
        ])
        .await
    }

    async fn inspect(&self) -> Result<Measured> {
        const CALLS: u32 = 50;
        let raw = self.raw().await?;
        let id = self.started(&["sleep", "3600"]).await?;
        let path = format!("/containers/{id}/json");
        let row = Row {
            name: "get_container",
            goal: Some((RAW, 1.4)),
            rounds: self.size.rounds * 2,
            operations: CALLS,
        };
        let measured = row
            .measure(vec![
                whole(US, || async {
                    for _ in 0..CALLS {
                        self.driver.get_container(&id).await?.context("it is gone")?;
                    }
                    anyhow::Ok(())
                }),
                whole(RAW, || {
                    let (raw, path) = (Arc::clone(&raw), path.as_str());
                    async move {
                        let mut raw = raw.lock().await;
                        for _ in 0..CALLS {
                            raw.json("GET", path, b"").await?;
                        }
                        anyhow::Ok(())
                    }
                }),
                whole(BOLLARD, || async {
                    for _ in 0..CALLS {
                        self.bollard.inspect_container(id.as_str(), None).await?;
                    }
                    anyhow::Ok(())
                }),
            ])
            .await?;
        self.removed(&id).await?;
        Ok(measured)
    }

    async fn list(&self) -> Result<Measured> {
        let raw = self.raw().await?;
        let create = |_| async { anyhow::Ok(self.driver.create_container(&self.config(&["true"])).await?) };
        let made: Vec<_> = stream::iter(0..self.size.listed)
            .map(create)
            .buffer_unordered(4)
            .try_collect()
            .await?;
        let label = format!("{}={}", driver_interface::label::NAMESPACE, self.namespace);
        let filters = json!({"label": [label]}).to_string();
        let path = format!("/containers/json?all=1&filters={}", percent_encoded(&filters));
        let row = Row {
            name: "list of containers",
            goal: Some((RAW, 1.3)),
            rounds: self.size.rounds,
            operations: 1,
        };
        let expected = self.size.listed;
        let measured = row
            .measure(vec![
                whole(US, || async {
                    let found = self.driver.list_containers(&ContainerFilter::default()).await?;
                    ensure!(found.len() == expected, "{} were listed", found.len());
                    Ok(())
                }),
                whole(RAW, || {
                    let (raw, path) = (Arc::clone(&raw), path.as_str());
                    async move {
                        let found = raw.lock().await.json("GET", path, b"").await?;
                        let count = found.as_array().map_or(0, Vec::len);
                        ensure!(count == expected, "{count} were listed");
                        Ok(())
                    }
                }),
                whole(BOLLARD, || async {
                    let options = ListContainersOptions {
                        all: true,
                        filters: Some([("label".to_owned(), vec![label.clone()])].into()),
                        ..ListContainersOptions::default()
                    };
                    let found = self.bollard.list_containers(Some(options)).await?;
                    ensure!(found.len() == expected, "{} were listed", found.len());
                    Ok(())
                }),
            ])
            .await?;
        let remove = |made: ContainerInstance| async move { self.removed(&made.id).await };
        stream::iter(made)
            .map(remove)
            .buffer_unordered(4)
            .try_collect::<()>()
            .await?;
        Ok(measured)
    }

    async fn exec(&self) -> Result<Measured> {
        let id = self.started(&["sleep", "3600"]).await?;
        let raw = self.raw().await?;
        let mut contenders = vec![
            whole(US, || async {
                let output = self.driver.exec(&id, ExecConfig::new(["echo", "hello"])).await?;
                ensure!(output.stdout_text() == "hello\n", "{:?}", output.stdout_text());
                ensure!(
                    output.outcome.exit_code() == Some(0),
                    "{:?}",
                    output.outcome.exit_code()
                );
                Ok(())
            }),
            whole(RAW, || {
                let (raw, id) = (Arc::clone(&raw), id.clone());
                async move {
                    let mut raw = raw.lock().await;
                    let body = json!({"Cmd": ["echo", "hello"], "AttachStdout": true, "AttachStderr": true});
                    let path = format!("/containers/{id}/exec");
                    let made = raw.json("POST", &path, body.to_string().as_bytes()).await?;
                    let exec = text(&made, "Id")?;
                    let attached = Raw::connect(&self.socket).await?;
                    let length = attached.attached(&format!("/exec/{exec}/start"), b"{}").await?;
                    ensure!(length == 14, "{length} bytes");
                    let ended = raw.json("GET", &format!("/exec/{exec}/json"), b"").await?;
                    ensure!(ended.get("ExitCode") == Some(&json!(0)), "{ended}");
                    Ok(())
                }
            }),
            whole(BOLLARD, || async {
                let options = bollard::exec::CreateExecOptions {
                    cmd: Some(vec!["echo", "hello"]),
                    attach_stdout: Some(true),
                    attach_stderr: Some(true),
                    ..bollard::exec::CreateExecOptions::default()
                };
                let exec = self.bollard.create_exec(id.as_str(), options).await?.id;
                let started = self.bollard.start_exec(&exec, None).await?;
                let bollard::exec::StartExecResults::Attached { mut output, .. } = started else {
                    anyhow::bail!("it is not attached");
                };
                let mut text = String::new();
                while let Some(piece) = output.next().await {
                    text += &piece?.to_string();
                }
                ensure!(text == "hello\n", "{text:?}");
                let ended = self.bollard.inspect_exec(&exec).await?;
                ensure!(ended.exit_code == Some(0), "{:?}", ended.exit_code);
                Ok(())
            }),
        ];
        if self.has_command {
            contenders.push(whole(COMMAND, || {
                ran(
                    "docker",
                    vec!["exec".to_owned(), id.to_string(), "echo".into(), "hello".into()],
                )
            }));
        }
        let row = Row {
            name: "exec with output and exit code",
            goal: Some((BOLLARD, 0.9)),
            rounds: self.size.rounds,
            operations: 1,
        };
        let measured = row.measure(contenders).await?;
        self.removed(&id).await?;
        Ok(measured)
    }

    async fn our_cycle(&self, network: NetworkMode) -> Result<()> {
        let config = self.config(&["true"]).network(network);
        let made = self.driver.create_container(&config).await?;
        self.driver.start_container(&made.id).await?;
        let exit = self
            .driver
            .wait_container(&made.id, WaitOptions::default())
            .await?;
        ensure!(exit.code == 0, "exit code {}", exit.code);
        Ok(self
            .driver
            .remove_container(&made.id, RemoveOptions::default())
            .await?)
    }

    async fn raw_cycle(&self, raw: &mut Raw, network: &str) -> Result<()> {
        // The same settings, so that the engine does the same work.
        let body = json!({
            "Image": self.image.as_str(), "Cmd": ["true"], "User": "1000:1000",
            "HostConfig": {
                "NetworkMode": network, "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"],
                "ReadonlyRootfs": true, "PidsLimit": 256, "Init": true,
                "Memory": 512 << 20, "MemorySwap": 512 << 20, "NanoCpus": 1_000_000_000_u64,
                "Tmpfs": {"/tmp": "rw,noexec,nosuid,nodev,size=64m,mode=1777"},
            },
        });
        let made = raw
            .json("POST", "/containers/create", body.to_string().as_bytes())
            .await?;
        let id = text(&made, "Id")?;
        raw.call("POST", &format!("/containers/{id}/start"), b"").await?;
        let ended = raw.json("POST", &format!("/containers/{id}/wait"), b"").await?;
        ensure!(ended.get("StatusCode") == Some(&json!(0)), "{ended}");
        raw.call("DELETE", &format!("/containers/{id}"), b"").await?;
        Ok(())
    }

    async fn bollard_cycle(&self, network: &str) -> Result<()> {
        let body = ContainerCreateBody {
            image: Some(self.image.to_string()),
            cmd: Some(vec!["true".to_owned()]),
            host_config: Some(HostConfig {
                network_mode: Some(network.to_owned()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let made = self.bollard.create_container(None, body).await?;
        self.bollard.start_container(&made.id, None).await?;
        let waited: Vec<_> = self.bollard.wait_container(&made.id, None).try_collect().await?;
        ensure!(
            waited.first().is_some_and(|ended| ended.status_code == 0),
            "{waited:?}"
        );
        let plain = None::<RemoveContainerOptions>;
        Ok(self.bollard.remove_container(&made.id, plain).await?)
    }

    async fn cycle(&self, name: &'static str, mode: NetworkMode, at_most: f64) -> Result<Measured> {
        let raw = self.raw().await?;
        let bridge = format!("bench-{}", std::process::id());
        let network = match mode {
            NetworkMode::None => "none".to_owned(),
            _ => {
                let body = json!({"Name": bridge}).to_string();
                raw.lock()
                    .await
                    .call("POST", "/networks/create", body.as_bytes())
                    .await?;
                bridge.clone()
            }
        };
        let mut contenders: Vec<Contender<'_>> = vec![
            whole(US, || self.our_cycle(mode.clone())),
            whole(RAW, || {
                let (raw, network) = (Arc::clone(&raw), network.as_str());
                async move { self.raw_cycle(&mut *raw.lock().await, network).await }
            }),
            whole(BOLLARD, || self.bollard_cycle(&network)),
        ];
        let image = self.image.as_str();
        if self.has_command {
            contenders.push(whole(COMMAND, || {
                let words = ["run", "--rm", "--network", &network, image, "true"];
                ran("docker", words.map(str::to_owned).into())
            }));
        }
        if self.has_python {
            // The interpreter and its connection start once, as in a program.
            let python = Arc::new(Mutex::new(Python::start(image, &network)?));
            contenders.push(whole(DOCKER_PY, move || {
                let python = Arc::clone(&python);
                async move { python.lock().await.turn().await }
            }));
        }
        let row = Row {
            name,
            goal: Some((RAW, at_most)),
            rounds: self.size.rounds,
            operations: 1,
        };
        let measured = row.measure(contenders).await;
        if network == bridge {
            raw.lock()
                .await
                .call("DELETE", &format!("/networks/{bridge}"), b"")
                .await?;
        }
        measured
    }

    async fn concurrent(&self) -> Result<Measured> {
        let row = Row {
            name: "32 concurrent cycles",
            goal: Some((RAW, 1.02)),
            rounds: self.size.rounds.div_ceil(4),
            operations: CONCURRENT as u32,
        };
        row.measure(vec![
            whole(US, || {
                let all = (0..CONCURRENT).map(|_| self.our_cycle(NetworkMode::None));
                async { futures_util::future::try_join_all(all).await.map(drop) }
            }),
            whole(RAW, || {
                let all = (0..CONCURRENT).map(|_| async {
                    let mut raw = Raw::connect(&self.socket).await?;
                    self.raw_cycle(&mut raw, "none").await
                });
                async { futures_util::future::try_join_all(all).await.map(drop) }
            }),
        ])
        .await
    }

    async fn logs(&self) -> Result<Measured> {
        let lines = self.size.lines;
        let script = format!("seq 1 {lines}");
        let id = self.started(&["sh", "-c", &script]).await?;
        let raw = self.raw().await?;
        self.driver.wait_container(&id, WaitOptions::default()).await?;
        let expected: usize = (1..=lines).map(|line| line.ilog10() as usize + 2).sum();
        let path = format!("/containers/{id}/logs?stdout=1&stderr=1");
        let row = Row {
            name: "log of short lines",
            goal: Some((RAW, 1.15)),
            rounds: self.size.rounds.div_ceil(2),
            operations: 1,
        };
        let measured = row
            .measure(vec![
                whole(US, || async {
                    let mut chunks = self
                        .driver
                        .stream_container_logs(&id, LogStreamOptions::default())
                        .await?;
                    let mut length = 0;
                    while let Some(chunk) = chunks.next().await {
                        length += chunk?.bytes.len();
                    }
                    ensure!(length == expected, "{length} bytes instead of {expected}");
                    Ok(())
                }),
                whole("get_container_logs", || async {
                    let text = self.driver.get_container_logs(&id, LogOptions::default()).await?;
                    ensure!(
                        text.len() == expected,
                        "{} bytes instead of {expected}",
                        text.len()
                    );
                    Ok(())
                }),
                whole(RAW, || {
                    let (raw, path) = (Arc::clone(&raw), path.as_str());
                    async move {
                        let mut length = 0;
                        raw.lock()
                            .await
                            .read("GET", path, b"", |piece| length += piece.len())
                            .await?;
                        // Each line has a header of 8 bytes.
                        ensure!(length == expected + 8 * lines, "{length} bytes");
                        Ok(())
                    }
                }),
                whole(BOLLARD, || async {
                    let options = LogsOptions {
                        stdout: true,
                        stderr: true,
                        ..LogsOptions::default()
                    };
                    let mut pieces = self.bollard.logs(id.as_str(), Some(options));
                    let mut length = 0;
                    while let Some(piece) = pieces.next().await {
                        length += piece?.into_bytes().len();
                    }
                    ensure!(length == expected, "{length} bytes instead of {expected}");
                    Ok(())
                }),
            ])
            .await?;
        self.removed(&id).await?;
        Ok(measured)
    }

    async fn file_out(&self) -> Result<Measured> {
        let mib = self.size.file_mib;
        let script = format!("dd if=/dev/zero of=/data/file bs=1M count={mib} && sleep 3600");
        let volume = self
            .driver
            .create_volume(&VolumeConfig::new(format!("bench-{}", std::process::id())).session("bench"))
            .await?;
        let config = self
            .config(&["sh", "-c", &script])
            .mount(VolumeMount::volume(volume.name.as_str(), "/data"));
        let made = self.driver.create_container(&config).await?;
        self.driver.start_container(&made.id).await?;
        let id = made.id;
        let raw = self.raw().await?;
        let size = mib << 20;
        let written = ExecConfig::shell(format!(
            "until [ $(stat -c %s /data/file) = {size} ]; do sleep 0.1; done"
        ));
        let written = self.driver.exec(&id, written).await?;
        ensure!(written.outcome.exit_code() == Some(0), "the file was not written");
        let path = ContainerPath::new("/data/file")?;
        let target = format!("/containers/{id}/archive?path=/data/file");
        let row = Row {
            name: "large file out of a container",
            goal: Some((RAW, 1.1)),
            rounds: self.size.rounds.div_ceil(3),
            operations: 1,
        };
        let measured = row
            .measure(vec![
                whole(US, || async {
                    let mut pieces = self.driver.read_file_stream(&id, &path).await?;
                    let mut length = 0;
                    while let Some(piece) = pieces.next().await {
                        length += piece?.len();
                    }
                    ensure!(length == size, "{length} bytes instead of {size}");
                    Ok(())
                }),
                whole(RAW, || {
                    let (raw, target) = (Arc::clone(&raw), target.as_str());
                    async move {
                        let mut length = 0;
                        raw.lock()
                            .await
                            .read("GET", target, b"", |piece| length += piece.len())
                            .await?;
                        ensure!(length > size, "{length} bytes");
                        Ok(())
                    }
                }),
            ])
            .await?;
        self.removed(&id).await?;
        self.driver.remove_volume(&volume.id).await?;
        Ok(measured)
    }
}

/// A running Python program. For each line of its input, the program runs one container with docker-py.
struct Python {
    child: tokio::process::Child,
}

impl Python {
    fn start(image: &str, network: &str) -> Result<Self> {
        const PROGRAM: &str = "import docker, sys
client = docker.from_env()
for line in sys.stdin:
    container = client.containers.create(sys.argv[1], ['true'], network_mode=sys.argv[2])
    container.start()
    container.wait()
    container.remove()
    print('done', flush=True)
";
        let child = Command::new("python3")
            .args(["-c", PROGRAM, image, network])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { child })
    }

    async fn turn(&mut self) -> Result<()> {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let input = self.child.stdin.as_mut().context("no input")?;
        input.write_all(b"again\n").await?;
        let mut done = [0; 5];
        let output = self.child.stdout.as_mut().context("no output")?;
        output.read_exact(&mut done).await.context("docker-py failed")?;
        Ok(())
    }
}

async fn succeeds(program: &str, args: &[&str]) -> bool {
    ran(program, args.iter().map(|&arg| arg.to_owned()).collect())
        .await
        .is_ok()
}

async fn ran(program: &str, args: Vec<String>) -> Result<()> {
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let status = tokio::time::timeout(Duration::from_secs(SECONDS), command.status()).await??;
    ensure!(status.success(), "{program} ended with {status}");
    Ok(())
}

/// Returns the text in the field `field` of a response. Fails if the response has no such text.
fn text<'a>(answer: &'a Value, field: &str) -> Result<&'a str> {
    let value = answer.get(field).and_then(Value::as_str);
    value.with_context(|| format!("the engine's response has no {field}"))
}

fn percent_encoded(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    encoded.collect()
}
