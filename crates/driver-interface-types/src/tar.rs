//! A streaming parser for tar archives.
//!
//! [`TarStream`](crate::TarStream) yields an archive in chunks of any size. [`TarReader`] converts the chunks to
//! entries and their content. Between two chunks, the reader keeps no more than a part of one block and the
//! attributes of one entry.
//!
//! ```
//! use driver_interface_types::TarStream;
//! use driver_interface_types::tar::{TarPart, TarReader};
//!
//! async fn names(mut archive: TarStream) -> driver_interface_types::Result<Vec<String>> {
//!     let (mut reader, mut names) = (TarReader::default(), Vec::new());
//!     while let Some(piece) = archive.next().await {
//!         reader.push(&piece?);
//!         while let Ok(Some(part)) = reader.next() {
//!             if let TarPart::Entry(entry) = part {
//!                 names.push(entry.name);
//!             }
//!         }
//!     }
//!     Ok(names)
//! }
//! ```

use bytes::{Bytes, BytesMut};

/// The size of a block, in bytes. Headers and contents are padded to whole blocks.
#[doc(hidden)]
pub const BLOCK: usize = 512;
/// The maximum size in bytes of an extension record. An extension record contains a long name or a list of
/// attributes. Archives with longer records are rejected.
#[doc(hidden)]
pub const MAX_EXTENSION: u64 = 1024 * 1024;

/// The kind of an archive entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TarKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A hard link to an earlier entry.
    HardLink,
    /// A device, a FIFO, or another kind.
    Other,
}

/// One entry of an archive, without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TarEntry {
    /// The name of the entry, as in the archive. Bytes that are not UTF-8 are replaced by U+FFFD.
    pub name: String,
    /// The kind of entry.
    pub kind: TarKind,
    /// The number of content bytes that follow; 0 for every kind except files.
    pub size: u64,
    /// The permissions as a number, such as `0o644`.
    pub mode: u32,
    /// The owner's user id.
    pub uid: u32,
    /// The owner's group id.
    pub gid: u32,
    /// The modification time, in seconds since the epoch.
    pub modified: u64,
    /// The target of a link; empty for every other kind.
    pub link: String,
}

/// A parsed part of an archive.
#[derive(Debug, PartialEq, Eq)]
pub enum TarPart {
    /// The header of an entry.
    Entry(TarEntry),
    /// A chunk of the content of the preceding entry.
    Data(Bytes),
}

/// A parser that accepts an archive in chunks of any size.
#[derive(Debug, Default)]
pub struct TarReader {
    buffer: BytesMut,
    state: State,
    next: Attributes,
    /// Whether a zero block, which ends the archive, was read.
    ended: bool,
}

/// The attributes that extension records set for the next entry.
#[derive(Debug, Default)]
struct Attributes {
    name: Option<String>,
    link: Option<String>,
    size: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Header,
    Content {
        left: u64,
        padding: usize,
    },
    Extension {
        kind: u8,
        size: usize,
        padded: usize,
    },
}

impl TarReader {
    /// Appends the next chunk of the archive.
    pub fn push(&mut self, bytes: &[u8]) {
        // Bytes after the end of the archive are padding.
        if !self.ended {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Returns the next part of the archive. Returns `None` if more input is needed, or if the archive has ended.
    ///
    /// # Errors
    /// A description of the defect in the archive. The reader cannot be used after an error.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<TarPart>, &'static str> {
        loop {
            match &mut self.state {
                State::Content { left: 0, padding } => {
                    let skipped = (*padding).min(self.buffer.len());
                    drop(self.buffer.split_to(skipped));
                    *padding -= skipped;
                    if *padding > 0 {
                        return Ok(None);
                    }
                    self.state = State::Header;
                }
                State::Content { left, .. } => {
                    let there = usize::try_from(*left)
                        .unwrap_or(usize::MAX)
                        .min(self.buffer.len());
                    if there == 0 {
                        return Ok(None);
                    }
                    *left -= there as u64;
                    return Ok(Some(TarPart::Data(self.buffer.split_to(there).freeze())));
                }
                State::Extension { kind, size, padded } => {
                    if self.buffer.len() < *padded {
                        return Ok(None);
                    }
                    let (kind, size) = (*kind, *size);
                    let data = self.buffer.split_to(*padded);
                    self.state = State::Header;
                    self.extend(kind, data.get(..size).unwrap_or_default())?;
                }
                State::Header => {
                    if self.ended || self.buffer.len() < BLOCK {
                        return Ok(None);
                    }
                    let block = self.buffer.split_to(BLOCK);
                    if block.iter().all(|byte| *byte == 0) {
                        self.ended = true;
                        self.buffer.clear();
                        return Ok(None);
                    }
                    if let Some(entry) = self.header(&block)? {
                        return Ok(Some(TarPart::Entry(entry)));
                    }
                }
            }
        }
    }

    /// Returns whether the end of the archive, a block of zeros, was read. All later bytes are ignored.
    pub fn is_at_end(&self) -> bool {
        self.ended
    }

    /// Returns whether the archive is complete, assuming that no more input follows. The zero blocks at the end are
    /// not required, because some writers omit them.
    pub fn is_complete(&self) -> bool {
        let between = match self.state {
            State::Header => true,
            State::Content { left, padding } => left == 0 && padding == 0,
            State::Extension { .. } => false,
        };
        self.ended || (between && self.buffer.is_empty() && self.next.name.is_none())
    }

    fn header(&mut self, block: &[u8]) -> Result<Option<TarEntry>, &'static str> {
        if number(field(block, 148, 8)) != Some(checksum(block)) {
            return Err("not a tar archive, or corrupt");
        }
        let kind = block.get(156).copied().unwrap_or_default();
        let size = number(field(block, 124, 12)).ok_or("an entry has an invalid size")?;
        if matches!(kind, b'L' | b'K' | b'x' | b'g') {
            if size > MAX_EXTENSION {
                return Err("an entry's attributes are too long");
            }
            let size = usize::try_from(size).unwrap_or_default();
            self.state = State::Extension {
                kind,
                size,
                padded: size.next_multiple_of(BLOCK),
            };
            return Ok(None);
        }
        let next = std::mem::take(&mut self.next);
        // Links, devices and directories have no content, regardless of their size field.
        let size = match kind {
            b'1'..=b'6' => 0,
            _ => next.size.unwrap_or(size),
        };
        let kind = match kind {
            b'0' | 0 | b'7' => TarKind::File,
            b'1' => TarKind::HardLink,
            b'2' => TarKind::Symlink,
            b'5' => TarKind::Directory,
            b'S' => return Err("sparse files are not supported"),
            _ => TarKind::Other,
        };
        let id = |at| {
            let id = number(field(block, at, 8)).and_then(|id| u32::try_from(id).ok());
            id.ok_or("an entry has an invalid owner or mode")
        };
        // Some writers omit the permissions.
        let mode = match (text(field(block, 100, 8)).trim(), kind) {
            ("", TarKind::Directory) => 0o755,
            ("", _) => 0o644,
            _ => id(100)? & 0o7777,
        };
        let is_link = matches!(kind, TarKind::HardLink | TarKind::Symlink);
        let link = || next.link.unwrap_or_else(|| text(field(block, 157, 100)));
        let entry = TarEntry {
            name: next.name.unwrap_or_else(|| plain_name(block)),
            kind,
            size,
            mode,
            uid: next.uid.map_or_else(|| id(108), Ok)?,
            gid: next.gid.map_or_else(|| id(116), Ok)?,
            modified: number(field(block, 136, 12)).unwrap_or_default(),
            link: if is_link { link() } else { String::new() },
        };
        let over = usize::try_from(size % BLOCK as u64).unwrap_or_default();
        self.state = State::Content {
            left: size,
            padding: (BLOCK - over) % BLOCK,
        };
        Ok(Some(entry))
    }

    fn extend(&mut self, kind: u8, data: &[u8]) -> Result<(), &'static str> {
        match kind {
            b'L' => self.next.name = Some(text(data)),
            b'K' => self.next.link = Some(text(data)),
            b'x' => {
                let mut rest = data;
                while !rest.is_empty() {
                    let (record, after) = pax_record(rest).ok_or("an entry's attributes are corrupt")?;
                    rest = after;
                    self.next.set(record);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Attributes {
    fn set(&mut self, record: &[u8]) {
        let Some(at) = record.iter().position(|byte| *byte == b'=') else {
            return;
        };
        let (key, value) = record.split_at(at);
        let value = text(value.get(1..).unwrap_or_default());
        match key {
            b"path" => self.name = Some(value),
            b"linkpath" => self.link = Some(value),
            b"size" => self.size = value.parse().ok(),
            b"uid" => self.uid = value.parse().ok(),
            b"gid" => self.gid = value.parse().ok(),
            _ => {}
        }
    }
}

/// Splits the first pax record (`length key=value\n`) from the rest. Returns `key=value` and the rest, or `None` if the
/// record is corrupt.
#[doc(hidden)]
pub fn pax_record(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = data.iter().position(|byte| *byte == b' ')?;
    let length: usize = text(data.get(..space)?).parse().ok()?;
    let record = data.get(space + 1..length.checked_sub(1)?)?;
    (length > space).then_some((record, data.get(length..)?))
}

#[doc(hidden)]
pub fn field(block: &[u8], at: usize, length: usize) -> &[u8] {
    block.get(at..at + length).unwrap_or_default()
}

/// Parses the number in a header field. The number consists of octal digits. If the first bit of the field is set,
/// the number is binary instead. An empty field is 0. Returns `None` if the number is invalid.
#[doc(hidden)]
pub fn number(field: &[u8]) -> Option<u64> {
    if field.first().is_some_and(|first| first & 0x80 != 0) {
        let digits = field.get(field.len().checked_sub(8)?..)?;
        let number = digits.try_into().ok().map(u64::from_be_bytes);
        // In a field of 8 bytes the marker bit is the highest bit of the number, so it must be cleared.
        return number.map(|number| number & (u64::MAX >> 1));
    }
    let digits = text(field);
    let digits = digits.trim_matches(|c: char| c == ' ' || c == '\0');
    if digits.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(digits, 8).ok()
}

#[doc(hidden)]
pub fn checksum(block: &[u8]) -> u64 {
    let bytes = block.iter().enumerate();
    bytes
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                u64::from(b' ')
            } else {
                u64::from(*byte)
            }
        })
        .sum()
}

#[doc(hidden)]
pub fn plain_name(block: &[u8]) -> String {
    let name = text(field(block, 0, 100));
    let is_ustar = field(block, 257, 6) == b"ustar\0";
    let prefix = text(field(block, 345, 155));
    if is_ustar && !prefix.is_empty() {
        format!("{prefix}/{name}")
    } else {
        name
    }
}

/// Returns the bytes up to the first NUL as text.
#[doc(hidden)]
pub fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}
