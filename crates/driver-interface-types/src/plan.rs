//! What a creation would do.

use serde::{Deserialize, Serialize};

use crate::{ContainerConfig, EnforcementReport, Warning};

/// What [`create_container`](crate::ContainerDriver::create_container) would do with a config, from
/// [`plan`](crate::ContainerDriver::plan).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreationPlan {
    /// The config with everything filled in that the driver would fill in.
    pub config: ContainerConfig,
    /// Why the creation would be refused; empty if it would not.
    pub refusals: Vec<Warning>,
    /// What the creation would warn of.
    pub warnings: Vec<Warning>,
    /// Which limits and security options would hold.
    pub enforcement: EnforcementReport,
}

impl CreationPlan {
    /// A plan without findings. Drivers fill in the rest.
    pub fn new(config: ContainerConfig, enforcement: EnforcementReport) -> Self {
        Self {
            config,
            refusals: Vec::new(),
            warnings: Vec::new(),
            enforcement,
        }
    }

    /// Whether the creation would be let through. It can fail all the same: a name may be taken by then, and
    /// an image may turn out not to exist.
    pub fn is_accepted(&self) -> bool {
        self.refusals.is_empty()
    }
}
