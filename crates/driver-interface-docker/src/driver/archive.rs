//! Archives into and out of containers.

use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::{DriverError, FileSystemError, Hint, Result, TimeoutError, UnsupportedError};
use driver_interface_types::{ByteStream, ContainerPath, TarStream};
use futures_util::stream;
use tokio::time::timeout;

use super::inner::Inner;
use super::place::{cut, unread};
use super::task::{located, settled};
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::records::ContainerRecord;
use crate::translate::tar::{Part, Renamer, TarReader};
use crate::wire::{EngineError, UploadError};

/// Runs what takes a stream of the caller's: it ends with the caller, who alone can say when the stream does.
pub(super) async fn transfer<T>(
    operation: &'static str,
    deadline: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let done = timeout(deadline, settled(work)).await;
    done.unwrap_or_else(|_| {
        let late = TimeoutError::new(operation, deadline);
        Err(late.with_hint(Hint::VerifyFirst).into())
    })
    .map_err(|error| located(error, operation))
}

impl Inner {
    pub(super) async fn copy_into(
        self: &Arc<Self>,
        asked: &str,
        folder: &ContainerPath,
        archive: TarStream,
    ) -> Result<()> {
        let record = self.container(asked).await?;
        let place = self.locate(asked, &record, folder.as_str()).await?;
        if place.in_memory {
            let archive = checked(folder.to_string(), archive);
            return self.unpack_inside(asked, folder, &place.path, archive).await;
        }
        match &place.stat {
            None => return Err(unread(folder.as_str(), "there is no such folder").into()),
            Some(stat) if !stat.is_folder() => return Err(unread(folder.as_str(), "it is no folder").into()),
            Some(_) => {}
        }
        self.refuse_read_only(&record, &place.path)?;
        let archive = checked(folder.to_string(), archive);
        self.unpack(asked, &record, folder.as_str(), &place.path, archive)
            .await
    }

    /// Has the engine unpack an archive. `told` is the path as the caller knows it.
    pub(super) async fn unpack(
        &self,
        asked: &str,
        record: &ContainerRecord,
        told: &str,
        folder: &str,
        archive: ByteStream,
    ) -> Result<()> {
        match self.engine.put_archive(&record.id, folder, archive).await {
            Ok(()) => Ok(()),
            Err(UploadError::Content(error)) => Err(error),
            Err(UploadError::Engine(EngineError::Refused(refusal))) => {
                self.container(&record.id).await?;
                if refusal.message.contains("read-only") {
                    return Err(UnsupportedError::new("files", refusal.message).into());
                }
                let error = FileSystemError::new(told, refusal.message.as_str());
                Err(match cause(Operation::Read, &refusal) {
                    Cause::NoSpace => error.with_hint(Hint::NoSpaceLeft).into(),
                    _ => error.into(),
                })
            }
            Err(UploadError::Engine(failure)) => Err(self.error(Operation::ImportImage, asked, failure)),
        }
    }

    pub(super) async fn copy_from(self: &Arc<Self>, asked: &str, path: &ContainerPath) -> Result<TarStream> {
        let record = self.container(asked).await?;
        let place = self.locate(asked, &record, path.as_str()).await?;
        if place.in_memory {
            let (archive, name) = self.pack_inside(asked, &record, path, &place.path).await?;
            return Ok(complete(archive, renamer(path, &name)));
        }
        if place.stat.is_none() {
            return Err(unread(path.as_str(), "there is nothing").into());
        }
        let download = self
            .engine
            .get_archive(&record.id, &place.path, self.deadlines.read)
            .await
            .map_err(|failure| self.not_packed(path.as_str(), failure))?;
        let archive = stream::try_unfold(download, |mut download| async move {
            let data = download.next().await.map_err(cut)?;
            Ok(data.map(|data| (data, download)))
        });
        Ok(complete(ByteStream::new(archive), renamer(path, &place.path)))
    }

    pub(super) fn not_packed(&self, path: &str, failure: EngineError) -> DriverError {
        match failure {
            EngineError::Refused(refusal) => unread(path, refusal.message).into(),
            failure => self.error(Operation::Read, path, failure),
        }
    }
}

/// The engine names things by where a link led; the caller knows them by the link.
fn renamer(asked: &ContainerPath, path: &str) -> Option<Renamer> {
    let led_to = path.rsplit('/').next().filter(|name| !name.is_empty())?;
    let wanted = asked.file_name().filter(|name| *name != led_to)?;
    Some(Renamer::new(led_to, wanted))
}

/// The same archive, renamed, and ended with an error where it is not whole.
fn complete(archive: ByteStream, renamer: Option<Renamer>) -> TarStream {
    let start = (archive, TarReader::default(), renamer);
    TarStream::new(stream::try_unfold(
        start,
        |(mut archive, mut reader, mut renamer)| async move {
            match archive.next().await.transpose()? {
                Some(mut data) => {
                    scan(&mut reader, &data).map_err(broken)?;
                    if let Some(renamer) = &mut renamer {
                        data = renamer.push(&data).map_err(broken)?;
                    }
                    Ok(Some((data, (archive, reader, renamer))))
                }
                None if reader.is_complete() => Ok(None),
                None => Err(broken("it ends too early")),
            }
        },
    ))
}

/// What the engine sent is no whole archive: the connection broke, though it does not look like it.
pub(super) fn broken(why: &'static str) -> DriverError {
    cut(EngineError::Garbled(format!("an archive: {why}")))
}

/// Reads along, and says what is wrong.
fn scan(reader: &mut TarReader, data: &[u8]) -> Result<(), &'static str> {
    reader.push(data);
    while reader.next()?.is_some() {}
    Ok(())
}

/// The same archive, ended with an error where it is broken, ends too early or has names that lead out of the
/// folder. The engine keeps everything inside the container anyway; this keeps it inside the folder.
fn checked(folder: String, archive: TarStream) -> TarStream {
    let start = (archive, TarReader::default(), folder);
    TarStream::new(stream::try_unfold(
        start,
        |(mut archive, mut reader, folder)| async move {
            let refuse = |why: &str| DriverError::from(FileSystemError::new(folder.as_str(), why));
            let Some(data) = archive.next().await.transpose()? else {
                if reader.is_complete() {
                    return Ok(None);
                }
                return Err(refuse("the archive ends too early"));
            };
            reader.push(&data);
            while let Some(part) = reader.next().map_err(refuse)? {
                if let Part::Entry(entry) = part
                    && entry.name.split('/').any(|part| part == "..")
                {
                    let why = format!("the archive has the name {:?}, which leads out", entry.name);
                    return Err(refuse(&why));
                }
            }
            Ok(Some((data, (archive, reader, folder))))
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
    async fn an_archive_passes_as_it_is() {
        assert_eq!(outcome(archive("a/b")).await.unwrap(), archive("a/b").len());
    }

    #[tokio::test]
    async fn names_that_lead_out_and_broken_archives_are_refused() {
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
