use crate::common::Payload;
use crate::leaf::{category, leaf};
use crate::text::clean;

category! {
    /// Errors of CPU, memory, disk and process limits.
    pub enum ResourceError {
        /// The request exceeds a limit.
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
    /// The error returned if a request exceeds the driver's limit for a resource.
    ///
    /// The error is returned before the driver calls the engine, so nothing has changed.
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
    /// Creates an error from the resource (`cpu` in cores, `memory` and `disk` in MiB, `pids`), the limit and the
    /// requested value.
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

    /// Returns the resource, such as `cpu`.
    pub fn resource(&self) -> &str {
        &self.body.data.resource
    }

    /// Returns the maximum value allowed, in the resource's unit.
    pub fn limit(&self) -> f64 {
        self.body.data.limit
    }

    /// Returns the requested value, in the resource's unit.
    pub fn requested(&self) -> f64 {
        self.body.data.requested
    }
}

/// Returns the resource's name in everyday words, and the resource's unit as a suffix for a number.
fn plain(resource: &str) -> (&str, &'static str) {
    match resource {
        "cpu" => ("computing power", " cores"),
        "memory" => ("memory", " MiB"),
        "disk" => ("disk space", " MiB"),
        "pids" => ("processes", ""),
        other => (other, ""),
    }
}
