//! Copying archives into and out of containers.

use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::{
    DriverError, FileSystemError, FileSystemErrorKind as Kind, Hint, Result, TimeoutError,
};
use driver_interface_kit::effects;
use driver_interface_types::tar::{TarPart, TarReader};
use driver_interface_types::{ByteStream, ContainerPath, TarStream};
use futures_util::stream;
use tokio::time::timeout;

use super::location::{FileRequest, MAX_NAME, cut, refuse_read_only, unread};
use crate::driver::inner::Inner;
use crate::driver::task::located;
use crate::engine::Download;
use crate::translate::errors::Operation;
use crate::translate::tar::Renamer;
use crate::wire::{EngineError, UploadError};

/// Runs an operation that consumes a stream from the caller. If the caller drops the call, the operation stops,
/// because the stream may never end.
pub(in crate::driver) async fn transfer<T>(
    operation: &'static str,
    deadline: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let done = timeout(deadline, effects::track(work)).await;
    done.unwrap_or_else(|_| {
        let late = TimeoutError::new(operation, deadline);
        Err(late.with_hint(Hint::VerifyFirst).into())
    })
    .map_err(|error| located(error, operation))
}

impl Inner {
    pub(in crate::driver) async fn copy_into(
        self: &Arc<Self>,
        container: &str,
        directory: &ContainerPath,
        archive: TarStream,
    ) -> Result<()> {
        let record = self.container(container).await?;
        let request = FileRequest {
            operation: "copy_into_container",
            container,
            record: &record,
            path: directory.as_str(),
        };
        let location = self.locate(request).await?;
        let archive = checked(directory.to_string(), archive);
        if location.in_memory {
            return self.unpack_inside(request, &location.path, archive).await;
        }
        match &location.stat {
            None => return Err(unread(request.path, Kind::NotFound, "no such directory").into()),
            Some(stat) if !stat.is_directory() => {
                return Err(unread(request.path, Kind::NotADirectory, "it is not a directory").into());
            }
            Some(_) => {}
        }
        refuse_read_only(request, &location.path)?;
        self.unpack(request, &location.path, archive).await
    }

    /// Unpacks an archive into a directory of a container, through the engine's archive API.
    pub(in crate::driver) async fn unpack(
        &self,
        request: FileRequest<'_>,
        directory: &str,
        archive: ByteStream,
    ) -> Result<()> {
        match self
            .engine
            .put_archive(&request.record.id, directory, archive)
            .await
        {
            Ok(()) => Ok(()),
            Err(UploadError::Content(error)) => Err(error),
            Err(UploadError::Engine(EngineError::Refused(refusal))) => {
                Err(self.refused(request, refusal, true).await)
            }
            Err(UploadError::Engine(failure)) => {
                Err(self.error(Operation::WriteFiles, request.container, failure))
            }
        }
    }

    pub(in crate::driver) async fn copy_from(
        self: &Arc<Self>,
        container: &str,
        path: &ContainerPath,
    ) -> Result<TarStream> {
        let record = self.container(container).await?;
        let request = FileRequest {
            operation: "copy_from_container",
            container,
            record: &record,
            path: path.as_str(),
        };
        let location = self.locate(request).await?;
        if location.in_memory {
            let (archive, name) = self.pack_inside(request, &location.path).await?;
            return Ok(complete(archive, name.clone(), renamer(path, &name)));
        }
        if location.stat.is_none() {
            return Err(unread(request.path, Kind::NotFound, "no such file or directory").into());
        }
        let download = self.download(request, &location.path).await?;
        let name = last_part(&location.path).to_owned();
        Ok(complete(pieces(download), name, renamer(path, &location.path)))
    }

    pub(in crate::driver) async fn download(&self, request: FileRequest<'_>, path: &str) -> Result<Download> {
        let id = &request.record.id;
        match self.engine.get_archive(id, path, self.deadlines.read).await {
            Ok(download) => Ok(download),
            Err(EngineError::Refused(refusal)) => Err(self.refused(request, refusal, false).await),
            Err(failure) => Err(self.error(Operation::Read, request.container, failure)),
        }
    }
}

pub(in crate::driver) fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Returns a renamer if the requested path is a link to `path`. In this case, the engine names the archive's entries
/// after `path`, and the renamer restores the requested name.
fn renamer(request: &ContainerPath, path: &str) -> Option<Renamer> {
    let led_to = Some(last_part(path)).filter(|name| !name.is_empty())?;
    let required = request.file_name().filter(|name| *name != led_to)?;
    Some(Renamer::new(led_to, required))
}

/// Returns the data of a download as a stream.
pub(in crate::driver) fn pieces(download: Download) -> ByteStream {
    ByteStream::new(stream::try_unfold(download, |mut download| async move {
        let data = download.next().await.map_err(cut)?;
        Ok(data.map(|data| (data, download)))
    }))
}

/// Returns `archive` with its entries renamed by `renamer`. Reading the result fails if the archive is truncated. If
/// `name` is not empty, reading also fails at an entry whose path does not begin with the component `name`.
pub(in crate::driver) fn complete(archive: ByteStream, name: String, renamer: Option<Renamer>) -> TarStream {
    let start = (archive, TarReader::default(), renamer, name);
    TarStream::new(stream::try_unfold(
        start,
        |(mut archive, mut reader, mut renamer, name)| async move {
            match archive.next().await.transpose()? {
                Some(mut data) => {
                    scan(&mut reader, &data, &name).map_err(broken)?;
                    if let Some(renamer) = &mut renamer {
                        data = renamer.push(&data).map_err(broken)?;
                    }
                    Ok(Some((data, (archive, reader, renamer, name))))
                }
                None if reader.is_complete() => Ok(None),
                None => Err(broken("it is truncated")),
            }
        },
    ))
}

/// Returns the error for an invalid archive from the engine.
pub(in crate::driver) fn broken(why: &'static str) -> DriverError {
    cut(EngineError::InvalidResponse(format!("invalid archive: {why}")))
}

/// Checks the next chunk of an archive. Returns a description of the problem if the archive is corrupt, or if `name`
/// is not empty and the path of an entry does not begin with the component `name`. `name` is the last component of
/// the requested path.
fn scan(reader: &mut TarReader, data: &[u8], name: &str) -> Result<(), &'static str> {
    reader.push(data);
    while let Some(part) = reader.next()? {
        if let TarPart::Entry(entry) = part
            && !name.is_empty()
            && entry.name.split('/').find(|part| !matches!(*part, "" | ".")) != Some(name)
        {
            return Err("it has an entry outside the requested path");
        }
    }
    Ok(())
}

/// Returns `archive` with checks added. Reading the result fails if the archive is corrupt or truncated, or if an
/// entry's name leads out of `directory` or is too long. The engine itself only prevents entries outside the
/// container.
pub(in crate::driver) fn checked(directory: String, archive: TarStream) -> TarStream {
    let start = (archive, TarReader::default(), directory);
    TarStream::new(stream::try_unfold(
        start,
        |(mut archive, mut reader, directory)| async move {
            let refuse =
                |kind, why: &str| DriverError::from(FileSystemError::new(directory.as_str(), kind, why));
            let broken = |why: &str| refuse(Kind::InvalidData, why);
            let Some(data) = archive.next().await.transpose()? else {
                if reader.is_complete() {
                    return Ok(None);
                }
                return Err(broken("the archive is truncated"));
            };
            reader.push(&data);
            while let Some(part) = reader.next().map_err(broken)? {
                let TarPart::Entry(entry) = part else { continue };
                if entry.name.split('/').any(|part| part == "..") {
                    let why = format!(
                        "the archive contains the name {:?}, which leads out of the directory",
                        entry.name
                    );
                    return Err(broken(&why));
                }
                if entry.name.split('/').any(|part| part.len() > MAX_NAME) {
                    let why = format!("the archive contains a name of more than {MAX_NAME} bytes");
                    return Err(refuse(Kind::InvalidFilename, &why));
                }
            }
            Ok(Some((data, (archive, reader, directory))))
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::tar::{Rights, ending, file};

    const RIGHTS: Rights = Rights {
        mode: 0o644,
        uid: 0,
        gid: 0,
    };

    fn archive(name: &str) -> Vec<u8> {
        [file(name, RIGHTS, 0), ending(0)].concat()
    }

    async fn outcome(bytes: Vec<u8>) -> Result<usize> {
        let read = checked("/x".to_owned(), bytes.into()).read_all(1 << 20).await;
        read.map(|bytes| bytes.len())
    }

    #[tokio::test]
    async fn archive_passes_unchanged() {
        assert_eq!(outcome(archive("a/b")).await.unwrap(), archive("a/b").len());
    }

    #[tokio::test]
    async fn rejects_escaping_names_and_broken_archives() {
        let mut cut = [file("a", RIGHTS, 9), b"12345".to_vec()].concat();
        for bytes in [
            archive("../a"),
            archive("a/../../b"),
            std::mem::take(&mut cut),
            vec![7; 600],
        ] {
            let error = outcome(bytes).await.unwrap_err();
            assert_eq!(error.code(), "FILE_SYSTEM_ERROR");
        }
    }
}
