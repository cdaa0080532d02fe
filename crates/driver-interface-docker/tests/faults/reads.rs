//! Read-only operations.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use driver_interface_types::{
    ContainerDriver, ContainerPath, ContainerStatus, EventFilter, EventKind, ExecConfig, ExecOutcome,
    ExecOutput, ExecSession, ImageFilter, ImageRef, LogOptions, LogSource, LogStream, LogStreamOptions,
    ReadFileOptions, StopOptions, WaitOptions, WriteFile,
};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use super::changes::SERVES;
use super::subject::{Called, Failure, Operation, Subject, operation, right};
use super::world::{DEADLINE, World};

/// Returns text without repetitions.
pub(crate) fn long_text(length: usize) -> Vec<u8> {
    let mut text: Vec<u8> = (0..)
        .flat_map(|number: usize| format!("{number}\n").into_bytes())
        .take(length)
        .collect();
    text.truncate(length);
    text
}

/// Expects complete output, or a prefix that is marked as truncated.
pub(crate) fn expect_exec(output: &ExecOutput, code: i64, stdout: &[u8], stderr: &[u8]) -> Called {
    let whole = output.stdout == stdout && output.stderr == stderr;
    right(output.outcome == ExecOutcome::Exited(code), || {
        format!("outcome {:?}", output.outcome)
    })?;
    if output.truncated && !whole {
        let begins = stdout.starts_with(&output.stdout) && stderr.starts_with(&output.stderr);
        right(begins, || "it is not the beginning that is kept".to_owned())?;
        return Err(Failure::Marked);
    }
    right(whole, || {
        let (out, err) = (output.stdout.len(), output.stderr.len());
        format!(
            "{out} of {} and {err} of {} bytes as the whole",
            stdout.len(),
            stderr.len()
        )
    })
}

/// Reads a session to its end and expects each stream to be complete or to end with an error.
pub(crate) async fn expect_session(
    mut session: ExecSession,
    code: i64,
    stdout: &[u8],
    stderr: &[u8],
) -> Called {
    async fn read(from: &mut (impl AsyncRead + Unpin)) -> (Vec<u8>, bool) {
        let mut got = Vec::new();
        let ended = from.read_to_end(&mut got).await.is_ok();
        (got, ended)
    }
    let ((out, out_ended), (err, err_ended)) =
        tokio::join!(read(&mut session.stdout), read(&mut session.stderr));
    right(stdout.starts_with(&out) && stderr.starts_with(&err), || {
        "it is not what was printed".to_owned()
    })?;
    right(!out_ended || out == stdout, || {
        format!("{} of {} bytes as the whole", out.len(), stdout.len())
    })?;
    right(!err_ended || err == stderr, || {
        format!("{} of {} bytes of errors as the whole", err.len(), stderr.len())
    })?;
    match session.wait().await? {
        ExecOutcome::TimedOut => Err(Failure::Marked),
        outcome => right(outcome == ExecOutcome::Exited(code), || {
            format!("outcome {outcome:?}")
        }),
    }
}

const PRINTS: &str = "for i in $(seq 2000); do echo o$i; echo e$i >&2; done";

fn lines(mark: &str) -> String {
    (1..=2000).map(|i| format!("{mark}{i}\n")).collect()
}

async fn expect_logs(mut stream: LogStream, stdout: &str, stderr: &str) -> Called {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        let to = if chunk.source == LogSource::Stderr {
            &mut err
        } else {
            &mut out
        };
        to.extend_from_slice(&chunk.bytes);
    }
    right(out == stdout.as_bytes() && err == stderr.as_bytes(), || {
        format!(
            "{} of {} and {} of {} bytes as the whole",
            out.len(),
            stdout.len(),
            err.len(),
            stderr.len()
        )
    })
}

fn path(text: &str) -> ContainerPath {
    ContainerPath::new(text).unwrap()
}

const BIG: usize = 300_000;

async fn with_files(world: &World) -> Subject {
    let container = world.writable().await;
    for (name, content) in [
        ("/srv/d/big", long_text(BIG)),
        ("/srv/d/small", b"small".to_vec()),
    ] {
        let file = WriteFile::new(content).create_parents(true);
        world
            .direct
            .write_file(&container.id, &path(name), file)
            .await
            .unwrap();
    }
    container.into()
}

/// Returns the files of an archive, or `None` if it is broken.
fn unpacked(archive: &[u8]) -> Option<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries().ok()? {
        let mut entry = entry.ok()?;
        let mut content = Vec::new();
        entry.read_to_end(&mut content).ok()?;
        if entry.header().entry_type().is_file() {
            files.insert(entry.path().ok()?.display().to_string(), content);
        }
    }
    Some(files)
}

pub(crate) fn operations() -> Vec<Operation> {
    let mut all = lookups();
    all.extend(outputs());
    all.extend(measurements());
    all
}

fn lookups() -> Vec<Operation> {
    vec![
        operation!("connect", 1, |_w| Some(Subject::default()), |w, _s| {
            let driver = w.connect().await?;
            right(driver.engine_info() == w.direct.engine_info(), || {
                format!("{:?}", driver.engine_info())
            })
        })
        .shared(),
        operation!("health_check", 1, |_w| Some(Subject::default()), |w, _s| {
            let health = w.driver.health_check().await?;
            right(health.is_healthy() || health.error.is_some(), || {
                format!("{health:?}")
            })
        })
        .shared(),
        operation!(
            "get_container",
            1,
            |w| Some(w.offline(SERVES).await.into()),
            |w, s| {
                let found = w.driver.get_container(&s.container().id).await?;
                right(found.as_ref() == Some(s.container()), || format!("{found:?}"))
            }
        )
        .shared(),
        operation!(
            "list_containers",
            1,
            |w| Some(w.offline(SERVES).await.into()),
            |w, s| {
                let found = w.driver.list_containers(&Default::default()).await?;
                let ids: Vec<_> = found.iter().map(|found| (&found.id, found.status)).collect();
                right(ids == [(&s.container().id, ContainerStatus::Running)], || {
                    format!("{found:?}")
                })
            }
        )
        .shared(),
        operation!(
            "is_container_healthy",
            1,
            |w| Some(w.offline(SERVES).await.into()),
            |w, s| {
                let healthy = w.driver.is_container_healthy(&s.container().id).await?;
                right(healthy, || "not healthy".to_owned())
            }
        )
        .shared(),
        operation!(
            "wait_container",
            2,
            |w| Some(w.offline("sleep 0.5; exit 7").await.into()),
            |w, s| {
                let wait = w
                    .driver
                    .wait_container(&s.container().id, WaitOptions::at_most(DEADLINE))
                    .await?;
                right(wait.code == 7, || format!("{wait:?}"))
            }
        ),
        operation!("list_images", 1, |_w| Some(Subject::default()), |w, _s| {
            let own = ImageRef::new(w.bench.image).unwrap();
            let listed = w
                .driver
                .list_images(&ImageFilter::default().reference(own))
                .await?;
            right(listed.len() == 1, || format!("{listed:?}"))
        })
        .shared(),
        operation!("get_image", 1, |_w| Some(Subject::default()), |w, _s| {
            let own = ImageRef::new(w.bench.image).unwrap();
            let found = w.driver.get_image(&own).await?;
            right(found.is_some(), || "no such image".to_owned())
        })
        .shared(),
        operation!(
            "list_volumes and networks",
            2,
            |w| Some(w.running(SERVES).await.into()),
            |w, _s| {
                let volumes = w.driver.list_volumes(&Default::default()).await?;
                let networks = w.driver.list_networks(&Default::default()).await?;
                let expected = w.untimed(w.direct.list_networks(&Default::default())).await?;
                right(volumes.is_empty() && networks == expected, || {
                    format!("{volumes:?}, {networks:?}")
                })
            }
        )
        .shared(),
        operation!("plan", 1, |_w| Some(Subject::default()), |w, _s| {
            let plan = w.driver.plan(&w.config("true")).await?;
            right(plan.is_accepted(), || format!("{plan:?}"))
        }),
    ]
}

fn outputs() -> Vec<Operation> {
    vec![
        operation!(
            "get_container_logs",
            1,
            |w| Some(w.exited(PRINTS).await.into()),
            |w, s| {
                let logs = w
                    .driver
                    .get_container_logs(&s.container().id, LogOptions::default().only_stdout())
                    .await?;
                right(logs == lines("o"), || {
                    format!("{} of {} bytes as the whole", logs.len(), lines("o").len())
                })
            }
        )
        .shared(),
        operation!(
            "stream_container_logs",
            2,
            |w| Some(w.exited(PRINTS).await.into()),
            |w, s| {
                let stream = w
                    .driver
                    .stream_container_logs(&s.container().id, LogStreamOptions::default())
                    .await?;
                expect_logs(stream, &lines("o"), &lines("e")).await
            }
        )
        .shared(),
        operation!(
            "stream_container_logs (followed)",
            2,
            |w| Some(
                w.offline("for i in $(seq 5); do echo line $i; sleep 0.2; done; printf end")
                    .await
                    .into()
            ),
            |w, s| {
                let options = LogStreamOptions::default().follow(true);
                let stream = w.driver.stream_container_logs(&s.container().id, options).await?;
                expect_logs(stream, "line 1\nline 2\nline 3\nline 4\nline 5\nend", "").await
            }
        ),
        operation!("copy_from_container", 2, |w| Some(with_files(w).await), |w, s| {
            let stream = w
                .driver
                .copy_from_container(&s.container().id, &path("/srv/d"))
                .await?;
            let archive = stream.read_all(10 * BIG).await?;
            let expected = [
                ("d/big".to_owned(), long_text(BIG)),
                ("d/small".to_owned(), b"small".to_vec()),
            ];
            let got = unpacked(&archive);
            right(got == Some(BTreeMap::from(expected)), || {
                format!("{} bytes of archive as the whole", archive.len())
            })
        })
        .shared(),
        operation!("read_file", 1, |w| Some(with_files(w).await), |w, s| {
            let file = w
                .driver
                .read_file(&s.container().id, &path("/srv/d/big"), ReadFileOptions::default())
                .await?;
            right(file == long_text(BIG), || {
                format!("{} bytes as the whole", file.len())
            })
        })
        .shared(),
        operation!("read_file_stream", 2, |w| Some(with_files(w).await), |w, s| {
            let stream = w
                .driver
                .read_file_stream(&s.container().id, &path("/srv/d/big"))
                .await?;
            let file = stream.read_all(10 * BIG).await?;
            right(file == long_text(BIG), || {
                format!("{} bytes as the whole", file.len())
            })
        })
        .shared(),
    ]
}

fn measurements() -> Vec<Operation> {
    vec![
        operation!(
            "container_stats",
            1,
            |w| Some(w.offline(SERVES).await.into()),
            |w, s| {
                let stats = w.driver.container_stats(&s.container().id).await?;
                right(stats.memory_bytes > 0, || format!("{stats:?}"))
            }
        )
        .shared(),
        operation!(
            "stream_container_stats",
            3,
            |w| Some(w.offline(SERVES).await.into()),
            |w, s| {
                let mut stream = w.driver.stream_container_stats(&s.container().id).await?;
                for _ in 0..2 {
                    match stream.next().await {
                        Some(stats) => right(stats?.memory_bytes > 0, || "no memory is used".to_owned())?,
                        None => {
                            return Err(Failure::Wrong(
                                "the stream of a running container ended".to_owned(),
                            ));
                        }
                    }
                }
                Ok(())
            }
        )
        .shared(),
        operation!(
            "exec_status",
            1,
            |w| {
                if !w
                    .direct
                    .capabilities()
                    .supports(driver_interface_types::Operation::ExecDetached)
                {
                    return None;
                }
                let running = w.offline(SERVES).await;
                let exec = w
                    .direct
                    .exec_detached(&running.id, ExecConfig::shell("sleep 100000"))
                    .await
                    .unwrap();
                Some(Subject {
                    exec: Some(exec),
                    ..running.into()
                })
            },
            |w, s| {
                let status = w
                    .driver
                    .exec_status(&s.container().id, s.exec.as_ref().unwrap())
                    .await?;
                right(status.as_ref().is_some_and(|status| status.is_running()), || {
                    format!("{status:?}")
                })
            }
        )
        .shared(),
        operation!(
            "events",
            3,
            |w| {
                let mut stream = w.direct.events(&EventFilter::default()).await.unwrap();
                let created = w.created(SERVES).await;
                let first = stream.next().await.unwrap().unwrap();
                Some(Subject {
                    cursor: Some(first.cursor),
                    ..created.into()
                })
            },
            |w, s| {
                // Start after the creation event, whatever the timing of the stream.
                let filter = EventFilter::default().after(s.cursor.clone().unwrap());
                let mut stream = w.driver.events(&filter).await?;
                let id = &s.container().id;
                w.untimed(w.direct.start_container(id)).await?;
                w.untimed(w.direct.stop_container(id, StopOptions::kill()))
                    .await?;
                let (mut kinds, mut gap) = (Vec::new(), false);
                // A silent connection cannot be distinguished from an idle engine.
                while let Ok(next) = timeout(Duration::from_secs(2), stream.next()).await {
                    let Some(event) = next else {
                        return Err(Failure::Wrong(format!("the stream ended after {kinds:?}")));
                    };
                    let kind = event?.kind();
                    if kind == EventKind::Gap {
                        // Podman may report a gap even without a fault.
                        gap = true;
                        continue;
                    }
                    kinds.push(kind);
                    if kind == EventKind::Stopped {
                        break;
                    }
                }
                let expected = [EventKind::Started, EventKind::Stopped];
                if gap && kinds != expected {
                    return Err(Failure::Marked);
                }
                right(expected.starts_with(&kinds), || format!("{kinds:?}"))
            }
        ),
    ]
}
