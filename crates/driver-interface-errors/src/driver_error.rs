use crate::leaf::transparent;
use crate::{
    ContainerError, Effect, ErrorContext, ErrorInfo, ErrorReport, ExecError, FileSystemErrorKind, Hint,
    ImageError, InputError, NetworkError, ResourceError, SecurityError, SystemError, VolumeError,
};

/// The result type of every driver operation.
pub type Result<T, E = DriverError> = std::result::Result<T, E>;

transparent! {
    /// Any error that a driver returns. `DriverError` has one variant per category, and each category has one type
    /// per failure.
    ///
    /// Match on the error as deeply as needed, or call its methods ([`code`](DriverError::code),
    /// [`is_retryable`](DriverError::is_retryable), …). A method returns the same value on the `DriverError`, on its
    /// category and on its leaf. Every leaf and category converts into a `DriverError` with `?` or `into()`.
    ///
    /// `{}` prints one line, `{:#}` adds the remedy, and `{:?}` prints all details; none of them prints a secret. The
    /// remedy, if any, is also the first error in the chain of `source()`, so a program that prints the chain shows
    /// the remedy.
    pub enum DriverError {
        /// Errors of operations on containers.
        Container(ContainerError),
        /// Errors of CPU, memory, disk and process limits.
        Resource(ResourceError),
        /// Errors of operations on volumes.
        Volume(VolumeError),
        /// Errors of operations on container networks. (Errors of the connection to the engine are in `System`.)
        Network(NetworkError),
        /// Errors of the connection to the engine, of deadlines, of files, and of the driver itself.
        System(SystemError),
        /// Errors of authentication and authorisation.
        Security(SecurityError),
        /// Errors that the caller can fix only by changing the input or by using another operation.
        Configuration(InputError),
        /// Errors of operations on images.
        Image(ImageError),
        /// Errors of running commands in containers (exec).
        Exec(ExecError),
    }
}

// These are the methods of `ErrorInfo`, repeated so that callers of the most common type need not import the trait.
impl DriverError {
    /// Returns the error's stable code, one of [`codes`](crate::codes).
    pub fn code(&self) -> &'static str {
        ErrorInfo::code(self)
    }

    /// Returns the error's category in lower case, such as `container`.
    pub fn category(&self) -> &'static str {
        ErrorInfo::category(self)
    }

    /// Returns the name of the error's class, such as `ContainerNotFoundError`.
    pub fn name(&self) -> &'static str {
        ErrorInfo::name(self)
    }

    /// Returns whether repeating the call may succeed; see [`ErrorInfo::is_retryable`].
    pub fn is_retryable(&self) -> bool {
        ErrorInfo::is_retryable(self)
    }

    /// Returns whether the requested container, volume, network, image, or file in a container does not exist.
    ///
    /// To make a removal idempotent, treat a `remove_…` call with such an error as a success, because the resource
    /// does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::Container(ContainerError::NotFound(_))
                | Self::Volume(VolumeError::NotFound(_))
                | Self::Network(NetworkError::NotFound(_))
                | Self::Image(ImageError::NotFound(_))
        ) || matches!(
            self,
            Self::System(SystemError::FileSystem(error)) if error.kind() == FileSystemErrorKind::NotFound
        )
    }

    /// Returns the message on one line, without the number of attempts and the hint.
    pub fn message(&self) -> String {
        ErrorInfo::message(self)
    }

    /// Returns whether the engine may have carried out the call; see [`ErrorInfo::effect`].
    pub fn effect(&self) -> Effect {
        ErrorInfo::effect(self)
    }

    /// Returns the context of the error: the driver, the operation and the ids involved.
    pub fn context(&self) -> &ErrorContext {
        ErrorInfo::context(self)
    }

    /// Returns the well-known cause with its remedy, if the cause is known.
    pub fn hint(&self) -> Option<Hint> {
        ErrorInfo::hint(self)
    }

    /// Returns the number of attempts after which a retry layer gave up; `None` if no retry layer has given up.
    pub fn attempts(&self) -> Option<u32> {
        ErrorInfo::attempts(self)
    }

    /// Returns one plain sentence for end users, without technical terms or ids.
    pub fn user_message(&self) -> String {
        ErrorInfo::user_message(self)
    }

    /// Returns the complete error as plain data that can be serialised, compared and sent elsewhere.
    pub fn to_report(&self) -> ErrorReport {
        ErrorInfo::to_report(self)
    }
}
