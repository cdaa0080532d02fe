//! Files of containers: written and read from outside, and seen from inside.

use std::time::Duration;

use driver_interface_errors::{InternalError, codes};
use driver_interface_types::{
    ByteStream, Bytes, Capability, ContainerConfig, ContainerDriver, ContainerId, ContainerPath, DriverError,
    FileContent, ReadFileOptions, WriteFile,
};

use crate::{Check, CheckResult, Ctx, SERVE, run};

const READ_AND_WRITE: &[Capability] = &[Capability::FileRead, Capability::FileWrite];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "files/round-trip",
        "What is written is read again, byte by byte, while the container is created, running or ended.",
        run!(round_trip),
    )
    .requires(READ_AND_WRITE),
    Check::must(
        "files/seen-inside",
        "A file written before the start or while it runs is seen by the container, and the container's files are read.",
        run!(seen_inside),
    )
    .requires(READ_AND_WRITE),
    Check::must(
        "files/large-round-trip",
        "A file of many megabytes is streamed in and out, without being cut or changed.",
        run!(large),
    )
    .limit(180)
    .requires(READ_AND_WRITE),
    Check::must(
        "files/limit",
        "A file larger than the limit is refused, not cut; one of just the limit is read.",
        run!(limit),
    )
    .requires(READ_AND_WRITE),
    Check::must(
        "files/no-such-file",
        "Reading what is not there is `FileSystemError`, not retryable.",
        run!(no_such_file),
    )
    .requires(&[Capability::FileRead]),
    Check::must(
        "files/folder-is-no-file",
        "A folder is neither read nor replaced by a file.",
        run!(folder),
    )
    .requires(READ_AND_WRITE),
    Check::must(
        "files/links-stay-inside",
        "Symbolic links are followed inside the container and never lead to the host's files.",
        run!(links),
    )
    .requires(&[Capability::FileRead, Capability::RealProcesses]),
    Check::must(
        "files/mode-and-owner",
        "A written file has the owner and permissions asked for, and without asking `0644` and the container's user.",
        run!(mode_and_owner),
    )
    .requires(&[Capability::FileWrite]),
    Check::must(
        "files/parents",
        "Missing folders are made where that is asked for, and are `FileSystemError` where it is not.",
        run!(parents),
    )
    .requires(READ_AND_WRITE),
    Check::must(
        "files/replaced",
        "A file that is there already is replaced as a whole, also by a shorter one.",
        run!(replaced),
    )
    .requires(READ_AND_WRITE),
    Check::must(
        "files/wrong-length",
        "Content that is longer or shorter than it says is `FileSystemError`; a stream that fails fails the write.",
        run!(wrong_length),
    )
    .requires(&[Capability::FileWrite]),
    Check::must(
        "files/read-only-root",
        "On a read-only root file system a write is refused and leaves nothing, also before the start.",
        run!(read_only_root),
    )
    .requires(&[Capability::FileWrite, Capability::FileRead, Capability::ReadOnlyRoot]),
    Check::must(
        "files/in-memory-folder",
        "A file written into the `/tmp` of a running container is seen by it, and read from outside.",
        run!(in_memory),
    )
    .because("engines unpack archives below the mount, where nobody finds the files")
    .requires(READ_AND_WRITE),
];

pub(super) fn path(text: &str) -> CheckResult<ContainerPath> {
    Ok(ContainerPath::new(text)?)
}

/// A container that runs a script as root on a root file system that can be written to.
pub(super) fn writable(ctx: &Ctx, script: &str) -> ContainerConfig {
    ctx.script(script).security(super::volumes::writable())
}

pub(super) async fn write(
    ctx: &Ctx,
    id: &ContainerId,
    at: &str,
    content: impl Into<FileContent>,
) -> CheckResult {
    Ok(ctx
        .driver()
        .write_file(id, &path(at)?, WriteFile::new(content))
        .await?)
}

pub(super) async fn read(ctx: &Ctx, id: &ContainerId, at: &str) -> CheckResult<Bytes> {
    Ok(ctx
        .driver()
        .read_file(id, &path(at)?, ReadFileOptions::default())
        .await?)
}

async fn round_trip(ctx: Ctx) -> CheckResult {
    let every: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let created = ctx.driver().create_container(&writable(&ctx, SERVE)).await?;
    let running = ctx.ready(&writable(&ctx, SERVE)).await?;
    let (ended, _) = ctx.finished(&writable(&ctx, "exit 3")).await?;
    for container in [&created, &running, &ended] {
        let id = &container.id;
        let before = ctx.get(id).await?;
        for (name, content) in [
            ("empty", Vec::new()),
            ("größe 1", every.clone()),
            ("-x", b"dash\n".to_vec()),
        ] {
            let at = format!("/home/{name}");
            write(&ctx, id, &at, content.clone()).await?;
            let seen = read(&ctx, id, &at).await?;
            let about = format!("{at} of a container that is {}", before.status);
            ctx.ensure(about, seen == content, (seen.len(), content.len()))?;
        }
        ctx.equal("the container", ctx.get(id).await?, before)?;
    }
    Ok(())
}

async fn seen_inside(ctx: Ctx) -> CheckResult {
    let script = "cat /home/first; echo ready; until [ -e /home/second ]; do sleep 1; done; \
                  cat /home/second; echo from inside > /home/third";
    let made = ctx.driver().create_container(&writable(&ctx, script)).await?;
    write(&ctx, &made.id, "/home/first", "before the start\n").await?;
    ctx.driver().start_container(&made.id).await?;
    ctx.printed(&made.id, "ready").await?;
    write(&ctx, &made.id, "/home/second", "while it runs\n").await?;
    let ended = ctx.ended(&made.id).await?;
    ctx.equal("exit code", ended.exit_code(), Some(0))?;
    let logs = ctx.printed(&made.id, "while it runs").await?;
    ctx.equal(
        "what the container saw",
        logs.as_str(),
        "before the start\nready\nwhile it runs\n",
    )?;
    ctx.equal(
        "what it wrote",
        read(&ctx, &made.id, "/home/third").await?.as_ref(),
        b"from inside\n".as_slice(),
    )
}

async fn large(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&writable(&ctx, SERVE)).await?;
    let pieces: Vec<Bytes> = (0..640_u32)
        .map(|number| Bytes::from(number.to_le_bytes().repeat(16 * 1024)))
        .collect();
    let length = pieces.iter().map(|piece| piece.len() as u64).sum();
    let content = FileContent::stream(ByteStream::of_items(pieces.clone()), length);
    let at = path("/home/large")?;
    ctx.driver()
        .write_file(&running.id, &at, WriteFile::new(content))
        .await?;
    let mut stream = ctx.driver().read_file_stream(&running.id, &at).await?;
    let (mut seen, mut same) = (0_u64, true);
    let mut wanted = pieces.iter().flat_map(|piece| piece.iter());
    while let Some(piece) = ctx.ends("the next piece", stream.next()).await? {
        let piece = piece?;
        seen += piece.len() as u64;
        same = same && piece.iter().all(|byte| wanted.next() == Some(byte));
    }
    ctx.equal("bytes that came back", seen, length)?;
    ctx.ensure("they are the same", same, same)
}

async fn limit(ctx: Ctx) -> CheckResult {
    let made = ctx.driver().create_container(&writable(&ctx, "true")).await?;
    write(&ctx, &made.id, "/home/file", "12345").await?;
    let at = path("/home/file")?;
    let just = ctx
        .driver()
        .read_file(&made.id, &at, ReadFileOptions::limit(5))
        .await?;
    ctx.equal("a file of just the limit", just.as_ref(), b"12345".as_slice())?;
    for limit in [4, 0] {
        let result = ctx
            .driver()
            .read_file(&made.id, &at, ReadFileOptions::limit(limit))
            .await;
        let error = ctx.refused(format!("a limit of {limit}"), result, &[codes::FILE_SYSTEM_ERROR])?;
        ctx.equal("retryable", error.is_retryable(), false)?;
    }
    let whole = ctx.driver().read_file_stream(&made.id, &at).await?;
    ctx.equal(
        "the stream has no limit",
        whole.read_all(10).await?.as_ref(),
        b"12345".as_slice(),
    )
}

async fn no_such_file(ctx: Ctx) -> CheckResult {
    let made = ctx.driver().create_container(&writable(&ctx, "true")).await?;
    for at in ["/home/nothing", "/no/such/folder/file", "/etc/passwd/file"] {
        let result = ctx
            .driver()
            .read_file(&made.id, &path(at)?, ReadFileOptions::default())
            .await;
        let error = ctx.refused(at, result, &[codes::FILE_SYSTEM_ERROR])?;
        ctx.equal(format!("retryable ({at})"), error.is_retryable(), false)?;
        let stream = ctx.driver().read_file_stream(&made.id, &path(at)?).await;
        ctx.refused(format!("{at} as a stream"), stream, &[codes::FILE_SYSTEM_ERROR])?;
    }
    let there = read(&ctx, &made.id, "/etc/passwd").await?;
    ctx.ensure(
        "the control: a file that is there",
        !there.is_empty(),
        there.len(),
    )
}

async fn folder(ctx: Ctx) -> CheckResult {
    let made = ctx.driver().create_container(&writable(&ctx, "true")).await?;
    for at in ["/home", "/"] {
        let result = ctx
            .driver()
            .read_file(&made.id, &path(at)?, ReadFileOptions::default())
            .await;
        ctx.refused(format!("reading {at}"), result, &[codes::FILE_SYSTEM_ERROR])?;
        let result = ctx
            .driver()
            .write_file(&made.id, &path(at)?, WriteFile::new("x"))
            .await;
        ctx.refused(format!("writing {at}"), result, &[codes::FILE_SYSTEM_ERROR])?;
    }
    write(&ctx, &made.id, "/home/file", "still a folder").await?;
    ctx.equal(
        "a file in it",
        read(&ctx, &made.id, "/home/file").await?.len(),
        14,
    )
}

async fn links(ctx: Ctx) -> CheckResult {
    let script = "echo inside > /home/target; ln -s target /home/near; ln -s /home/target /home/absolute; \
                  ln -s ../../../../../../home/target /home/up; ln -s /etc/hostname /home/host; \
                  ln -s /proc/1/root/etc/hostname /home/root; ln -s loop /home/loop; echo ready; sleep 600";
    let mark = ctx.name().to_lowercase();
    let running = ctx.ready(&writable(&ctx, script)).await?;
    for at in ["/home/near", "/home/absolute", "/home/up"] {
        ctx.equal(
            at,
            read(&ctx, &running.id, at).await?.as_ref(),
            b"inside\n".as_slice(),
        )?;
    }
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or(mark);
    for at in ["/home/host", "/home/root", "/home/loop"] {
        let result = ctx
            .driver()
            .read_file(&running.id, &path(at)?, ReadFileOptions::default())
            .await;
        let leaked = result.is_ok_and(|bytes| bytes == host);
        ctx.ensure(format!("{at} is not the host's file"), !leaked, leaked)?;
    }
    Ok(())
}

async fn mode_and_owner(ctx: Ctx) -> CheckResult {
    let show = "until [ -e /home/last ]; do sleep 1; done; cd /home; stat -c '%n %a %u:%g' script plain deep deep/file";
    let made = ctx.driver().create_container(&writable(&ctx, show)).await?;
    let driver = ctx.driver();
    let script = WriteFile::new("#!/bin/sh\n").mode(0o750).owner(12, 34);
    driver
        .write_file(&made.id, &path("/home/script")?, script)
        .await?;
    driver
        .write_file(&made.id, &path("/home/plain")?, WriteFile::new("x"))
        .await?;
    driver.start_container(&made.id).await?;
    // One is written while it runs, where engines go another way.
    let deep = WriteFile::new("x")
        .mode(0o600)
        .owner(1000, 1000)
        .create_parents(true);
    driver
        .write_file(&made.id, &path("/home/deep/file")?, deep)
        .await?;
    write(&ctx, &made.id, "/home/last", "").await?;
    ctx.ended(&made.id).await?;
    let logs = ctx.printed(&made.id, "deep/file 600 1000:1000").await?;
    ctx.equal(
        "names, modes and owners",
        logs.as_str(),
        "script 750 12:34\nplain 644 0:0\ndeep 755 1000:1000\ndeep/file 600 1000:1000\n",
    )
}

async fn parents(ctx: Ctx) -> CheckResult {
    let made = ctx.driver().create_container(&writable(&ctx, "true")).await?;
    let running = ctx.ready(&writable(&ctx, SERVE)).await?;
    for id in [&made.id, &running.id] {
        let at = path("/home/a/b/c/file")?;
        let result = ctx.driver().write_file(id, &at, WriteFile::new("x")).await;
        ctx.refused(
            "without asking for the folders",
            result,
            &[codes::FILE_SYSTEM_ERROR],
        )?;
        let result = ctx.driver().read_file(id, &at, ReadFileOptions::default()).await;
        ctx.refused("what that left", result, &[codes::FILE_SYSTEM_ERROR])?;
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
    let made = ctx.driver().create_container(&writable(&ctx, "true")).await?;
    let running = ctx.ready(&writable(&ctx, SERVE)).await?;
    for id in [&made.id, &running.id] {
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

async fn wrong_length(ctx: Ctx) -> CheckResult {
    let made = ctx.driver().create_container(&writable(&ctx, "true")).await?;
    let running = ctx.ready(&writable(&ctx, SERVE)).await?;
    let pieces = || ByteStream::of_items([Bytes::from_static(b"one "), Bytes::from_static(b"two")]);
    let failing = || {
        let items = [
            Ok(Bytes::from_static(b"one ")),
            Err(DriverError::from(InternalError::new("a torn source"))),
        ];
        ByteStream::new(futures_util::stream::iter(items))
    };
    for id in [&made.id, &running.id] {
        for (about, content, code) in [
            (
                "shorter than it says",
                FileContent::stream(pieces(), 8),
                codes::FILE_SYSTEM_ERROR,
            ),
            (
                "longer than it says",
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
            let result = ctx.ends(about, call).await?;
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
    let made = ctx.driver().create_container(&ctx.script(SERVE)).await?;
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    for id in [&made.id, &running.id] {
        let at = path("/home/file")?;
        let result = ctx.driver().write_file(id, &at, WriteFile::new("x")).await;
        let error = ctx.refused(
            "a write",
            result,
            &[codes::UNSUPPORTED_OPERATION, codes::FILE_SYSTEM_ERROR],
        )?;
        ctx.equal("retryable", error.is_retryable(), false)?;
        let result = ctx.driver().read_file(id, &at, ReadFileOptions::default()).await;
        ctx.refused("what it left", result, &[codes::FILE_SYSTEM_ERROR])?;
    }
    Ok(())
}

async fn in_memory(ctx: Ctx) -> CheckResult {
    let script = "echo mine > /tmp/own; echo ready; until [ -e /tmp/file ]; do sleep 1; done; sleep 1; cat /tmp/file; sleep 600";
    let running = ctx.ready(&ctx.script(script)).await?;
    ctx.equal(
        "a file of the container's",
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
