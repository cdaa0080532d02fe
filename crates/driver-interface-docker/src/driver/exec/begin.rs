//! The way to a running command.

use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::{DriverError, Result, UnsupportedError};
use driver_interface_types::{ContainerStatus, ExecConfig};
use tokio::time::sleep;

use super::kill::{MARK, Tree};
use crate::driver::inner::{Inner, unique};
use crate::driver::signal::not_running;
use crate::driver::task::{change, located};
use crate::engine::ExecRequest;
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::exec::check;
use crate::translate::records::ContainerRecord;
use crate::translate::status;
use crate::wire::{Duplex, EngineError};

/// How long after a container's end the engine may go on saying that it runs.
const END_SHOWS: Duration = Duration::from_millis(500);

/// A command that was started, and its streams.
pub(in crate::driver) struct Begun {
    pub(in crate::driver) io: Duplex,
    /// Kills the command when it is dropped.
    pub(in crate::driver) tree: Tree,
}

/// Which streams of a command are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::driver) enum Input {
    None,
    Open,
}

/// Starts a command. When the caller leaves meanwhile, it is killed as soon as it has begun.
pub(in crate::driver) async fn begin(
    inner: &Arc<Inner>,
    operation: &'static str,
    asked: &str,
    config: &ExecConfig,
    input: Input,
) -> Result<Begun> {
    check(config).map_err(|error| located(error.into(), operation))?;
    let mark = unique();
    let mut request = request(config, &mark);
    request.attach_stdin = input == Input::Open;
    (request.attach_stdout, request.attach_stderr) = (true, config.tty.is_none());
    let work = start(
        Arc::clone(inner),
        operation,
        asked.to_owned(),
        request,
        mark,
        config.timeout.is_some(),
    );
    change(operation, inner.deadlines.start, work).await
}

async fn start(
    inner: Arc<Inner>,
    operation: &'static str,
    asked: String,
    request: ExecRequest,
    mark: String,
    has_timeout: bool,
) -> Result<Begun> {
    let record = inner.able(&asked).await?;
    if has_timeout && !inner.has_shell(&record.id).await {
        let text = "the image has no `sh`, and without one a command cannot be killed when its time is over";
        return Err(UnsupportedError::new(operation, text).into());
    }
    let tty = request.tty;
    let created = inner.engine.create_exec(&record.id, &request).await;
    let exec = match created {
        Ok(exec) => exec,
        Err(failure) => return Err(inner.not_begun(&asked, &record.id, failure).await),
    };
    let tree = Tree::new(
        Arc::clone(&inner),
        asked.clone(),
        record,
        exec,
        mark,
        request.user,
    );
    match inner.engine.attach_exec(tree.exec(), tty).await {
        Ok(io) => Ok(Begun { io, tree }),
        Err(failure) => {
            if matches!(failure, EngineError::Refused(_)) {
                tree.disarm();
            }
            Err(inner.not_begun(&asked, tree.container(), failure).await)
        }
    }
}

/// What to ask the engine for. The mark goes last, so that no variable of the config takes its place.
pub(super) fn request(config: &ExecConfig, mark: &str) -> ExecRequest {
    let own = config
        .env
        .iter()
        .filter(|(key, _)| *key != MARK)
        .map(|(key, value)| format!("{key}={value}"));
    ExecRequest {
        cmd: config.argv.clone(),
        env: own.chain([format!("{MARK}={mark}")]).collect(),
        working_dir: config.working_dir.clone(),
        user: config.user.clone(),
        tty: config.tty.is_some(),
        attach_stdin: false,
        attach_stdout: false,
        attach_stderr: false,
    }
}

impl Inner {
    /// The container, if commands can run in it now.
    pub(super) async fn able(&self, asked: &str) -> Result<ContainerRecord> {
        let record = self.container(asked).await?;
        match status::status(&record.state) {
            ContainerStatus::Running => Ok(record),
            _ => Err(not_running(asked, &record.state)),
        }
    }

    async fn has_shell(&self, id: &str) -> bool {
        for place in ["/bin/sh", "/usr/bin/sh", "/usr/local/bin/sh"] {
            match self.engine.stat_path(id, place).await {
                Ok(None) => {}
                // Where the engine does not say, there is one until it is missed.
                Ok(Some(_)) | Err(_) => return true,
            }
        }
        false
    }

    /// The error for a command that the engine refused to start. Engines name states in many ways, so the state
    /// itself is looked at.
    pub(super) async fn not_begun(&self, asked: &str, id: &str, failure: EngineError) -> DriverError {
        if let EngineError::Refused(refusal) = &failure
            && let cause = cause(Operation::Exec, refusal)
            && matches!(
                cause,
                Cause::NotFound | Cause::NotRunning | Cause::WrongState | Cause::BadParameter | Cause::Other
            )
        {
            let mut able = self.able(id).await;
            // What is said of a container that ends at this moment is of many kinds, and comes before its end shows.
            if matches!(cause, Cause::BadParameter | Cause::Other) && able.is_ok() {
                sleep(END_SHOWS).await;
                able = self.able(id).await;
            }
            match able {
                Ok(_) => {}
                Err(error) if error.is_not_found() => {
                    return driver_interface_errors::ContainerNotFoundError::new(asked).into();
                }
                Err(error) => return error,
            }
        }
        self.error(Operation::Exec, asked, failure)
    }
}
