//! Resolution of paths in a container, and the access that they allow.

use driver_interface_errors::{
    DriverError, Effect, FileSystemError, FileSystemErrorKind as Kind, Hint, Result, UnsupportedError,
};
use driver_interface_types::ContainerStatus;

use crate::driver::inner::Inner;
use crate::translate::errors::Operation;
use crate::translate::path_stat::PathStat;
use crate::translate::records::ContainerRecord;
use crate::translate::{file_error, status};
use crate::wire::{EngineError, Refusal};

/// The maximum number of links in a path. A path with more links counts as a loop, as on Linux.
const MAX_LINKS: usize = 40;
/// The maximum length of a file name on Linux, in bytes. Engines respond to longer names inconsistently.
pub(in crate::driver) const MAX_NAME: usize = 255;

/// A file operation on a container.
#[derive(Clone, Copy)]
pub(in crate::driver) struct FileRequest<'a> {
    /// The name of the operation that the caller called, such as `write_file`.
    pub(in crate::driver) operation: &'static str,
    /// The container id or name as given by the caller.
    pub(in crate::driver) container: &'a str,
    pub(in crate::driver) record: &'a ContainerRecord,
    /// The path as given by the caller.
    pub(in crate::driver) path: &'a str,
}

/// A path whose links have been resolved inside the container, as far as the engine can see them.
#[derive(Debug)]
pub(in crate::driver) struct Location {
    /// The resolved path. The existing part of the path contains no links.
    pub(in crate::driver) path: String,
    /// The description of the file at the path, or `None` if the path does not exist.
    pub(in crate::driver) stat: Option<PathStat>,
    /// The deepest existing directory at or above the path.
    pub(in crate::driver) base: String,
    /// Whether the path is on a tmpfs mount that only the container's own processes can reach. If so, the driver has
    /// not resolved the links below the mount point, and does not know whether the file exists.
    pub(in crate::driver) in_memory: bool,
}

impl Location {
    fn root() -> Self {
        Self {
            path: String::new(),
            stat: None,
            base: "/".to_owned(),
            in_memory: false,
        }
    }
}

impl Inner {
    /// Resolves the requested path from the root, one component at a time. The driver needs the resolved path to
    /// decide whether access is allowed. Engines follow links themselves, but do not report the resolved path.
    pub(in crate::driver) async fn locate(&self, request: FileRequest<'_>) -> Result<Location> {
        let mut parts: Vec<String> = parts(request.path).rev().collect();
        if parts.iter().any(|part| part.len() > MAX_NAME) {
            let text = format!("a path component has more than {MAX_NAME} bytes");
            return Err(unread(request.path, Kind::InvalidFilename, text).into());
        }
        let mut location = Location::root();
        let mut links = 0;
        while let Some(part) = parts.pop() {
            if part == ".." {
                let above = location.path.rfind('/').unwrap_or(0);
                location.path.truncate(above);
                location.base = or_root(&location.path);
                location.stat = None;
                continue;
            }
            let here = format!("{}/{part}", location.path);
            location.in_memory = self.is_in_memory(request, &here)?;
            let stat = match location.in_memory {
                true => None,
                false => self.stat(request, &here).await?,
            };
            let Some(stat) = stat else {
                let rest: Vec<String> = parts.drain(..).rev().collect();
                if !location.in_memory && rest.iter().any(|part| part == "..") {
                    return Err(
                        unread(request.path, Kind::NotFound, format!("{here} does not exist")).into(),
                    );
                }
                location.path = std::iter::once(here).chain(rest).collect::<Vec<_>>().join("/");
                location.stat = None;
                return Ok(location);
            };
            if stat.is_link() {
                links += 1;
                let Some(target) = stat.link_target().filter(|_| links <= MAX_LINKS) else {
                    return Err(unread(
                        request.path,
                        Kind::FilesystemLoop,
                        "its symbolic links cannot be resolved",
                    )
                    .into());
                };
                // Engines report a link's target as a path from the container's root.
                parts.extend(self::parts(target).rev());
                location = Location::root();
                continue;
            }
            if stat.is_directory() {
                location.base.clone_from(&here);
            } else if !parts.is_empty() {
                return Err(unread(
                    request.path,
                    Kind::NotADirectory,
                    format!("{here} is not a directory"),
                )
                .into());
            }
            location.path = here;
            location.stat = Some(stat);
        }
        location.path = or_root(&location.path);
        if location.stat.is_none() {
            location.stat = self.stat(request, &location.path).await?;
        }
        Ok(location)
    }

    async fn stat(&self, request: FileRequest<'_>, path: &str) -> Result<Option<PathStat>> {
        let stat = match self.engine.stat_path(&request.record.id, path).await {
            Ok(stat) => stat,
            Err(EngineError::Refused(refusal)) => return Err(self.refused(request, refusal, false).await),
            Err(failure) => return Err(self.error(Operation::InspectContainer, request.container, failure)),
        };
        if stat.is_none() {
            // Report a missing container rather than a missing path.
            self.container(&request.record.id).await?;
        }
        Ok(stat)
    }

    /// Returns the error for a rejected request: a file system error if the engine's message describes one, otherwise
    /// an engine error. `writes` is `true` if the request may have changed files.
    pub(in crate::driver) async fn refused(
        &self,
        request: FileRequest<'_>,
        refusal: Refusal,
        writes: bool,
    ) -> DriverError {
        if let Err(gone) = self.container(&request.record.id).await {
            return gone;
        }
        self.file_error(request.container, request.path, refusal, writes)
    }

    /// Returns the error for a refused operation on the file `path`. `subject` is the container or volume that
    /// contains the file.
    pub(in crate::driver) fn file_error(
        &self,
        subject: &str,
        path: &str,
        refusal: Refusal,
        writes: bool,
    ) -> DriverError {
        let Some(kind) = file_error::kind(&refusal) else {
            let operation = if writes {
                Operation::WriteFiles
            } else {
                Operation::Read
            };
            return self.error(operation, subject, EngineError::Refused(refusal));
        };
        let error = FileSystemError::new(path, kind, refusal.message.as_str());
        let error = match kind {
            Kind::StorageFull => error.with_hint(Hint::NoSpaceLeft),
            _ => error,
        };
        // The first entries of the archive may already be unpacked.
        let is_whole = !writes || kind == Kind::ReadOnlyFilesystem;
        let error = if is_whole {
            error.with_effect(Effect::NotApplied)
        } else {
            error
        };
        error.with_source(EngineError::Refused(refusal)).into()
    }

    /// Returns whether a path is on a tmpfs mount that only the container's own processes can reach: if the engine
    /// accessed such a path, it would use the directory underneath the mount. Returns an error if the path is on such
    /// a mount and the container is not running.
    fn is_in_memory(&self, request: FileRequest<'_>, path: &str) -> Result<bool> {
        let dialect = self.engine.dialect();
        let refuse = |text: String| Err(UnsupportedError::new(request.operation, text).into());
        let alive = status::is_alive(&request.record.state);
        let (mount, target) = mount_of(request.record, path);
        if !alive && mount != Mount::Root && dialect.pattern_of(target) != target {
            return refuse(format!(
                "`{path}` is on a mount whose path has pattern characters, which the engine misinterprets \
                 unless the container is running"
            ));
        }
        let reaches = dialect.archives_tmpfs && alive && !dialect.leaves_out(path);
        if reaches || mount != Mount::Memory {
            return Ok(false);
        }
        if status::status(&request.record.state) == ContainerStatus::Running {
            return Ok(true);
        }
        refuse(format!(
            "`{path}` is on a tmpfs mount, which is accessible only while the container is running"
        ))
    }
}

/// Returns an error if the path is on a read-only mount or file system.
pub(in crate::driver) fn refuse_read_only(request: FileRequest<'_>, path: &str) -> Result<()> {
    let why = match mount_of(request.record, path).0 {
        Mount::Root if request.record.host_config.readonly_rootfs => "the root file system is read-only",
        Mount::ReadOnly => "the mount is read-only",
        _ => return Ok(()),
    };
    Err(unread(request.path, Kind::ReadOnlyFilesystem, why).into())
}

/// Creates a file system error for a call that changed nothing.
pub(in crate::driver) fn unread(path: &str, kind: Kind, message: impl Into<String>) -> FileSystemError {
    FileSystemError::new(path, kind, message).with_effect(Effect::NotApplied)
}

/// Creates the error for a caller that reads from an interrupted download.
pub(in crate::driver) fn cut(failure: EngineError) -> DriverError {
    crate::translate::errors::error(Operation::Read, "archive", failure)
}

/// Splits a path into its components. Keeps `..`, because a `..` can only be resolved after the links before it.
fn parts(path: &str) -> impl DoubleEndedIterator<Item = String> {
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    parts.map(str::to_owned).collect::<Vec<_>>().into_iter()
}

fn or_root(path: &str) -> String {
    if path.is_empty() { "/" } else { path }.to_owned()
}

/// The kind of mount that a link-free path lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mount {
    Root,
    Memory,
    ReadOnly,
    Writable,
}

/// Returns the kind and the mount point of the mount that a path lies on.
fn mount_of<'a>(record: &'a ContainerRecord, path: &str) -> (Mount, &'a str) {
    let of_volumes = record.mounts.iter().map(|mount| {
        let kind = match (mount.kind.as_str(), mount.writable) {
            ("tmpfs", _) => Mount::Memory,
            (_, true) => Mount::Writable,
            (_, false) => Mount::ReadOnly,
        };
        (mount.destination.as_str(), kind)
    });
    let in_memory = record.host_config.tmpfs.keys().map(String::as_str);
    let in_memory = in_memory
        .chain(["/dev", "/proc", "/sys"])
        .map(|at| (at, Mount::Memory));
    let over = of_volumes
        .chain(in_memory)
        .filter(|(at, _)| is_within(path, at.trim_end_matches('/')));
    over.max_by_key(|(at, _)| at.len())
        .map_or((Mount::Root, "/"), |(at, kind)| (kind, at))
}

fn is_within(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deepest_mount_applies() {
        let record: ContainerRecord = serde_json::from_str(
            r#"{"HostConfig":{"Tmpfs":{"/tmp":"rw"}},"Mounts":[{"Type":"volume","Destination":"/data","RW":true},
                {"Type":"bind","Destination":"/data/fixed","RW":false},{"Type":"volume","Destination":"/tmp/kept/","RW":true}]}"#,
        )
        .unwrap();
        for (path, mount) in [
            ("/", Mount::Root),
            ("/tmpx", Mount::Root),
            ("/tmp", Mount::Memory),
            ("/tmp/a", Mount::Memory),
            ("/tmp/kept/a", Mount::Writable),
            ("/data/a", Mount::Writable),
            ("/data/fixed", Mount::ReadOnly),
            ("/proc/1", Mount::Memory),
        ] {
            assert_eq!(mount_of(&record, path).0, mount, "{path}");
        }
    }
}
