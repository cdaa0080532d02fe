use std::fmt;
use std::io;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, user: $user:literal;)*) => {
        /// The kind of a [`FileSystemError`](crate::FileSystemError). The names and meanings of the kinds are those
        /// of [`std::io::ErrorKind`]. All drivers report the same kind for the same failure.
        ///
        /// ```
        /// use driver_interface_errors::{DriverError, FileSystemError, FileSystemErrorKind, SystemError};
        ///
        /// fn is_missing(error: &DriverError) -> bool {
        ///     match error {
        ///         DriverError::System(SystemError::FileSystem(error)) => {
        ///             error.kind() == FileSystemErrorKind::NotFound
        ///         }
        ///         _ => false,
        ///     }
        /// }
        ///
        /// let error = FileSystemError::new("/etc/app.toml", FileSystemErrorKind::NotFound, "no such file");
        /// assert!(is_missing(&error.into()));
        /// assert_eq!("not-found".parse(), Ok(FileSystemErrorKind::NotFound));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum FileSystemErrorKind {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl FileSystemErrorKind {
            /// All kinds, for documentation and tests.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Returns the stable name in kebab-case, as in the serialised form.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// Returns the sentence for end users that describes this kind of failure.
            pub(crate) fn user_sentence(self) -> &'static str {
                match self { $(Self::$name => $user,)* }
            }
        }
    };
}

kinds! {
    /// The file or directory does not exist.
    NotFound = "not-found", user: "The file does not exist.";
    /// The file or directory already exists.
    AlreadyExists = "already-exists", user: "The file already exists.";
    /// The path is a directory, but a file is required.
    IsADirectory = "is-a-directory", user: "The path is a directory, not a file.";
    /// The path is a file, but a directory is required.
    NotADirectory = "not-a-directory", user: "A part of the path is a file, not a directory.";
    /// The directory is not empty, but an empty directory is required.
    DirectoryNotEmpty = "directory-not-empty", user: "The directory is not empty.";
    /// The file is larger than the limit of the call.
    FileTooLarge = "file-too-large", user: "The file is too large.";
    /// The file system has no space left.
    StorageFull = "storage-full", user: "There is no space left for the file.";
    /// The file system is mounted read-only.
    ReadOnlyFilesystem = "read-only-filesystem", user: "The file cannot be changed: its file system is read-only.";
    /// The user that reads or writes the file has no permission.
    PermissionDenied = "permission-denied", user: "Permission to access the file was denied.";
    /// Symbolic links form a loop, or there are too many of them.
    FilesystemLoop = "filesystem-loop", user: "The file cannot be found: its symbolic links form a loop.";
    /// The name of the file is not valid, for example longer than the file system allows.
    InvalidFilename = "invalid-filename", user: "The file name is not valid.";
    /// The path is a device, pipe or socket, but a file is required.
    InvalidInput = "invalid-input", user: "The path is a device, not a file.";
    /// The data is invalid: the archive is corrupt or truncated, or the content is not as long as declared.
    InvalidData = "invalid-data", user: "The file's data is invalid.";
    /// A failure of any other kind.
    Other = "other", user: "A file could not be read or written.";
}

impl fmt::Display for FileSystemErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// The error returned if a string is not the name of a [`FileSystemErrorKind`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a known kind of file system error")]
pub struct UnknownFileSystemErrorKind(String);

impl FromStr for FileSystemErrorKind {
    type Err = UnknownFileSystemErrorKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut kinds = Self::ALL.iter().copied();
        kinds
            .find(|kind| kind.code() == text)
            .ok_or_else(|| UnknownFileSystemErrorKind(text.to_owned()))
    }
}

impl From<io::ErrorKind> for FileSystemErrorKind {
    fn from(kind: io::ErrorKind) -> Self {
        match kind {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::AlreadyExists => Self::AlreadyExists,
            io::ErrorKind::IsADirectory => Self::IsADirectory,
            io::ErrorKind::NotADirectory => Self::NotADirectory,
            io::ErrorKind::DirectoryNotEmpty => Self::DirectoryNotEmpty,
            io::ErrorKind::FileTooLarge => Self::FileTooLarge,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::StorageFull,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnlyFilesystem,
            io::ErrorKind::PermissionDenied => Self::PermissionDenied,
            io::ErrorKind::InvalidFilename => Self::InvalidFilename,
            io::ErrorKind::InvalidInput => Self::InvalidInput,
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Self::InvalidData,
            _ => Self::Other,
        }
    }
}
