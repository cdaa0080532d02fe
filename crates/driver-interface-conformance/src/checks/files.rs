//! Checks of files in containers: the driver writes and reads them, and programs in the container see them.

use std::fmt::{Debug, Display};

use driver_interface_errors::{DriverError, Effect, FileSystemErrorKind, SystemError, codes};
use driver_interface_types::{
    ByteStream, Bytes, ContainerConfig, ContainerDriver, ContainerId, ContainerPath, FileContent, Operation,
    Property, ReadFileOptions, Result as DriverResult, WriteFile,
};

use crate::{Check, CheckResult, Ctx, SERVE, run};

/// File names that are also glob patterns, each with another name that the pattern matches.
pub(super) const PATTERNS: &[(&str, &str)] = &[
    ("[z]", "z"),
    ("[^a]", "b"),
    ("a*b", "axb"),
    ("a?b", "axb"),
    ("a\\b", "ab"),
    ("d[x]", "dx"),
];

const READ_AND_WRITE: &[Operation] = &[
    Operation::ReadFile,
    Operation::ReadFileStream,
    Operation::WriteFile,
];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "files/round-trip",
        "Written content is read back byte for byte while the container is created, running or exited.",
        run!(round_trip),
    )
    .properties(&[Property::CreatedState, Property::FilesWhileStopped])
    .requires(READ_AND_WRITE),
    Check::must(
        "files/visible-inside",
        "A container sees files written before its start or while it runs, and its own files can be read.",
        run!(visible_inside),
    )
    .properties(&[Property::CreatedState, Property::FilesWhileStopped])
    .requires(READ_AND_WRITE),
    Check::must(
        "files/large-round-trip",
        "A file of many megabytes is streamed in and out unchanged.",
        run!(large),
    )
    .limit(480)
    .requires(READ_AND_WRITE),
    Check::must(
        "files/limit",
        "A file larger than the limit is refused, not truncated; one of exactly the limit is read.",
        run!(limit),
    )
    .requires(READ_AND_WRITE),
    Check::must(
        "files/no-such-file",
        "Reading a missing file returns a non-retryable `FileSystemError`.",
        run!(no_such_file),
    )
    .requires(&[Operation::ReadFile, Operation::ReadFileStream]),
    Check::must(
        "files/directory-is-not-a-file",
        "A directory is neither read as a file nor replaced by one.",
        run!(directory),
    )
    .requires(READ_AND_WRITE),
    Check::must(
        "files/error-kinds",
        "A file error has the kind of its cause: missing, directory, not a directory, too large, name too \
         long. Only a missing file is not found.",
        run!(error_kinds),
    )
    .requires(READ_AND_WRITE),
    Check::must(
        "files/glob-characters",
        "Names with `[`, `]`, `*`, `?` and `\\` are literal and match no other file.",
        run!(glob_characters),
    )
    .because("Podman treats file paths as glob patterns")
    .requires(READ_AND_WRITE),
    Check::must(
        "files/symlinks-confined",
        "Symbolic links are resolved inside the container and never lead to the host's files.",
        run!(symlinks),
    )
    .requires(&[Operation::ReadFile, Operation::ReadFileStream])
    .properties(&[Property::RealProcesses]),
];

pub(super) fn path(text: &str) -> CheckResult<ContainerPath> {
    Ok(ContainerPath::new(text)?)
}

/// Builds the config of a container that runs `script` as root and whose root file system is writable.
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
    let (exited, _) = ctx.finished(&writable(&ctx, "exit 3")).await?;
    for container in [&created, &running, &exited] {
        let id = &container.id;
        let before = ctx.get(id).await?;
        for (name, content) in [
            ("empty", Vec::new()),
            ("größe 1", every.clone()),
            ("-x", b"dash\n".to_vec()),
        ] {
            let at = format!("/home/{name}");
            write(&ctx, id, &at, content.clone()).await?;
            let actual = read(&ctx, id, &at).await?;
            let about = format!("{at} of a container that is {}", before.status);
            ctx.ensure(about, actual == content, (actual.len(), content.len()))?;
        }
        ctx.equal("the container", ctx.get(id).await?, before)?;
    }
    Ok(())
}

async fn visible_inside(ctx: Ctx) -> CheckResult {
    let script = "cat /home/first; echo ready; until [ -e /home/second ]; do sleep 1; done; \
                  cat /home/second; echo from inside > /home/third";
    let created = ctx.driver().create_container(&writable(&ctx, script)).await?;
    write(&ctx, &created.id, "/home/first", "before the start\n").await?;
    ctx.driver().start_container(&created.id).await?;
    ctx.printed(&created.id, "ready").await?;
    write(&ctx, &created.id, "/home/second", "while it runs\n").await?;
    let exited = ctx.exited(&created.id).await?;
    ctx.equal("exit code", exited.exit_code(), Some(0))?;
    let logs = ctx.printed(&created.id, "while it runs").await?;
    ctx.equal(
        "content seen by the container",
        logs.as_str(),
        "before the start\nready\nwhile it runs\n",
    )?;
    ctx.equal(
        "content written by the container",
        read(&ctx, &created.id, "/home/third").await?.as_ref(),
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
    let (mut actual, mut same) = (0_u64, true);
    let mut expected = pieces.iter().flat_map(|piece| piece.iter());
    while let Some(piece) = ctx.completes("the next piece", stream.next()).await? {
        let piece = piece?;
        actual += piece.len() as u64;
        same = same && piece.iter().all(|byte| expected.next() == Some(byte));
    }
    ctx.equal("bytes returned", actual, length)?;
    ctx.ensure("they are the same", same, same)
}

async fn limit(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&writable(&ctx, "true")).await?;
    write(&ctx, &created.id, "/home/file", "12345").await?;
    let at = path("/home/file")?;
    let just = ctx
        .driver()
        .read_file(&created.id, &at, ReadFileOptions::limit(5))
        .await?;
    ctx.equal("a file of exactly the limit", just.as_ref(), b"12345".as_slice())?;
    for limit in [4, 0] {
        let result = ctx
            .driver()
            .read_file(&created.id, &at, ReadFileOptions::limit(limit))
            .await;
        let error = ctx.refused(format!("a limit of {limit}"), result, &[codes::FILE_SYSTEM_ERROR])?;
        ctx.equal("retryable", error.is_retryable(), false)?;
    }
    let whole = ctx.driver().read_file_stream(&created.id, &at).await?;
    ctx.equal(
        "the stream has no limit",
        whole.read_all(10).await?.as_ref(),
        b"12345".as_slice(),
    )
}

async fn no_such_file(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&writable(&ctx, "true")).await?;
    for at in ["/home/nothing", "/no/such/folder/file", "/etc/passwd/file"] {
        let result = ctx
            .driver()
            .read_file(&created.id, &path(at)?, ReadFileOptions::default())
            .await;
        let error = ctx.refused(at, result, &[codes::FILE_SYSTEM_ERROR])?;
        ctx.equal(format!("retryable ({at})"), error.is_retryable(), false)?;
        let stream = ctx.driver().read_file_stream(&created.id, &path(at)?).await;
        ctx.refused(format!("{at} as a stream"), stream, &[codes::FILE_SYSTEM_ERROR])?;
    }
    let there = read(&ctx, &created.id, "/etc/passwd").await?;
    ctx.ensure("the control: an existing file", !there.is_empty(), there.len())
}

async fn directory(ctx: Ctx) -> CheckResult {
    const STILL: &str = "still a directory";
    let created = ctx.driver().create_container(&writable(&ctx, "true")).await?;
    for at in ["/home", "/"] {
        let result = ctx
            .driver()
            .read_file(&created.id, &path(at)?, ReadFileOptions::default())
            .await;
        ctx.refused(format!("reading {at}"), result, &[codes::FILE_SYSTEM_ERROR])?;
        let result = ctx
            .driver()
            .write_file(&created.id, &path(at)?, WriteFile::new("x"))
            .await;
        ctx.refused(format!("writing {at}"), result, &[codes::FILE_SYSTEM_ERROR])?;
    }
    write(&ctx, &created.id, "/home/file", STILL).await?;
    ctx.equal(
        "a file in it",
        read(&ctx, &created.id, "/home/file").await?.len(),
        STILL.len(),
    )
}

async fn symlinks(ctx: Ctx) -> CheckResult {
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

/// Asserts that a call fails with a file system error of the kind `expected`, and returns the error.
pub(super) fn fails_with<T: Debug>(
    ctx: &Ctx,
    about: impl Display,
    result: DriverResult<T>,
    expected: FileSystemErrorKind,
) -> CheckResult<DriverError> {
    let error = ctx.refused(&about, result, &[codes::FILE_SYSTEM_ERROR])?;
    let kind = match &error {
        DriverError::System(SystemError::FileSystem(error)) => Some(error.kind()),
        _ => None,
    };
    ctx.equal(format!("the kind ({about})"), kind, Some(expected))?;
    let is_missing = expected == FileSystemErrorKind::NotFound;
    ctx.equal(
        format!("is not found ({about})"),
        error.is_not_found(),
        is_missing,
    )?;
    Ok(error)
}

async fn error_kinds(ctx: Ctx) -> CheckResult {
    use FileSystemErrorKind as Kind;
    let created = ctx.driver().create_container(&writable(&ctx, "true")).await?;
    let running = ctx.ready(&writable(&ctx, SERVE)).await?;
    let long = format!("/home/{}", "n".repeat(256));
    for id in [&created.id, &running.id] {
        write(&ctx, id, "/home/file", "12345").await?;
        for (at, expected) in [
            ("/home/nothing", Kind::NotFound),
            ("/no/such/folder/file", Kind::NotFound),
            ("/home", Kind::IsADirectory),
            ("/home/file/below", Kind::NotADirectory),
            (long.as_str(), Kind::InvalidFilename),
        ] {
            let path = path(at)?;
            let result = ctx
                .driver()
                .read_file(id, &path, ReadFileOptions::default())
                .await;
            let error = fails_with(&ctx, format!("reading {at}"), result, expected)?;
            ctx.equal(
                format!("the effect of reading {at}"),
                error.effect(),
                Effect::NotApplied,
            )?;
            let result = ctx.driver().read_file_stream(id, &path).await;
            fails_with(&ctx, format!("streaming {at}"), result, expected)?;
            if at != "/home/nothing" {
                let result = ctx.driver().write_file(id, &path, WriteFile::new("x")).await;
                fails_with(&ctx, format!("writing {at}"), result, expected)?;
            }
        }
        let at = path("/home/file")?;
        let result = ctx.driver().read_file(id, &at, ReadFileOptions::limit(4)).await;
        fails_with(&ctx, "a file above the limit", result, Kind::FileTooLarge)?;
        let short = FileContent::stream(Bytes::from_static(b"four").into(), 5);
        let result = ctx.driver().write_file(id, &at, WriteFile::new(short)).await;
        fails_with(&ctx, "content that is too short", result, Kind::InvalidData)?;
        ctx.equal("the control", read(&ctx, id, "/home/file").await?.len(), 5)?;
    }
    Ok(())
}

async fn glob_characters(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&writable(&ctx, SERVE)).await?;
    let running = ctx.ready(&writable(&ctx, SERVE)).await?;
    let (exited, _) = ctx.finished(&writable(&ctx, "exit 3")).await?;
    for container in [&created, &running, &exited] {
        let (id, status) = (&container.id, ctx.get(&container.id).await?.status);
        for (pattern, matching) in PATTERNS {
            write(&ctx, id, &format!("/home/{matching}"), *matching).await?;
            let at = path(&format!("/home/{pattern}"))?;
            let result = ctx.driver().read_file(id, &at, ReadFileOptions::default()).await;
            let about = format!("{at} of a container that is {status}, next to {matching}");
            fails_with(&ctx, about, result, FileSystemErrorKind::NotFound)?;
        }
        for content in ["first", "second"] {
            for (pattern, _) in PATTERNS {
                let at = format!("/home/{pattern}");
                write(&ctx, id, &at, format!("{content} {pattern}")).await?;
            }
            for (pattern, matching) in PATTERNS {
                let at = format!("/home/{pattern}");
                let expected = format!("{content} {pattern}");
                let about = format!("{at} of a container that is {status}");
                ctx.equal(about, read(&ctx, id, &at).await?.as_ref(), expected.as_bytes())?;
                let beside = read(&ctx, id, &format!("/home/{matching}")).await?;
                ctx.equal(
                    format!("{matching} next to it"),
                    beside.as_ref(),
                    matching.as_bytes(),
                )?;
            }
        }
        for directory in ["f[x]", "f*"] {
            let inside = format!("/home/{directory}/file");
            let file = WriteFile::new(directory).create_parents(true);
            ctx.driver()
                .write_file(
                    id,
                    &path("/home/fx/file")?,
                    WriteFile::new("fx").create_parents(true),
                )
                .await?;
            ctx.driver().write_file(id, &path(&inside)?, file).await?;
            ctx.equal(
                &inside,
                read(&ctx, id, &inside).await?.as_ref(),
                directory.as_bytes(),
            )?;
        }
    }
    Ok(())
}
