//! What a container may use at most.

use serde::{Deserialize, Serialize};

/// What a container may use at most. The default is 0.5 cores, 512 MiB of memory, 1024 MiB of disk and 100
/// processes.
///
/// A limit the engine cannot enforce is never dropped in silence: the instance carries a
/// [`Warning`](crate::Warning), and [`Strictness::Require`](crate::Strictness::Require) refuses the creation.
///
/// ```
/// use driver_interface_types::ResourceLimits;
///
/// let limits = ResourceLimits::default().cpu(2.0).memory(2048);
/// assert_eq!(limits.pids, 100);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ResourceLimits {
    /// CPU in cores; a half is `0.5`. Finite and above 0.
    pub cpu: f64,
    /// Memory in MiB, swap included: there is no way round it into swap.
    pub memory: u64,
    /// Space in MiB for what the container writes to its own file system.
    pub disk: u64,
    /// How many processes and threads may live at once.
    pub pids: u64,
}

impl Default for ResourceLimits {
    fn default() -> Self {
        Self {
            cpu: 0.5,
            memory: 512,
            disk: 1024,
            pids: 100,
        }
    }
}

impl ResourceLimits {
    /// Sets the CPU limit, in cores.
    #[must_use]
    pub fn cpu(mut self, cores: f64) -> Self {
        self.cpu = cores;
        self
    }

    /// Sets the memory limit, in MiB.
    #[must_use]
    pub fn memory(mut self, mib: u64) -> Self {
        self.memory = mib;
        self
    }

    /// Sets the disk limit, in MiB.
    #[must_use]
    pub fn disk(mut self, mib: u64) -> Self {
        self.disk = mib;
        self
    }

    /// Sets how many processes and threads may live at once.
    #[must_use]
    pub fn pids(mut self, count: u64) -> Self {
        self.pids = count;
        self
    }
}
