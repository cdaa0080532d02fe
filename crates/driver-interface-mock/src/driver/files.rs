//! Files of containers and volumes: reading and writing them, and copying them as archives.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use driver_interface_errors::{
    DriverError, Effect, FileSystemError, FileSystemErrorKind, Hint, Result, VolumeNotFoundError,
};
use driver_interface_types::{
    ByteStream, ContainerId, ContainerPath, FileOwner, ReadFileOptions, TarStream, VolumeId, WriteFile,
};
use driver_interface_validation::validate_write_file;

use super::containers::no_such_container;
use super::{Call, MockDriver};
use crate::Operation;
use crate::fs::{Errno, FileSystem, Meta, Node, SharedFile, UnpackProblem, pack, unpack};
use crate::profile::Kind;

impl<K: Kind> MockDriver<K> {
    pub(super) async fn read(
        &self,
        id: &ContainerId,
        path: &ContainerPath,
        options: ReadFileOptions,
    ) -> Result<Bytes> {
        let work = async {
            let data = self.file(id, path)?;
            if data.len() > options.limit {
                let message = format!(
                    "it has {} bytes, which exceeds the limit of {} bytes",
                    data.len(),
                    options.limit
                );
                return Err(refused(path.as_str(), FileSystemErrorKind::FileTooLarge, message).into());
            }
            Ok(Bytes::from_owner(SharedFile(data)))
        };
        let call = Call::new(Operation::ReadFile).on(id).summary(path);
        self.call(call, || Ok(()), work).await
    }

    pub(super) async fn stream_file(&self, id: &ContainerId, path: &ContainerPath) -> Result<ByteStream> {
        let work = async {
            let data = Bytes::from_owner(SharedFile(self.file(id, path)?));
            let starts = (0..data.len()).step_by(ByteStream::PIECE);
            let pieces: Vec<Bytes> = starts
                .map(|start| data.slice(start..data.len().min(start + ByteStream::PIECE)))
                .collect();
            Ok(ByteStream::of_items(pieces))
        };
        let call = Call::new(Operation::ReadFileStream).on(id).summary(path);
        self.call(call, || Ok(()), work).await
    }

    fn file(&self, id: &ContainerId, path: &ContainerPath) -> Result<Arc<Vec<u8>>> {
        let (files, _) = self.files(id)?;
        let location = files.resolve_links(path.as_str());
        let data = location.and_then(|location| files.read(&location));
        data.map_err(|errno| failed(path.as_str(), errno).into())
    }

    pub(super) async fn write(&self, id: &ContainerId, path: &ContainerPath, file: WriteFile) -> Result<()> {
        let length = file.content.length();
        let call = Call::new(Operation::WriteFile)
            .on(id)
            .summary(format!("{path}, {length} bytes"));
        let checked = validate_write_file(&file);
        let work = async {
            // This check comes before the content is read. It is repeated afterwards, because reading takes time.
            self.files(id)?;
            let content = all_of(file.content.into_stream()).await?;
            if content.len() as u64 != length {
                let message = format!(
                    "the content has {} bytes, but its declared length is {length}",
                    content.len()
                );
                return Err(refused(path.as_str(), FileSystemErrorKind::InvalidData, message).into());
            }
            let (files, user) = self.files(id)?;
            let owner = file.owner.unwrap_or(user);
            let of_owner = |mode| Meta {
                uid: owner.uid,
                gid: owner.gid,
                mode,
            };
            let failed = |errno| DriverError::from(failed(path.as_str(), errno));
            let location = files.resolve_links(path.as_str()).map_err(failed)?;
            if file.create_parents {
                for directory in directories_above(&location) {
                    if files.node(directory).is_none() {
                        files.put(directory, Node::Dir, of_owner(0o755)).map_err(failed)?;
                    }
                }
            }
            let node = Node::File(Arc::new(content.into()));
            files.put(&location, node, of_owner(file.mode)).map_err(failed)
        };
        self.call(call, || Ok(checked?), work).await
    }

    pub(super) async fn copy_into(
        &self,
        id: &ContainerId,
        directory: &ContainerPath,
        archive: TarStream,
    ) -> Result<()> {
        let work = async {
            let at = directory.as_str();
            let (files, _) = self.files(id)?;
            files.resolve_links(at).map_err(|errno| failed(at, errno))?;
            match files.node(at) {
                Some(Node::Dir) => {}
                Some(_) => return Err(failed(at, Errno::NotADirectory).into()),
                None => return Err(failed(at, files.absence(at)).into()),
            }
            if files.is_read_only(at) {
                return Err(failed(at, Errno::ReadOnly).into());
            }
            let archive = all_of(archive).await?.freeze();
            let (files, _) = self.files(id)?;
            // If this fails, the files that were already unpacked are kept.
            unpack(&files, at, &archive).map_err(not_unpacked)
        };
        let call = Call::new(Operation::CopyIntoContainer).on(id).summary(directory);
        self.call(call, || Ok(()), work).await
    }

    pub(super) async fn copy_from(&self, id: &ContainerId, path: &ContainerPath) -> Result<TarStream> {
        let work = async {
            let (files, _) = self.files(id)?;
            files
                .resolve_links(path.as_str())
                .map_err(|errno| failed(path.as_str(), errno))?;
            if files.node(path.as_str()).is_none() {
                return Err(failed(path.as_str(), files.absence(path.as_str())).into());
            }
            let name = path.file_name().unwrap_or(".");
            Ok(TarStream::of_items(pack(&files, path.as_str(), name)))
        };
        let call = Call::new(Operation::CopyFromContainer).on(id).summary(path);
        self.call(call, || Ok(()), work).await
    }

    pub(super) async fn export(&self, id: &VolumeId) -> Result<TarStream> {
        let work = async { Ok(TarStream::of_items(pack(&self.volume_files(id)?, "/", "."))) };
        self.call(Call::new(Operation::ExportVolume).on(id), || Ok(()), work)
            .await
    }

    pub(super) async fn import_into(&self, id: &VolumeId, archive: TarStream) -> Result<()> {
        let work = async {
            self.volume_files(id)?;
            let archive = all_of(archive).await?.freeze();
            // The volume may have been removed meanwhile.
            unpack(&self.volume_files(id)?, "/", &archive).map_err(not_unpacked)
        };
        self.call(Call::new(Operation::ImportVolume).on(id), || Ok(()), work)
            .await
    }

    /// Returns the content of a volume as root sees it.
    fn volume_files(&self, id: &VolumeId) -> Result<FileSystem> {
        let state = self.core.engine.state();
        let volume = state
            .volume(self.namespace(), id.as_str())
            .ok_or_else(|| VolumeNotFoundError::new(id.as_str()))?;
        Ok(FileSystem::of_tree(Arc::clone(&volume.tree)))
    }

    /// Returns a container's files as root sees them, and the owner that new files in the container get.
    fn files(&self, id: &ContainerId) -> Result<(FileSystem, FileOwner)> {
        let mut state = self.core.engine.state();
        let container = state
            .container(self.namespace(), id)
            .ok_or_else(|| no_such_container(id))?;
        let (found, user) = (container.id.clone(), owner_of(container.user()));
        let files = state.files_of(&found).ok_or_else(|| no_such_container(id))?;
        Ok((files, user))
    }
}

/// Returns the owner of files that `user` creates. `user` has the form `UID` or `UID:GID`. For a user name, returns
/// root.
fn owner_of(user: &str) -> FileOwner {
    let (uid, gid) = user.split_once(':').unwrap_or((user, "0"));
    match (uid.parse(), gid.parse()) {
        (Ok(uid), Ok(gid)) => FileOwner { uid, gid },
        _ => FileOwner { uid: 0, gid: 0 },
    }
}

fn directories_above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/')
        .skip(1)
        .filter_map(move |(at, _)| path.get(..at))
}

async fn all_of(mut stream: ByteStream) -> Result<BytesMut> {
    let mut all = BytesMut::new();
    while let Some(piece) = stream.next().await {
        all.extend_from_slice(&piece?);
    }
    Ok(all)
}

/// Returns the error of a file operation that changed nothing.
fn refused(path: &str, kind: FileSystemErrorKind, message: String) -> FileSystemError {
    FileSystemError::new(path, kind, message).with_effect(Effect::NotApplied)
}

fn not_unpacked(problem: UnpackProblem) -> DriverError {
    let error = match problem.errno {
        Some(errno) => failed(&problem.path, errno),
        None => {
            let text = format!("the archive cannot be read: {}", problem.text);
            FileSystemError::new(problem.path, FileSystemErrorKind::InvalidData, text)
        }
    };
    error.with_effect(Effect::Unknown).into()
}

fn failed(path: &str, errno: Errno) -> FileSystemError {
    let error = refused(path, errno.into(), errno.to_string()).with_source(errno);
    match errno {
        Errno::NoSpace => error.with_hint(Hint::NoSpaceLeft),
        _ => error,
    }
}
