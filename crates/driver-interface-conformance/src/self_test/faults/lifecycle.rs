//! Starting, stopping, and what is between them.

use driver_interface_errors::ContainerStartError;
use driver_interface_types::{ContainerDriver as _, ContainerId, Result, StartOutcome};
use futures_util::FutureExt as _;

use crate::self_test::Fault;
use crate::self_test::sabotage::Inside;
use crate::self_test::sabotage::Sabotage::StartContainer;

pub(super) const FAULTS: &[Fault] = &[Fault::new(
    "start-again-fails",
    "Starting what runs already is an error.",
    &[StartContainer(|inside, id| start_again_fails(inside, id).boxed())],
    &[
        "lifecycle/start/idempotent",
        "concurrency/start",
        "lifecycle/state/random-walk",
    ],
)];

async fn start_again_fails(inside: &Inside, id: &ContainerId) -> Result<StartOutcome> {
    match inside.driver.start_container(id).await? {
        StartOutcome::AlreadyRunning => Err(ContainerStartError::new(id.as_str(), "it runs already").into()),
        outcome => Ok(outcome),
    }
}
