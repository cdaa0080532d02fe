//! The stable codes of the validation rules. Callers can match an error by its code instead of parsing the message.
//!
//! A code never changes its meaning and is never reused.
//!
//! ```
//! use driver_interface_types::rules::codes;
//!
//! assert!(codes::ALL.contains(&codes::OUT_OF_RANGE));
//! ```

macro_rules! codes {
    ($($(#[doc = $docs:literal])+ $name:ident = $code:literal;)+) => {
        $($(#[doc = $docs])+ pub const $name: &str = $code;)+

        /// All codes, in the order in which this module defines them.
        pub const ALL: &[&str] = &[$($name),+];
    };
}

codes! {
    /// The input is not valid JSON.
    INVALID_JSON = "invalid-json";
    /// A value does not have its field's type, or is not one of the field's allowed values.
    WRONG_TYPE = "wrong-type";
    /// An object has an unknown field: the object's type has no field of this name.
    UNKNOWN_FIELD = "unknown-field";
    /// A required field is missing.
    MISSING_FIELD = "missing-field";
    /// A field or key occurs more than once in an object.
    DUPLICATE_FIELD = "duplicate-field";
    /// A string that must not be empty is empty.
    EMPTY = "empty";
    /// A string is longer than an engine or the kernel accepts.
    TOO_LONG = "too-long";
    /// A list or map has too many entries.
    TOO_MANY = "too-many";
    /// A string contains a character that is not allowed in the string's field, such as NUL, another control
    /// character, `=` or `:`.
    INVALID_CHARACTER = "invalid-character";
    /// A name does not have the form that its field requires. The usual form is letters, digits, `_`, `.` and `-`, up
    /// to a maximum length.
    INVALID_NAME = "invalid-name";
    /// A name or key is reserved for the drivers or the engine.
    RESERVED = "reserved";
    /// An image reference does not follow the registries' grammar.
    INVALID_IMAGE = "invalid-image-reference";
    /// A number is too small, too large or not finite, or another value is outside its allowed range. An example is
    /// an address outside its subnet.
    OUT_OF_RANGE = "out-of-range";
    /// A path does not start with `/`.
    NOT_ABSOLUTE = "not-absolute";
    /// A path contains `..`, or a path inside a container contains empty or `.` components.
    NOT_NORMALISED = "not-normalised";
    /// Mounts are not permitted at this container path.
    FORBIDDEN_TARGET = "forbidden-target";
    /// The policy does not permit a mount of this host path.
    FORBIDDEN_BIND = "forbidden-bind";
    /// An entry of a list occurs more than once, or two mounts have the same target.
    DUPLICATE = "duplicate";
    /// A network mode or a network driver would break the isolation of containers.
    FORBIDDEN_NETWORK = "forbidden-network";
    /// A network option, volume option or kernel parameter is not allowed, because it affects more than the network,
    /// volume or container.
    FORBIDDEN_OPTION = "forbidden-option";
    /// A user is not in the form `uid`, `uid:gid`, `name` or `name:group`.
    INVALID_USER = "invalid-user";
    /// Linux has no capability of this name, or the name is not in the form that this interface uses.
    UNKNOWN_CAPABILITY = "unknown-capability";
    /// The capability to add is `ALL`, or the policy does not permit this capability.
    FORBIDDEN_CAPABILITY = "forbidden-capability";
    /// Two options exclude each other. For example, a capability is both dropped and added by name, a network setting
    /// is used without a network, or events are selected by both a time and a cursor.
    CONTRADICTION = "contradiction";
    /// An option requires the caller to stay connected, but the exec is detached.
    NOT_DETACHED = "not-detached";
    /// An event cursor is not from this driver, or the engine no longer knows the cursor.
    INVALID_CURSOR = "invalid-cursor";
    /// A path is not a device, or the device would give control over the host.
    FORBIDDEN_DEVICE = "forbidden-device";
    /// A seccomp or AppArmor profile is invalid, or would turn seccomp or AppArmor off.
    INVALID_PROFILE = "invalid-profile";
    /// Logs are requested with neither standard output nor standard error.
    NO_STREAM = "no-stream";
}
