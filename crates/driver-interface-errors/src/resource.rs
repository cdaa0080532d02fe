use crate::common::Payload;
use crate::leaf::{category, leaf};
use crate::text::clean;

category! {
    /// Groups what concerns cpu, memory, disk and processes.
    pub enum ResourceError {
        /// More was asked for than is allowed.
        Limit(ResourceLimitError),
    }
}

/// The data of a [`ResourceLimitError`].
#[derive(Clone)]
pub(crate) struct Limit {
    resource: String,
    limit: f64,
    requested: f64,
}

leaf! {
    /// Says that more of a resource was asked for than the driver's limits allow.
    ///
    /// It is raised before the engine is asked, so nothing happened.
    pub struct ResourceLimitError(Limit);
    code: RESOURCE_LIMIT_EXCEEDED,
    category: "resource",
    retryable: false,
    effect: NotApplied,
    hint: RaiseLimit,
    user: |data| {
        let (what, unit) = plain(&data.resource);
        format!(
            "This needs more {what} than is allowed: {}{unit}, and the limit is {}{unit}.",
            data.requested, data.limit,
        )
    },
    payload: |data| Payload::Limit {
        resource: &data.resource,
        limit: data.limit,
        requested: data.requested,
    },
}

impl ResourceLimitError {
    /// Makes one from the resource (`cpu` in cores, `memory` and `disk` in MiB, `pids`) and the numbers.
    pub fn new(resource: impl Into<String>, limit: f64, requested: f64) -> Self {
        let resource = resource.into();
        let (_, unit) = plain(&resource);
        let name = clean(&resource);
        let message =
            format!("{name} limit exceeded: {requested}{unit} requested, the limit is {limit}{unit}");
        Self::build(
            message,
            Limit {
                resource,
                limit,
                requested,
            },
        )
    }

    /// The resource, such as `cpu`.
    pub fn resource(&self) -> &str {
        &self.body.data.resource
    }

    /// The most that is allowed, in the resource's unit.
    pub fn limit(&self) -> f64 {
        self.body.data.limit
    }

    /// What was asked for, in the resource's unit.
    pub fn requested(&self) -> f64 {
        self.body.data.requested
    }
}

/// A resource in everyday words, and its unit as it follows a number.
fn plain(resource: &str) -> (&str, &'static str) {
    match resource {
        "cpu" => ("computing power", " cores"),
        "memory" => ("memory", " MiB"),
        "disk" => ("disk space", " MiB"),
        "pids" => ("processes", ""),
        other => (other, ""),
    }
}
