//! Detached exec.

use std::sync::Arc;

use driver_interface_errors::Result;
use driver_interface_types::{ExecConfig, ExecId, ExecOutcome, ExecStatus};
use driver_interface_validation::validate_detached_exec_config;

use super::begin::request;
use crate::driver::inner::{Inner, unique};
use crate::driver::task::{change, located};
use crate::translate::errors::Operation;
use crate::translate::exec::Phase;
use crate::translate::status::is_alive;
use crate::wire::EngineError;

const OPERATION: &str = "exec_detached";

pub(in crate::driver) async fn detached(
    inner: &Arc<Inner>,
    requested: &str,
    config: ExecConfig,
) -> Result<ExecId> {
    validate_detached_exec_config(&config).map_err(|error| located(error.into(), OPERATION))?;
    let work = start(Arc::clone(inner), requested.to_owned(), config);
    change(OPERATION, inner.deadlines.start, work).await
}

async fn start(inner: Arc<Inner>, requested: String, config: ExecConfig) -> Result<ExecId> {
    let record = inner.require_running(&requested).await?;
    let request = request(&config, &unique());
    let exec = match inner.engine.create_exec(&record.id, &request).await {
        Ok(exec) => exec,
        Err(failure) => return Err(inner.refused_start(&requested, &record.id, failure).await),
    };
    if let Err(failure) = inner.engine.detach_exec(&exec).await {
        return Err(inner.refused_start(&requested, &record.id, failure).await);
    }
    ExecId::new(exec).map_err(|_| {
        let failure = EngineError::InvalidResponse("a command without a valid id".to_owned());
        inner.error(Operation::Exec, &requested, failure)
    })
}

/// Returns the status of a detached command, or `None` if the container has no such command.
pub(in crate::driver) async fn status(
    inner: &Inner,
    requested: &str,
    exec: &ExecId,
) -> Result<Option<ExecStatus>> {
    let record = inner.container(requested).await?;
    let found = inner.engine.inspect_exec(exec.as_str()).await;
    let found = found.map_err(|failure| inner.error(Operation::Read, requested, failure))?;
    // The caller supplies the exec id, which may belong to a command of another container.
    let Some(found) = found.filter(|found| found.container == record.id) else {
        return Ok(None);
    };
    Ok(match (inner.engine.dialect().exec_phase)(&found) {
        Phase::Prepared => None,
        Phase::Runs if !is_alive(&record.state) => Some(ExecStatus::exited(ExecOutcome::ContainerGone)),
        Phase::Runs => Some(ExecStatus::running()),
        Phase::Exited(exited) if exited.is_suspicious() && !is_alive(&record.state) => {
            Some(ExecStatus::exited(ExecOutcome::ContainerGone))
        }
        Phase::Exited(exited) => Some(ExecStatus::exited(exited.outcome())),
    })
}
