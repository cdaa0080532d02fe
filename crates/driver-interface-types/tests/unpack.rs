//! Unpacking archives on the host, including hostile ones.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests report failures by panicking"
)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use driver_interface_errors::{DriverError, FileSystemErrorKind as Kind, InternalError, SystemError};
use driver_interface_types::{Bytes, Result, TarStream, UnpackOptions, Unpacked};
use tempfile::TempDir;

const FILE: u8 = b'0';
const HARD: u8 = b'1';
const SOFT: u8 = b'2';
const DEVICE: u8 = b'3';
const DIRECTORY: u8 = b'5';
const PIPE: u8 = b'6';

/// Returns one entry whose name the `tar` crate would refuse.
fn entry(name: &str, kind: u8, mode: u32, content: &str, link: &str) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    let old = header.as_old_mut();
    old.name
        .iter_mut()
        .zip(name.bytes())
        .for_each(|(location, byte)| *location = byte);
    old.linkname
        .iter_mut()
        .zip(link.bytes())
        .for_each(|(location, byte)| *location = byte);
    old.linkflag = [kind];
    header.set_cksum();
    let mut block = header.as_bytes().to_vec();
    block.extend(content.bytes());
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

fn file(name: &str, content: &str) -> Vec<u8> {
    entry(name, FILE, 0o644, content, "")
}

fn link(kind: u8, name: &str, target: &str) -> Vec<u8> {
    entry(name, kind, 0o777, "", target)
}

fn whole(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), vec![0; 1024]].concat()
}

/// Unpacks into a directory next to another one with a secret.
async fn unpacked(archive: Vec<u8>, options: UnpackOptions) -> (TempDir, Result<Unpacked>) {
    let above = TempDir::new().unwrap();
    fs::create_dir(above.path().join("outside")).unwrap();
    fs::write(above.path().join("outside/secret"), "secret").unwrap();
    let pieces: Vec<Bytes> = archive.chunks(700).map(Bytes::copy_from_slice).collect();
    let done = TarStream::of_items(pieces)
        .unpack_into(above.path().join("in"), options)
        .await;
    (above, done)
}

fn kind(error: &DriverError) -> Kind {
    match error {
        DriverError::System(SystemError::FileSystem(error)) => error.kind(),
        other => panic!("no file system error: {other:?}"),
    }
}

#[tokio::test]
async fn unpacks_links_and_permissions_without_special_bits() {
    let long = format!("tree/{}", "n".repeat(150));
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o640);
    header.set_size(4);
    builder
        .append_data(&mut header, &long, b"long".as_slice())
        .unwrap();
    let mut named = builder.into_inner().unwrap();
    named.truncate(named.len() - 1024);
    let archive = whole(&[
        entry("tree/", DIRECTORY, 0o3500, "", ""),
        entry("tree/program", FILE, 0o6755, "#!", ""),
        entry("./tree//deep/file", FILE, 0o600, "deep", ""),
        link(SOFT, "tree/near", "program"),
        link(SOFT, "tree/deep/up", "../program"),
        link(HARD, "tree/hard", "tree/deep/file"),
        named,
    ]);
    let (above, done) = unpacked(archive, UnpackOptions::default()).await;
    let done = done.unwrap();
    assert_eq!((done.entries, done.bytes, done.skipped.len()), (8, 10, 0));
    let root = above.path().join("in/tree");
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&root), 0o700);
    assert_eq!(mode(&root.join("program")), 0o755);
    assert_eq!(mode(&root.join("deep/file")), 0o600);
    assert_eq!(fs::read_to_string(root.join("deep/up")).unwrap(), "#!");
    assert_eq!(fs::read_link(root.join("near")).unwrap(), Path::new("program"));
    let numbers = |name: &str| fs::metadata(root.join(name)).unwrap().ino();
    assert_eq!(numbers("hard"), numbers("deep/file"));
    assert_eq!(
        fs::read_to_string(above.path().join("in").join(long)).unwrap(),
        "long"
    );
}

#[tokio::test]
async fn hostile_entries_cannot_leave_the_directory() {
    let through = |target: &str| vec![link(SOFT, "out", target), file("out/escaped", "x")];
    for (about, entries) in [
        ("a name that climbs", vec![file("../outside/escaped", "x")]),
        (
            "a name that climbs later",
            vec![file("a/../../outside/escaped", "x")],
        ),
        ("an absolute name", vec![file("/tmp/di-unpack-escaped", "x")]),
        ("an absolute link", through("/tmp")),
        ("a link that climbs", through("../outside")),
        ("a link that climbs later", through("a/../../outside")),
        ("a link to nowhere", vec![link(SOFT, "empty", "")]),
        (
            "a link through another one",
            vec![
                entry("a/b/", DIRECTORY, 0o755, "", ""),
                link(SOFT, "a/b/root", "../.."),
                link(SOFT, "out", "a/b/root/../outside"),
            ],
        ),
        (
            "a file through a link that stays inside",
            vec![link(SOFT, "dir", "real"), file("dir/x", "x")],
        ),
        (
            "a hard link outside",
            vec![link(HARD, "stolen", "../outside/secret")],
        ),
        (
            "a hard link to a path of the host",
            vec![link(HARD, "stolen", "/etc/passwd")],
        ),
        (
            "a hard link to a link",
            vec![link(SOFT, "soft", "none"), link(HARD, "stolen", "soft")],
        ),
        ("a hard link to nothing", vec![link(HARD, "stolen", "none")]),
        ("a device", vec![entry("null", DEVICE, 0o666, "", "")]),
        ("a pipe", vec![entry("pipe", PIPE, 0o666, "", "")]),
        (
            "a directory over a file",
            vec![file("x", "x"), entry("x/", DIRECTORY, 0o755, "", "")],
        ),
        (
            "a file over a directory",
            vec![entry("x/", DIRECTORY, 0o755, "", ""), file("x", "x")],
        ),
        (
            "a link over a directory",
            vec![entry("x/", DIRECTORY, 0o755, "", ""), link(SOFT, "x", "y")],
        ),
    ] {
        let (above, done) = unpacked(whole(&entries), UnpackOptions::default()).await;
        let error = done.expect_err(about);
        assert_eq!(kind(&error), Kind::InvalidData, "{about}: {error}");
        assert_eq!(
            fs::read_dir(above.path().join("outside")).unwrap().count(),
            1,
            "{about}"
        );
        assert!(!Path::new("/tmp/di-unpack-escaped").exists(), "{about}");
        // The same holds if unsafe entries are skipped.
        let (above, _) = unpacked(whole(&entries), UnpackOptions::default().skip_unsafe(true)).await;
        assert_eq!(
            fs::read_dir(above.path().join("outside")).unwrap().count(),
            1,
            "{about}"
        );
        let secret = above.path().join("outside/secret");
        assert_eq!(
            (
                fs::read_to_string(&secret).unwrap().as_str(),
                fs::metadata(&secret).unwrap().nlink()
            ),
            ("secret", 1)
        );
    }
}

#[tokio::test]
async fn repeated_entries_do_not_follow_links() {
    let archive = whole(&[
        file("kept", "kept"),
        link(SOFT, "soft", "kept"),
        file("soft", "soft"),
        link(HARD, "hard", "kept"),
        file("hard", "hard"),
    ]);
    let (above, done) = unpacked(archive, UnpackOptions::default()).await;
    done.unwrap();
    for name in ["kept", "soft", "hard"] {
        let path = above.path().join("in").join(name);
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
        assert_eq!(fs::read_to_string(path).unwrap(), name);
    }
}

#[tokio::test]
async fn skipped_entries_are_reported() {
    let archive = whole(&[
        file("a", "x"),
        link(SOFT, "away", "/etc"),
        entry("null", DEVICE, 0o666, "", ""),
    ]);
    let (above, done) = unpacked(archive, UnpackOptions::default().skip_unsafe(true)).await;
    let done = done.unwrap();
    assert_eq!(
        (done.entries, done.skipped),
        (1, vec!["away".to_owned(), "null".to_owned()])
    );
    assert_eq!(fs::read_dir(above.path().join("in")).unwrap().count(), 1);
}

#[tokio::test]
async fn limits_are_enforced_exactly() {
    let files = |count: usize| -> Vec<u8> {
        let files: Vec<_> = (0..count)
            .map(|number| file(&format!("f{number}"), "12345"))
            .collect();
        whole(&files)
    };
    let options = UnpackOptions::default;
    for (about, archive, options, passes) in [
        ("entries", files(3), options().entries(3), true),
        ("entries", files(4), options().entries(3), false),
        (
            "implied directories",
            whole(&[file("a/b/c/x", "")]),
            options().entries(3),
            false,
        ),
        ("bytes of a file", files(1), options().file_bytes(5), true),
        ("bytes of a file", files(1), options().file_bytes(4), false),
        ("bytes in all", files(2), options().total_bytes(10), true),
        ("bytes in all", files(2), options().total_bytes(9), false),
        (
            "skipped entries",
            whole(&vec![link(SOFT, "l", "/"); 4]),
            options().entries(3).skip_unsafe(true),
            false,
        ),
        (
            "padding",
            [files(1), vec![0; 100_000]].concat(),
            options().entries(2).total_bytes(10),
            false,
        ),
    ] {
        let (_above, done) = unpacked(archive, options).await;
        match done {
            Ok(_) => assert!(passes, "{about} {options:?}"),
            Err(error) => {
                assert!(!passes, "{about}: {error}");
                assert_eq!(kind(&error), Kind::FileTooLarge, "{about}");
            }
        }
    }
    // The header declares a huge size without content.
    let mut header = tar::Header::new_gnu();
    header.set_path("huge").unwrap();
    header.set_mode(0o644);
    header.set_size(1 << 50);
    header.set_cksum();
    let (above, done) = unpacked(header.as_bytes().to_vec(), options()).await;
    assert_eq!(kind(&done.unwrap_err()), Kind::FileTooLarge);
    assert_eq!(fs::read_dir(above.path().join("in")).unwrap().count(), 0);
}

#[tokio::test]
async fn broken_archives_and_broken_streams_are_errors() {
    let archive = whole(&[file("a", &"x".repeat(2000))]);
    for bytes in [
        archive[..1000].to_vec(),
        vec![7; 1024],
        entry("cut", b'L', 0, "name", "")[..512].to_vec(),
    ] {
        let (_above, done) = unpacked(bytes, UnpackOptions::default()).await;
        assert_eq!(kind(&done.unwrap_err()), Kind::InvalidData);
    }
    let above = TempDir::new().unwrap();
    let items = [
        Ok(Bytes::from(archive[..700].to_vec())),
        Err(InternalError::new("a torn source").into()),
    ];
    let torn = TarStream::new(futures_util::stream::iter(items));
    let error = torn
        .unpack_into(above.path().join("in"), UnpackOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.code(), "INTERNAL_ERROR");
}

#[tokio::test]
async fn unpacks_only_into_an_empty_directory() {
    let above = TempDir::new().unwrap();
    let archive = || TarStream::from(whole(&[file("a", "x")]));
    archive()
        .unpack_into(above.path(), UnpackOptions::default())
        .await
        .unwrap();
    let error = archive()
        .unpack_into(above.path(), UnpackOptions::default())
        .await
        .unwrap_err();
    assert_eq!(kind(&error), Kind::DirectoryNotEmpty);
    let error = archive()
        .unpack_into(above.path().join("a"), UnpackOptions::default())
        .await
        .unwrap_err();
    assert_eq!(kind(&error), Kind::AlreadyExists, "{error}");
}
