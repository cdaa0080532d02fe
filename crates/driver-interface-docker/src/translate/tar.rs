//! Tar archives as they stream by: taken apart piece by piece, and small ones put together.

mod rename;

use bytes::{Bytes, BytesMut};

pub(crate) use rename::Renamer;

/// Headers and contents are padded to whole blocks.
pub(crate) const BLOCK: usize = 512;
/// The longest extension (a long name, or a list of attributes) that is taken in.
const MAX_EXTENSION: u64 = 1024 * 1024;

/// What an entry of an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    Other,
}

/// One entry's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) size: u64,
}

/// What the next bytes of an archive are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Entry(Entry),
    /// Content of the entry before it.
    Data(Bytes),
}

/// Takes an archive apart. It holds one block at most, and the names that are longer than a block.
#[derive(Debug, Default)]
pub(crate) struct TarReader {
    buffer: BytesMut,
    state: State,
    /// The name for the next entry, and its size, where an extension gave them.
    name: Option<String>,
    size: Option<u64>,
    /// Whether a block of zeros came, with which the archive ends.
    ended: bool,
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
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        // What follows the end is padding.
        if !self.ended {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next part; `None` when more has to come first, or nothing does any more.
    pub(crate) fn next(&mut self) -> Result<Option<Part>, &'static str> {
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
                    return Ok(Some(Part::Data(self.buffer.split_to(there).freeze())));
                }
                State::Extension { kind, size, padded } => {
                    if self.buffer.len() < *padded {
                        return Ok(None);
                    }
                    let (kind, size) = (*kind, *size);
                    let text = self.buffer.split_to(*padded);
                    self.state = State::Header;
                    self.extend(kind, text.get(..size).unwrap_or_default())?;
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
                        return Ok(Some(Part::Entry(entry)));
                    }
                }
            }
        }
    }

    /// Whether the archive may end here. Some writers leave the closing blocks out.
    pub(crate) fn is_complete(&self) -> bool {
        let between = match self.state {
            State::Header => true,
            State::Content { left, padding } => left == 0 && padding == 0,
            State::Extension { .. } => false,
        };
        self.ended || (between && self.buffer.is_empty() && self.name.is_none())
    }

    fn header(&mut self, block: &[u8]) -> Result<Option<Entry>, &'static str> {
        if number(field(block, 148, 8)) != Some(checksum(block)) {
            return Err("it is no tar archive, or broken");
        }
        let kind = block.get(156).copied().unwrap_or_default();
        let size = number(field(block, 124, 12)).ok_or("an entry has no size")?;
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
        let size = self.size.take().unwrap_or(size);
        let name = self.name.take().unwrap_or_else(|| plain_name(block));
        let kind = match kind {
            b'0' | 0 | b'7' => Kind::File,
            b'5' => Kind::Folder,
            _ => Kind::Other,
        };
        // Links and devices have no content, whatever they say.
        let content = if kind == Kind::File { size } else { 0 };
        let over = usize::try_from(content % BLOCK as u64).unwrap_or_default();
        self.state = State::Content {
            left: content,
            padding: (BLOCK - over) % BLOCK,
        };
        Ok(Some(Entry { name, kind, size }))
    }

    fn extend(&mut self, kind: u8, text: &[u8]) -> Result<(), &'static str> {
        match kind {
            b'L' => self.name = Some(lossy(text)),
            b'x' => {
                let mut rest = text;
                while !rest.is_empty() {
                    let (record, after) = pax_record(rest).ok_or("an entry's attributes are broken")?;
                    rest = after;
                    if let Some(name) = record.strip_prefix(b"path=") {
                        self.name = Some(lossy(name));
                    } else if let Some(size) = record.strip_prefix(b"size=") {
                        self.size = lossy(size).parse().ok();
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// One record `length key=value\n`, and what follows it.
fn pax_record(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = text.iter().position(|byte| *byte == b' ')?;
    let length: usize = lossy(text.get(..space)?).parse().ok()?;
    let record = text.get(space + 1..length.checked_sub(1)?)?;
    (length > space).then_some((record, text.get(length..)?))
}

fn field(block: &[u8], at: usize, length: usize) -> &[u8] {
    block.get(at..at + length).unwrap_or_default()
}

/// A number in octal digits, or in binary where the first bit is set.
fn number(field: &[u8]) -> Option<u64> {
    if field.first().is_some_and(|first| first & 0x80 != 0) {
        let digits = field.get(field.len().checked_sub(8)?..)?;
        return digits.try_into().ok().map(u64::from_be_bytes);
    }
    let text = lossy(field);
    let text = text.trim_matches(|c: char| c == ' ' || c == '\0');
    if text.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(text, 8).ok()
}

fn checksum(block: &[u8]) -> u64 {
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

fn plain_name(block: &[u8]) -> String {
    let name = lossy(field(block, 0, 100));
    let is_ustar = field(block, 257, 6) == b"ustar\0";
    let prefix = lossy(field(block, 345, 155));
    if is_ustar && !prefix.is_empty() {
        format!("{prefix}/{name}")
    } else {
        name
    }
}

/// A text up to its first NUL.
fn lossy(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// Whose an entry is, and what others may do with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rights {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The head of a folder in an archive.
pub(crate) fn folder(name: &str, rights: Rights) -> Vec<u8> {
    head(&format!("{}/", name.trim_end_matches('/')), b'5', rights, 0)
}

/// The head of a file; its content follows, and then [`padding`].
pub(crate) fn file(name: &str, rights: Rights, size: u64) -> Vec<u8> {
    head(name, b'0', rights, size)
}

/// The zeros behind a content of this size, and the blocks that end an archive.
pub(crate) fn ending(size: u64) -> Vec<u8> {
    let over = usize::try_from(size % BLOCK as u64).unwrap_or_default();
    vec![0; (BLOCK - over) % BLOCK + 2 * BLOCK]
}

fn head(name: &str, kind: u8, rights: Rights, size: u64) -> Vec<u8> {
    const NAME: usize = 100;
    let mut out = Vec::new();
    if name.len() > NAME {
        let root = Rights {
            mode: 0,
            uid: 0,
            gid: 0,
        };
        let length = name.len() as u64 + 1;
        out.extend(block(b"././@LongLink", b'L', root, length));
        out.extend(name.as_bytes());
        out.resize((out.len() + 1).next_multiple_of(BLOCK), 0);
    }
    let short = name.as_bytes().get(..NAME).unwrap_or(name.as_bytes());
    out.extend(block(short, kind, rights, size));
    out
}

fn block(name: &[u8], kind: u8, rights: Rights, size: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    put(&mut block, 0, name);
    put(
        &mut block,
        100,
        format!("{:07o}", rights.mode & 0o7777).as_bytes(),
    );
    put_number(&mut block, 108, 8, u64::from(rights.uid));
    put_number(&mut block, 116, 8, u64::from(rights.gid));
    put_number(&mut block, 124, 12, size);
    put_number(&mut block, 136, 12, now());
    put(&mut block, 156, &[kind]);
    put(&mut block, 257, b"ustar  \0");
    let sum = format!("{:06o}\0 ", checksum(&block));
    put(&mut block, 148, sum.as_bytes());
    block
}

fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    for (place, byte) in block.iter_mut().skip(at).zip(bytes) {
        *place = *byte;
    }
}

/// A number in octal digits with a NUL behind, or in binary where those do not suffice.
fn put_number(block: &mut [u8; BLOCK], at: usize, length: usize, number: u64) {
    let digits = length - 1;
    let text = format!("{number:0digits$o}");
    if text.len() <= digits {
        return put(block, at, text.as_bytes());
    }
    let binary = number.to_be_bytes();
    let mut field = vec![0; length];
    for (place, byte) in field.iter_mut().rev().zip(binary.iter().rev()) {
        *place = *byte;
    }
    if let Some(first) = field.first_mut() {
        *first |= 0x80;
    }
    put(block, at, &field);
}

#[cfg(test)]
mod tests;
