//! The labels by which a driver knows what it made.
//!
//! Every object a driver creates on an engine carries them from the first moment, so that another process,
//! or the same one after a crash, finds it again. Users cannot set or overwrite them: a label under
//! [`RESERVED_PREFIX`] in a config is refused.

/// Every label under this prefix belongs to the drivers.
pub const RESERVED_PREFIX: &str = "io.driver-interface.";

/// Marks an object as made by a driver of this interface; its value is [`MANAGED_BY_VALUE`].
pub const MANAGED_BY: &str = "io.driver-interface.managed-by";

/// The value of [`MANAGED_BY`].
pub const MANAGED_BY_VALUE: &str = "driver-interface";

/// Holds the driver's [`Namespace`](crate::Namespace).
pub const NAMESPACE: &str = "io.driver-interface.namespace";

/// Holds the [`SessionId`](crate::SessionId) an object belongs to.
pub const SESSION: &str = "io.driver-interface.session";

/// Says which process made the object, as `host/pid/random`: a sweep can tell whether its maker still lives.
pub const OWNER: &str = "io.driver-interface.owner";

/// Holds the [`OperationKey`](crate::OperationKey) of the creation.
pub const OPERATION: &str = "io.driver-interface.operation";

/// Holds the [fingerprint](crate::ContainerConfig::fingerprint) of the config the object was made from.
pub const FINGERPRINT: &str = "io.driver-interface.fingerprint";

/// Whether a label key is reserved for the drivers.
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
