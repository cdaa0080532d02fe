use std::error::Error;
use std::io;
use std::sync::Arc;

use crate::{
    AuthenticationError, AuthorizationError, ConfigurationError, ConnectionError, ContainerCreationError,
    ContainerError, ContainerNotFoundError, ContainerNotRunningError, ContainerRemoveError,
    ContainerStartError, ContainerStopError, DriverError, DriverHealthError, ErrorInfo, ExecError,
    ExecFailedError, FileSystemError, ImageBuildError, ImageError, ImageImportError, ImageNotFoundError,
    ImagePullError, ImagePushError, ImageRemoveError, InputError, InternalError, NetworkConnectError,
    NetworkCreationError, NetworkError, NetworkNotFoundError, NetworkRemoveError, ResourceError,
    ResourceLimitError, SecurityError, SystemError, TimeoutError, UnsupportedError, VolumeCreationError,
    VolumeError, VolumeNotFoundError, VolumeRemoveError, WaitTimeoutError, codes,
};

type AnyError<'a> = &'a (dyn Error + 'static);

/// Finds the outermost error of this crate in an error and its source chain.
///
/// The function finds a [`DriverError`], a category or a leaf. The error may be inside an `Arc`, a `Box` or a
/// [`std::io::Error`]. It may also be the `source()` of another error, for example of an error of `anyhow` (pass
/// `error.as_ref()`), or of an error of `thiserror` with `#[from]` or `#[source]`.
///
/// An error behind `#[error(transparent)]` (in your own enum) cannot be found, because the `source()` of such a
/// variant skips the error that the variant holds. Use `#[error("…")]` with a message and `#[source]` instead.
///
/// ```
/// use driver_interface_errors::{DriverError, ConnectionError, find_driver_error};
///
/// let wrapped = std::io::Error::other(DriverError::from(ConnectionError::new("connection reset")));
/// let found = find_driver_error(&wrapped).map(|error| error.code());
/// assert_eq!(found, Some("CONNECTION_ERROR"));
/// ```
pub fn find_driver_error<'a>(error: AnyError<'a>) -> Option<&'a (dyn ErrorInfo + 'static)> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(contract_error)
}

/// Returns whether `error` or an error in its source chain is an error of this crate.
///
/// ```
/// use driver_interface_errors::{VolumeNotFoundError, is_driver_error};
///
/// assert!(is_driver_error(&VolumeNotFoundError::new("data")));
/// assert!(!is_driver_error(&std::fmt::Error));
/// ```
pub fn is_driver_error(error: AnyError<'_>) -> bool {
    find_driver_error(error).is_some()
}

/// Finds the outermost error of this crate in `error` and its source chain, and returns whether repeating the failed
/// call may succeed. Returns `false` if there is no error of this crate.
///
/// ```
/// use driver_interface_errors::{ContainerNotFoundError, ConnectionError, is_retryable_error};
///
/// assert!(is_retryable_error(&ConnectionError::new("connection reset")));
/// assert!(!is_retryable_error(&ContainerNotFoundError::new("web")));
/// ```
pub fn is_retryable_error(error: AnyError<'_>) -> bool {
    find_driver_error(error).is_some_and(ErrorInfo::is_retryable)
}

/// Finds the outermost error of this crate in `error` and its source chain, and returns its code. Returns
/// [`UNKNOWN_ERROR`](codes::UNKNOWN_ERROR) if there is no error of this crate.
///
/// ```
/// use driver_interface_errors::{ImageNotFoundError, codes, get_error_code};
///
/// assert_eq!(get_error_code(&ImageNotFoundError::new("alpine:3")), codes::IMAGE_NOT_FOUND);
/// assert_eq!(get_error_code(&std::fmt::Error), codes::UNKNOWN_ERROR);
/// ```
pub fn get_error_code(error: AnyError<'_>) -> &'static str {
    find_driver_error(error).map_or(codes::UNKNOWN_ERROR, ErrorInfo::code)
}

/// Finds the outermost error of this crate in `error` and its source chain, and returns its message. If there is no
/// error of this crate, returns `error` as formatted by `Display`.
///
/// ```
/// use driver_interface_errors::{ContainerNotFoundError, get_error_message};
///
/// assert_eq!(get_error_message(&ContainerNotFoundError::new("web")), "container `web` not found");
/// ```
pub fn get_error_message(error: AnyError<'_>) -> String {
    find_driver_error(error).map_or_else(|| error.to_string(), ErrorInfo::message)
}

/// Returns `error` if it is an error of this crate, possibly in an `Arc` or `Box`. Otherwise, searches the error
/// inside a standard wrapper, because the wrapper's `source()` skips that error.
fn contract_error<'a>(error: AnyError<'a>) -> Option<&'a (dyn ErrorInfo + 'static)> {
    macro_rules! try_each {
        ($($kind:ident)+) => {
            $(
                if let Some(found) = error.downcast_ref::<$kind>() {
                    return Some(found);
                }
                if let Some(found) = error.downcast_ref::<Arc<$kind>>() {
                    return Some(found.as_ref());
                }
                if let Some(found) = error.downcast_ref::<Box<$kind>>() {
                    return Some(found.as_ref());
                }
            )+
        };
    }
    try_each! {
        DriverError
        ContainerError ResourceError VolumeError NetworkError SystemError SecurityError InputError ImageError
        ExecError
        ContainerNotFoundError ContainerCreationError ContainerStartError ContainerStopError
        ContainerRemoveError ContainerNotRunningError WaitTimeoutError ResourceLimitError VolumeCreationError VolumeNotFoundError VolumeRemoveError
        NetworkCreationError NetworkNotFoundError NetworkRemoveError NetworkConnectError DriverHealthError TimeoutError ConnectionError
        FileSystemError InternalError AuthenticationError AuthorizationError ConfigurationError UnsupportedError
        ImageNotFoundError ImagePullError ImageImportError ImageRemoveError ImageBuildError ImagePushError
        ExecFailedError
    }
    held(error).and_then(find_driver_error)
}

/// Returns the error inside a standard wrapper (`io::Error`, `Arc` or `Box`), because the wrapper's `source()` skips
/// that error. Returns `None` if `error` is no such wrapper.
fn held<'a>(error: AnyError<'a>) -> Option<AnyError<'a>> {
    fn custom(error: &io::Error) -> Option<AnyError<'_>> {
        error.get_ref().map(|inner| inner as AnyError<'_>)
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return custom(error);
    }
    if let Some(error) = error.downcast_ref::<Arc<io::Error>>() {
        return custom(error);
    }
    if let Some(error) = error.downcast_ref::<Box<io::Error>>() {
        return custom(error);
    }
    if let Some(error) = error.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
        return Some(error.as_ref());
    }
    if let Some(error) = error.downcast_ref::<Arc<dyn Error>>() {
        return Some(error.as_ref());
    }
    None
}
