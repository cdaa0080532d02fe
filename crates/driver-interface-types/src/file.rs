//! Files in containers.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::ByteStream;

/// How [`read_file`](crate::ContainerDriver::read_file) reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ReadFileOptions {
    /// The most bytes the file may have. A larger one is refused, not cut.
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
    /// The limit where none is given: 10 MiB.
    pub const DEFAULT_LIMIT: usize = 10 * 1024 * 1024;

    /// Reads files of up to `bytes`.
    pub fn limit(bytes: usize) -> Self {
        Self { limit: bytes }
    }
}

/// What a file is to contain: bytes or text at hand, or a stream whose length is known.
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
    /// A stream that has `length` bytes. One that has more or fewer makes the write fail.
    pub fn stream(stream: ByteStream, length: u64) -> Self {
        Self { stream, length }
    }

    /// How many bytes it has.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The bytes themselves.
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

/// What [`write_file`](crate::ContainerDriver::write_file) writes.
///
/// ```
/// use driver_interface_types::WriteFile;
///
/// let script = WriteFile::new("#!/bin/sh\nexec app\n").mode(0o755).owner(0, 0).create_parents(true);
/// assert_eq!(script.mode, 0o755);
/// assert_eq!(WriteFile::new("text").mode, 0o644);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct WriteFile {
    /// What the file is to contain.
    pub content: FileContent,
    /// Its permissions, as `chmod` has them.
    pub mode: u32,
    /// Whose it is; the container's user without it, and root where that is a name.
    pub owner: Option<FileOwner>,
    /// Whether folders above it that are missing are made, with the same owner and mode `0755`.
    pub create_parents: bool,
}

/// Whose a file is, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileOwner {
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

impl WriteFile {
    /// The permissions where none are given: everybody reads, the owner writes.
    pub const DEFAULT_MODE: u32 = 0o644;

    /// A file with this content.
    pub fn new(content: impl Into<FileContent>) -> Self {
        Self {
            content: content.into(),
            mode: Self::DEFAULT_MODE,
            owner: None,
            create_parents: false,
        }
    }

    /// Sets its permissions.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Sets whose it is.
    #[must_use]
    pub fn owner(mut self, uid: u32, gid: u32) -> Self {
        self.owner = Some(FileOwner { uid, gid });
        self
    }

    /// Sets whether missing folders above it are made.
    #[must_use]
    pub fn create_parents(mut self, yes: bool) -> Self {
        self.create_parents = yes;
        self
    }
}
