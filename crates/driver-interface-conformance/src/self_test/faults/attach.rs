//! Faults in sessions that are attached to the main process.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use driver_interface_errors::TimeoutError;
use driver_interface_types::{
    AttachControl, AttachSession, ContainerDriver as _, ContainerId, LogOptions, Result, Signal, TtySize,
};
use futures_util::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy, duplex};

use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{AttachContainer, Config, StopContainer};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "attach-loses-stderr",
        "The standard error of an attach session is lost.",
        &[AttachContainer(|inside, id| {
            session(inside, id, |mut session| {
                session.stderr = Box::pin(tokio::io::empty());
                session
            })
            .boxed()
        })],
        &["attach/request-reply", "attach/before-start"],
    ),
    Fault::new(
        "attach-input-stays-open",
        "The main process does not see that its input has ended.",
        &[AttachContainer(|inside, id| {
            session(inside, id, never_closed).boxed()
        })],
        &["attach/request-reply", "attach/half-close", "attach/drop"],
    ),
    Fault::new(
        "attach-input-although-closed",
        "A session has an input, although the config does not open it.",
        &[AttachContainer(|inside, id| {
            session(inside, id, |mut session| {
                session.stdin = Some(session.stdin.unwrap_or_else(|| Box::pin(tokio::io::sink())));
                session
            })
            .boxed()
        })],
        &["attach/without-stdin"],
    ),
    Fault::new(
        "attach-open-input-lost",
        "The input of the main process is never open.",
        &[Config(|config| config.stdin = false)],
        &[
            "attach/request-reply", "attach/half-close", "attach/drop", "attach/tty",
        ],
    ),
    Fault::new(
        "attach-replays-logs",
        "A session begins with the earlier output.",
        &[AttachContainer(|inside, id| with_logs(inside, id).boxed())],
        &["attach/while-running"],
    ),
    Fault::new(
        "attach-drop-kills",
        "Dropping a session kills the main process.",
        &[AttachContainer(|inside, id| killed_by_drop(inside, id).boxed())],
        &["attach/drop"],
    ),
    Fault::new(
        "attach-blocks-stop",
        "A container with an attached session cannot be stopped.",
        &[
            AttachContainer(|inside, id| {
                remember(id);
                inside.driver.attach_container(id)
            }),
            StopContainer(|inside, id, options| match is_remembered(id) {
                true => {
                    let error = TimeoutError::new("stop_container", Duration::from_secs(1));
                    async move { Err(error.into()) }.boxed()
                }
                false => inside.driver.stop_container(id, options),
            }),
        ],
        &["attach/unread", "attach/while-running"],
    ),
    Fault::new(
        "attach-never-ends",
        "The streams of a session stay open after the container has exited or was removed.",
        &[AttachContainer(|inside, id| {
            session(inside, id, |mut session| {
                session.stdout = Box::pin(endless(session.stdout));
                session
            })
            .boxed()
        })],
        &[
            "attach/removed", "attach/request-reply", "attach/half-close", "attach/before-start",
            "attach/while-running", "attach/without-stdin", "attach/tty", "capability/attach",
        ],
    ),
    Fault::new(
        "attach-to-exited-succeeds",
        "Attaching to a container that has exited returns an empty session.",
        &[AttachContainer(|inside, id| or_empty(inside, id).boxed())],
        &["attach/exited", "errors/not-found/attach-container"],
    ),
];

async fn session(
    inside: &Inside,
    id: &ContainerId,
    change: impl FnOnce(AttachSession) -> AttachSession,
) -> Result<AttachSession> {
    Ok(change(inside.driver.attach_container(id).await?))
}

/// Returns `session` with another input. Data that is written to this input reaches the container. Closing this input
/// does not close the container's input.
fn never_closed(mut session: AttachSession) -> AttachSession {
    if let Some(mut inside) = session.stdin.take() {
        let (near, mut far) = duplex(64 * 1024);
        tokio::spawn(async move {
            let _ = copy(&mut far, &mut inside).await;
            let _ = inside.flush().await;
            std::future::pending::<()>().await;
        });
        session.stdin = Some(Box::pin(near));
    }
    session
}

/// Returns a reader that yields the bytes of `inside`. The reader does not end when `inside` ends.
fn endless(
    mut inside: std::pin::Pin<Box<dyn tokio::io::AsyncRead + Send>>,
) -> impl tokio::io::AsyncRead + Send {
    let (mut near, far) = duplex(64 * 1024);
    tokio::spawn(async move {
        let _ = copy(&mut inside, &mut near).await;
        std::future::pending::<()>().await;
    });
    far
}

async fn with_logs(inside: &Inside, id: &ContainerId) -> Result<AttachSession> {
    let mut session = inside.driver.attach_container(id).await?;
    let logs = inside
        .driver
        .get_container_logs(id, LogOptions::default())
        .await?;
    session.stdout = Box::pin(std::io::Cursor::new(logs.into_bytes()).chain(session.stdout));
    Ok(session)
}

struct Killer {
    inside: Box<dyn AttachControl>,
    driver: std::sync::Arc<dyn driver_interface_types::ContainerDriver>,
    id: ContainerId,
}

#[async_trait]
impl AttachControl for Killer {
    async fn resize(&self, size: TtySize) -> Result<()> {
        self.inside.resize(size).await
    }
}

impl Drop for Killer {
    fn drop(&mut self) {
        let (driver, id) = (std::sync::Arc::clone(&self.driver), self.id.clone());
        tokio::spawn(async move { driver.kill_container(&id, Signal::KILL).await });
    }
}

async fn killed_by_drop(inside: &Inside, id: &ContainerId) -> Result<AttachSession> {
    let mut session = inside.driver.attach_container(id).await?;
    session.control = Box::new(Killer {
        inside: session.control,
        driver: std::sync::Arc::clone(&inside.driver),
        id: id.clone(),
    });
    Ok(session)
}

/// The containers to which sessions were attached.
static ATTACHED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn remember(id: &ContainerId) {
    if let Ok(mut attached) = ATTACHED.lock() {
        attached.insert(id.to_string());
    }
}

fn is_remembered(id: &ContainerId) -> bool {
    ATTACHED
        .lock()
        .is_ok_and(|attached| attached.contains(id.as_str()))
}

struct Nothing;

#[async_trait]
impl AttachControl for Nothing {
    async fn resize(&self, _: TtySize) -> Result<()> {
        Ok(())
    }
}

async fn or_empty(inside: &Inside, id: &ContainerId) -> Result<AttachSession> {
    let empty = || AttachSession::new(None, tokio::io::empty(), tokio::io::empty(), Nothing);
    Ok(inside
        .driver
        .attach_container(id)
        .await
        .unwrap_or_else(|_| empty()))
}
