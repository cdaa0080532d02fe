//! Options and content for reading and writing files in containers.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::ByteStream;
#[cfg(feature = "schema")]
use crate::rules::{self, one, within};

/// The options of [`read_file`](crate::ContainerDriver::read_file).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ReadFileOptions {
    /// The maximum size of the file, in bytes. If the file is larger, `read_file` fails. The content is never
    /// truncated.
    pub limit: usize,
}

impl Default for ReadFileOptions {
    fn default() -> Self {
        Self {
            limit: Self::DEFAULT_LIMIT,
        }
    }
}

impl ReadFileOptions {
    /// The default maximum size of a file: 10 MiB.
    pub const DEFAULT_LIMIT: usize = 10 * 1024 * 1024;

    /// Creates options that limit the size of the file to `bytes`.
    pub fn limit(bytes: usize) -> Self {
        Self { limit: bytes }
    }
}

/// The content of a file to write: bytes or text in memory, or a stream of known length.
///
/// ```
/// use driver_interface_types::{Bytes, ByteStream, FileContent};
///
/// assert_eq!(FileContent::from("text").length(), 4);
/// let pieces = ByteStream::of_items([Bytes::from_static(b"one "), Bytes::from_static(b"two")]);
/// assert_eq!(FileContent::stream(pieces, 7).length(), 7);
/// ```
#[derive(Debug)]
pub struct FileContent {
    stream: ByteStream,
    length: u64,
}

impl FileContent {
    /// Creates the content of a file from a stream of `length` bytes. The write fails if the stream has more or fewer
    /// bytes.
    pub fn stream(stream: ByteStream, length: u64) -> Self {
        Self { stream, length }
    }

    /// Returns the length of the content, in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Returns the content as a stream.
    pub fn into_stream(self) -> ByteStream {
        self.stream
    }
}

impl From<Bytes> for FileContent {
    fn from(bytes: Bytes) -> Self {
        let length = bytes.len() as u64;
        Self::stream(bytes.into(), length)
    }
}

impl From<Vec<u8>> for FileContent {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for FileContent {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&str> for FileContent {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// A file to write with [`write_file`](crate::ContainerDriver::write_file).
///
/// ```
/// use driver_interface_types::WriteFile;
///
/// let script = WriteFile::new("#!/bin/sh\nexec app\n").mode(0o755).owner(0, 0).create_parents(true);
/// assert_eq!(script.mode, 0o755);
/// assert_eq!(WriteFile::new("text").mode, 0o644);
/// ```
#[derive(Debug)]
#[cfg_attr(
    feature = "schema",
    derive(garde::Validate),
    garde(context(rules::RuleContext)),
    garde(allow_unvalidated)
)]
#[non_exhaustive]
pub struct WriteFile {
    /// The content of the file.
    pub content: FileContent,
    /// The permissions of the file, as in `chmod`.
    #[cfg_attr(feature = "schema", garde(custom(one(within(rules::FILE_MODE)))))]
    pub mode: u32,
    /// The owner of the file. If `None`, the owner is the numeric user from the container's config, or root if the
    /// config has no numeric user.
    pub owner: Option<FileOwner>,
    /// Whether missing parent directories are created. The created directories have the owner of the file and the
    /// mode `0755`.
    pub create_parents: bool,
}

/// The owner of a file, by numeric ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileOwner {
    /// The user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
}

impl WriteFile {
    /// The default permissions: everyone may read the file, and only the owner may write it.
    pub const DEFAULT_MODE: u32 = 0o644;

    /// Creates a `WriteFile` value with this content and the default settings.
    pub fn new(content: impl Into<FileContent>) -> Self {
        Self {
            content: content.into(),
            mode: Self::DEFAULT_MODE,
            owner: None,
            create_parents: false,
        }
    }

    /// Sets the permissions of the file, as in `chmod`.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the owner of the file.
    #[must_use]
    pub fn owner(mut self, uid: u32, gid: u32) -> Self {
        self.owner = Some(FileOwner { uid, gid });
        self
    }

    /// Sets whether missing parent directories are created.
    #[must_use]
    pub fn create_parents(mut self, yes: bool) -> Self {
        self.create_parents = yes;
        self
    }
}
