//! The labels by which a driver recognises its own resources.
//!
//! Every resource that a driver creates on an engine carries these labels from the moment it exists, so that another
//! process, or the same program after a crash, can find the resource again. Users cannot set or overwrite the labels:
//! a config with a label under [`RESERVED_PREFIX`] is rejected.

/// The prefix of the labels that are reserved for drivers.
pub const RESERVED_PREFIX: &str = "io.driver-interface.";

/// The key of the label that marks a resource as created by a driver of this interface. Its value is
/// [`MANAGED_BY_VALUE`].
pub const MANAGED_BY: &str = "io.driver-interface.managed-by";

/// The value of the label [`MANAGED_BY`].
pub const MANAGED_BY_VALUE: &str = "driver-interface";

/// The key of the label that holds the driver's [`Namespace`](crate::Namespace).
pub const NAMESPACE: &str = "io.driver-interface.namespace";

/// The key of the label that holds the [`SessionId`](crate::SessionId) of the resource.
pub const SESSION: &str = "io.driver-interface.session";

/// The key of the label that identifies the process that created the resource, as `host.pid.random`. Before leftover
/// resources are removed, an operator can use the label to check whether that process still runs.
pub const OWNER: &str = "io.driver-interface.owner";

/// The key of the label that holds the [`OperationKey`](crate::OperationKey) with which the resource was created.
pub const OPERATION: &str = "io.driver-interface.operation";

/// The key of the label that holds the [fingerprint](crate::ContainerConfig::fingerprint) of the config from which the
/// resource was created.
pub const FINGERPRINT: &str = "io.driver-interface.fingerprint";

/// Returns whether a label key is reserved for drivers.
///
/// ```
/// use driver_interface_types::label;
///
/// assert!(label::is_reserved(label::SESSION));
/// assert!(!label::is_reserved("team"));
/// ```
pub fn is_reserved(key: &str) -> bool {
    key.starts_with(RESERVED_PREFIX)
}
