//! Checks of copying archives into and out of containers.

use std::collections::BTreeMap;
use std::io::Read as _;

use bytes::Bytes;
use driver_interface_errors::codes;
use driver_interface_types::tar::{TarPart, TarReader};
use driver_interface_types::{
    ByteStream, ContainerDriver, ContainerId, Operation, Property, ReadFileOptions, TarStream,
};

use super::files::{PATTERNS, path, read, writable, write};
use crate::{Check, CheckResult, Ctx, SERVE, Verdict, run};

const NEEDS: &[Operation] = &[Operation::CopyIntoContainer, Operation::CopyFromContainer];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "files/archive-round-trip",
        "A directory that is unpacked into a container is packed again unchanged: names, content, \
         permissions, links.",
        run!(round_trip),
    )
    .requires(NEEDS),
    Check::must(
        "files/archive-owners",
        "Files and directories of an archive keep their owners when they are unpacked and packed.",
        run!(owners),
    )
    .requires(&[Operation::CopyIntoContainer, Operation::CopyFromContainer])
    .properties(&[Property::ArchiveOwners]),
    Check::must(
        "files/archive-glob-characters",
        "`copy_from_container` packs exactly the named path, even if the name is a glob pattern that matches \
         other files.",
        run!(glob_characters),
    )
    .requires(&[
        Operation::CopyIntoContainer,
        Operation::CopyFromContainer,
        Operation::WriteFile,
    ]),
    Check::must(
        "files/archive-large",
        "An archive of many megabytes is unpacked and packed completely.",
        run!(large),
    )
    .limit(480)
    .requires(NEEDS),
    Check::must(
        "files/archive-path-traversal",
        "Archive entries with `..`, absolute names or links that lead outside never write to the host.",
        run!(path_traversal),
    )
    .requires(&[
        Operation::CopyIntoContainer,
        Operation::CopyFromContainer,
        Operation::ReadFile,
        Operation::ReadFileStream,
    ])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "files/archive-invalid",
        "An invalid or truncated archive returns `FileSystemError`.",
        run!(invalid),
    )
    .requires(NEEDS),
    Check::must(
        "files/no-such-directory",
        "Unpacking into a missing directory or a file returns `FileSystemError`, and so does packing a \
         missing path.",
        run!(no_such_directory),
    )
    .requires(NEEDS),
];

/// An entry of a tar archive: its name, kind, mode, and content or link target.
pub(super) type Entry = (String, tar::EntryType, u32, Vec<u8>);

fn header(kind: tar::EntryType, mode: u32, size: usize) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size as u64);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1_000_000_000);
    header
}

/// Builds an archive entry that is a symbolic link to `target`.
pub(super) fn link(name: &str, target: &str) -> Entry {
    (
        name.to_owned(),
        tar::EntryType::Symlink,
        0o777,
        target.as_bytes().to_vec(),
    )
}

fn suite_error(error: std::io::Error) -> Verdict {
    Verdict::Broken(format!("an archive could not be created: {error}"))
}

pub(super) fn pack(entries: &[Entry]) -> CheckResult<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, kind, mode, content) in entries {
        if kind.is_symlink() {
            let target = String::from_utf8_lossy(content).into_owned();
            let mut header = header(*kind, *mode, 0);
            archive
                .append_link(&mut header, name, target)
                .map_err(suite_error)?;
        } else {
            let mut header = header(*kind, *mode, content.len());
            archive
                .append_data(&mut header, name, content.as_slice())
                .map_err(suite_error)?;
        }
    }
    archive.into_inner().map_err(suite_error)
}

fn unpack(bytes: &[u8]) -> CheckResult<Vec<Entry>> {
    let failed = |error: std::io::Error| -> Verdict {
        crate::Failure::new("the archive", "to be read", error.to_string()).into()
    };
    let mut archive = tar::Archive::new(bytes);
    let mut entries = Vec::new();
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let name = entry
            .path()
            .map_err(failed)?
            .to_string_lossy()
            .trim_end_matches('/')
            .to_owned();
        let kind = entry.header().entry_type();
        let mode = entry.header().mode().map_err(failed)? & 0o7777;
        let mut content = Vec::new();
        match entry.link_name().map_err(failed)? {
            Some(target) => content.extend(target.to_string_lossy().bytes()),
            None => drop(entry.read_to_end(&mut content).map_err(failed)?),
        }
        entries.push((name, kind, mode, content));
    }
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(entries)
}

pub(super) async fn put(
    ctx: &Ctx,
    id: &ContainerId,
    directory: &str,
    archive: impl Into<TarStream>,
) -> CheckResult {
    Ok(ctx
        .driver()
        .copy_into_container(id, &path(directory)?, archive.into())
        .await?)
}

pub(super) async fn get(ctx: &Ctx, id: &ContainerId, at: &str) -> CheckResult<Vec<Entry>> {
    let stream = ctx.driver().copy_from_container(id, &path(at)?).await?;
    let pieces = ctx.completes("the archive", stream.collect_all()).await??;
    unpack(&pieces.concat())
}

async fn round_trip(ctx: Ctx) -> CheckResult {
    use tar::EntryType as Kind;
    let entry =
        |name: &str, kind, mode, content: &[u8]| -> Entry { (name.to_owned(), kind, mode, content.to_vec()) };
    let long = format!("tree/{}", "long".repeat(40));
    let mut entries = vec![
        entry("tree", Kind::Directory, 0o750, b""),
        entry("tree/empty", Kind::Regular, 0o644, b""),
        entry("tree/größe", Kind::Regular, 0o600, "größe\n".as_bytes()),
        entry("tree/program", Kind::Regular, 0o755, &[0, 255, 10, 13]),
        entry("tree/link", Kind::Symlink, 0o777, b"program"),
        entry("tree/folder", Kind::Directory, 0o700, b""),
        entry("tree/folder/file", Kind::Regular, 0o444, b"deep"),
        entry(&long, Kind::Regular, 0o644, b"a long name"),
    ];
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    let archive = pack(&entries)?;
    let created = ctx.driver().create_container(&writable(&ctx, SERVE)).await?;
    let running = ctx.ready(&writable(&ctx, SERVE)).await?;
    let (exited, _) = ctx.finished(&writable(&ctx, "exit 3")).await?;
    for container in [&created, &running, &exited] {
        let id = &container.id;
        let status = ctx.get(id).await?.status;
        put(&ctx, id, "/home", archive.clone()).await?;
        let actual = get(&ctx, id, "/home/tree").await?;
        ctx.equal(
            format!("the directory of a container that is {status}"),
            &actual,
            &entries,
        )?;
        // If the requested path itself is a symbolic link, it is followed, but the entry has the name of the link.
        let actual = get(&ctx, id, "/home/tree/program").await?;
        let content = actual
            .first()
            .map(|(name, _, _, content)| (name.as_str(), content.len()));
        ctx.equal(
            "a single file",
            (actual.len(), content),
            (1, Some(("program", 4))),
        )?;
        let actual = get(&ctx, id, "/home/tree/link").await?;
        let expected = entry("link", Kind::Regular, 0o755, &[0, 255, 10, 13]);
        ctx.equal("a link's target, under the link's name", actual, vec![expected])?;
    }
    Ok(())
}

async fn owners(ctx: Ctx) -> CheckResult {
    use tar::EntryType as Kind;
    let expected = [
        ("owned", Kind::Directory, (12, 34)),
        ("owned/file", Kind::Regular, (1000, 1000)),
        ("owned/link", Kind::Symlink, (56, 78)),
        ("owned/root", Kind::Regular, (0, 0)),
        ("owned/large", Kind::Regular, (70_000, 3_000_000)),
    ];
    let mut archive = tar::Builder::new(Vec::new());
    for (name, kind, (uid, gid)) in expected {
        let mut header = header(kind, 0o755, 0);
        header.set_uid(uid);
        header.set_gid(gid);
        let added = match kind {
            Kind::Symlink => archive.append_link(&mut header, name, "file"),
            _ => archive.append_data(&mut header, name, std::io::empty()),
        };
        added.map_err(suite_error)?;
    }
    let archive = archive.into_inner().map_err(suite_error)?;
    let created = ctx.driver().create_container(&writable(&ctx, SERVE)).await?;
    let running = ctx.ready(&writable(&ctx, SERVE)).await?;
    for id in [&created.id, &running.id] {
        put(&ctx, id, "/home", archive.clone()).await?;
        let stream = ctx
            .driver()
            .copy_from_container(id, &path("/home/owned")?)
            .await?;
        let packed = ctx
            .completes("the archive", stream.collect_all())
            .await??
            .concat();
        let (mut reader, mut actual) = (TarReader::default(), BTreeMap::new());
        reader.push(&packed);
        while let Ok(Some(part)) = reader.next() {
            if let TarPart::Entry(entry) = part {
                let name = entry.name.trim_end_matches('/').to_owned();
                actual.insert(name, (u64::from(entry.uid), u64::from(entry.gid)));
            }
        }
        for (name, _, owner) in expected {
            ctx.equal(format!("the owner of {name}"), actual.get(name), Some(&owner))?;
        }
    }
    Ok(())
}

async fn glob_characters(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&writable(&ctx, SERVE)).await?;
    let running = ctx.ready(&writable(&ctx, SERVE)).await?;
    for id in [&created.id, &running.id] {
        for name in PATTERNS.iter().flat_map(|(pattern, fits)| [fits, pattern]) {
            write(&ctx, id, &format!("/home/{name}"), *name).await?;
        }
        for (pattern, _) in PATTERNS {
            let actual = get(&ctx, id, &format!("/home/{pattern}")).await?;
            let actual: Vec<_> = actual
                .iter()
                .map(|entry| (entry.0.as_str(), entry.3.as_slice()))
                .collect();
            ctx.equal(
                format!("names packed for {pattern}"),
                actual,
                vec![(*pattern, pattern.as_bytes())],
            )?;
        }
    }
    Ok(())
}

async fn large(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&writable(&ctx, SERVE)).await?;
    let content: Vec<u8> = (0..4 * 1024 * 1024_u32).flat_map(u32::to_le_bytes).collect();
    let entries = vec![("large".to_owned(), tar::EntryType::Regular, 0o644, content)];
    let archive = Bytes::from(pack(&entries)?);
    let pieces: Vec<Bytes> = (0..archive.len())
        .step_by(ByteStream::PIECE)
        .map(|from| archive.slice(from..archive.len().min(from + ByteStream::PIECE)))
        .collect();
    put(&ctx, &running.id, "/home", ByteStream::of_items(pieces)).await?;
    let actual = get(&ctx, &running.id, "/home/large").await?;
    ctx.equal("files", actual.len(), 1)?;
    ctx.ensure(
        "the file is the same",
        actual == entries,
        actual.first().map(|entry| entry.3.len()),
    )
}

async fn path_traversal(ctx: Ctx) -> CheckResult {
    let mark = ctx.name();
    // The `tar` crate rejects such names, so the test writes them directly into the entry's header.
    let raw = |name: &str, kind: tar::EntryType, link: &str, content: &[u8]| {
        let mut header = header(kind, 0o644, content.len());
        if let Some(field) = header.as_old_mut().name.get_mut(..name.len()) {
            field.copy_from_slice(name.as_bytes());
        }
        if let Some(field) = header.as_old_mut().linkname.get_mut(..link.len()) {
            field.copy_from_slice(link.as_bytes());
        }
        header.set_cksum();
        let mut block = header.as_bytes().to_vec();
        block.extend(content);
        block.resize(block.len().next_multiple_of(512), 0);
        block
    };
    let traversing = format!("../../../../../../../../tmp/{mark}");
    let through = format!("out/{mark}");
    let archives = [
        (
            "a name with `..`",
            raw(&traversing, tar::EntryType::Regular, "", b"escaped"),
        ),
        (
            "an absolute name",
            raw(&format!("/tmp/{mark}"), tar::EntryType::Regular, "", b"escaped"),
        ),
        (
            "a link to outside and a file through it",
            [
                raw("out", tar::EntryType::Symlink, "../../../../../../../../tmp", b""),
                raw(&through, tar::EntryType::Regular, "", b"escaped"),
            ]
            .concat(),
        ),
    ];
    for (about, mut archive) in archives {
        archive.resize(archive.len() + 1024, 0);
        let created = ctx.driver().create_container(&writable(&ctx, SERVE)).await?;
        // The driver may refuse the archive, or unpack it below the container's own root.
        let unpacked = ctx
            .driver()
            .copy_into_container(&created.id, &path("/home")?, archive.into())
            .await;
        // If a broken driver has written a file to the host, remove it.
        let outside = std::fs::remove_file(std::env::temp_dir().join(&mark)).is_ok();
        ctx.ensure(
            format!("nothing is written to the host by {about}"),
            !outside,
            &unpacked,
        )?;
        let passwd = read(&ctx, &created.id, "/etc/passwd").await?;
        ctx.ensure(
            "the container's own files exist",
            !passwd.is_empty(),
            passwd.len(),
        )?;
    }
    Ok(())
}

async fn invalid(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&writable(&ctx, "true")).await?;
    let whole = pack(&[(
        "file".to_owned(),
        tar::EntryType::Regular,
        0o644,
        vec![b'x'; 100_000],
    )])?;
    let cut = whole.get(..50_000).unwrap_or_default().to_vec();
    for (about, archive) in [
        ("data that is not an archive", vec![b'x'; 4096]),
        ("a truncated archive", cut),
    ] {
        let home = path("/home")?;
        let call = ctx
            .driver()
            .copy_into_container(&created.id, &home, archive.into());
        let result = ctx.completes(about, call).await?;
        ctx.refused(about, result, &[codes::FILE_SYSTEM_ERROR])?;
    }
    put(&ctx, &created.id, "/home", whole).await?;
    ctx.equal(
        "the control",
        get(&ctx, &created.id, "/home/file").await?.len(),
        1,
    )
}

async fn no_such_directory(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&writable(&ctx, "true")).await?;
    let archive = pack(&[("file".to_owned(), tar::EntryType::Regular, 0o644, b"x".to_vec())])?;
    for directory in ["/no/such/folder", "/etc/passwd"] {
        let result = ctx
            .driver()
            .copy_into_container(&created.id, &path(directory)?, archive.clone().into())
            .await;
        let error = ctx.refused(
            format!("unpacking into {directory}"),
            result,
            &[codes::FILE_SYSTEM_ERROR],
        )?;
        ctx.equal("retryable", error.is_retryable(), false)?;
    }
    for at in ["/no/such/folder", "/home/file"] {
        let result = ctx.driver().copy_from_container(&created.id, &path(at)?).await;
        ctx.refused(format!("packing {at}"), result, &[codes::FILE_SYSTEM_ERROR])?;
    }
    if ctx.declares(Operation::ReadFile) {
        let at = path("/home/file")?;
        let result = ctx
            .driver()
            .read_file(&created.id, &at, ReadFileOptions::default())
            .await;
        ctx.refused(
            "files left by refused archives",
            result,
            &[codes::FILE_SYSTEM_ERROR],
        )?;
    }
    Ok(())
}
