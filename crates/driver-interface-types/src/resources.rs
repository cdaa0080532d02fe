//! The resource limits of a container.

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use crate::rules::{
    self, json,
    limits::{MAX_CPU, MIN_CPU},
    many, one, within,
};

/// The resource limits of a container. The default limits are 0.5 cores, 512 MiB of memory and 100 processes. By
/// default there is no disk limit, because few engines can enforce a disk limit.
///
/// If the engine cannot enforce a limit, the created container has a [`Warning`](crate::Warning). With
/// [`Strictness::Require`](crate::Strictness::Require), the creation fails instead. No limit is silently ignored.
///
/// ```
/// use driver_interface_types::ResourceLimits;
///
/// let limits = ResourceLimits::default().cpu(2.0).memory(2048);
/// assert_eq!(limits.pids, 100);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(feature = "schema", garde(context(rules::RuleContext)))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ResourceLimits {
    /// The CPU limit in cores, such as `0.5` for half a core. The value must be from 0.01 to 1024.
    #[cfg_attr(feature = "schema", garde(custom(one(rules::cores))), schemars(range(min = MIN_CPU, max = MAX_CPU)))]
    pub cpu: f64,
    /// The memory limit in MiB. The container can use swap in addition to this memory only if [`swap`](Self::swap) is
    /// set.
    #[cfg_attr(feature = "schema", garde(custom(one(within(rules::MEMORY)))), schemars(transform = json::within(rules::MEMORY)))]
    pub memory: u64,
    /// The maximum size of the container's writable layer, in MiB. `None` means that the size is not limited. Most
    /// engines cannot enforce this limit, because their storage has no quotas; see
    /// [`Guarantee::Disk`](crate::Guarantee::Disk).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(within(rules::DISK))))), schemars(transform = json::within(rules::DISK)))]
    pub disk: Option<u64>,
    /// The maximum number of concurrent processes and threads.
    #[cfg_attr(feature = "schema", garde(custom(one(within(rules::PIDS)))), schemars(transform = json::within(rules::PIDS)))]
    pub pids: u64,
    /// The amount of swap that the container may use in addition to its memory, in MiB. `None` means no swap.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(within(rules::SWAP))))), schemars(transform = json::within(rules::SWAP)))]
    pub swap: Option<u64>,
    /// The memory reservation in MiB. When the host is short of memory, the kernel tries to reduce the container's
    /// memory use to this value. The value must be less than `memory`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(custom(many(|_: &Option<u64>, found| rules::memory_reservation(self, found)))), schemars(transform = json::within(rules::MEMORY)))]
    pub memory_reservation: Option<u64>,
    /// The container's weight when containers compete for the CPU. If `None`, the engine uses its default weight,
    /// 1024.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(within(rules::CPU_SHARES))))), schemars(transform = json::within(rules::CPU_SHARES)))]
    pub cpu_shares: Option<u64>,
}

impl Default for ResourceLimits {
    fn default() -> Self {
        Self {
            cpu: 0.5,
            memory: 512,
            disk: None,
            pids: 100,
            swap: None,
            memory_reservation: None,
            cpu_shares: None,
        }
    }
}

impl ResourceLimits {
    crate::setters! {
        /// Sets the CPU limit, in cores.
        cpu(self, cores: impl Into<f64>) { self.cpu = cores.into(); }
        /// Sets the memory limit, in MiB.
        memory(self, mib: u64) { self.memory = mib; }
        /// Sets the disk limit, in MiB.
        disk(self, mib: u64) { self.disk = Some(mib); }
        /// Sets the maximum number of concurrent processes and threads.
        pids(self, count: u64) { self.pids = count; }
        /// Sets the amount of swap that the container may use, in MiB.
        swap(self, mib: u64) { self.swap = Some(mib); }
        /// Sets the memory reservation, in MiB. When the host is short of memory, the kernel tries to reduce the
        /// container's memory use to this value.
        memory_reservation(self, mib: u64) { self.memory_reservation = Some(mib); }
        /// Sets the container's weight when containers compete for the CPU.
        cpu_shares(self, weight: u64) { self.cpu_shares = Some(weight); }
    }
}
