//! Checks of writing files into containers: the owners of the files, the replacement of existing files, and refused
//! writes.

use std::time::Duration;

use driver_interface_errors::{Effect, FileSystemErrorKind, InternalError, codes};
use driver_interface_types::{
    ByteStream, Bytes, ContainerDriver, DriverError, FileContent, Guarantee, Operation, Property,
    ReadFileOptions, WriteFile,
};

use super::archives::{get, link, put};
use super::files::{fails_with, path, read, writable, write};
use crate::{Check, CheckResult, Ctx, SERVE, run};

const READ_AND_WRITE: &[Operation] = &[
    Operation::ReadFile,
    Operation::ReadFileStream,
    Operation::WriteFile,
];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "files/mode-and-owner",
        "A written file has the configured owner and permissions, by default `0644` and the container's \
         user.",
        run!(mode_and_owner),
    )
    .requires(&[Operation::WriteFile]),
    Check::must(
        "files/parents",
        "A write creates missing directories if the options request it, and otherwise returns \
         `FileSystemError`.",
        run!(parents),
    )
    .requires(READ_AND_WRITE),
    Check::must(
        "files/replaced",
        "A write replaces an existing file completely, even a longer one.",
        run!(replaced),
    )
    .requires(READ_AND_WRITE),
    Check::must(
        "files/content-length-mismatch",
        "Content longer or shorter than declared returns `FileSystemError`; a failing stream fails the \
         write.",
        run!(content_length_mismatch),
    )
    .requires(&[Operation::WriteFile]),
    Check::must(
        "files/read-only-root",
        "A write to a read-only root file system fails with `ReadOnlyFilesystem` and has no effect, even \
         before the start.",
        run!(read_only_root),
    )
    .properties(&[Property::CreatedState, Property::FilesWhileStopped])
    .requires(&[
        Operation::WriteFile,
        Operation::ReadFile,
        Operation::ReadFileStream,
    ])
    .guarantees(&[Guarantee::ReadOnly]),
    Check::must(
        "files/write-follows-symlinks",
        "A write follows symbolic links inside the container, even dangling ones, and keeps the link.",
        run!(follows_symlinks),
    )
    .requires(&[
        Operation::WriteFile,
        Operation::ReadFile,
        Operation::ReadFileStream,
        Operation::CopyIntoContainer,
        Operation::CopyFromContainer,
    ]),
    Check::must(
        "files/tmpfs",
        "A file written to the `/tmp` of a running container is visible inside it and can be read back.",
        run!(tmpfs),
    )
    .because("engines unpack archives below the mount, where the container does not see the files")
    .requires(READ_AND_WRITE),
];

async fn mode_and_owner(ctx: Ctx) -> CheckResult {
    let show = "until [ -e /home/last ]; do sleep 1; done; cd /home; stat -c '%n %a %u:%g' script plain deep deep/file";
    let created = ctx.driver().create_container(&writable(&ctx, show)).await?;
    let driver = ctx.driver();
    let script = WriteFile::new("#!/bin/sh\n").mode(0o750).owner(12, 34);
    driver
        .write_file(&created.id, &path("/home/script")?, script)
        .await?;
    driver
        .write_file(&created.id, &path("/home/plain")?, WriteFile::new("x"))
        .await?;
    driver.start_container(&created.id).await?;
    // This file is written to a running container, because engines handle these differently.
    let deep = WriteFile::new("x")
        .mode(0o600)
        .owner(1000, 1000)
        .create_parents(true);
    driver
        .write_file(&created.id, &path("/home/deep/file")?, deep)
        .await?;
    write(&ctx, &created.id, "/home/last", "").await?;
    ctx.exited(&created.id).await?;
    let logs = ctx.printed(&created.id, "deep/file 600 1000:1000").await?;
    ctx.equal(
        "names, modes and owners",
        logs.as_str(),
        "script 750 12:34\nplain 644 0:0\ndeep 755 1000:1000\ndeep/file 600 1000:1000\n",
    )
}

async fn parents(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&writable(&ctx, "true")).await?;
    let running = ctx.ready(&writable(&ctx, SERVE)).await?;
    for id in [&created.id, &running.id] {
        let at = path("/home/a/b/c/file")?;
        let result = ctx.driver().write_file(id, &at, WriteFile::new("x")).await;
        ctx.refused(
            "without creating directories",
            result,
            &[codes::FILE_SYSTEM_ERROR],
        )?;
        let result = ctx.driver().read_file(id, &at, ReadFileOptions::default()).await;
        ctx.refused(
            "files left by the refused write",
            result,
            &[codes::FILE_SYSTEM_ERROR],
        )?;
        ctx.driver()
            .write_file(id, &at, WriteFile::new("deep").create_parents(true))
            .await?;
        ctx.equal(
            "the file",
            read(&ctx, id, "/home/a/b/c/file").await?.as_ref(),
            b"deep".as_slice(),
        )?;
    }
    Ok(())
}

async fn replaced(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&writable(&ctx, "true")).await?;
    let running = ctx.ready(&writable(&ctx, SERVE)).await?;
    for id in [&created.id, &running.id] {
        for content in ["a long first content\n", "short", "", "longer again"] {
            write(&ctx, id, "/home/file", content).await?;
            ctx.equal(
                "the file",
                read(&ctx, id, "/home/file").await?.as_ref(),
                content.as_bytes(),
            )?;
        }
    }
    Ok(())
}

async fn content_length_mismatch(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&writable(&ctx, "true")).await?;
    let running = ctx.ready(&writable(&ctx, SERVE)).await?;
    let pieces = || ByteStream::of_items([Bytes::from_static(b"one "), Bytes::from_static(b"two")]);
    let failing = || {
        let items = [
            Ok(Bytes::from_static(b"one ")),
            Err(DriverError::from(InternalError::new("a failing source"))),
        ];
        ByteStream::new(futures_util::stream::iter(items))
    };
    for id in [&created.id, &running.id] {
        for (about, content, code) in [
            (
                "shorter than declared",
                FileContent::stream(pieces(), 8),
                codes::FILE_SYSTEM_ERROR,
            ),
            (
                "longer than declared",
                FileContent::stream(pieces(), 6),
                codes::FILE_SYSTEM_ERROR,
            ),
            (
                "a stream that fails",
                FileContent::stream(failing(), 8),
                codes::INTERNAL_ERROR,
            ),
        ] {
            let at = path("/home/file")?;
            let call = ctx.driver().write_file(id, &at, WriteFile::new(content));
            let result = ctx.completes(about, call).await?;
            ctx.refused(about, result, &[code])?;
        }
        let right = FileContent::stream(pieces(), 7);
        ctx.driver()
            .write_file(id, &path("/home/file")?, WriteFile::new(right))
            .await?;
    }
    Ok(())
}

async fn read_only_root(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script(SERVE)).await?;
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    for id in [&created.id, &running.id] {
        let at = path("/home/file")?;
        let result = ctx.driver().write_file(id, &at, WriteFile::new("x")).await;
        let error = fails_with(&ctx, "a write", result, FileSystemErrorKind::ReadOnlyFilesystem)?;
        ctx.equal("the effect", error.effect(), Effect::NotApplied)?;
        ctx.equal("retryable", error.is_retryable(), false)?;
        let result = ctx.driver().read_file(id, &at, ReadFileOptions::default()).await;
        ctx.refused("files left behind", result, &[codes::FILE_SYSTEM_ERROR])?;
    }
    Ok(())
}

async fn follows_symlinks(ctx: Ctx) -> CheckResult {
    const LINKS: &[(&str, &str, &str)] = &[
        ("near", "file", "file"),
        ("absolute", "/home/links/file", "file"),
        ("chain", "near", "file"),
        ("up", "../links/folder/../file", "file"),
        ("dangling", "new", "new"),
        ("dangling-absolute", "/home/links/other", "other"),
        ("dangling-chain", "dangling-end", "end"),
        ("dangling-end", "end", "end"),
    ];
    let created = ctx.driver().create_container(&writable(&ctx, SERVE)).await?;
    let running = ctx.ready(&writable(&ctx, SERVE)).await?;
    let (exited, _) = ctx.finished(&writable(&ctx, "exit 3")).await?;
    for container in [&created, &running, &exited] {
        let (id, status) = (&container.id, ctx.get(&container.id).await?.status);
        let directory = WriteFile::new("").create_parents(true);
        ctx.driver()
            .write_file(id, &path("/home/links/folder/x")?, directory)
            .await?;
        write(&ctx, id, "/home/links/file", "old").await?;
        let links: Vec<_> = LINKS.iter().map(|(name, target, _)| link(name, target)).collect();
        put(&ctx, id, "/home/links", super::archives::pack(&links)?).await?;
        for (name, _, end) in LINKS {
            write(&ctx, id, &format!("/home/links/{name}"), *name).await?;
            let about = format!("target of {name} in a container that is {status}");
            let actual = read(&ctx, id, &format!("/home/links/{end}")).await?;
            ctx.equal(about, actual.as_ref(), name.as_bytes())?;
        }
        let actual = get(&ctx, id, "/home/links").await?;
        for (name, target, _) in LINKS {
            let entry = actual.iter().find(|entry| entry.0 == format!("links/{name}"));
            let stays = entry.map(|entry| (entry.1, String::from_utf8_lossy(&entry.3).into_owned()));
            let expected = (tar::EntryType::Symlink, (*target).to_owned());
            ctx.equal(format!("the link {name} itself"), stays, Some(expected))?;
        }
    }
    Ok(())
}

async fn tmpfs(ctx: Ctx) -> CheckResult {
    let script = "echo mine > /tmp/own; echo ready; until [ -e /tmp/file ]; do sleep 1; done; sleep 1; cat /tmp/file; sleep 600";
    let running = ctx.ready(&ctx.script(script)).await?;
    ctx.equal(
        "a file that the container wrote",
        read(&ctx, &running.id, "/tmp/own").await?.as_ref(),
        b"mine\n".as_slice(),
    )?;
    write(&ctx, &running.id, "/tmp/file", "in memory\n").await?;
    ctx.equal(
        "the file",
        read(&ctx, &running.id, "/tmp/file").await?.as_ref(),
        b"in memory\n".as_slice(),
    )?;
    ctx.eventually("the container sees it", Duration::from_secs(20), || async {
        let logs = ctx
            .driver()
            .get_container_logs(&running.id, driver_interface_types::LogOptions::default())
            .await?;
        Ok(if logs.ends_with("in memory\n") {
            Ok(())
        } else {
            Err(logs)
        })
    })
    .await
}
