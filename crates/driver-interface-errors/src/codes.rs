//! The stable error codes, for matching across processes and languages.
//!
//! A code never changes its meaning and is never reused.
//!
//! ```
//! use driver_interface_errors::{ContainerNotFoundError, DriverError, codes};
//!
//! let error = DriverError::from(ContainerNotFoundError::new("web"));
//! assert_eq!(error.code(), codes::CONTAINER_NOT_FOUND);
//! ```

macro_rules! codes {
    ($($error:literal $code:ident)*) => {
        $(
            #[doc = concat!("The code of `", $error, "`.")]
            pub const $code: &str = stringify!($code);
        )*

        /// All codes that an error of this crate can have, in the order of the categories.
        ///
        /// [`UNKNOWN_ERROR`] is not included, because that code stands for errors that are not from this crate.
        pub const ALL_CODES: &[&str] = &[$($code),*];
    };
}

codes! {
    "ContainerNotFoundError" CONTAINER_NOT_FOUND
    "ContainerCreationError" CONTAINER_CREATION_FAILED
    "ContainerStartError" CONTAINER_START_FAILED
    "ContainerStopError" CONTAINER_STOP_FAILED
    "ContainerRemoveError" CONTAINER_REMOVE_FAILED
    "ContainerNotRunningError" CONTAINER_NOT_RUNNING
    "WaitTimeoutError" WAIT_TIMEOUT
    "ResourceLimitError" RESOURCE_LIMIT_EXCEEDED
    "VolumeCreationError" VOLUME_CREATION_FAILED
    "VolumeNotFoundError" VOLUME_NOT_FOUND
    "VolumeRemoveError" VOLUME_REMOVE_FAILED
    "NetworkCreationError" NETWORK_CREATION_FAILED
    "NetworkNotFoundError" NETWORK_NOT_FOUND
    "NetworkRemoveError" NETWORK_REMOVE_FAILED
    "NetworkConnectError" NETWORK_CONNECT_FAILED
    "DriverHealthError" DRIVER_HEALTH_CHECK_FAILED
    "TimeoutError" TIMEOUT_ERROR
    "ConnectionError" CONNECTION_ERROR
    "FileSystemError" FILE_SYSTEM_ERROR
    "InternalError" INTERNAL_ERROR
    "AuthenticationError" AUTHENTICATION_FAILED
    "AuthorizationError" AUTHORIZATION_FAILED
    "ConfigurationError" CONFIGURATION_ERROR
    "UnsupportedError" UNSUPPORTED_OPERATION
    "ImageNotFoundError" IMAGE_NOT_FOUND
    "ImagePullError" IMAGE_PULL_FAILED
    "ImageImportError" IMAGE_IMPORT_FAILED
    "ImageRemoveError" IMAGE_REMOVE_FAILED
    "ImageBuildError" IMAGE_BUILD_FAILED
    "ImagePushError" IMAGE_PUSH_FAILED
    "ExecFailedError" EXEC_FAILED
}

/// The result of [`get_error_code`](crate::get_error_code) for an error that contains no error of this crate.
pub const UNKNOWN_ERROR: &str = "UNKNOWN_ERROR";
