//! Reading and writing single files of containers.

use std::sync::Arc;

use bytes::Bytes;
use driver_interface_errors::{DriverError, FileSystemError, FileSystemErrorKind as Kind, Result};
use driver_interface_types::tar::{TarKind, TarPart, TarReader};
use driver_interface_types::{ByteStream, ContainerPath, FileOwner, ReadFileOptions, WriteFile};
use driver_interface_validation::validate_write_file;
use futures_util::stream;

use super::archive::{broken, last_part};
use super::location::{FileRequest, Location, cut, refuse_read_only, unread};
use crate::driver::inner::Inner;
use crate::engine::Download;
use crate::translate::tar::{self, Rights};

/// A file being read: the content of the only entry of an archive.
struct Reading {
    download: Download,
    reader: TarReader,
    left: u64,
}

impl Inner {
    pub(in crate::driver) async fn read_file(
        self: &Arc<Self>,
        container: &str,
        path: &ContainerPath,
        options: ReadFileOptions,
    ) -> Result<Bytes> {
        let record = self.container(container).await?;
        let request = FileRequest {
            operation: "read_file",
            container,
            record: &record,
            path: path.as_str(),
        };
        let location = self.locate(request).await?;
        if location.in_memory {
            return self.read_all_inside(request, &location.path, options.limit).await;
        }
        let (mut reading, size) = self.open_file(request, &location).await?;
        if size > options.limit as u64 {
            let text = format!(
                "it has {size} bytes, which exceeds the limit of {} bytes",
                options.limit
            );
            return Err(unread(request.path, Kind::FileTooLarge, text).into());
        }
        let mut all = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        while let Some(data) = reading.next().await? {
            all.extend_from_slice(&data);
        }
        Ok(all.into())
    }

    pub(in crate::driver) async fn read_file_stream(
        self: &Arc<Self>,
        container: &str,
        path: &ContainerPath,
    ) -> Result<ByteStream> {
        let record = self.container(container).await?;
        let request = FileRequest {
            operation: "read_file_stream",
            container,
            record: &record,
            path: path.as_str(),
        };
        let location = self.locate(request).await?;
        if location.in_memory {
            return self.read_inside(request, &location.path).await;
        }
        let (reading, _) = self.open_file(request, &location).await?;
        Ok(ByteStream::new(stream::try_unfold(
            reading,
            |mut reading| async move {
                let data = reading.next().await?;
                Ok::<_, DriverError>(data.map(|data| (data, reading)))
            },
        )))
    }

    /// Opens a file, and returns a reader of its content and the file's size.
    async fn open_file(&self, request: FileRequest<'_>, location: &Location) -> Result<(Reading, u64)> {
        let refuse = |kind, why: &str| DriverError::from(unread(request.path, kind, why));
        match &location.stat {
            None => return Err(refuse(Kind::NotFound, "no such file or directory")),
            Some(stat) if stat.is_directory() => return Err(refuse(Kind::IsADirectory, "it is a directory")),
            Some(stat) if !stat.is_file() => {
                return Err(refuse(Kind::InvalidInput, "it is not a regular file"));
            }
            Some(_) => {}
        }
        let mut reading = Reading {
            download: self.download(request, &location.path).await?,
            reader: TarReader::default(),
            left: 0,
        };
        match reading.part().await? {
            Some(TarPart::Entry(entry)) if entry.name != last_part(&location.path) => {
                Err(broken("it has an entry outside the requested path"))
            }
            Some(TarPart::Entry(entry)) if entry.kind == TarKind::File => {
                reading.left = entry.size;
                Ok((reading, entry.size))
            }
            // The file has been replaced in the meantime.
            Some(TarPart::Entry(entry)) if entry.kind == TarKind::Directory => {
                Err(refuse(Kind::IsADirectory, "it is a directory"))
            }
            Some(_) => Err(refuse(Kind::InvalidInput, "it is not a regular file")),
            None => Err(broken("it is truncated")),
        }
    }

    pub(in crate::driver) async fn write_file(
        self: &Arc<Self>,
        container: &str,
        path: &ContainerPath,
        file: WriteFile,
    ) -> Result<()> {
        validate_write_file(&file)?;
        let record = self.container(container).await?;
        let request = FileRequest {
            operation: "write_file",
            container,
            record: &record,
            path: path.as_str(),
        };
        let location = self.locate(request).await?;
        let owner = file.owner.unwrap_or_else(|| owner(&record.config.user));
        if location.in_memory {
            return self.write_inside(request, &location.path, owner, file).await;
        }
        let missing = missing(&location);
        let refuse = |kind, why: &str| DriverError::from(unread(request.path, kind, why));
        match (&location.stat, missing.as_slice()) {
            (Some(stat), _) if stat.is_directory() => {
                return Err(refuse(Kind::IsADirectory, "it is a directory"));
            }
            (_, []) => return Err(refuse(Kind::IsADirectory, "it is a directory")),
            (_, [_, _, ..]) if !file.create_parents => {
                return Err(refuse(Kind::NotFound, "its parent directory does not exist"));
            }
            _ => {}
        }
        refuse_read_only(request, &location.path)?;
        let archive = packed(request.path, &missing, owner, file);
        self.unpack(request, &location.base, archive).await
    }
}

impl Reading {
    async fn part(&mut self) -> Result<Option<TarPart>> {
        loop {
            if let Some(part) = self.reader.next().map_err(broken)? {
                return Ok(Some(part));
            }
            match self.download.next().await.map_err(cut)? {
                Some(data) => self.reader.push(&data),
                None => return Ok(None),
            }
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        match self.part().await? {
            Some(TarPart::Data(data)) => {
                self.left = self.left.saturating_sub(data.len() as u64);
                Ok(Some(data))
            }
            _ => Err(broken("it is truncated")),
        }
    }
}

/// Returns the components of the path below the deepest existing directory: the directories to create, and then the
/// file.
fn missing(location: &Location) -> Vec<String> {
    let below = location
        .path
        .strip_prefix(location.base.trim_end_matches('/'))
        .unwrap_or_default();
    below
        .split('/')
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Returns the default owner of written files: the container's user if it is numeric, otherwise root.
fn owner(user: &str) -> FileOwner {
    let (uid, gid) = user.split_once(':').unwrap_or((user, "0"));
    match (uid.parse(), gid.parse()) {
        (Ok(uid), Ok(gid)) => FileOwner { uid, gid },
        _ => FileOwner { uid: 0, gid: 0 },
    }
}

/// Returns an archive with the file and the directories to create for the file. `names` are the names of these
/// directories, followed by the name of the file. The archive is generated while it is sent.
fn packed(path: &str, names: &[String], owner: FileOwner, file: WriteFile) -> ByteStream {
    let rights = |mode| Rights {
        mode,
        uid: owner.uid,
        gid: owner.gid,
    };
    let mut head = Vec::new();
    for depth in 1..names.len() {
        head.extend(tar::directory(
            &names.get(..depth).unwrap_or_default().join("/"),
            rights(0o755),
        ));
    }
    let length = file.content.length();
    head.extend(tar::file(&names.join("/"), rights(file.mode), length));
    let start = Packing {
        path: path.to_owned(),
        content: file.content.into_stream(),
        length,
        sent: 0,
        head: Some(head),
        ended: false,
    };
    ByteStream::new(stream::try_unfold(start, |mut packing| async move {
        Ok(packing.next().await?.map(|data| (data, packing)))
    }))
}

struct Packing {
    path: String,
    content: ByteStream,
    length: u64,
    sent: u64,
    head: Option<Vec<u8>>,
    ended: bool,
}

impl Packing {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if let Some(head) = self.head.take() {
            return Ok(Some(head.into()));
        }
        if self.ended {
            return Ok(None);
        }
        match self.content.next().await.transpose()? {
            Some(data) => {
                self.sent += data.len() as u64;
                if self.sent > self.length {
                    return Err(wrong_length(&self.path, self.length, "more"));
                }
                Ok(Some(data))
            }
            None if self.sent < self.length => Err(wrong_length(&self.path, self.length, "fewer")),
            None => {
                self.ended = true;
                Ok(Some(tar::ending(self.length).into()))
            }
        }
    }
}

pub(in crate::driver) fn wrong_length(path: &str, length: u64, how: &str) -> DriverError {
    let text = format!("the content has {how} bytes than its declared length of {length}");
    FileSystemError::new(path, Kind::InvalidData, text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numeric_user_becomes_owner() {
        let of = |text| {
            let FileOwner { uid, gid } = owner(text);
            (uid, gid)
        };
        assert_eq!(
            (of("1000:100"), of("7"), of("app"), of("")),
            ((1000, 100), (7, 0), (0, 0), (0, 0))
        );
    }

    #[tokio::test]
    async fn wrong_content_length_is_an_error() {
        for length in [3, 5] {
            let content =
                driver_interface_types::FileContent::stream(Bytes::from_static(b"four").into(), length);
            let owner = FileOwner { uid: 0, gid: 0 };
            let file = WriteFile::new(content);
            let archive = packed("/a", &["a".to_owned()], owner, file);
            let error = archive.read_all(1 << 20).await.unwrap_err();
            assert_eq!(error.code(), "FILE_SYSTEM_ERROR");
        }
    }
}
