//! Faults in the handling of broken connections.

use std::time::Duration;

use bytes::Bytes;
use driver_interface_errors::{DriverError, Effect};
use driver_interface_types::{ContainerDriver as _, DriverStream, ExecOutcome, ExecOutput};
use futures_util::FutureExt as _;
use tokio::io::{AsyncReadExt as _, empty};
use tokio::time::sleep;

use crate::self_test::Fault;
use crate::self_test::mutation::Mutation::{
    self, Exec, ExecStream, GetContainer, ReadFile, StreamContainerLogs,
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "errors-always-not-applied",
        "Every error reports the effect `NotApplied`.",
        &[Mutation::Error(|error| error.with_effect(Effect::NotApplied))],
        &["link/lost-response-has-unknown-effect"],
    ),
    Fault::new(
        "errors-always-unknown-effect",
        "Every error reports an unknown effect.",
        &[Mutation::Error(|error| error.with_effect(Effect::Unknown))],
        &["link/refused-connection-is-an-error"],
    ),
    Fault::new(
        "stalled-call-ignores-deadline",
        "Calls wait for a stalled engine long after the deadline.",
        &[GetContainer(|inside, id| {
            async move {
                let found = inside.driver.get_container(id).await;
                if found.as_ref().is_err_and(DriverError::is_retryable) {
                    sleep(Duration::from_secs(60)).await;
                }
                found
            }
            .boxed()
        })],
        &["link/stalled-connection-times-out"],
    ),
    Fault::new(
        "cut-exec-reported-as-exit",
        "A command whose connection was cut is reported as exited.",
        &[Exec(|inside, id, config| {
            async move {
                let done = inside.driver.exec(id, config).await;
                done.or_else(
                    |error| match error.is_retryable() || error.effect() == Effect::Unknown {
                        true => Ok(ExecOutput::new(ExecOutcome::Exited(7), "begun\n", "")),
                        false => Err(error),
                    },
                )
            }
            .boxed()
        })],
        &["link/cut-exec-is-incomplete"],
    ),
    Fault::new(
        "cut-exec-stream-ends-cleanly",
        "The output of a session whose connection was cut ends without an error.",
        &[ExecStream(|inside, id, config| {
            async move {
                let mut session = inside.driver.exec_stream(id, config).await?;
                let mut output = std::mem::replace(&mut session.stdout, Box::pin(empty()));
                let mut read = Vec::new();
                // The faulty driver ignores the error.
                let _ = output.read_to_end(&mut read).await;
                session.stdout = Box::pin(std::io::Cursor::new(read));
                Ok(session)
            }
            .boxed()
        })],
        &["link/cut-exec-stream-is-an-error"],
    ),
    Fault::new(
        "late-output-lost",
        "The late part of a long output is lost.",
        &[Mutation::Output(|output| output.stdout.truncate(57_344))],
        &["link/slow-exec-is-complete"],
    ),
    Fault::new(
        "cut-log-stream-ends-cleanly",
        "A log stream whose connection was cut ends without an error.",
        &[StreamContainerLogs(|inside, id, options| {
            async move {
                let lines = inside.driver.stream_container_logs(id, options).await?;
                Ok(DriverStream::new(futures_util::StreamExt::take_while(
                    lines,
                    |line| std::future::ready(line.is_ok()),
                )))
            }
            .boxed()
        })],
        &["link/cut-log-stream-is-incomplete"],
    ),
    Fault::new(
        "cut-file-is-shorter",
        "A file transfer that was cut returns partial data.",
        &[ReadFile(|inside, id, path, options| {
            async move {
                let read = inside.driver.read_file(id, path, options).await;
                Ok(read.unwrap_or_else(|_| Bytes::from_static(b"xxx")))
            }
            .boxed()
        })],
        &["link/cut-file-is-an-error"],
    ),
];
