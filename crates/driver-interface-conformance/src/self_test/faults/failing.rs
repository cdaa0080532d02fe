//! Faults in which a call hangs or panics.

use driver_interface_types::{
    ContainerDriver as _, ContainerFilter, ContainerInstance, DriverHealth, Result,
};
use futures_util::FutureExt as _;

use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{HealthCheck, ListContainers};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "health-check-hangs",
        "A health check of the driver never returns.",
        &[HealthCheck(|_| {
            std::future::pending::<Result<DriverHealth>>().boxed()
        })],
        &["health/engine-responds"],
    ),
    Fault::new(
        "list-panics",
        "A list with entries panics.",
        &[ListContainers(|inside, filter| panics(inside, filter).boxed())],
        &["listing/every-status"],
    ),
];

async fn panics(inside: &Inside, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
    let all = inside.driver.list_containers(filter).await?;
    assert!(all.is_empty(), "a field was missing in the engine's response");
    Ok(all)
}
