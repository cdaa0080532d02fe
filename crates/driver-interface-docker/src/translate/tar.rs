//! Tar archives: creating small ones, and renaming entries while they are streamed.

mod rename;

use driver_interface_types::tar::{BLOCK, checksum};

pub(crate) use rename::Renamer;

/// The owner and permissions of an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rights {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Returns the header of a directory in an archive.
pub(crate) fn directory(name: &str, rights: Rights) -> Vec<u8> {
    head(&format!("{}/", name.trim_end_matches('/')), b'5', rights, 0)
}

/// Returns the header of a file. In the archive, the header is followed by the file's content and the bytes of
/// [`ending`].
pub(crate) fn file(name: &str, rights: Rights, size: u64) -> Vec<u8> {
    head(name, b'0', rights, size)
}

/// Returns the padding after content of `size` bytes, and the blocks that end an archive.
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
    for (slot, byte) in block.iter_mut().skip(at).zip(bytes) {
        *slot = *byte;
    }
}

/// Writes a number in NUL-terminated octal digits, or in binary if these digits do not suffice.
fn put_number(block: &mut [u8; BLOCK], at: usize, length: usize, number: u64) {
    let digits = length - 1;
    let text = format!("{number:0digits$o}");
    if text.len() <= digits {
        return put(block, at, text.as_bytes());
    }
    let binary = number.to_be_bytes();
    let mut field = vec![0; length];
    for (slot, byte) in field.iter_mut().rev().zip(binary.iter().rev()) {
        *slot = *byte;
    }
    if let Some(first) = field.first_mut() {
        *first |= 0x80;
    }
    put(block, at, &field);
}

#[cfg(test)]
mod tests;
