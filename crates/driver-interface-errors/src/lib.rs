//! The errors of every container driver: typed, with a stable code, and honest about whether to try again.
//!
//! Every operation of a driver fails with [`DriverError`]. Below it stands one enum a category, below that
//! one type a failure; on each level the same questions have the same answers ([`ErrorInfo`]).
//!
//! # Match on what went wrong
//!
//! ```
//! use driver_interface_errors::{ContainerError, DriverError, Result};
//!
//! fn remove_if_there(removed: Result<()>) -> Result<()> {
//!     match removed {
//!         Err(DriverError::Container(ContainerError::NotFound(error))) => {
//!             println!("{} is gone already", error.container());
//!             Ok(())
//!         }
//!         other => other,
//!     }
//! }
//! # use driver_interface_errors::ContainerNotFoundError;
//! # assert!(remove_if_there(Err(ContainerNotFoundError::new("web").into())).is_ok());
//! ```
//!
//! Where any missing thing will do, [`DriverError::is_not_found`] is shorter.
//!
//! # Decide whether to try again
//!
//! Two questions: can a retry help, and may the first try have worked? An effect that is not known has to be
//! looked up before a call that changes something is repeated.
//!
//! ```
//! use std::time::Duration;
//! use driver_interface_errors::{DriverError, Effect, Hint, NetworkError, TimeoutError};
//!
//! #[derive(Debug, PartialEq)]
//! enum Next { GiveUp, Retry, LookFirst }
//!
//! fn next(error: &DriverError) -> Next {
//!     match (error.is_retryable(), error.effect()) {
//!         (false, _) => Next::GiveUp,
//!         (true, Effect::NotApplied) => Next::Retry,
//!         (true, _) => Next::LookFirst,
//!     }
//! }
//!
//! let late = DriverError::from(TimeoutError::new("create_container", Duration::from_secs(30)));
//! assert_eq!(next(&late), Next::LookFirst);
//!
//! let down = DriverError::from(NetworkError::new("connection refused").with_hint(Hint::EngineNotRunning));
//! assert_eq!(next(&down), Next::Retry);
//!
//! // Whoever has retried in vain says so, and nobody further out starts over.
//! let final_error = down.after_attempts(3);
//! assert_eq!(next(&final_error), Next::GiveUp);
//! assert_eq!(
//!     final_error.to_string(),
//!     "connection to the engine failed: connection refused (gave up after 3 attempts)",
//! );
//! ```
//!
//! # Show it to somebody
//!
//! ```
//! use driver_interface_errors::{ContainerCreationError, DriverError, Hint};
//!
//! let error = DriverError::from(ContainerCreationError::new("name `web` is taken").with_hint(Hint::NameTaken));
//!
//! // A user of your program: one plain sentence.
//! assert_eq!(error.user_message(), "That name is already in use.");
//! // An operator: one line, and what to do about it.
//! assert_eq!(
//!     format!("{error:#}"),
//!     "container could not be created: name `web` is taken \
//!      (hint: choose another name, or remove what has this one first)",
//! );
//! // A developer: `{error:?}` has code, context, hint and the chain of sources.
//! assert!(format!("{error:?}").contains("CONTAINER_CREATION_FAILED"));
//! ```
//!
//! Programs that pass errors on in `anyhow`, or print the chain of `source()` themselves, show the remedy too: it is
//! the first source, a [`Remedy`].
//!
//! ```
//! # use driver_interface_errors::{ContainerCreationError, Hint};
//! let error = ContainerCreationError::new("name `web` is taken").with_hint(Hint::NameTaken);
//! let printed = format!("{:?}", anyhow::Error::from(error).context("deploying"));
//! assert!(printed.contains("1: hint: choose another name, or remove what has this one first"));
//! ```
//!
//! # Log it, or send it elsewhere
//!
//! Every error serialises as its [`ErrorReport`], which can be read back.
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
//! # Look inside errors of other types
//!
//! [`find_driver_error`] and its relatives take any `&dyn Error` and look through its sources, so they work
//! on `anyhow` errors, on `std::io::Error` and on enums of your own.
//!
//! ```
//! use driver_interface_errors::{NetworkError, get_error_code, is_retryable_error};
//!
//! let error = anyhow::Error::from(NetworkError::new("connection reset")).context("deploying `web`");
//! assert!(is_retryable_error(error.as_ref()));
//! assert_eq!(get_error_code(error.as_ref()), "NETWORK_ERROR");
//! ```
//!
//! # Make one, in a driver
//!
//! Name the failure, add the cause, say what the class leaves open. Constructors and builders bring foreign
//! text onto one line and blot out what looks like a credential, in messages, context and sources alike;
//! that is a net, and a driver still puts no secret into an error.
//!
//! ```
//! use driver_interface_errors::{ContainerStartError, Hint, Result};
//!
//! fn start(container: &str) -> Result<()> {
//!     let engine_says = std::io::Error::other("exec: \"serve\": executable file not found in $PATH");
//!     Err(ContainerStartError::new(container, "no such program: `serve`")
//!         .with_hint(Hint::CommandNotFound)
//!         .with_source(engine_says))?
//! }
//!
//! # fn main() {
//! let error = start("web").unwrap_err();
//! assert!(!error.is_retryable(), "the program will not be there next time either");
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
pub use exec::{ExecError, ExecutionError};
pub use file_kind::{FileSystemErrorKind, UnknownFileSystemErrorKind};
pub use hint::Hint;
pub use image::{ImageError, ImageNotFoundError, ImagePullError};
pub use info::ErrorInfo;
pub use inspect::{
    find_driver_error, get_error_code, get_error_message, is_driver_error, is_retryable_error,
};
pub use network::{
    NetworkConnectError, NetworkCreationError, NetworkNotFoundError, NetworkRemoveError, NetworkingError,
};
pub use remedy::Remedy;
pub use report::{ErrorReport, HintReport, LimitReport};
pub use resource::{ResourceError, ResourceLimitError};
pub use security::{AuthenticationError, AuthorizationError, SecurityError};
pub use system::{
    DriverHealthError, FileSystemError, InternalError, NetworkError, SystemError, TimeoutError,
};
pub use volume::{VolumeCreationError, VolumeError, VolumeNotFoundError, VolumeRemoveError};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
