//! Mutating operations.

use std::time::Duration;

use driver_interface_types::{
    ContainerDriver, ContainerDriverExt as _, ContainerPath, ContainerStatus, ExecConfig, ExecOutcome,
    ImageRef, NetworkConfig, NetworkConnectOptions, PullOptions, RemoveOptions, Signal, StopOptions,
    TarStream, VolumeConfig, VolumeId, WriteFile,
};

use super::reads::{expect_exec, long_text};
use super::subject::{Called, Failure, Operation, Subject, operation, right};
use super::world::{DEADLINE, World};
use crate::one_layer::{OneLayer, archive};
use crate::registry::serving_whole;

/// A program that runs until SIGTERM.
pub(crate) const SERVES: &str = "trap 'exit 0' TERM; while :; do sleep 0.1; done";

async fn status(world: &World, subject: &Subject) -> Option<ContainerStatus> {
    world.now(subject.container()).await.map(|now| now.status)
}

async fn is(world: &World, subject: &Subject, expected: ContainerStatus) -> bool {
    status(world, subject).await == Some(expected)
}

async fn runs(world: &World, subject: &Subject) -> bool {
    is(world, subject, ContainerStatus::Running).await
}

fn volume(world: &World) -> VolumeConfig {
    VolumeConfig::new(format!("v-{}", world.namespace))
}

fn network(world: &World) -> NetworkConfig {
    NetworkConfig::new(format!("n-{}", world.namespace))
}

async fn has_volume(world: &World) -> bool {
    let id = VolumeId::new(volume(world).name).unwrap();
    world.direct.get_volume(&id).await.unwrap().is_some()
}

async fn has_network(world: &World) -> bool {
    let found = world.direct.find_network(&network(world).name).await;
    found.unwrap().is_some()
}

/// Returns whether the container has the network's interface.
async fn is_connected(world: &World, subject: &Subject) -> bool {
    world
        .succeeds(subject.container(), "test -e /sys/class/net/eth1")
        .await
}

async fn connectable(world: &World) -> Subject {
    let network = world.direct.create_network(&network(world)).await.unwrap();
    Subject {
        network: Some(network.id),
        ..world.running(SERVES).await.into()
    }
}

fn path(text: &str) -> ContainerPath {
    ContainerPath::new(text).unwrap()
}

fn image(world: &World, kind: &str) -> ImageRef {
    ImageRef::new(format!("localhost/{kind}-{}:1", world.namespace)).unwrap()
}

async fn has_image(world: &World, subject: &Subject) -> bool {
    world.bench.raw.image(subject.image().as_str()) == 200
}

async fn has_file(world: &World, subject: &Subject, file: &str) -> bool {
    world.file(subject.container(), file).await.is_some()
}

const MARKED: &str = "test -e /tmp/marker";

async fn has_marker(world: &World, subject: &Subject) -> bool {
    world.succeeds(subject.container(), MARKED).await
}

/// Fails if a `sleep 3001` process still runs.
async fn expect_killed(world: &World, subject: &Subject) -> Called {
    let gone = world
        .succeeds(subject.container(), "! grep -l '300[1]' /proc/[0-9]*/cmdline")
        .await;
    right(gone, || "the command still runs after its kill".to_owned())
}

const BIG: usize = 150_000;

pub(crate) fn operations() -> Vec<Operation> {
    let mut all = containers();
    all.extend(resources());
    all.extend(commands());
    all.extend(files_and_images());
    all
}

fn containers() -> Vec<Operation> {
    vec![
        operation!(
            "create_container",
            1,
            |_w| Some(Subject::default()),
            |w, _s| {
                let created = w
                    .driver
                    .create_container(&w.config(SERVES).name(format!("c-{}", w.namespace)))
                    .await?;
                right(created.status == ContainerStatus::Created, || {
                    format!("{created:?}")
                })
            },
            |w, _s| !w
                .direct
                .list_containers(&Default::default())
                .await
                .unwrap()
                .is_empty()
        ),
        operation!(
            "start_container",
            1,
            |w| Some(w.created(SERVES).await.into()),
            |w, s| {
                w.driver.start_container(&s.container().id).await?;
                Ok(())
            },
            |w, s| runs(w, s).await
        ),
        operation!(
            "stop_container",
            2,
            |w| Some(w.running(SERVES).await.into()),
            |w, s| {
                let grace = StopOptions::kill_after(Duration::from_secs(1));
                w.driver.stop_container(&s.container().id, grace).await?;
                Ok(())
            },
            |w, s| !runs(w, s).await
        ),
        operation!(
            "stop_container (killed)",
            1,
            |w| Some(w.running(SERVES).await.into()),
            |w, s| {
                w.driver
                    .stop_container(&s.container().id, StopOptions::kill())
                    .await?;
                Ok(())
            },
            |w, s| !runs(w, s).await
        ),
        operation!(
            "restart_container",
            2,
            |w| Some(w.running(SERVES).await.into()),
            |w, s| {
                w.driver
                    .restart_container(&s.container().id, StopOptions::kill())
                    .await?;
                Ok(())
            },
            |w, s| {
                let now = w.now(s.container()).await;
                now.is_none_or(|now| {
                    now.status != ContainerStatus::Running || now.started_at != s.container().started_at
                })
            }
        ),
        operation!(
            "kill_container",
            1,
            |w| Some(w.running(SERVES).await.into()),
            |w, s| {
                w.driver.kill_container(&s.container().id, Signal::KILL).await?;
                Ok(())
            },
            |w, s| {
                // The call returns once the signal is sent, so poll for the exit.
                for _ in 0..20 {
                    if !runs(w, s).await {
                        return true;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                false
            }
        ),
        operation!(
            "pause_container",
            1,
            |w| Some(w.running(SERVES).await.into()),
            |w, s| {
                w.driver.pause_container(&s.container().id).await?;
                Ok(())
            },
            |w, s| is(w, s, ContainerStatus::Paused).await
        ),
        operation!(
            "unpause_container",
            1,
            |w| {
                let running = w.running(SERVES).await;
                w.direct.pause_container(&running.id).await.unwrap();
                Some(running.into())
            },
            |w, s| {
                w.driver.unpause_container(&s.container().id).await?;
                Ok(())
            },
            |w, s| runs(w, s).await
        ),
        operation!(
            "remove_container",
            1,
            |w| Some(w.created(SERVES).await.into()),
            |w, s| {
                w.driver
                    .remove_container(&s.container().id, RemoveOptions::default())
                    .await?;
                Ok(())
            },
            |w, s| status(w, s).await.is_none()
        ),
        operation!(
            "remove_container (forced)",
            1,
            |w| Some(w.running(SERVES).await.into()),
            |w, s| {
                w.driver
                    .remove_container(&s.container().id, RemoveOptions::force())
                    .await?;
                Ok(())
            },
            // Killing the process already counts as applied.
            |w, s| !runs(w, s).await
        ),
    ]
}

fn resources() -> Vec<Operation> {
    vec![
        operation!(
            "create_volume",
            1,
            |_w| Some(Subject::default()),
            |w, _s| {
                w.driver.create_volume(&volume(w)).await?;
                Ok(())
            },
            |w, _s| has_volume(w).await
        ),
        operation!(
            "remove_volume",
            1,
            |w| {
                let created = w.direct.create_volume(&volume(w)).await.unwrap();
                Some(Subject {
                    volume: Some(created.id),
                    ..Subject::default()
                })
            },
            |w, s| {
                w.driver.remove_volume(s.volume.as_ref().unwrap()).await?;
                Ok(())
            },
            |w, _s| !has_volume(w).await
        ),
        operation!(
            "create_network",
            1,
            |_w| Some(Subject::default()),
            |w, _s| {
                w.driver.create_network(&network(w)).await?;
                Ok(())
            },
            |w, _s| has_network(w).await
        ),
        operation!(
            "remove_network",
            1,
            |w| {
                let created = w.direct.create_network(&network(w)).await.unwrap();
                Some(Subject {
                    network: Some(created.id),
                    ..Subject::default()
                })
            },
            |w, s| {
                w.driver.remove_network(s.network.as_ref().unwrap()).await?;
                Ok(())
            },
            |w, _s| !has_network(w).await
        ),
        operation!(
            "connect_network",
            1,
            |w| Some(connectable(w).await),
            |w, s| {
                let (network, container) = (s.network.as_ref().unwrap(), &s.container().id);
                w.driver
                    .connect_network(network, container, NetworkConnectOptions::default())
                    .await?;
                Ok(())
            },
            |w, s| is_connected(w, s).await
        ),
        operation!(
            "disconnect_network",
            1,
            |w| {
                let subject = connectable(w).await;
                let (network, container) = (subject.network.as_ref().unwrap(), &subject.container().id);
                let connected =
                    w.direct
                        .connect_network(network, container, NetworkConnectOptions::default());
                connected.await.unwrap();
                Some(subject)
            },
            |w, s| {
                let (network, container) = (s.network.as_ref().unwrap(), &s.container().id);
                w.driver.disconnect_network(network, container).await?;
                Ok(())
            },
            |w, s| !is_connected(w, s).await
        ),
    ]
}

/// Keeps running after its output: output that is cut after the exit looks complete.
const PRINTS: &str = "touch /tmp/marker; seq 20000; echo trouble >&2; sleep 2; exit 7";

fn commands() -> Vec<Operation> {
    vec![
        operation!(
            "exec",
            4,
            |w| Some(w.offline(SERVES).await.into()),
            |w, s| {
                let config = ExecConfig::shell(PRINTS).timeout(DEADLINE * 2);
                let output = w.driver.exec(&s.container().id, config).await?;
                if output.outcome == ExecOutcome::TimedOut {
                    return Err(Failure::Marked);
                }
                let expected: String = (1..=20000).map(|number| format!("{number}\n")).collect();
                expect_exec(&output, 7, expected.as_bytes(), b"trouble\n")
            },
            |w, s| has_marker(w, s).await
        ),
        operation!(
            "exec with input",
            3,
            |w| Some(w.offline(SERVES).await.into()),
            |w, s| {
                // A cut may reach the command as the end of its input, so compare with the received input.
                let config = ExecConfig::shell("touch /tmp/marker; tee /tmp/got")
                    .stdin(long_text(BIG))
                    .timeout(DEADLINE);
                let output = w.driver.exec(&s.container().id, config).await?;
                if output.outcome == ExecOutcome::TimedOut {
                    return Err(Failure::Marked);
                }
                let got = ExecConfig::shell("cat /tmp/got");
                let got = w.untimed(w.direct.exec(&s.container().id, got)).await?.stdout;
                right(long_text(BIG).starts_with(&got), || {
                    "it is not what was given to it".to_owned()
                })?;
                expect_exec(&output, 0, &got, b"")
            },
            |w, s| has_marker(w, s).await
        ),
        operation!(
            "exec that is timed out",
            3,
            |w| Some(w.offline(SERVES).await.into()),
            |w, s| {
                let script = "touch /tmp/marker; echo begun; sleep 3001";
                let config = ExecConfig::shell(script).timeout(Duration::from_secs(1));
                let output = w.driver.exec(&s.container().id, config).await?;
                right(output.outcome == ExecOutcome::TimedOut, || format!("{output:?}"))?;
                expect_killed(w, s).await
            },
            |w, s| has_marker(w, s).await
        ),
        operation!(
            "exec_stream",
            4,
            |w| Some(w.offline(SERVES).await.into()),
            |w, s| {
                let config = ExecConfig::shell(PRINTS).timeout(DEADLINE * 2);
                let session = w.driver.exec_stream(&s.container().id, config).await?;
                let expected: String = (1..=20000).map(|number| format!("{number}\n")).collect();
                super::reads::expect_session(session, 7, expected.as_bytes(), b"trouble\n").await
            },
            |w, s| has_marker(w, s).await
        ),
        operation!(
            "exec_detached",
            1,
            |w| {
                if !w
                    .direct
                    .capabilities()
                    .supports(driver_interface_types::Operation::ExecDetached)
                {
                    return None;
                }
                Some(w.offline(SERVES).await.into())
            },
            |w, s| {
                w.driver
                    .exec_detached(&s.container().id, ExecConfig::shell("touch /tmp/marker"))
                    .await?;
                Ok(())
            },
            |w, s| {
                // The call returns once the command has started, so poll for its effect.
                for _ in 0..20 {
                    if has_marker(w, s).await {
                        return true;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                false
            }
        ),
    ]
}

fn files_and_images() -> Vec<Operation> {
    vec![
        operation!(
            "write_file",
            1,
            |w| Some(w.writable().await.into()),
            |w, s| {
                let file = WriteFile::new(long_text(BIG)).create_parents(true);
                w.driver
                    .write_file(&s.container().id, &path("/srv/sub/file"), file)
                    .await?;
                let read = w.file(s.container(), "/srv/sub/file").await;
                right(read.is_some_and(|read| read == long_text(BIG)), || {
                    "the file is not the one written".to_owned()
                })
            },
            |w, s| has_file(w, s, "/srv/sub/file").await
        ),
        operation!(
            "copy_into_container",
            1,
            |w| Some(w.writable().await.into()),
            |w, s| {
                let archive = archive(&[("first", b"1"), ("second", &long_text(BIG)), ("third", b"3")]);
                w.driver
                    .copy_into_container(&s.container().id, &path("/"), TarStream::from(archive))
                    .await?;
                for (file, length) in [("/first", 1), ("/second", BIG), ("/third", 1)] {
                    let read = w.file(s.container(), file).await;
                    right(read.is_some_and(|read| read.len() == length), || {
                        format!("{file} is not whole")
                    })?;
                }
                Ok(())
            },
            |w, s| has_file(w, s, "/first").await
        ),
        operation!(
            "import_image",
            1,
            |w| Some(Subject {
                image: Some(image(w, "imported")),
                ..Subject::default()
            }),
            |w, s| {
                w.driver
                    .import_image(s.image(), archive(&[("file", b"content")]).into())
                    .await?;
                Ok(())
            },
            |w, s| has_image(w, s).await
        ),
        operation!(
            "remove_image",
            1,
            |w| {
                let image = image(w, "removed");
                w.direct
                    .import_image(&image, archive(&[("file", b"content")]).into())
                    .await
                    .unwrap();
                Some(Subject {
                    image: Some(image),
                    ..Subject::default()
                })
            },
            |w, s| {
                w.driver.remove_image(s.image()).await?;
                Ok(())
            },
            |w, s| !has_image(w, s).await
        ),
        operation!(
            "load_image",
            1,
            |w| Some(Subject {
                image: Some(image(w, "loaded")),
                ..Subject::default()
            }),
            |w, s| {
                let names = w
                    .driver
                    .load_image(OneLayer::new().saved(s.image().as_str()).into())
                    .await?;
                right(names == [s.image().clone()], || format!("loaded {names:?}"))
            },
            |w, s| has_image(w, s).await
        ),
        operation!(
            "pull_image",
            2,
            |w| {
                // Podman accepts registries without TLS only if its configuration lists them.
                if w.bench.is_podman() {
                    return None;
                }
                let port = serving_whole(&OneLayer::new());
                let image = ImageRef::new(format!("127.0.0.1:{port}/pulled:1")).unwrap();
                Some(Subject {
                    image: Some(image),
                    ..Subject::default()
                })
            },
            |w, s| {
                let stream = w.driver.pull_image(s.image(), PullOptions::default()).await?;
                let pulled = stream.finish().await?;
                right(pulled.references.contains(s.image()), || {
                    format!("pulled {pulled:?}")
                })
            },
            |w, s| has_image(w, s).await
        ),
    ]
}
