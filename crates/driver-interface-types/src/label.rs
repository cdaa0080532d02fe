//! The labels by which a driver recognises its own resources.
//!
//! Every resource that a driver creates on an engine has these labels from its creation on. Therefore another
//! process, or the same program after a crash, can find the resource again. Users cannot set or overwrite these
//! labels: a config with a label whose key starts with [`RESERVED_PREFIX`] is rejected.

/// The prefix of the label keys that are reserved for drivers.
pub const RESERVED_PREFIX: &str = "io.driver-interface.";

/// The key of the label that marks a resource as created by a driver of this interface. The value of the label is
/// [`MANAGED_BY_VALUE`].
pub const MANAGED_BY: &str = "io.driver-interface.managed-by";

/// The value of the label [`MANAGED_BY`].
pub const MANAGED_BY_VALUE: &str = "driver-interface";

/// The key of the label that holds the driver's [`Namespace`](crate::Namespace).
pub const NAMESPACE: &str = "io.driver-interface.namespace";

/// The key of the label that holds the [`SessionId`](crate::SessionId) of the resource.
pub const SESSION: &str = "io.driver-interface.session";

/// The key of the label that identifies the process that created the resource. By default, the value of the label has
/// the form `host.pid.random`. Before removing leftover resources, an operator can use the label to check whether
/// that process still runs.
pub const OWNER: &str = "io.driver-interface.owner";

/// The key of the label that holds the [`OperationKey`](crate::OperationKey) with which the resource was created.
pub const OPERATION: &str = "io.driver-interface.operation";

/// The key of the label that holds the [fingerprint](crate::ContainerConfig::fingerprint) of the config with which
/// the resource was created.
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
