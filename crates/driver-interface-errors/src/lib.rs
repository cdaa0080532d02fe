//! The error types of all container drivers: typed, with stable codes, and precise about whether a retry is safe.
//!
//! The error type of every driver operation is [`DriverError`]. `DriverError` has one variant per category, and each
//! category is an enum with one type per failure. All three levels share the methods of [`ErrorInfo`].
//!
//! # Matching on a failure
//!
//! ```
//! use driver_interface_errors::{ContainerError, DriverError, Result};
//!
//! fn remove_if_exists(removed: Result<()>) -> Result<()> {
//!     match removed {
//!         Err(DriverError::Container(ContainerError::NotFound(error))) => {
//!             println!("{} does not exist", error.container());
//!             Ok(())
//!         }
//!         other => other,
//!     }
//! }
//! # use driver_interface_errors::ContainerNotFoundError;
//! # assert!(remove_if_exists(Err(ContainerNotFoundError::new("web").into())).is_ok());
//! ```
//!
//! To handle missing resources of all kinds at once, call [`DriverError::is_not_found`] instead.
//!
//! # Deciding whether to retry
//!
//! Two questions matter. Can a retry help? May the first attempt have taken effect? If the effect is unknown, check
//! the engine before repeating a call that changes something.
//!
//! ```
//! use std::time::Duration;
//! use driver_interface_errors::{DriverError, Effect, Hint, ConnectionError, TimeoutError};
//!
//! #[derive(Debug, PartialEq)]
//! enum Next { GiveUp, Retry, CheckFirst }
//!
//! fn next(error: &DriverError) -> Next {
//!     match (error.is_retryable(), error.effect()) {
//!         (false, _) => Next::GiveUp,
//!         (true, Effect::NotApplied) => Next::Retry,
//!         (true, _) => Next::CheckFirst,
//!     }
//! }
//!
//! let late = DriverError::from(TimeoutError::new("create_container", Duration::from_secs(30)));
//! assert_eq!(next(&late), Next::CheckFirst);
//!
//! let down = DriverError::from(ConnectionError::new("connection refused").with_hint(Hint::EngineNotRunning));
//! assert_eq!(next(&down), Next::Retry);
//!
//! // A retry layer that has given up records this, so that outer layers do not retry again.
//! let final_error = down.after_attempts(3);
//! assert_eq!(next(&final_error), Next::GiveUp);
//! assert_eq!(
//!     final_error.to_string(),
//!     "connection to the engine failed: connection refused (gave up after 3 attempts)",
//! );
//! ```
//!
//! # Showing an error
//!
//! ```
//! use driver_interface_errors::{ContainerCreationError, DriverError, Hint};
//!
//! let error = DriverError::from(ContainerCreationError::new("name `web` is taken").with_hint(Hint::NameTaken));
//!
//! // For end users: one plain sentence.
//! assert_eq!(error.user_message(), "That name is already in use.");
//! // For operators: one line with the remedy.
//! assert_eq!(
//!     format!("{error:#}"),
//!     "container could not be created: name `web` is taken \
//!      (hint: choose another name, or remove the resource that uses it first)",
//! );
//! // For developers: `{error:?}` has the code, context, hint and chain of sources.
//! assert!(format!("{error:?}").contains("CONTAINER_CREATION_FAILED"));
//! ```
//!
//! Programs that propagate errors with `anyhow`, or print the chain of `source()` themselves, show the remedy too.
//! The remedy is the first source in that chain, a [`Remedy`].
//!
//! ```
//! # use driver_interface_errors::{ContainerCreationError, Hint};
//! let error = ContainerCreationError::new("name `web` is taken").with_hint(Hint::NameTaken);
//! let printed = format!("{:?}", anyhow::Error::from(error).context("deploying"));
//! assert!(printed.contains("1: hint: choose another name, or remove the resource that uses it first"));
//! ```
//!
//! # Logging or sending an error
//!
//! Every error serialises as its [`ErrorReport`], which can be deserialised again.
//!
//! ```
//! use driver_interface_errors::{ContainerNotFoundError, DriverError, ErrorReport};
//!
//! # fn main() -> Result<(), serde_json::Error> {
//! let error = DriverError::from(ContainerNotFoundError::new("web"))
//!     .with_driver("docker")
//!     .with_operation("start_container");
//!
//! let json = serde_json::to_value(&error)?;
//! assert_eq!(json["code"], "CONTAINER_NOT_FOUND");
//! assert_eq!(json["retryable"], false);
//! assert_eq!(json["context"]["operation"], "start_container");
//!
//! let report: ErrorReport = serde_json::from_value(json)?;
//! assert_eq!(report, error.to_report());
//! # Ok(())
//! # }
//! ```
//!
//! # Finding driver errors inside other errors
//!
//! [`find_driver_error`] and the related functions take any `&dyn Error` and walk its sources, so they work with
//! `anyhow` errors, with `std::io::Error` and with your own enums.
//!
//! ```
//! use driver_interface_errors::{ConnectionError, get_error_code, is_retryable_error};
//!
//! let error = anyhow::Error::from(ConnectionError::new("connection reset")).context("deploying `web`");
//! assert!(is_retryable_error(error.as_ref()));
//! assert_eq!(get_error_code(error.as_ref()), "CONNECTION_ERROR");
//! ```
//!
//! # Creating an error in a driver
//!
//! Choose the class, add the cause, and set the hint or effect if known. Constructors and builder methods
//! reduce external text to one line and redact text that looks like a credential, in messages, context and
//! sources alike. This is only a safety net: a driver must still not put a secret into an error.
//!
//! ```
//! use driver_interface_errors::{ContainerStartError, Hint, Result};
//!
//! fn start(container: &str) -> Result<()> {
//!     let cause = std::io::Error::other("exec: \"serve\": executable file not found in $PATH");
//!     Err(ContainerStartError::new(container, "no such program: `serve`")
//!         .with_hint(Hint::CommandNotFound)
//!         .with_source(cause))?
//! }
//!
//! # fn main() {
//! let error = start("web").unwrap_err();
//! assert!(!error.is_retryable(), "a retry cannot help: the program does not exist");
//! # }
//! ```

pub mod codes;

mod common;
mod configuration;
mod container;
mod context;
mod driver_error;
mod effect;
mod exec;
mod file_kind;
mod hint;
mod image;
mod info;
mod inspect;
mod leaf;
mod network;
mod remedy;
mod report;
mod resource;
mod security;
mod system;
mod text;
mod volume;

pub use configuration::{ConfigurationError, InputError, UnsupportedError, Violation};
pub use container::{
    ContainerCreationError, ContainerError, ContainerNotFoundError, ContainerNotRunningError,
    ContainerRemoveError, ContainerStartError, ContainerStopError, WaitTimeoutError,
};
pub use context::ErrorContext;
pub use driver_error::{DriverError, Result};
pub use effect::Effect;
pub use exec::{ExecError, ExecFailedError};
pub use file_kind::{FileSystemErrorKind, UnknownFileSystemErrorKind};
pub use hint::Hint;
pub use image::{
    ImageBuildError, ImageError, ImageImportError, ImageNotFoundError, ImagePullError, ImagePushError,
    ImageRemoveError,
};
pub use info::ErrorInfo;
pub use inspect::{
    find_driver_error, get_error_code, get_error_message, is_driver_error, is_retryable_error,
};
pub use network::{
    NetworkConnectError, NetworkCreationError, NetworkError, NetworkNotFoundError, NetworkRemoveError,
};
pub use remedy::Remedy;
pub use report::{ErrorReport, HintReport, LimitReport};
pub use resource::{ResourceError, ResourceLimitError};
pub use security::{AuthenticationError, AuthorizationError, SecurityError};
pub use system::{
    ConnectionError, DriverHealthError, FileSystemError, InternalError, SystemError, TimeoutError,
};
pub use volume::{VolumeCreationError, VolumeError, VolumeNotFoundError, VolumeRemoveError};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
