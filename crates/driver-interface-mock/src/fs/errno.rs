use std::{fmt, io};

use driver_interface_errors::FileSystemErrorKind;

/// The error of a simulated system call, in Linux's wording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errno {
    NotFound,
    Exists,
    NotADirectory,
    IsADirectory,
    NotEmpty,
    Access,
    ReadOnly,
    NoSpace,
    Busy,
    BrokenPipe,
    Again,
    Search,
    NotPermitted,
    TooManyLinks,
    NameTooLong,
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "No such file or directory",
            Self::Exists => "File exists",
            Self::NotADirectory => "Not a directory",
            Self::IsADirectory => "Is a directory",
            Self::NotEmpty => "Directory not empty",
            Self::Access => "Permission denied",
            Self::ReadOnly => "Read-only file system",
            Self::NoSpace => "No space left on device",
            Self::Busy => "Resource busy",
            Self::BrokenPipe => "Broken pipe",
            Self::Again => "Resource temporarily unavailable",
            Self::Search => "No such process",
            Self::NotPermitted => "Operation not permitted",
            Self::TooManyLinks => "Too many levels of symbolic links",
            Self::NameTooLong => "File name too long",
        })
    }
}

impl std::error::Error for Errno {}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> Self {
        let kind = match errno {
            Errno::NotFound | Errno::Search => io::ErrorKind::NotFound,
            Errno::Exists => io::ErrorKind::AlreadyExists,
            Errno::NotADirectory => io::ErrorKind::NotADirectory,
            Errno::IsADirectory => io::ErrorKind::IsADirectory,
            Errno::NotEmpty => io::ErrorKind::DirectoryNotEmpty,
            Errno::TooManyLinks => io::ErrorKind::InvalidInput,
            Errno::NameTooLong => io::ErrorKind::InvalidFilename,
            Errno::Access | Errno::NotPermitted => io::ErrorKind::PermissionDenied,
            Errno::ReadOnly => io::ErrorKind::ReadOnlyFilesystem,
            Errno::NoSpace => io::ErrorKind::StorageFull,
            Errno::Busy => io::ErrorKind::ResourceBusy,
            Errno::BrokenPipe => io::ErrorKind::BrokenPipe,
            Errno::Again => io::ErrorKind::WouldBlock,
        };
        io::Error::new(kind, errno)
    }
}

impl From<Errno> for FileSystemErrorKind {
    fn from(errno: Errno) -> Self {
        match errno {
            // `std`'s name for this error is not stable yet.
            Errno::TooManyLinks => Self::FilesystemLoop,
            errno => io::Error::from(errno).kind().into(),
        }
    }
}
