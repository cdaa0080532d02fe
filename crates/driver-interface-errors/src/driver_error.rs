use crate::leaf::transparent;
use crate::{
    ContainerError, Effect, ErrorContext, ErrorInfo, ErrorReport, ExecutionError, FileSystemErrorKind, Hint,
    ImageError, InputError, NetworkingError, ResourceError, SecurityError, SystemError, VolumeError,
};

/// What every driver operation returns.
pub type Result<T, E = DriverError> = std::result::Result<T, E>;

transparent! {
    /// Is every error a driver returns: one variant a category, one type a failure below it.
    ///
    /// Match on it as deep as it matters, or ask it questions ([`code`](DriverError::code),
    /// [`is_retryable`](DriverError::is_retryable), …) that have the same answer on every level. Every leaf
    /// and category becomes one with `?` or `into()`.
    ///
    /// `{}` prints one line, `{:#}` adds the remedy, `{:?}` tells the whole story; none prints a secret. Whoever prints
    /// the chain of `source()` sees the remedy there.
    pub enum DriverError {
        /// A container's life: find, create, start, stop, remove.
        Container(ContainerError),
        /// Cpu, memory, disk and processes.
        Resource(ResourceError),
        /// Volumes.
        Volume(VolumeError),
        /// Container networks; the way to the engine is under `System`.
        Network(NetworkingError),
        /// The way to the engine, time, files, and the driver itself.
        System(SystemError),
        /// Who the caller is and what they may do.
        Security(SecurityError),
        /// What the caller has to change.
        Configuration(InputError),
        /// Images.
        Image(ImageError),
        /// Commands in containers.
        Exec(ExecutionError),
    }
}

// The same as the trait's, so that nobody has to import it for the type they meet everywhere.
impl DriverError {
    /// The stable code, one of [`codes`](crate::codes).
    pub fn code(&self) -> &'static str {
        ErrorInfo::code(self)
    }

    /// The category in lower case, such as `container`.
    pub fn category(&self) -> &'static str {
        ErrorInfo::category(self)
    }

    /// The name of the error's class, such as `ContainerNotFoundError`.
    pub fn name(&self) -> &'static str {
        ErrorInfo::name(self)
    }

    /// Whether the same call may succeed when it is made again; see [`ErrorInfo::is_retryable`].
    pub fn is_retryable(&self) -> bool {
        ErrorInfo::is_retryable(self)
    }

    /// Whether what was asked for does not exist: container, volume, network, image, or a file in a container.
    ///
    /// It makes a removal idempotent: whoever gets it from a `remove_…` has what they wanted.
    pub fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::Container(ContainerError::NotFound(_))
                | Self::Volume(VolumeError::NotFound(_))
                | Self::Network(NetworkingError::NotFound(_))
                | Self::Image(ImageError::NotFound(_))
        ) || matches!(
            self,
            Self::System(SystemError::FileSystem(error)) if error.kind() == FileSystemErrorKind::NotFound
        )
    }

    /// The message on one line, without what retries and hints add to it.
    pub fn message(&self) -> String {
        ErrorInfo::message(self)
    }

    /// Whether the engine may have done what was asked for; see [`ErrorInfo::effect`].
    pub fn effect(&self) -> Effect {
        ErrorInfo::effect(self)
    }

    /// Where it happened: driver, operation, ids.
    pub fn context(&self) -> &ErrorContext {
        ErrorInfo::context(self)
    }

    /// The well-known cause, if it is one, with its remedy.
    pub fn hint(&self) -> Option<Hint> {
        ErrorInfo::hint(self)
    }

    /// How often it was tried before giving up; `None` when nobody has given up yet.
    pub fn attempts(&self) -> Option<u32> {
        ErrorInfo::attempts(self)
    }

    /// One plain sentence for the users of a program, who know nothing of engines and ids.
    pub fn user_message(&self) -> String {
        ErrorInfo::user_message(self)
    }

    /// All of it as plain data that can be serialised, compared and sent elsewhere.
    pub fn to_report(&self) -> ErrorReport {
        ErrorInfo::to_report(self)
    }
}
