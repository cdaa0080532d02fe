//! Reading tar archives entry by entry, and unpacking and creating them.

use bytes::{BufMut, Bytes, BytesMut};
use driver_interface_types::tar::{BLOCK, TarKind, TarPart, TarReader};

use super::{Errno, FileSystem, Meta, Node, absolute};

const BROKEN: &str = "archive/tar: invalid tar header";
const CUT: &str = "unexpected EOF";

/// An entry of a tar archive.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) kind: EntryKind,
    pub(crate) meta: Meta,
}

#[derive(Debug)]
pub(crate) enum EntryKind {
    Directory,
    File(Bytes),
    Link(String),
    /// A hard link to the earlier entry with this name.
    SameAs(String),
    /// A device or a pipe.
    Other,
}

/// Iterates over the entries of an uncompressed tar archive. The iterator ends after the first error.
pub(crate) struct Entries {
    reader: TarReader,
    count: usize,
    over: bool,
}

impl Entries {
    pub(crate) fn new(archive: &Bytes) -> Self {
        let mut reader = TarReader::default();
        reader.push(archive);
        Self {
            reader,
            count: 0,
            over: false,
        }
    }

    fn read(&mut self) -> Result<Option<Entry>, &'static str> {
        let Some(TarPart::Entry(entry)) = self.reader.next().map_err(|_| BROKEN)? else {
            // An archive that contains only padding is valid and empty. One that is shorter than a block is invalid.
            let whole = self.reader.is_complete() && (self.reader.is_at_end() || self.count > 0);
            return if whole { Ok(None) } else { Err(CUT) };
        };
        self.count += 1;
        let data = match entry.size {
            0 => Bytes::new(),
            // The reader has the whole archive, so it returns an entry's content in one chunk.
            size => match self.reader.next().map_err(|_| BROKEN)? {
                Some(TarPart::Data(data)) if data.len() as u64 == size => data,
                _ => return Err(CUT),
            },
        };
        let kind = match entry.kind {
            TarKind::Directory => EntryKind::Directory,
            TarKind::File => EntryKind::File(data),
            TarKind::Symlink => EntryKind::Link(entry.link),
            TarKind::HardLink => EntryKind::SameAs(entry.link),
            _ => EntryKind::Other,
        };
        let meta = Meta {
            uid: entry.uid,
            gid: entry.gid,
            mode: entry.mode,
        };
        Ok(Some(Entry {
            name: entry.name,
            kind,
            meta,
        }))
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

/// The reason why an archive was not unpacked completely: a file could not be created, or the archive is corrupt.
#[derive(Debug)]
pub(crate) struct UnpackProblem {
    pub(crate) path: String,
    pub(crate) errno: Option<Errno>,
    pub(crate) text: &'static str,
}

/// Unpacks an archive into `directory`. Entry names that contain `..` stay inside `directory`. Links may lead out of
/// `directory`, but not out of the container.
pub(crate) fn unpack(files: &FileSystem, directory: &str, archive: &Bytes) -> Result<(), UnpackProblem> {
    for entry in Entries::new(archive) {
        let entry = entry.map_err(|text| UnpackProblem {
            path: directory.to_owned(),
            errno: None,
            text,
        })?;
        let name = absolute("/", &entry.name);
        if name == "/" {
            continue;
        }
        let location = format!("{}{name}", directory.trim_end_matches('/'));
        let failed = |errno: Errno| UnpackProblem {
            path: location.clone(),
            errno: Some(errno),
            text: "",
        };
        for (at, _) in name.match_indices('/').skip(1) {
            let above = format!(
                "{}{}",
                directory.trim_end_matches('/'),
                name.get(..at).unwrap_or_default()
            );
            if files.node(&above).is_none() {
                files.put(&above, Node::Dir, Meta::DIRECTORY).map_err(failed)?;
            }
        }
        let node = match entry.kind {
            EntryKind::Directory => Node::Dir,
            EntryKind::File(data) => Node::File(data.to_vec().into()),
            EntryKind::Link(target) => Node::Link(target),
            EntryKind::SameAs(other) => {
                let other = format!("{}{}", directory.trim_end_matches('/'), absolute("/", &other));
                files.plain_node(&other).ok_or_else(|| failed(Errno::NotFound))?
            }
            EntryKind::Other => continue,
        };
        files.put(&location, node, entry.meta).map_err(failed)?;
    }
    Ok(())
}

/// Returns an archive of the file or directory at `path`. In the archive, the file or directory is called `name`. File
/// contents are shared with the file system, not copied.
pub(crate) fn pack(files: &FileSystem, path: &str, name: &str) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    pack_into(&mut pieces, files, path, name, true);
    pieces.push(Bytes::from_static(&[0; 2 * BLOCK]));
    pieces
}

fn pack_into(pieces: &mut Vec<Bytes>, files: &FileSystem, path: &str, name: &str, follow: bool) {
    let link = if follow { None } else { files.link(path) };
    if let Some((target, meta)) = link {
        return pieces.push(header(name, b'2', 0, meta, &target));
    }
    let meta = files.meta(path).unwrap_or(Meta::FILE);
    match files.node(path) {
        Some(Node::Dir) => {
            let directory = format!("{}/", name.trim_end_matches('/'));
            pieces.push(header(&directory, b'5', 0, meta, ""));
            for below in files.list(path).unwrap_or_default() {
                let location = format!("{}/{below}", path.trim_end_matches('/'));
                pack_into(pieces, files, &location, &format!("{directory}{below}"), false);
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

/// The content of a file, shared with the file system. A chunk created from this value needs no copy of the content.
pub(crate) struct SharedFile(pub(crate) std::sync::Arc<Vec<u8>>);

impl AsRef<[u8]> for SharedFile {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Returns the header of an entry. A name or link target that is too long for the header is written in an extra entry
/// before the header.
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
    if let Some(location) = block.get_mut(148..156) {
        location.copy_from_slice(sum.as_bytes());
    }
    out.put_slice(&block);
}
