//! Health of the engine.

use driver_interface_errors::{DriverError, DriverHealthError, Result};
use driver_interface_types::{ContainerCounts, DriverHealth};

use super::inner::Inner;
use super::task::read;
use crate::translate::errors::Operation;
use crate::translate::records::StateRecord;
use crate::translate::status;
use crate::wire::EngineError;

const OPERATION: &str = "health_check";

pub(super) async fn check(driver: &Inner, version: &str) -> Result<DriverHealth> {
    let uptime = driver.connected.elapsed();
    match read(OPERATION, driver.deadlines.read, driver.count()).await {
        Ok(Ok(counts)) => Ok(DriverHealth::healthy(version, uptime, counts).with_engine(driver.info.clone())),
        Ok(Err(invalid)) => Err(invalid),
        // The alternate form includes the hint.
        Err(error) => Ok(DriverHealth::unhealthy(version, uptime, format!("{error:#}"))),
    }
}

impl Inner {
    /// Counts the containers of this namespace. The outer error means that the engine is unusable. The inner error
    /// means that the engine's response is invalid.
    async fn count(&self) -> Result<Result<ContainerCounts>> {
        let own = match self.engine.list_containers(&self.ownership.filters(), 0).await {
            Ok(listed) => listed.into_iter().filter(|summary| self.owns(summary)),
            Err(failure @ EngineError::InvalidResponse(_)) => {
                let error =
                    DriverError::from(DriverHealthError::new(failure.to_string()).with_source(failure));
                return Ok(Err(super::task::located(error, OPERATION)));
            }
            Err(failure) => return Err(self.error(Operation::Read, "engine", failure)),
        };
        Ok(Ok(ContainerCounts::of(own.map(|summary| {
            status::status(&StateRecord {
                status: summary.state,
                ..StateRecord::default()
            })
        }))))
    }
}
