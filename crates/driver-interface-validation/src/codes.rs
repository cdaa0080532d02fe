//! The stable code of every rule, for matching without reading sentences.
//!
//! A code never changes its meaning and is never reused.
//!
//! ```
//! use driver_interface_types::ResourceLimits;
//! use driver_interface_validation::{codes, validate_resource_limits};
//!
//! let error = validate_resource_limits(&ResourceLimits::default().cpu(0.0)).unwrap_err();
//! assert_eq!(error.violations()[0].code, codes::OUT_OF_RANGE);
//! ```

macro_rules! codes {
    ($($(#[doc = $docs:literal])+ $name:ident = $code:literal;)+) => {
        $($(#[doc = $docs])+ pub const $name: &str = $code;)+

        /// Every code, in the order of this page.
        pub const ALL: &[&str] = &[$($name),+];
    };
}

codes! {
    /// The text is not JSON.
    INVALID_JSON = "invalid-json";
    /// A value is of another type than its field, or is none of the field's choices.
    WRONG_TYPE = "wrong-type";
    /// There is no such field.
    UNKNOWN_FIELD = "unknown-field";
    /// A field that has no default is not given.
    MISSING_FIELD = "missing-field";
    /// A field or key is given twice in one object.
    DUPLICATE_FIELD = "duplicate-field";
    /// A text that must say something is empty.
    EMPTY = "empty";
    /// A text is longer than an engine or the kernel takes.
    TOO_LONG = "too-long";
    /// A list or map has more entries than it may.
    TOO_MANY = "too-many";
    /// A text holds a character that cannot be passed on: NUL, another control character, `=` or `:`.
    INVALID_CHARACTER = "invalid-character";
    /// A name is not made of letters, digits, `_`, `.` and `-`, or has the wrong length.
    INVALID_NAME = "invalid-name";
    /// A name or key belongs to the drivers or the engine.
    RESERVED = "reserved";
    /// An image reference does not follow the registries' grammar.
    INVALID_IMAGE = "invalid-image-reference";
    /// A number is not finite, too small or too large.
    OUT_OF_RANGE = "out-of-range";
    /// A path does not start with `/`.
    NOT_ABSOLUTE = "not-absolute";
    /// A path has `..`, or, inside a container, empty or `.` parts.
    NOT_NORMALISED = "not-normalised";
    /// Nothing may be mounted at this place of a container.
    FORBIDDEN_TARGET = "forbidden-target";
    /// The policy does not let this path of the host be mounted.
    FORBIDDEN_BIND = "forbidden-bind";
    /// An entry of a list is there twice, or two mounts have one target.
    DUPLICATE = "duplicate";
    /// A network mode would take the container out of its isolation.
    FORBIDDEN_NETWORK = "forbidden-network";
    /// An option reaches beyond what it is an option of.
    FORBIDDEN_OPTION = "forbidden-option";
    /// A user is not written as `uid`, `uid:gid`, `name` or `name:group`.
    INVALID_USER = "invalid-user";
    /// Linux has no such capability, or it is not written as this interface writes it.
    UNKNOWN_CAPABILITY = "unknown-capability";
    /// A capability may not be given back.
    FORBIDDEN_CAPABILITY = "forbidden-capability";
    /// A capability is both dropped and added by name.
    CONTRADICTION = "contradiction";
    /// Logs are asked for without any stream.
    NO_STREAM = "no-stream";
}
