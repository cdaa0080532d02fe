//! Faults in copying files and archives into and out of containers.

use std::path::{Component, Path};

use bytes::Bytes;
use driver_interface_errors::{
    ContainerNotRunningError, DriverError, ErrorInfo as _, FileSystemError, FileSystemErrorKind, SystemError,
    UnsupportedError, codes,
};
use driver_interface_types::{
    ByteStream, ContainerDriver as _, ContainerId, ContainerPath, ExecConfig, FileContent, ReadFileOptions,
    Result, TarStream, WriteFile,
};
use futures_util::FutureExt as _;

use super::streams::changed;
use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{
    CopyFromContainer, CopyIntoContainer, Error, ReadFile, ReadFileStream, WriteFile as Write,
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "read-file-is-text",
        "Bytes that are not UTF-8 are replaced.",
        &[ReadFile(|inside, id, path, options| {
            async move {
                let bytes = inside.driver.read_file(id, path, options).await?;
                Ok(String::from_utf8_lossy(&bytes).into_owned().into())
            }
            .boxed()
        })],
        &["files/round-trip"],
    ),
    Fault::new(
        "write-file-needs-running-container",
        "Only a running container can be written to.",
        &[Write(|inside, id, path, file| {
            write_needs_process(inside, id, path, file).boxed()
        })],
        &["files/round-trip", "files/visible-inside", "files/mode-and-owner"],
    ),
    Fault::new(
        "write-file-below-mount",
        "A file is written below a mount, where the container does not see it.",
        &[
            Write(|inside, id, path, file| {
                async move {
                    let hidden = ContainerPath::new(format!("{path}.hidden"))?;
                    inside.driver.write_file(id, &hidden, file).await
                }
                .boxed()
            }),
            ReadFile(|inside, id, path, options| read_below_mount(inside, id, path, options).boxed()),
        ],
        &["files/visible-inside", "files/tmpfs", "files/mode-and-owner"],
    ),
    Fault::new(
        "read-file-stream-ends-early",
        "The last part of a large file is lost.",
        &[ReadFileStream(|inside, id, path| {
            async move {
                let stream = inside.driver.read_file_stream(id, path).await?;
                Ok(cut(stream, 20 * 1024 * 1024))
            }
            .boxed()
        })],
        &["files/large-round-trip"],
    ),
    Fault::new(
        "read-file-truncates",
        "A file larger than the limit is truncated.",
        &[ReadFile(|inside, id, path, options| {
            async move {
                let mut file = inside
                    .driver
                    .read_file(id, path, ReadFileOptions::default())
                    .await?;
                file.truncate(options.limit);
                Ok(file)
            }
            .boxed()
        })],
        &["files/limit"],
    ),
    Fault::new(
        "read-file-limit-off-by-one",
        "A file of exactly the limit is too large.",
        &[ReadFile(|inside, id, path, mut options| {
            options.limit = options.limit.saturating_sub(1);
            inside.driver.read_file(id, path, options)
        })],
        &["files/limit"],
    ),
    Fault::new(
        "read-file-missing-is-empty",
        "A missing file or a path that is not a file is read as an empty file.",
        &[ReadFile(|inside, id, path, options| {
            async move {
                let result = inside.driver.read_file(id, path, options).await;
                unless_refused(result, Bytes::new)
            }
            .boxed()
        })],
        &[
            "files/no-such-file",
            "files/directory-is-not-a-file",
            "files/limit",
            "files/parents",
            "files/read-only-root",
        ],
    ),
    Fault::new(
        "read-file-stream-fails-late",
        "The stream instead of the call reports a missing file.",
        &[ReadFileStream(|inside, id, path| {
            async move {
                match inside.driver.read_file_stream(id, path).await {
                    Err(error) => Ok(ByteStream::new(futures_util::stream::iter([Err(error)]))),
                    stream => stream,
                }
            }
            .boxed()
        })],
        &["files/no-such-file"],
    ),
    Fault::new(
        "file-errors-are-retryable",
        "A read or write that can never succeed is retryable.",
        &[Error(|error| match error.code() {
            codes::FILE_SYSTEM_ERROR | codes::UNSUPPORTED_OPERATION => error.with_retryable(true),
            _ => error,
        })],
        &[
            "files/no-such-file", "files/limit", "files/read-only-root", "files/no-such-directory",
        ],
    ),
    Fault::new(
        "read-file-of-directory-is-empty",
        "A directory is read as an empty file.",
        &[ReadFile(|inside, id, path, options| {
            directory_as_empty_file(inside, id, path, options).boxed()
        })],
        &["files/directory-is-not-a-file"],
    ),
    Fault::new(
        "read-file-follows-symlinks-on-host",
        "Symbolic links are resolved on the host.",
        &[ReadFile(|inside, id, path, options| {
            follows_symlinks_on_host(inside, id, path, options).boxed()
        })],
        &["files/symlinks-confined"],
    ),
    Fault::new(
        "write-file-ignores-mode",
        "Files are written with the default permissions, regardless of the options.",
        &[Write(|inside, id, path, file| {
            inside
                .driver
                .write_file(id, path, file.mode(WriteFile::DEFAULT_MODE))
        })],
        &["files/mode-and-owner"],
    ),
    Fault::new(
        "write-file-ignores-owner",
        "Files belong to the container's user, regardless of the options.",
        &[Write(|inside, id, path, mut file| {
            file.owner = None;
            inside.driver.write_file(id, path, file)
        })],
        &["files/mode-and-owner"],
    ),
    Fault::new(
        "write-file-creates-directories",
        "Missing directories are always created.",
        &[Write(|inside, id, path, file| {
            inside.driver.write_file(id, path, file.create_parents(true))
        })],
        &["files/parents"],
    ),
    Fault::new(
        "write-file-creates-no-directories",
        "Missing directories cause an error even if the options request them.",
        &[Write(|inside, id, path, file| {
            inside.driver.write_file(id, path, file.create_parents(false))
        })],
        &["files/parents", "files/mode-and-owner"],
    ),
    Fault::new(
        "write-file-appends",
        "A write appends to the file.",
        &[Write(|inside, id, path, file| {
            write_appends(inside, id, path, file).boxed()
        })],
        &["files/replaced"],
    ),
    Fault::new(
        "write-file-keeps-old-tail",
        "A shorter write keeps the rest of the old file.",
        &[Write(|inside, id, path, file| {
            write_keeps_tail(inside, id, path, file).boxed()
        })],
        &["files/replaced"],
    ),
    Fault::new(
        "write-file-pads-to-length",
        "Content is truncated or padded to its declared length.",
        &[Write(|inside, id, path, file| {
            write_pads(inside, id, path, file).boxed()
        })],
        &["files/content-length-mismatch"],
    ),
    Fault::new(
        "write-file-accepts-failing-source",
        "If the source of the content fails, the rest is padded.",
        &[Write(|inside, id, path, file| {
            accept_failing_source(inside, id, path, file).boxed()
        })],
        &["files/content-length-mismatch"],
    ),
    Fault::new(
        "write-file-swallows-errors",
        "A refused write succeeds.",
        &[Write(|inside, id, path, file| {
            async move {
                let result = inside.driver.write_file(id, path, file).await;
                unless_refused(result, || ())
            }
            .boxed()
        })],
        &[
            "files/read-only-root",
            "files/directory-is-not-a-file",
            "files/parents",
            "files/content-length-mismatch",
        ],
    ),
    Fault::new(
        "file-errors-have-no-kind",
        "Every file error has the unspecific kind.",
        &[Error(|error| match error {
            DriverError::System(SystemError::FileSystem(error)) => {
                let (kind, effect) = (FileSystemErrorKind::Other, error.effect());
                FileSystemError::new(error.path(), kind, error.message())
                    .with_effect(effect)
                    .into()
            }
            error => error,
        })],
        &["files/error-kinds", "files/read-only-root"],
    ),
    Fault::new(
        "read-only-is-unsupported",
        "A write to a read-only file system is an unsupported operation.",
        &[Error(|error| match error {
            DriverError::System(SystemError::FileSystem(error))
                if error.kind() == FileSystemErrorKind::ReadOnlyFilesystem =>
            {
                UnsupportedError::new("write_file", error.message()).into()
            }
            error => error,
        })],
        &["files/read-only-root"],
    ),
    Fault::new(
        "read-file-expands-globs",
        "A path is a pattern, and the first matching file is read.",
        &[ReadFile(|inside, id, path, options| {
            async move {
                match inside.driver.read_file(id, &expand_glob(path)?, options).await {
                    Ok(file) => Ok(file),
                    Err(_) => inside.driver.read_file(id, path, options).await,
                }
            }
            .boxed()
        })],
        &["files/glob-characters"],
    ),
    Fault::new(
        "copy-out-expands-globs",
        "A path is a pattern, and the first matching file is packed.",
        &[CopyFromContainer(|inside, id, path| {
            async move {
                match inside.driver.copy_from_container(id, &expand_glob(path)?).await {
                    Ok(archive) => Ok(archive),
                    Err(_) => inside.driver.copy_from_container(id, path).await,
                }
            }
            .boxed()
        })],
        &["files/archive-glob-characters"],
    ),
    Fault::new(
        "copy-out-loses-owners",
        "All packed files belong to root.",
        &[CopyFromContainer(|inside, id, path| {
            async move {
                let archive = inside.driver.copy_from_container(id, path).await?;
                let archive = archive.read_all(usize::MAX).await?;
                let of_root = |header: &mut tar::Header| {
                    header.set_uid(0);
                    header.set_gid(0);
                    true
                };
                Ok(repacked(&archive, of_root)
                    .unwrap_or_else(|_| archive.to_vec())
                    .into())
            }
            .boxed()
        })],
        &["files/archive-owners"],
    ),
    Fault::new(
        "write-file-replaces-symlinks",
        "A write replaces the symbolic link instead of following it.",
        &[Write(|inside, id, path, file| {
            write_replaces_symlink(inside, id, path, file).boxed()
        })],
        &["files/write-follows-symlinks"],
    ),
    Fault::new(
        "copy-in-loses-symlinks",
        "Symbolic links are not unpacked.",
        &[CopyIntoContainer(|inside, id, directory, archive| {
            let kept = |header: &mut tar::Header| !header.entry_type().is_symlink();
            copy_in_repacked(inside, id, directory, archive, kept).boxed()
        })],
        &["files/archive-round-trip"],
    ),
    Fault::new(
        "copy-in-loses-permissions",
        "All files are unpacked with the default permissions.",
        &[CopyIntoContainer(|inside, id, directory, archive| {
            let usual = |header: &mut tar::Header| {
                header.set_mode(if header.entry_type().is_dir() {
                    0o755
                } else {
                    0o644
                });
                true
            };
            copy_in_repacked(inside, id, directory, archive, usual).boxed()
        })],
        &["files/archive-round-trip"],
    ),
    Fault::new(
        "copy-out-ends-early",
        "The last part of a large archive is lost.",
        &[CopyFromContainer(|inside, id, path| {
            async move {
                let archive = inside.driver.copy_from_container(id, path).await?;
                Ok(cut(archive, 10 * 1024 * 1024))
            }
            .boxed()
        })],
        &["files/archive-large"],
    ),
    Fault::new(
        "copy-in-unpacks-on-host",
        "Names that lead outside the target directory are unpacked on the host.",
        &[CopyIntoContainer(|inside, id, directory, archive| {
            copy_in_traverses(inside, id, directory, archive).boxed()
        })],
        &["files/archive-path-traversal"],
    ),
    Fault::new(
        "copy-in-swallows-errors",
        "Unpacking a broken archive succeeds.",
        &[CopyIntoContainer(|inside, id, directory, archive| {
            async move {
                let result = inside.driver.copy_into_container(id, directory, archive).await;
                unless_refused(result, || ())
            }
            .boxed()
        })],
        &["files/archive-invalid", "files/no-such-directory"],
    ),
    Fault::new(
        "copy-out-of-missing-is-empty",
        "A missing path is packed as an empty archive.",
        &[CopyFromContainer(|inside, id, path| {
            async move {
                let result = inside.driver.copy_from_container(id, path).await;
                unless_refused(result, || TarStream::of_items([]))
            }
            .boxed()
        })],
        &["files/no-such-directory"],
    ),
];

/// Returns `result`. If `result` is the refusal of a file operation, returns the value of `instead`.
fn unless_refused<T>(result: Result<T>, instead: impl FnOnce() -> T) -> Result<T> {
    match result {
        Err(error) if [codes::FILE_SYSTEM_ERROR, codes::UNSUPPORTED_OPERATION].contains(&error.code()) => {
            Ok(instead())
        }
        result => result,
    }
}

/// Expands a path as a glob pattern. The function only works for the patterns that the checks use.
fn expand_glob(path: &ContainerPath) -> Result<ContainerPath> {
    let expanded = path.as_str().replace("[^a]", "b").replace(['*', '?'], "x");
    Ok(ContainerPath::new(expanded.replace(['[', ']', '\\'], ""))?)
}

/// Writes the file by unpacking an archive. If there is a symbolic link at the path, the file replaces the link.
async fn write_replaces_symlink(
    inside: &Inside,
    id: &ContainerId,
    path: &ContainerPath,
    file: WriteFile,
) -> Result<()> {
    let parent = path.parent();
    let name = path.file_name().unwrap_or_default();
    if file.create_parents {
        return inside.driver.write_file(id, path, file).await;
    }
    let mut header = tar::Header::new_gnu();
    header.set_mode(file.mode);
    header.set_size(file.content.length());
    let content = file.content.into_stream().read_all(usize::MAX).await?;
    let mut archive = tar::Builder::new(Vec::new());
    let packed = archive
        .append_data(&mut header, name, content.as_ref())
        .and_then(|()| archive.into_inner());
    let packed = packed.map_err(|error| FileSystemError::from_io(path.as_str(), error))?;
    inside
        .driver
        .copy_into_container(id, &parent, packed.into())
        .await
}

/// Truncates a stream after `left` bytes.
fn cut(stream: ByteStream, mut left: usize) -> ByteStream {
    changed(stream, move |mut piece| {
        piece.truncate(left);
        left -= piece.len();
        Some(piece).filter(|piece| !piece.is_empty())
    })
}

async fn write_needs_process(
    inside: &Inside,
    id: &ContainerId,
    path: &ContainerPath,
    file: WriteFile,
) -> Result<()> {
    let now = inside.driver.get_container(id).await?;
    if now.is_some_and(|now| now.started_at.is_none() || now.exit.is_some()) {
        return Err(ContainerNotRunningError::new(id.as_str(), "it has no process").into());
    }
    inside.driver.write_file(id, path, file).await
}

async fn read_below_mount(
    inside: &Inside,
    id: &ContainerId,
    path: &ContainerPath,
    options: ReadFileOptions,
) -> Result<Bytes> {
    let hidden = ContainerPath::new(format!("{path}.hidden"))?;
    match inside.driver.read_file(id, &hidden, options).await {
        Err(_) => inside.driver.read_file(id, path, options).await,
        found => found,
    }
}

async fn directory_as_empty_file(
    inside: &Inside,
    id: &ContainerId,
    path: &ContainerPath,
    options: ReadFileOptions,
) -> Result<Bytes> {
    let result = inside.driver.read_file(id, path, options).await;
    if result.is_err() && inside.driver.copy_from_container(id, path).await.is_ok() {
        return Ok(Bytes::new());
    }
    result
}

async fn follows_symlinks_on_host(
    inside: &Inside,
    id: &ContainerId,
    path: &ContainerPath,
    options: ReadFileOptions,
) -> Result<Bytes> {
    let command = ExecConfig::new(["busybox", "readlink", path.as_str()]);
    let target = inside.driver.exec(id, command).await?;
    match std::fs::read(target.stdout_text().trim()) {
        Ok(file) => Ok(file.into()),
        Err(_) => inside.driver.read_file(id, path, options).await,
    }
}

async fn write_appends(
    inside: &Inside,
    id: &ContainerId,
    path: &ContainerPath,
    mut file: WriteFile,
) -> Result<()> {
    if let Ok(old) = inside
        .driver
        .read_file(id, path, ReadFileOptions::default())
        .await
    {
        let new = file.content.into_stream().read_all(usize::MAX).await?;
        file.content = [old, new].concat().into();
    }
    inside.driver.write_file(id, path, file).await
}

async fn write_keeps_tail(
    inside: &Inside,
    id: &ContainerId,
    path: &ContainerPath,
    mut file: WriteFile,
) -> Result<()> {
    if let Ok(old) = inside
        .driver
        .read_file(id, path, ReadFileOptions::default())
        .await
    {
        let new = file.content.into_stream().read_all(usize::MAX).await?;
        let rest = old.get(new.len()..).unwrap_or_default();
        file.content = [&new, rest].concat().into();
    }
    inside.driver.write_file(id, path, file).await
}

async fn write_pads(
    inside: &Inside,
    id: &ContainerId,
    path: &ContainerPath,
    mut file: WriteFile,
) -> Result<()> {
    let length = usize::try_from(file.content.length()).unwrap_or(usize::MAX);
    let mut content = file.content.into_stream().read_all(usize::MAX).await?.to_vec();
    content.resize(length, 0);
    file.content = FileContent::from(content);
    inside.driver.write_file(id, path, file).await
}

async fn accept_failing_source(
    inside: &Inside,
    id: &ContainerId,
    path: &ContainerPath,
    mut file: WriteFile,
) -> Result<()> {
    let length = usize::try_from(file.content.length()).unwrap_or(usize::MAX);
    let (mut source, mut content) = (file.content.into_stream(), Vec::new());
    let failed = loop {
        match source.next().await {
            Some(Ok(piece)) => content.extend_from_slice(&piece),
            end => break end.is_some(),
        }
    };
    if failed {
        content.resize(length, 0);
    }
    file.content = FileContent::stream(content.into(), length as u64);
    inside.driver.write_file(id, path, file).await
}

/// Applies `change` to the header of each entry of an archive, and copies the archive into a container. Entries for
/// which `change` returns `false` are omitted.
async fn copy_in_repacked(
    inside: &Inside,
    id: &ContainerId,
    directory: &ContainerPath,
    archive: TarStream,
    change: fn(&mut tar::Header) -> bool,
) -> Result<()> {
    let archive = archive.read_all(usize::MAX).await?;
    let changed = repacked(&archive, change).unwrap_or_else(|_| archive.to_vec());
    inside
        .driver
        .copy_into_container(id, directory, changed.into())
        .await
}

fn repacked(archive: &[u8], change: fn(&mut tar::Header) -> bool) -> std::io::Result<Vec<u8>> {
    let mut packed = tar::Builder::new(Vec::new());
    for entry in tar::Archive::new(archive).entries()? {
        let entry = entry?;
        let (mut header, path) = (entry.header().clone(), entry.path()?.into_owned());
        if change(&mut header) {
            packed.append_data(&mut header, path, entry)?;
        }
    }
    packed.into_inner()
}

async fn copy_in_traverses(
    inside: &Inside,
    id: &ContainerId,
    directory: &ContainerPath,
    archive: TarStream,
) -> Result<()> {
    let archive = archive.read_all(usize::MAX).await?;
    // If the archive is invalid, the engine rejects it below.
    drop(unpack_outside_root(&archive, Path::new(directory.as_str())));
    inside
        .driver
        .copy_into_container(id, directory, archive.into())
        .await
}

fn unpack_outside_root(archive: &[u8], directory: &Path) -> std::io::Result<()> {
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let name = entry.path()?.into_owned();
        if name.components().next() == Some(Component::ParentDir) && entry.header().entry_type().is_file() {
            std::io::copy(&mut entry, &mut std::fs::File::create(directory.join(name))?)?;
        }
    }
    Ok(())
}
