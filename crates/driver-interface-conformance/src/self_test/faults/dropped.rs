//! Faults in the behaviour of a driver after a call was dropped.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::InternalError;
use driver_interface_types::{
    ContainerConfig, ContainerDriver as _, ContainerDriverExt as _, ContainerId, ContainerInstance,
    EventFilter, EventStream, ExecConfig, ExecId, ExitInfo, LogStream, LogStreamOptions, RemoveOptions,
    Result, Signal, StopOptions, WaitOptions,
};
use futures_util::FutureExt as _;
use tokio::time::sleep;

use super::calls::{WhenDropped, detached, serialized};
use super::streams::{changed, until_dropped};
use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{
    CopyIntoContainer, CreateContainer, CreateNetwork, CreateVolume, Events, Exec, ExecDetached,
    GetContainerLogs, ImportVolume, KillContainer, PauseContainer, PullImage, PushImage, RestartContainer,
    StartContainer, StopContainer, StreamContainerLogs, StreamContainerStats, WaitContainer, WriteFile,
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "dropped-create-continues",
        "A dropped creation still creates its container.",
        &[CreateContainer(|inside, config| {
            let (driver, config) = (Arc::clone(&inside.driver), config.clone());
            detached(async move { driver.create_container(&config).await }).boxed()
        })],
        &[
            "cancellation/create-dropped-at-each-await",
            "cancellation/create-dropped-after-delay",
        ],
    ),
    Fault::new(
        "dropped-create-late-rollback",
        "A dropped creation later removes any container with its name.",
        &[CreateContainer(|inside, config| {
            late_rollback(inside, config).boxed()
        })],
        &["cancellation/create-retried"],
    ),
    Fault::new(
        "dropped-volume-and-network-created",
        "A dropped creation of a volume or network still creates it.",
        &[
            CreateVolume(|inside, config| {
                let (driver, config) = (Arc::clone(&inside.driver), config.clone());
                detached(async move { driver.create_volume(&config).await }).boxed()
            }),
            CreateNetwork(|inside, config| {
                let (driver, config) = (Arc::clone(&inside.driver), config.clone());
                detached(async move { driver.create_network(&config).await }).boxed()
            }),
        ],
        &["cancellation/volume-and-network", "cancellation/volume-owner"],
    ),
    Fault::new(
        "dropped-stop-kills",
        "A dropped stop kills the container immediately.",
        &[
            StopContainer(|inside, id, options| {
                async move {
                    let dropped = kill_when_dropped(inside, id);
                    let result = inside.driver.stop_container(id, options).await;
                    dropped.done();
                    result
                }
                .boxed()
            }),
            RestartContainer(|inside, id, options| {
                async move {
                    let dropped = kill_when_dropped(inside, id);
                    let result = inside.driver.restart_container(id, options).await;
                    dropped.done();
                    result
                }
                .boxed()
            }),
        ],
        &["cancellation/stop", "cancellation/restart"],
    ),
    Fault::new(
        "dropped-exec-stops-container",
        "Dropping `exec` stops the container.",
        &[Exec(|inside, id, config| {
            async move {
                let dropped = kill_when_dropped(inside, id);
                let result = inside.driver.exec(id, config).await;
                dropped.done();
                result
            }
            .boxed()
        })],
        &["cancellation/exec"],
    ),
    Fault::new(
        "dropped-call-holds-lock",
        "Calls on a container take a lock, and a dropped call never releases it.",
        &[
            StartContainer(|inside, id| {
                let lock = format!("start of {id}");
                async move { serialized(&inside.memory, &lock, inside.driver.start_container(id)).await }
                    .boxed()
            }),
            PauseContainer(|inside, id| {
                let lock = format!("pause of {id}");
                async move { serialized(&inside.memory, &lock, inside.driver.pause_container(id)).await }
                    .boxed()
            }),
            CopyIntoContainer(|inside, id, directory, archive| {
                let lock = format!("files of {id}");
                let copy = inside.driver.copy_into_container(id, directory, archive);
                async move { serialized(&inside.memory, &lock, copy).await }.boxed()
            }),
            WriteFile(|inside, id, path, file| {
                let lock = format!("files of {id}");
                let write = inside.driver.write_file(id, path, file);
                async move { serialized(&inside.memory, &lock, write).await }.boxed()
            }),
            PullImage(|inside, image, options| {
                let lock = format!("pull of {image}");
                let pull = inside.driver.pull_image(image, options);
                async move { serialized(&inside.memory, &lock, pull).await }.boxed()
            }),
            PushImage(|inside, image, options| {
                let lock = format!("push of {image}");
                let push = inside.driver.push_image(image, options);
                async move { serialized(&inside.memory, &lock, push).await }.boxed()
            }),
            ImportVolume(|inside, id, archive| {
                let lock = format!("import into {id}");
                let import = inside.driver.import_volume(id, archive);
                async move { serialized(&inside.memory, &lock, import).await }.boxed()
            }),
        ],
        &[
            "cancellation/start", "cancellation/pause", "cancellation/copy", "cancellation/write-file",
            "cancellation/pull", "cancellation/push", "cancellation/volume-transfer",
        ],
    ),
    Fault::new(
        "dropped-reader-stops-container",
        "A log reader that is dropped stops the container.",
        &[
            GetContainerLogs(|inside, id, options| {
                async move {
                    let dropped = options.follow.then(|| kill_when_dropped(inside, id));
                    let logs = inside.driver.get_container_logs(id, options).await;
                    if let Some(dropped) = dropped {
                        dropped.done();
                    }
                    logs
                }
                .boxed()
            }),
            StreamContainerLogs(|inside, id, options| reader_stops_container(inside, id, options).boxed()),
        ],
        &["cancellation/follow", "cancellation/log-stream"],
    ),
    Fault::new(
        "dropped-stream-leaks-connection",
        "The driver has twenty connections for streams, and a dropped stream never frees its connection.",
        &[
            StreamContainerStats(|inside, id| {
                async move {
                    acquire_connection(inside).await;
                    inside.driver.stream_container_stats(id).await
                }
                .boxed()
            }),
            Events(|inside, filter| {
                async move {
                    acquire_connection(inside).await;
                    inside.driver.events(filter).await
                }
                .boxed()
            }),
            StreamContainerLogs(|inside, id, options| {
                async move {
                    acquire_connection(inside).await;
                    inside.driver.stream_container_logs(id, options).await
                }
                .boxed()
            }),
        ],
        &["cancellation/streams", "cancellation/log-stream"],
    ),
    Fault::new(
        "dropped-event-stream-ends-others",
        "All event streams share one source, which ends when the first stream is dropped.",
        &[Events(|inside, filter| {
            shared_event_source(inside, filter).boxed()
        })],
        &["cancellation/streams"],
    ),
    Fault::new(
        "dropped-detached-exec-sent-twice",
        "A dropped call continues and is sent a second time.",
        &[ExecDetached(|inside, id, config| {
            sent_twice(inside, id, config).boxed()
        })],
        &["cancellation/exec-detached"],
    ),
    Fault::new(
        "dropped-kill-sent-twice",
        "The signal of a dropped call is sent twice.",
        &[KillContainer(|inside, id, signal| {
            signal_sent_twice(inside, id, signal).boxed()
        })],
        &["cancellation/kill"],
    ),
    Fault::new(
        "dropped-wait-ends-others",
        "All waits for a container share one wait, which ends when the first call is dropped.",
        &[WaitContainer(|inside, id, options| {
            shared_wait(inside, id, options).boxed()
        })],
        &["cancellation/wait"],
    ),
];

/// Returns a guard that kills the container when the call is dropped.
fn kill_when_dropped(inside: &Inside, id: &ContainerId) -> WhenDropped {
    let (driver, id) = (Arc::clone(&inside.driver), id.clone());
    WhenDropped::then(async move { driver.stop_container(&id, StopOptions::kill()).await })
}

async fn late_rollback(inside: &Inside, config: &ContainerConfig) -> Result<ContainerInstance> {
    let (driver, name) = (Arc::clone(&inside.driver), config.name.clone());
    let dropped = WhenDropped::then(async move {
        sleep(Duration::from_secs(1)).await;
        match driver.find_container(&name.unwrap_or_default()).await? {
            Some(found) => driver.remove_container(&found.id, RemoveOptions::force()).await,
            None => Ok(()),
        }
    });
    let created = inside.driver.create_container(config).await;
    dropped.done();
    created
}

async fn reader_stops_container(
    inside: &Inside,
    id: &ContainerId,
    options: LogStreamOptions,
) -> Result<LogStream> {
    let stream = inside.driver.stream_container_logs(id, options).await?;
    Ok(if options.follow {
        until_dropped(stream, kill_when_dropped(inside, id))
    } else {
        stream
    })
}

/// Takes one of 20 connections and never gives it back. If all connections are taken, waits forever.
async fn acquire_connection(inside: &Inside) {
    if inside.memory.note("connection") >= 20 {
        pending::<()>().await;
    }
}

async fn shared_event_source(inside: &Inside, filter: &EventFilter) -> Result<EventStream> {
    const ENDED: &str = "the source has ended";
    let memory = inside.memory.clone();
    let dropped = WhenDropped::then(async move { memory.note(ENDED) });
    let memory = inside.memory.clone();
    let reported = changed(inside.driver.events(filter).await?, move |event| {
        (memory.count(ENDED) == 0).then_some(event)
    });
    Ok(until_dropped(reported, dropped))
}

async fn sent_twice(inside: &Inside, id: &ContainerId, config: ExecConfig) -> Result<ExecId> {
    let begin = {
        let (driver, id) = (Arc::clone(&inside.driver), id.clone());
        move || {
            let (driver, id, config) = (Arc::clone(&driver), id.clone(), config.clone());
            async move { driver.exec_detached(&id, config).await }
        }
    };
    let dropped = WhenDropped::then(begin());
    let began = detached(begin()).await;
    dropped.done();
    began
}

async fn signal_sent_twice(inside: &Inside, id: &ContainerId, signal: Signal) -> Result<()> {
    let (driver, container) = (Arc::clone(&inside.driver), id.clone());
    let dropped = WhenDropped::then(async move {
        sleep(Duration::from_millis(300)).await;
        driver.kill_container(&container, signal).await
    });
    let (driver, container) = (Arc::clone(&inside.driver), id.clone());
    let sent = detached(async move { driver.kill_container(&container, signal).await }).await;
    dropped.done();
    sent
}

async fn shared_wait(inside: &Inside, id: &ContainerId, options: WaitOptions) -> Result<ExitInfo> {
    let dropped_wait = format!("a wait for {id} was dropped");
    let (memory, entry) = (inside.memory.clone(), dropped_wait.clone());
    let dropped = WhenDropped::then(async move { memory.note(&entry) });
    let before = inside.memory.count(&dropped_wait);
    let ends = async {
        while inside.memory.count(&dropped_wait) == before {
            sleep(Duration::from_millis(100)).await;
        }
    };
    let exit = tokio::select! {
        exit = inside.driver.wait_container(id, options) => exit,
        () = ends => Err(InternalError::new("the wait was abandoned").into()),
    };
    dropped.done();
    exit
}
