//! A random walk through a container's lifecycle. After each step, the result is compared with the contract.

use driver_interface_errors::codes;
use driver_interface_types::{
    ContainerDriver, ContainerDriverExt as _, ContainerId, ContainerStatus, DriverError, RemoveOptions,
    StartOutcome, StopOptions, StopOutcome,
};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::{Check, CheckResult, Ctx, SERVE, run};

pub(super) const CHECKS: &[Check] = &[Check::must(
    "lifecycle/state/random-walk",
    "In any order of operations, each returns the result that the previous state requires.",
    run!(random_walk),
)
.because("the seed of the run determines the order; pass it again to repeat a walk")];

const STEPS: usize = 40;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Model {
    Absent,
    Created,
    Running,
    Exited,
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Create,
    Start,
    Stop,
    Remove,
    RemoveForced,
}

/// The result of an operation: its outcome in one word, or the code of its error.
type StepResult = Result<&'static str, &'static str>;

impl Model {
    fn apply(self, operation: Operation) -> (StepResult, Self) {
        use Model::{Absent, Created, Exited, Running};
        use Operation::{Create, Remove, RemoveForced, Start, Stop};
        match (self, operation) {
            (Absent, Create) => (Ok("created"), Created),
            (_, Create) => (Err(codes::CONTAINER_CREATION_FAILED), self),
            (Absent, _) => (Err(codes::CONTAINER_NOT_FOUND), Absent),
            (Running, Start) => (Ok("alreadyRunning"), Running),
            (_, Start) => (Ok("started"), Running),
            (Running, Stop) => (Ok("killed"), Exited),
            (_, Stop) => (Ok("alreadyStopped"), self),
            (Running, Remove) => (Err(codes::CONTAINER_REMOVE_FAILED), Running),
            (_, Remove | RemoveForced) => (Ok("removed"), Absent),
        }
    }

    /// Returns the operations that the walk chooses from in this state. The list contains every operation. An
    /// operation that occurs several times is more likely. The walk therefore seldom stays in a state in which little
    /// can happen.
    fn likely(self) -> &'static [Operation] {
        use Operation::{Create, Remove, RemoveForced, Start, Stop};
        match self {
            Self::Absent => &[Create, Create, Create, Create, Start, Stop, Remove, RemoveForced],
            Self::Created | Self::Exited => &[Create, Start, Start, Start, Stop, Stop, Remove, RemoveForced],
            Self::Running => &[Create, Start, Start, Stop, Stop, Remove, RemoveForced],
        }
    }

    fn status(self) -> Option<ContainerStatus> {
        match self {
            Self::Absent => None,
            Self::Created => Some(ContainerStatus::Created),
            Self::Running => Some(ContainerStatus::Running),
            // The walk stops containers only by killing them, which does not count as an exit with an error.
            Self::Exited => Some(ContainerStatus::Stopped),
        }
    }
}

async fn random_walk(ctx: Ctx) -> CheckResult {
    let mut rng = StdRng::seed_from_u64(ctx.seed());
    let mut containers = [(ctx.name(), Model::Absent), (ctx.name(), Model::Absent)];
    for step in 0..STEPS {
        let which = usize::from(rng.random::<bool>());
        let Some((name, model)) = containers.get_mut(which) else {
            continue;
        };
        let before = *model;
        let operation = before
            .likely()
            .choose(&mut rng)
            .copied()
            .unwrap_or(Operation::Start);
        let (expected, after) = before.apply(operation);
        let result = perform(&ctx, name, operation).await?;
        let about = format!("step {step}: the result of {operation:?} for a container that is {before:?}");
        ctx.equal(about, result, expected)?;
        *model = after;
        for (name, model) in &containers {
            let now = ctx.driver().find_container(name).await?;
            let status = now.map(|now| now.status);
            ctx.equal(
                format!("step {step}: the status after {operation:?}"),
                status,
                model.status(),
            )?;
        }
    }
    Ok(())
}

async fn perform(ctx: &Ctx, name: &str, operation: Operation) -> CheckResult<StepResult> {
    let driver = ctx.driver();
    let id = match driver.find_container(name).await? {
        Some(found) => found.id,
        None => ContainerId::new(name)?,
    };
    let code = |error: DriverError| error.code();
    Ok(match operation {
        Operation::Create => driver
            .create_container(&ctx.script(SERVE).name(name))
            .await
            .map(|_| "created")
            .map_err(code),
        Operation::Start => driver
            .start_container(&id)
            .await
            .map_err(code)
            .map(StartOutcome::as_str),
        Operation::Stop => driver
            .stop_container(&id, StopOptions::kill())
            .await
            .map_err(code)
            .map(StopOutcome::as_str),
        Operation::Remove => remove(driver, &id, RemoveOptions::default()).await,
        Operation::RemoveForced => remove(driver, &id, RemoveOptions::force()).await,
    })
}

async fn remove(driver: &impl ContainerDriver, id: &ContainerId, options: RemoveOptions) -> StepResult {
    driver
        .remove_container(id, options)
        .await
        .map(|()| "removed")
        .map_err(|error| error.code())
}
