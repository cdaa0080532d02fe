//! Unpacks archives from containers into directories on the host.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

use driver_interface_errors::{
    DriverError, FileSystemError, FileSystemErrorKind as Kind, InternalError, Result,
};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::spawn_blocking;

use crate::tar::{TarEntry, TarKind, TarPart, TarReader};
use crate::{Bytes, TarStream};

/// The number of archive chunks that may be queued for writing.
const WAITING: usize = 4;
/// The number of archive bytes that one entry may take up in addition to its content.
const HEADERS: u64 = 4 * 1024;

/// The limits of [`unpack_into`](TarStream::unpack_into). An archive that exceeds a limit is rejected, not truncated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnpackOptions {
    /// The maximum total size of all files, in bytes.
    pub total_bytes: u64,
    /// The maximum size of each file, in bytes.
    pub file_bytes: u64,
    /// The maximum number of files, directories and links. This number includes parent directories that have no entry
    /// in the archive.
    pub entries: u64,
    /// Whether devices, FIFOs and links that lead out of the target directory are skipped. If `false`, an archive
    /// that contains such an entry is rejected.
    pub skip_unsafe: bool,
}

impl Default for UnpackOptions {
    fn default() -> Self {
        Self {
            total_bytes: 1024 * 1024 * 1024,
            file_bytes: 1024 * 1024 * 1024,
            entries: 100_000,
            skip_unsafe: false,
        }
    }
}

impl UnpackOptions {
    crate::setters! {
        /// Sets the maximum total size of all files, in bytes.
        total_bytes(self, bytes: u64) { self.total_bytes = bytes; }
        /// Sets the maximum size of each file, in bytes.
        file_bytes(self, bytes: u64) { self.file_bytes = bytes; }
        /// Sets the maximum number of files, directories and links.
        entries(self, entries: u64) { self.entries = entries; }
        /// Sets whether devices, FIFOs and links that lead out of the target directory are skipped instead of rejected.
        skip_unsafe(self, yes: bool) { self.skip_unsafe = yes; }
    }
}

/// The result of [`unpack_into`](TarStream::unpack_into).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unpacked {
    /// The number of files, directories and links written.
    pub entries: u64,
    /// The number of content bytes written.
    pub bytes: u64,
    /// The names of the entries that were skipped; see [`UnpackOptions::skip_unsafe`].
    pub skipped: Vec<String>,
}

impl TarStream {
    /// Unpacks an archive from a container into `directory` on the host.
    ///
    /// A process in the container can control every byte of the archive. Therefore nothing is written outside the
    /// directory, regardless of the archive's names and links:
    ///
    /// - The directory is created if it is missing, and must be empty.
    /// - Absolute names, names with `..` and names that are not UTF-8 are rejected.
    /// - Nothing is written through a link.
    /// - These entries are rejected, or [skipped](UnpackOptions::skip_unsafe): symbolic links that are absolute or
    ///   lead out of the directory, hard links to anything but a file of the archive, devices, and FIFOs.
    /// - Permissions are kept, except for the set-user-ID, set-group-ID and sticky bits. The user of this process
    ///   owns the files. The modification time of the files is the time of unpacking.
    /// - The number and the sizes of files are [limited](UnpackOptions).
    ///
    /// Other users of the host should not be able to write to the directory. The call needs a tokio runtime, because
    /// it writes on tokio's blocking thread pool.
    ///
    /// ```
    /// use driver_interface_types::{TarStream, UnpackOptions};
    ///
    /// async fn save(archive: TarStream, directory: &std::path::Path) -> driver_interface_types::Result<u64> {
    ///     let options = UnpackOptions::default().total_bytes(64 * 1024 * 1024).entries(1000);
    ///     Ok(archive.unpack_into(directory, options).await?.bytes)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = std::env::temp_dir().join(format!("unpack-example-{}", std::process::id()));
    /// # let archive = TarStream::from(vec![0; 1024]);
    /// assert_eq!(save(archive, &directory).await?, 0);
    /// # std::fs::remove_dir(directory)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// - `FileSystemError` with the kind
    ///   - `InvalidData`: the archive is corrupt or truncated, or has a forbidden entry;
    ///   - `FileTooLarge`: a limit is exceeded;
    ///   - `DirectoryNotEmpty`: the directory is not empty;
    ///   - any other kind: an error of the host's file system.
    /// - Those of the stream.
    ///
    /// After an error, files that were already unpacked remain.
    ///
    /// # Cancel safety
    /// A dropped call may leave some of the archive's files in the directory.
    pub async fn unpack_into(
        mut self,
        directory: impl AsRef<Path>,
        options: UnpackOptions,
    ) -> Result<Unpacked> {
        let directory = directory.as_ref().to_owned();
        let (send, pieces) = channel(WAITING);
        let work = spawn_blocking(move || unpack(&directory, options, pieces));
        let mut failed = None;
        loop {
            // An empty chunk marks the end of the archive; a dropped sender alone means that it is incomplete.
            let (piece, ended) = match self.next().await {
                Some(Ok(piece)) if piece.is_empty() => continue,
                Some(Ok(piece)) => (piece, false),
                None => (Bytes::new(), true),
                Some(Err(error)) => {
                    failed = Some(error);
                    break;
                }
            };
            if send.send(piece).await.is_err() || ended {
                break;
            }
        }
        drop(send);
        let done = work.await;
        if let Some(error) = failed {
            return Err(error);
        }
        done.unwrap_or_else(|error| {
            let error = InternalError::new("the unpack task ended unexpectedly").with_source(error);
            Err(error.into())
        })
    }
}

fn unpack(directory: &Path, options: UnpackOptions, mut pieces: Receiver<Bytes>) -> Result<Unpacked> {
    let mut unpacker = Unpacker::new(directory, options)?;
    let mut reader = TarReader::default();
    let most = options.entries.saturating_mul(HEADERS);
    let mut left = options.total_bytes.saturating_add(most);
    while let Some(piece) = pieces.blocking_recv() {
        if piece.is_empty() {
            return match reader.is_complete() {
                true => unpacker.finish(),
                false => Err(unpacker.refuse("the archive is truncated")),
            };
        }
        left = match left.checked_sub(piece.len() as u64) {
            Some(left) => left,
            None => return Err(unpacker.limit("the archive exceeds its size limit")),
        };
        reader.push(&piece);
        while let Some(part) = reader.next().map_err(|why| unpacker.refuse(why))? {
            match part {
                TarPart::Entry(entry) => unpacker.begin(&entry)?,
                TarPart::Data(data) => unpacker.write(&data)?,
            }
        }
    }
    Err(unpacker.refuse("the caller dropped the call"))
}

struct Unpacker {
    root: PathBuf,
    options: UnpackOptions,
    done: Unpacked,
    counted: u64,
    file: Option<(File, PathBuf)>,
    /// The permissions of the unpacked directories. They are set at the end, once all content has been written.
    modes: Vec<(PathBuf, u32)>,
}

impl Unpacker {
    fn new(directory: &Path, options: UnpackOptions) -> Result<Self> {
        fs::create_dir_all(directory).map_err(at(directory))?;
        let root = fs::canonicalize(directory).map_err(at(directory))?;
        if fs::read_dir(&root).map_err(at(&root))?.next().is_some() {
            let text = "the target directory is not empty";
            let path = root.display().to_string();
            return Err(FileSystemError::new(path, Kind::DirectoryNotEmpty, text).into());
        }
        Ok(Self {
            root,
            options,
            done: Unpacked::default(),
            counted: 0,
            file: None,
            modes: Vec::new(),
        })
    }

    fn begin(&mut self, entry: &TarEntry) -> Result<()> {
        self.file = None;
        let parts = self.parts(&entry.name)?;
        let Some((last, above)) = parts.split_last() else {
            // The entry is the target directory itself.
            return Ok(());
        };
        match entry.kind {
            TarKind::File | TarKind::Directory => {}
            TarKind::Symlink if stays_inside(&entry.link, above.len()) => {}
            TarKind::HardLink if self.own_file(&entry.link)?.is_some() => {}
            _ if self.options.skip_unsafe => {
                self.count()?;
                self.done.skipped.push(entry.name.clone());
                return Ok(());
            }
            kind => {
                let what = match kind {
                    TarKind::Symlink | TarKind::HardLink => "a link that points outside the directory",
                    _ => "a device or pipe",
                };
                return Err(self.refuse(&format!("the archive contains {what}: {:?}", entry.name)));
            }
        }
        let mut path = self.root.clone();
        for part in above {
            path.push(part);
            self.directory(&path, &entry.name)?;
        }
        path.push(last);
        match entry.kind {
            TarKind::Directory => {
                self.directory(&path, &entry.name)?;
                self.modes.push((path, entry.mode));
            }
            TarKind::File => self.create(path, entry)?,
            _ => self.link(path, entry)?,
        }
        Ok(())
    }

    /// Splits an entry's name into components. Rejects a name that leads out of the target directory.
    fn parts<'a>(&self, name: &'a str) -> Result<Vec<&'a str>> {
        let refused = || self.refuse(&format!("the archive contains the invalid name {name:?}"));
        if name.starts_with('/') || name.contains(char::REPLACEMENT_CHARACTER) {
            return Err(refused());
        }
        let parts = name.split('/').filter(|part| !matches!(*part, "" | "."));
        parts
            .map(|part| if is_plain(part) { Ok(part) } else { Err(refused()) })
            .collect()
    }

    /// Creates the directory `path` if nothing exists there. Returns an error if something other than a directory
    /// exists there, such as a link.
    fn directory(&mut self, path: &Path, name: &str) -> Result<()> {
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err(self.refuse(&format!("a component of the path {name:?} is not a directory"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.count()?;
                fs::create_dir(path).map_err(at(path))
            }
            Err(error) => Err(at(path)(error)),
        }
    }

    /// Removes the file or link at `path`, if there is one. This prevents a later write through a link.
    fn clear(&self, path: &Path) -> Result<()> {
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => Err(self.refuse(&format!(
                "the archive contains duplicate entries for {}",
                path.display()
            ))),
            Ok(_) => fs::remove_file(path).map_err(at(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(at(path)(error)),
        }
    }

    fn create(&mut self, path: PathBuf, entry: &TarEntry) -> Result<()> {
        let bytes = self.done.bytes.saturating_add(entry.size);
        if entry.size > self.options.file_bytes {
            let most = self.options.file_bytes;
            return Err(self.limit(&format!("{:?} exceeds the limit of {most} bytes", entry.name)));
        }
        if bytes > self.options.total_bytes {
            let most = self.options.total_bytes;
            return Err(self.limit(&format!(
                "the archive's files exceed the total limit of {most} bytes"
            )));
        }
        self.count()?;
        self.done.bytes = bytes;
        self.clear(&path)?;
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(at(&path))?;
        set_mode(&file, entry.mode).map_err(at(&path))?;
        self.file = Some((file, path));
        Ok(())
    }

    fn write(&mut self, data: &[u8]) -> Result<()> {
        match &mut self.file {
            Some((file, path)) => file.write_all(data).map_err(at(path)),
            None => Ok(()),
        }
    }

    fn link(&mut self, path: PathBuf, entry: &TarEntry) -> Result<()> {
        self.count()?;
        if entry.kind == TarKind::Symlink {
            self.clear(&path)?;
            return symlink(&entry.link, &path).map_err(at(&path));
        }
        match self.own_file(&entry.link)? {
            Some(target) if target != path => {
                self.clear(&path)?;
                fs::hard_link(target, &path).map_err(at(&path))
            }
            _ => Ok(()),
        }
    }

    /// Returns the path of the regular file `name`, or `None` if no such file was unpacked earlier.
    fn own_file(&self, name: &str) -> Result<Option<PathBuf>> {
        let Ok(parts) = self.parts(name) else {
            return Ok(None);
        };
        let mut path = self.root.clone();
        for (at_part, part) in parts.iter().enumerate() {
            path.push(part);
            let is_last = at_part + 1 == parts.len();
            match fs::symlink_metadata(&path) {
                Ok(found) if is_last && found.is_file() => return Ok(Some(path)),
                Ok(found) if !is_last && found.is_dir() => {}
                Ok(_) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(at(&path)(error)),
            }
        }
        Ok(None)
    }

    fn count(&mut self) -> Result<()> {
        if self.counted >= self.options.entries {
            let most = self.options.entries;
            return Err(self.limit(&format!("the archive exceeds the limit of {most} entries")));
        }
        self.counted += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<Unpacked> {
        for (path, mode) in self.modes.iter().rev() {
            // Without these bits the user of this process could not remove the directory later.
            let directory = File::open(path).and_then(|directory| set_mode(&directory, mode | 0o700));
            directory.map_err(at(path))?;
        }
        self.done.entries = self.counted - self.done.skipped.len() as u64;
        Ok(self.done)
    }

    fn refuse(&self, why: &str) -> DriverError {
        self.error(Kind::InvalidData, why)
    }

    fn limit(&self, why: &str) -> DriverError {
        self.error(Kind::FileTooLarge, why)
    }

    fn error(&self, kind: Kind, why: &str) -> DriverError {
        FileSystemError::new(self.root.display().to_string(), kind, why).into()
    }
}

/// Returns whether `part` is a single normal path component on this system.
fn is_plain(part: &str) -> bool {
    let mut components = Path::new(part).components();
    matches!(
        (components.next(), components.next()),
        (Some(Component::Normal(name)), None) if name == part
    ) && !part.contains('\0')
}

/// Returns whether a symbolic link stays inside the root. The link is `depth` directories below the root and points
/// to `target`. The target may contain `..` only at its start. There, each `..` leaves a real directory, not a link.
/// The rest of the target can pass through other links, because these links were checked in the same way.
fn stays_inside(target: &str, depth: usize) -> bool {
    if !cfg!(unix) || target.is_empty() || target.starts_with('/') {
        return false;
    }
    let mut parts = target
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .peekable();
    let mut parent_count = 0;
    while parts.next_if(|part| *part == "..").is_some() {
        parent_count += 1;
    }
    parent_count <= depth && parts.all(is_plain)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> DriverError {
    let path = path.display().to_string();
    move |error| FileSystemError::from_io(path, error).into()
}

#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(mode & 0o777))
}

#[cfg(not(unix))]
fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn symlink(target: &str, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
fn symlink(_: &str, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
