//! Tar archives, entry by entry.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Errno, FileSystem, Meta, Node, absolute};

const BLOCK: usize = 512;
const BROKEN: &str = "archive/tar: invalid tar header";
const CUT: &str = "unexpected EOF";

/// One file of an archive.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) kind: EntryKind,
    pub(crate) meta: Meta,
}

#[derive(Debug)]
pub(crate) enum EntryKind {
    Folder,
    File(Bytes),
    Link(String),
    /// Another name of an entry that came before.
    SameAs(String),
    /// A device or a pipe.
    Other,
}

/// Reads the entries of an uncompressed archive, until something is wrong with it.
pub(crate) struct Entries {
    rest: Bytes,
    count: usize,
    over: bool,
}

impl Entries {
    pub(crate) fn new(archive: &Bytes) -> Self {
        Self {
            rest: archive.clone(),
            count: 0,
            over: false,
        }
    }

    fn read(&mut self) -> Result<Option<Entry>, &'static str> {
        let (mut long_name, mut long_link, mut long_size) = (None, None, None);
        loop {
            let Some(header) = self.rest.first_chunk::<BLOCK>().copied() else {
                // An archive of nothing but padding is empty; anything shorter than a block is none.
                let nothing = self.rest.is_empty() && self.count > 0;
                return if nothing { Ok(None) } else { Err(CUT) };
            };
            if header.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            check_sum(&header)?;
            let stated = match long_size.take() {
                Some(size) => size,
                None => number(field(&header, 124, 12))?,
            };
            let kind = header.get(156).copied().unwrap_or_default();
            let has_data = !matches!(kind, b'1'..=b'6');
            let size = usize::try_from(if has_data { stated } else { 0 }).map_err(|_| CUT)?;
            let end = BLOCK.checked_add(size).ok_or(CUT)?;
            if end > self.rest.len() {
                return Err(CUT);
            }
            let data = self.rest.slice(BLOCK..end);
            let next = (BLOCK + size.div_ceil(BLOCK) * BLOCK).min(self.rest.len());
            self.rest = self.rest.slice(next..);
            self.count += 1;
            match kind {
                b'L' => long_name = Some(text(&data)),
                b'K' => long_link = Some(text(&data)),
                b'x' => {
                    for (key, value) in pax(&data) {
                        match key.as_str() {
                            "path" => long_name = Some(value),
                            "linkpath" => long_link = Some(value),
                            "size" => long_size = value.parse().ok(),
                            _ => {}
                        }
                    }
                }
                b'g' => {}
                _ => {
                    let link = long_link.unwrap_or_else(|| text(field(&header, 157, 100)));
                    let kind = match kind {
                        b'5' => EntryKind::Folder,
                        b'0' | 0 | b'7' => EntryKind::File(data),
                        b'2' => EntryKind::Link(link),
                        b'1' => EntryKind::SameAs(link),
                        _ => EntryKind::Other,
                    };
                    let id = |start| {
                        number(field(&header, start, 8)).and_then(|id| u32::try_from(id).map_err(|_| BROKEN))
                    };
                    let usual = match kind {
                        EntryKind::Folder => Meta::FOLDER,
                        _ => Meta::FILE,
                    };
                    // Some writers leave the permissions out.
                    let mode = match text(field(&header, 100, 8)).trim() {
                        "" => usual.mode,
                        _ => id(100)? & 0o7777,
                    };
                    let meta = Meta {
                        uid: id(108)?,
                        gid: id(116)?,
                        mode,
                    };
                    let name = long_name.unwrap_or_else(|| path_of(&header));
                    return Ok(Some(Entry { name, kind, meta }));
                }
            }
        }
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let read = self.read().transpose();
        self.over = !matches!(read, Some(Ok(_)));
        read
    }
}

/// Why an archive was not unpacked to its end: a file could not be made, or the archive is broken.
#[derive(Debug)]
pub(crate) struct UnpackProblem {
    pub(crate) path: String,
    pub(crate) errno: Option<Errno>,
    pub(crate) text: &'static str,
}

/// Unpacks an archive into a folder. Names and links that lead out of it are followed inside the container.
pub(crate) fn unpack(files: &FileSystem, folder: &str, archive: &Bytes) -> Result<(), UnpackProblem> {
    for entry in Entries::new(archive) {
        let entry = entry.map_err(|text| UnpackProblem {
            path: folder.to_owned(),
            errno: None,
            text,
        })?;
        let name = absolute("/", &entry.name);
        if name == "/" {
            continue;
        }
        let place = format!("{}{name}", folder.trim_end_matches('/'));
        let failed = |errno: Errno| UnpackProblem {
            path: place.clone(),
            errno: Some(errno),
            text: "",
        };
        for (at, _) in name.match_indices('/').skip(1) {
            let above = format!(
                "{}{}",
                folder.trim_end_matches('/'),
                name.get(..at).unwrap_or_default()
            );
            if files.node(&above).is_none() {
                files.put(&above, Node::Dir, Meta::FOLDER).map_err(failed)?;
            }
        }
        let node = match entry.kind {
            EntryKind::Folder => Node::Dir,
            EntryKind::File(data) => Node::File(data.to_vec().into()),
            EntryKind::Link(target) => Node::Link(target),
            EntryKind::SameAs(other) => {
                let other = format!("{}{}", folder.trim_end_matches('/'), absolute("/", &other));
                files.plain_node(&other).ok_or_else(|| failed(Errno::NotFound))?
            }
            EntryKind::Other => continue,
        };
        files.put(&place, node, entry.meta).map_err(failed)?;
    }
    Ok(())
}

/// Packs what is at a path and below it, under a name. The pieces share the files' memory.
pub(crate) fn pack(files: &FileSystem, path: &str, name: &str) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    pack_into(&mut pieces, files, path, name, true);
    pieces.push(Bytes::from_static(&[0; 2 * BLOCK]));
    pieces
}

fn pack_into(pieces: &mut Vec<Bytes>, files: &FileSystem, path: &str, name: &str, follow: bool) {
    let link = if follow { None } else { files.link_target(path) };
    if let Some(target) = link {
        return pieces.push(header(
            name,
            b'2',
            0,
            Meta {
                mode: 0o777,
                ..Meta::FILE
            },
            &target,
        ));
    }
    let meta = files.meta(path).unwrap_or(Meta::FILE);
    match files.node(path) {
        Some(Node::Dir) => {
            let folder = format!("{}/", name.trim_end_matches('/'));
            pieces.push(header(&folder, b'5', 0, meta, ""));
            for below in files.list(path).unwrap_or_default() {
                let place = format!("{}/{below}", path.trim_end_matches('/'));
                pack_into(pieces, files, &place, &format!("{folder}{below}"), false);
            }
        }
        Some(Node::File(data)) => {
            let length = data.len();
            pieces.push(header(name, b'0', length as u64, meta, ""));
            pieces.push(Bytes::from_owner(SharedFile(data)));
            let padding = length.div_ceil(BLOCK) * BLOCK - length;
            pieces.push(Bytes::from(vec![0; padding]));
        }
        Some(Node::Link(_)) | None => {}
    }
}

/// A file's memory, shared.
pub(crate) struct SharedFile(pub(crate) std::sync::Arc<Vec<u8>>);

impl AsRef<[u8]> for SharedFile {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The header of an entry, with the extra entries that long names need before it.
fn header(name: &str, kind: u8, size: u64, meta: Meta, link: &str) -> Bytes {
    let mut out = BytesMut::new();
    for (long, mark) in [(name, b'L'), (link, b'K')] {
        if long.len() > 100 {
            let mut text = long.as_bytes().to_vec();
            text.push(0);
            put_block(&mut out, "././@LongLink", mark, text.len() as u64, Meta::FILE, "");
            let padded = text.len().div_ceil(BLOCK) * BLOCK;
            text.resize(padded, 0);
            out.put_slice(&text);
        }
    }
    put_block(&mut out, name, kind, size, meta, link);
    out.freeze()
}

fn put_block(out: &mut BytesMut, name: &str, kind: u8, size: u64, meta: Meta, link: &str) {
    let cut = |text: &str| text.as_bytes().iter().copied().take(100).collect::<Vec<u8>>();
    let mut block = Vec::with_capacity(BLOCK);
    let mut put = |bytes: &[u8], end: usize| {
        block.extend_from_slice(bytes);
        block.resize(end, 0);
    };
    put(&cut(name), 100);
    put(format!("{:07o}", meta.mode).as_bytes(), 108);
    put(format!("{:07o}", meta.uid).as_bytes(), 116);
    put(format!("{:07o}", meta.gid).as_bytes(), 124);
    put(format!("{size:011o}").as_bytes(), 136);
    put(b"00000000000", 148);
    put(b"        ", 156);
    put(&[kind], 157);
    put(&cut(link), 257);
    put(b"ustar  ", BLOCK);
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    if let Some(place) = block.get_mut(148..156) {
        place.copy_from_slice(sum.as_bytes());
    }
    out.put_slice(&block);
}

fn field(header: &[u8], start: usize, length: usize) -> &[u8] {
    header.get(start..start + length).unwrap_or_default()
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

fn path_of(header: &[u8]) -> String {
    let (name, prefix) = (text(field(header, 0, 100)), text(field(header, 345, 155)));
    if prefix.is_empty() || field(header, 257, 6) != b"ustar\0" {
        name
    } else {
        format!("{prefix}/{name}")
    }
}

/// The records of an extended header: a length, a key and a value each.
fn pax(data: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(data);
    let records = text.split('\n').filter_map(|line| line.split_once(' '));
    records
        .filter_map(|(_, record)| record.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// A number in octal digits, or in bytes where the first bit says so. Nothing is 0.
fn number(field: &[u8]) -> Result<u64, &'static str> {
    if let Some((first, rest)) = field.split_first().filter(|(first, _)| **first & 0x80 != 0) {
        let bytes = rest.iter().rev().take(7).rev();
        return Ok(bytes.fold(u64::from(first & 0x7f), |all, byte| all << 8 | u64::from(*byte)));
    }
    let digits = text(field);
    match digits.trim() {
        "" => Ok(0),
        digits => u64::from_str_radix(digits, 8).map_err(|_| BROKEN),
    }
}

fn check_sum(header: &[u8; BLOCK]) -> Result<(), &'static str> {
    let stated = number(field(header, 148, 8))?;
    let counted = |(at, byte): (usize, &u8)| {
        if (148..156).contains(&at) {
            32
        } else {
            u64::from(*byte)
        }
    };
    let sum: u64 = header.iter().enumerate().map(counted).sum();
    if sum == stated { Ok(()) } else { Err(BROKEN) }
}
