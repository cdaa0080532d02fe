//! Renaming the root entry of an archive while it is streamed.

use bytes::{Bytes, BytesMut};

use driver_interface_types::tar::{
    BLOCK, MAX_EXTENSION, checksum, field, number, pax_record, plain_name, text as lossy,
};

use super::{Rights, block, put};

const NAME: usize = 100;
const LINK_NAME: usize = 157;
const PREFIX: (usize, usize) = (345, 155);

/// Renames the first component of the entry names in an archive. Everything else stays the same, bit for bit.
#[derive(Debug)]
pub(crate) struct Renamer {
    from: String,
    to: String,
    buffer: BytesMut,
    out: BytesMut,
    /// The number of content bytes before the next header.
    left: u64,
    /// The size of the next entry, if its pax header contains one.
    size: Option<u64>,
    /// Whether a GNU long name or a pax `path` precedes the entry. Such a name replaces the name in the entry's
    /// header.
    named: bool,
    ended: bool,
}

impl Renamer {
    pub(crate) fn new(from: &str, to: &str) -> Self {
        Self {
            from: from.to_owned(),
            to: to.to_owned(),
            buffer: BytesMut::new(),
            out: BytesMut::new(),
            left: 0,
            size: None,
            named: false,
            ended: false,
        }
    }

    /// Processes a part of the archive, and returns the bytes that can be forwarded.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Bytes, &'static str> {
        self.buffer.extend_from_slice(bytes);
        while self.step()? {}
        Ok(self.out.split().freeze())
    }

    /// Processes one header or one chunk of content. Returns `false` if more data is needed first.
    fn step(&mut self) -> Result<bool, &'static str> {
        if self.ended || self.left > 0 {
            let most = if self.ended { u64::MAX } else { self.left };
            let length = usize::try_from(most).unwrap_or(usize::MAX).min(self.buffer.len());
            self.out.extend_from_slice(&self.buffer.split_to(length));
            self.left = self.left.saturating_sub(length as u64);
            return Ok(length > 0);
        }
        let Some(head) = self.buffer.first_chunk::<BLOCK>().copied() else {
            return Ok(false);
        };
        if head.iter().all(|byte| *byte == 0) {
            self.ended = true;
            return Ok(true);
        }
        if number(field(&head, 148, 8)) != Some(checksum(&head)) {
            return Err("not a tar archive, or corrupt");
        }
        let kind = head.get(156).copied().unwrap_or_default();
        let size = number(field(&head, 124, 12)).ok_or("an entry has an invalid size")?;
        if matches!(kind, b'L' | b'x') {
            if size > MAX_EXTENSION {
                return Err("a GNU long name or pax header is too long");
            }
            return Ok(self.extension(kind, usize::try_from(size).unwrap_or_default()));
        }
        drop(self.buffer.split_to(BLOCK));
        let has_content = matches!(kind, b'0' | 0 | b'7' | b'K' | b'g');
        let size = match kind {
            b'K' | b'g' => size,
            _ => self.size.take().unwrap_or(size),
        };
        self.left = if has_content {
            size.next_multiple_of(BLOCK as u64)
        } else {
            0
        };
        self.head(head, kind);
        Ok(true)
    }

    /// Rewrites a GNU long name or a pax header that contains `path`. Returns `false` if more data is needed first.
    fn extension(&mut self, kind: u8, size: usize) -> bool {
        let padded = size.next_multiple_of(BLOCK);
        if self.buffer.len() < BLOCK + padded {
            return false;
        }
        let head = self.buffer.split_to(BLOCK);
        let text = self.buffer.split_to(padded);
        let text = text.get(..size).unwrap_or_default();
        let renamed = match kind {
            b'L' => {
                self.named = true;
                [self.renamed(&lossy(text)).as_bytes(), b"\0"].concat()
            }
            _ => self.attributes(text),
        };
        self.emit_extension(&lossy(field(&head, 0, NAME)), kind, &renamed);
        true
    }

    fn attributes(&mut self, text: &[u8]) -> Vec<u8> {
        let (mut rest, mut out) = (text, Vec::new());
        while let Some((record, after)) = pax_record(rest) {
            let whole = rest.get(..rest.len() - after.len()).unwrap_or_default();
            rest = after;
            match record.strip_prefix(b"path=") {
                Some(name) => {
                    self.named = true;
                    let name = self.renamed(&lossy(name.strip_suffix(b"\n").unwrap_or(name)));
                    out.extend(attribute("path", &name).into_bytes());
                }
                None => out.extend(whole),
            }
            if let Some(size) = record.strip_prefix(b"size=") {
                self.size = lossy(size).trim_end().parse().ok();
            }
        }
        out
    }

    fn head(&mut self, mut head: [u8; BLOCK], kind: u8) {
        let name = self.renamed(&plain_name(&head));
        if kind == b'1' {
            // The target of a hard link is another entry of this archive, so its name changes too.
            let target = self.renamed(&lossy(field(&head, LINK_NAME, NAME)));
            if target.len() <= NAME {
                put(&mut head, LINK_NAME, &[0; NAME]);
                put(&mut head, LINK_NAME, target.as_bytes());
            }
        }
        if !matches!(kind, b'K' | b'g') {
            if !std::mem::take(&mut self.named) && name.len() > NAME {
                self.emit_extension("././@LongLink", b'L', &[name.as_bytes(), b"\0"].concat());
            }
            put(&mut head, 0, &[0; NAME]);
            put(
                &mut head,
                0,
                name.as_bytes().get(..NAME).unwrap_or(name.as_bytes()),
            );
            if field(&head, 257, 6) == b"ustar\0" {
                put(&mut head, PREFIX.0, &[0; PREFIX.1]);
            }
            let sum = format!("{:06o}\0 ", checksum(&head));
            put(&mut head, 148, sum.as_bytes());
        }
        self.out.extend_from_slice(&head);
    }

    fn emit_extension(&mut self, name: &str, kind: u8, text: &[u8]) {
        let root = Rights {
            mode: 0,
            uid: 0,
            gid: 0,
        };
        self.out
            .extend_from_slice(&block(name.as_bytes(), kind, root, text.len() as u64));
        self.out.extend_from_slice(text);
        let padding = text.len().next_multiple_of(BLOCK) - text.len();
        self.out.extend_from_slice(&vec![0; padding]);
    }

    fn renamed(&self, name: &str) -> String {
        match name.strip_prefix(&self.from) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{}{rest}", self.to),
            _ => name.to_owned(),
        }
    }
}

/// Formats a pax record, which begins with its own length.
fn attribute(key: &str, value: &str) -> String {
    let bare = key.len() + value.len() + 3;
    let mut length = bare;
    while length != bare + length.to_string().len() {
        length = bare + length.to_string().len();
    }
    format!("{length} {key}={value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn read(bytes: &[u8]) -> Vec<(String, String)> {
        let mut archive = ::tar::Archive::new(bytes);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut text = String::new();
            match entry.link_name().unwrap() {
                Some(target) => text.push_str(target.to_str().unwrap()),
                None => drop(entry.read_to_string(&mut text).unwrap()),
            }
            (name, text)
        });
        entries.collect()
    }

    #[test]
    fn renames_only_the_prefix_at_any_chunking() {
        let long = format!("real/{}", "n".repeat(140));
        let mut builder = ::tar::Builder::new(Vec::new());
        let mut header = ::tar::Header::new_gnu();
        header.set_size(2);
        header.set_mode(0o644);
        builder
            .append_data(&mut header, "real/a", b"hi".as_slice())
            .unwrap();
        builder.append_data(&mut header, &long, b"yo".as_slice()).unwrap();
        let mut link = ::tar::Header::new_gnu();
        link.set_entry_type(::tar::EntryType::Link);
        link.set_size(0);
        builder.append_link(&mut link, "real/hard", "real/a").unwrap();
        link.set_entry_type(::tar::EntryType::Symlink);
        builder.append_link(&mut link, "really", "real/a").unwrap();
        builder
            .append_pax_extensions([("path", b"real/pax".as_slice()), ("comment", b"kept".as_slice())])
            .unwrap();
        header.set_path("cut").unwrap();
        header.set_cksum();
        builder.append(&header, b"ok".as_slice()).unwrap();
        let whole = builder.into_inner().unwrap();
        for cut in [1, 7, 512, 700, whole.len()] {
            let mut renamer = Renamer::new("real", "the-link");
            let mut out = Vec::new();
            for piece in whole.chunks(cut) {
                out.extend(renamer.push(piece).unwrap());
            }
            let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
            let expected = [
                pair("the-link/a", "hi"),
                pair(&long.replace("real", "the-link"), "yo"),
                pair("the-link/hard", "the-link/a"),
                pair("really", "real/a"),
                pair("the-link/pax", "ok"),
            ];
            assert_eq!(read(&out), expected, "cut at {cut}");
        }
    }

    #[test]
    fn rejects_invalid_archive() {
        assert!(Renamer::new("a", "b").push(&[b'x'; BLOCK]).is_err());
    }
}
