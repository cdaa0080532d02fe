use driver_interface_types::ResourceLimits;
use garde::Validate;
use serde::Serialize;

use crate::ValidationPolicy;
use crate::codes;
use crate::limits::{self, Bounds, MAX_CPU, MIN_CPU};
use crate::rules::refuse;

/// The rules of [`ResourceLimits`].
///
/// ```
/// use driver_interface_types::ResourceLimits;
/// use driver_interface_validation::{ResourceLimitsSchema, Validate};
///
/// assert!(ResourceLimitsSchema::from(&ResourceLimits::default()).validate().is_ok());
/// ```
#[derive(Clone, Copy, Debug, Serialize, Validate)]
#[garde(context(ValidationPolicy))]
#[serde(rename_all = "camelCase")]
pub struct ResourceLimitsSchema {
    #[garde(custom(cores))]
    cpu: f64,
    #[garde(custom(within(limits::MEMORY)))]
    memory: u64,
    #[garde(inner(custom(within(limits::DISK))))]
    #[serde(skip_serializing_if = "Option::is_none")]
    disk: Option<u64>,
    #[garde(custom(within(limits::PIDS)))]
    pids: u64,
}

impl From<&ResourceLimits> for ResourceLimitsSchema {
    fn from(limits: &ResourceLimits) -> Self {
        Self {
            cpu: limits.cpu,
            memory: limits.memory,
            disk: limits.disk,
            pids: limits.pids,
        }
    }
}

fn cores(cores: &f64, _: &ValidationPolicy) -> garde::Result {
    let message = if !cores.is_finite() || *cores <= 0.0 {
        format!("must be a finite number above 0; got {cores}")
    } else if *cores < MIN_CPU {
        format!("must be at least {MIN_CPU} cores; got {cores}")
    } else if *cores > MAX_CPU {
        format!("must be at most {MAX_CPU} cores; got {cores}")
    } else {
        return Ok(());
    };
    refuse(codes::OUT_OF_RANGE, message)
}

fn within(bounds: Bounds) -> impl Fn(&u64, &&ValidationPolicy) -> garde::Result {
    move |value, _| {
        if (bounds.min..=bounds.max).contains(value) {
            return Ok(());
        }
        refuse(codes::OUT_OF_RANGE, bounds.message(*value > bounds.max, value))
    }
}
