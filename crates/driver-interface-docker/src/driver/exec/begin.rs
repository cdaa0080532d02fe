//! Starting a command and connecting to it.

use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::{DriverError, Result, UnsupportedError};
use driver_interface_types::{ContainerStatus, ExecConfig};
use tokio::time::sleep;

use super::kill::{MARK, Tree};
use crate::driver::containers::not_running;
use crate::driver::inner::{Inner, unique};
use crate::driver::task::{change, located};
use crate::engine::ExecRequest;
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::exec::check;
use crate::translate::records::ContainerRecord;
use crate::translate::status;
use crate::wire::{Duplex, EngineError};

/// How long the engine may still report a container as running after the container has exited.
const EXIT_REPORT_LAG: Duration = Duration::from_millis(500);

/// A started command and its streams.
pub(in crate::driver) struct StartedExec {
    pub(in crate::driver) io: Duplex,
    /// The command and its processes. Dropping this kills them.
    pub(in crate::driver) tree: Tree,
}

/// Whether to connect the command's input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::driver) enum Input {
    None,
    Open,
}

/// Starts a command. If the caller drops the call, the command is killed as soon as it has begun.
pub(in crate::driver) async fn begin(
    inner: &Arc<Inner>,
    operation: &'static str,
    requested: &str,
    config: &ExecConfig,
    input: Input,
) -> Result<StartedExec> {
    check(config).map_err(|error| located(error.into(), operation))?;
    let mark = unique();
    let mut request = request(config, &mark);
    request.attach_stdin = input == Input::Open;
    (request.attach_stdout, request.attach_stderr) = (true, config.tty.is_none());
    let work = start(
        Arc::clone(inner),
        operation,
        requested.to_owned(),
        request,
        mark,
        config.timeout.is_some(),
    );
    change(operation, inner.deadlines.start, work).await
}

async fn start(
    inner: Arc<Inner>,
    operation: &'static str,
    requested: String,
    request: ExecRequest,
    mark: String,
    has_timeout: bool,
) -> Result<StartedExec> {
    let record = inner.require_running(&requested).await?;
    if has_timeout && !inner.has_shell(&record.id).await {
        let text = "the image has no `sh`, which is required to kill a command that exceeds its timeout";
        return Err(UnsupportedError::new(operation, text).into());
    }
    let tty = request.tty;
    let created = inner.engine.create_exec(&record.id, &request).await;
    let exec = match created {
        Ok(exec) => exec,
        Err(failure) => return Err(inner.refused_start(&requested, &record.id, failure).await),
    };
    let tree = Tree::new(
        Arc::clone(&inner),
        requested.clone(),
        record,
        exec,
        mark,
        request.user,
    );
    match inner.engine.attach_exec(tree.exec(), tty).await {
        Ok(io) => Ok(StartedExec { io, tree }),
        Err(failure) => {
            if matches!(failure, EngineError::Refused(_)) {
                tree.disarm();
            }
            Err(inner.refused_start(&requested, tree.container(), failure).await)
        }
    }
}

/// Builds the engine's request. The environment variable with `mark` comes last, so that the config's variables
/// cannot override it.
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
    /// Returns the container's record if the container is running, and otherwise an error.
    pub(super) async fn require_running(&self, requested: &str) -> Result<ContainerRecord> {
        let record = self.container(requested).await?;
        match status::status(&record.state) {
            ContainerStatus::Running => Ok(record),
            _ => Err(not_running(requested, &record.state)),
        }
    }

    async fn has_shell(&self, id: &str) -> bool {
        for location in ["/bin/sh", "/usr/bin/sh", "/usr/local/bin/sh"] {
            match self.engine.stat_path(id, location).await {
                Ok(None) => {}
                // If this cannot be determined, assume that the shell exists. If it does not, the exec fails.
                Ok(Some(_)) | Err(_) => return true,
            }
        }
        false
    }

    /// Returns the error for a command that the engine refused to start. Engines describe the container's state
    /// inconsistently in such refusals, so the driver inspects the container.
    pub(super) async fn refused_start(&self, requested: &str, id: &str, failure: EngineError) -> DriverError {
        if let EngineError::Refused(refusal) = &failure
            && let cause = cause(Operation::Exec, refusal)
            && matches!(
                cause,
                Cause::NotFound | Cause::NotRunning | Cause::WrongState | Cause::BadParameter | Cause::Other
            )
        {
            let mut capable = self.require_running(id).await;
            // If the container is exiting, engines report various errors before the exit becomes visible.
            if matches!(cause, Cause::BadParameter | Cause::Other) && capable.is_ok() {
                sleep(EXIT_REPORT_LAG).await;
                capable = self.require_running(id).await;
            }
            match capable {
                Ok(_) => {}
                Err(error) if error.is_not_found() => {
                    return driver_interface_errors::ContainerNotFoundError::new(requested).into();
                }
                Err(error) => return error,
            }
        }
        self.error(Operation::Exec, requested, failure)
    }
}
