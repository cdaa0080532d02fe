//! The plan of a creation.

use serde::{Deserialize, Serialize};

use crate::{ContainerConfig, EnforcementReport, Warning};

/// What [`create_container`](crate::ContainerDriver::create_container) would do with a config, as returned by
/// [`plan`](crate::ContainerDriver::plan).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreationPlan {
    /// The config, with all values filled in that the driver would fill in.
    pub config: ContainerConfig,
    /// Why the creation would be refused; empty if it would be accepted.
    pub refusals: Vec<Warning>,
    /// The warnings that the creation would return.
    pub warnings: Vec<Warning>,
    /// Which limits and security options would be enforced.
    pub enforcement: EnforcementReport,
}

impl CreationPlan {
    /// Creates a plan without refusals or warnings. Drivers fill in the rest.
    pub fn new(config: ContainerConfig, enforcement: EnforcementReport) -> Self {
        Self {
            config,
            refusals: Vec::new(),
            warnings: Vec::new(),
            enforcement,
        }
    }

    /// Returns whether the creation would be accepted. It can still fail: a name may be taken by then, and an
    /// image may turn out not to exist.
    pub fn is_accepted(&self) -> bool {
        self.refusals.is_empty()
    }
}
