//! The test image. The suite builds its own image, so that a run needs no registry.

use std::io;

use bytes::Bytes;
use driver_interface_types::{ConfigurationError, ImageRef};

/// The image from which the checks create containers. It must contain `sh` and the usual small programs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TestImage {
    /// An image that the engine has or can pull. The suite neither imports nor removes it.
    Existing(ImageRef),
    /// A root file system as a tar archive. The suite imports it under a name specific to the run and removes
    /// it afterwards.
    Root(Bytes),
    /// There is no image. The checks that need an image are not run, and reports show this text as the reason.
    Missing(String),
}

/// The names under which the busybox program is installed in the image. The checks' scripts use no other programs.
const APPLETS: &[&str] = &[
    "[", "awk", "cat", "chmod", "cut", "date", "dd", "echo", "env", "expr", "false", "grep", "head",
    "hostname", "id", "ip", "kill", "ln", "ls", "mkdir", "mount", "nc", "nslookup", "printf", "ps", "pwd",
    "rm", "sed", "seq", "setsid", "sh", "sleep", "sort", "stat", "stty", "tail", "test", "timeout", "touch",
    "tr", "true", "uname", "unshare", "wc", "which", "yes",
];

const DIRECTORIES: &[(&str, u32)] = &[
    ("bin/", 0o755),
    ("dev/", 0o755),
    ("etc/", 0o755),
    ("home/", 0o755),
    ("opt/", 0o755),
    ("proc/", 0o555),
    ("root/", 0o700),
    ("run/", 0o755),
    ("sys/", 0o555),
    ("tmp/", 0o1777),
    ("usr/", 0o755),
    ("var/", 0o755),
];

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n";
const GROUP: &str = "root:x:0:\nuser:x:1000:\n";

impl TestImage {
    /// Returns an image that the engine has or can pull.
    ///
    /// # Errors
    /// If `reference` is not a valid image reference.
    pub fn existing(reference: &str) -> Result<Self, ConfigurationError> {
        ImageRef::new(reference).map(Self::Existing)
    }

    /// Builds an image from a static busybox. `program` is the content of the busybox executable.
    ///
    /// # Errors
    /// If the program is not a static Linux executable.
    pub fn from_busybox(program: &[u8]) -> io::Result<Self> {
        if !is_static_executable(program) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "busybox must be a static Linux executable: an image without libraries cannot run any other",
            ));
        }
        root_file_system(program).map(Self::Root)
    }

    /// Builds an image for drivers that only simulate processes. The image has the same files as an image of
    /// [`from_busybox`](Self::from_busybox), but its programs are empty files.
    pub fn simulated() -> Self {
        root_file_system(b"").map_or_else(|error| Self::Missing(error.to_string()), Self::Root)
    }
}

/// Returns whether `program` is the content of an ELF executable that needs no dynamic loader.
///
/// An executable that needs a dynamic loader has a program header of type `PT_INTERP`.
pub fn is_static_executable(program: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let is_elf64_little_endian = program.starts_with(b"\x7fELF\x02\x01");
    let (Some(table), Some(entry_size), Some(count)) = (
        number(program, 0x20, 8),
        number(program, 0x36, 2),
        number(program, 0x38, 2),
    ) else {
        return false;
    };
    let kinds = (0..count).map(|index| number(program, table.saturating_add(index * entry_size), 4));
    is_elf64_little_endian
        && count > 0
        && kinds
            .into_iter()
            .all(|kind| kind.is_some_and(|kind| kind != u64::from(PT_INTERP)))
}

/// Reads a little-endian number of `size` bytes at `offset`. Returns `None` if `bytes` is too short.
fn number(bytes: &[u8], offset: u64, size: usize) -> Option<u64> {
    let from = usize::try_from(offset).ok()?;
    let part = bytes.get(from..from.checked_add(size)?)?;
    Some(
        part.iter()
            .rev()
            .fold(0, |sum, byte| (sum << 8) | u64::from(*byte)),
    )
}

fn root_file_system(busybox: &[u8]) -> io::Result<Bytes> {
    let mut archive = tar::Builder::new(Vec::with_capacity(busybox.len() + 64 * 1024));
    for (path, mode) in DIRECTORIES {
        append(&mut archive, path, *mode, tar::EntryType::Directory, b"")?;
    }
    append(
        &mut archive,
        "bin/busybox",
        0o755,
        tar::EntryType::Regular,
        busybox,
    )?;
    for applet in APPLETS {
        let mut header = header(0o777, tar::EntryType::Symlink, 0);
        archive.append_link(&mut header, format!("bin/{applet}"), "busybox")?;
    }
    append(
        &mut archive,
        "etc/passwd",
        0o644,
        tar::EntryType::Regular,
        PASSWD.as_bytes(),
    )?;
    append(
        &mut archive,
        "etc/group",
        0o644,
        tar::EntryType::Regular,
        GROUP.as_bytes(),
    )?;
    append(
        &mut archive,
        "opt/kept",
        0o644,
        tar::EntryType::Regular,
        b"of the image\n",
    )?;
    archive.into_inner().map(Bytes::from)
}

fn append(
    archive: &mut tar::Builder<Vec<u8>>,
    path: &str,
    mode: u32,
    kind: tar::EntryType,
    content: &[u8],
) -> io::Result<()> {
    let mut header = header(mode, kind, content.len() as u64);
    archive.append_data(&mut header, path, content)
}

fn header(mode: u32, kind: tar::EntryType, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds a 64-bit ELF header, followed by one program header of the type `kind`.
    fn elf(kind: u32) -> Vec<u8> {
        let mut program = vec![0; 64 + 56];
        program[..6].copy_from_slice(b"\x7fELF\x02\x01");
        program[0x20] = 64;
        program[0x36] = 56;
        program[0x38] = 1;
        program[64..68].copy_from_slice(&kind.to_le_bytes());
        program
    }

    #[test]
    fn program_with_loader_is_not_static() {
        assert!(is_static_executable(&elf(1)));
        assert!(!is_static_executable(&elf(3)), "it requires a loader");
        assert!(!is_static_executable(b"#!/bin/sh\n"));
        assert!(!is_static_executable(b"\x7fELF\x02\x01"), "it is truncated");
        assert!(
            !is_static_executable(&elf(1)[..66]),
            "its program header is truncated"
        );
    }

    #[test]
    fn root_filesystem_is_complete_without_self_links() {
        let TestImage::Root(root) = TestImage::from_busybox(&elf(1)).unwrap() else {
            panic!("no root file system");
        };
        let mut archive = tar::Archive::new(root.as_ref());
        let mut paths = Vec::new();
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            if let Some(link) = entry.link_name().unwrap() {
                assert_ne!(path, format!("bin/{}", link.display()));
            }
            paths.push(path);
        }
        for required in ["bin/busybox", "bin/sh", "bin/[", "etc/passwd", "tmp/", "proc/"] {
            assert!(
                paths.iter().any(|path| path == required),
                "{required} is not in {paths:?}"
            );
        }
    }
}
