//! Where a path of a container leads, and what can be done there.

use driver_interface_errors::{
    DriverError, Effect, FileSystemError, FileSystemErrorKind as Kind, Hint, Result, UnsupportedError,
};
use driver_interface_types::ContainerStatus;

use super::inner::Inner;
use crate::quirks;
use crate::translate::errors::Operation;
use crate::translate::path_stat::PathStat;
use crate::translate::records::ContainerRecord;
use crate::translate::{file_error, status};
use crate::wire::{EngineError, Refusal};

/// More links than that in one path go round in circles.
const MAX_LINKS: usize = 40;
/// The longest name of a file that Linux has. Engines answer a longer one in many ways.
pub(super) const MAX_NAME: usize = 255;

/// A file operation on a container.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// What was called, such as `write_file`.
    pub(super) operation: &'static str,
    /// The container as the caller named it.
    pub(super) container: &'a str,
    pub(super) record: &'a ContainerRecord,
    /// The path as the caller knows it.
    pub(super) path: &'a str,
}

/// A path with every link in it followed inside the container.
#[derive(Debug)]
pub(super) struct Place {
    /// Without links, as far as there is something.
    pub(super) path: String,
    /// What is there; none where there is nothing.
    pub(super) stat: Option<PathStat>,
    /// The deepest folder above it that is there.
    pub(super) base: String,
    /// Whether only the container's own programs reach it. Then no link below was followed, and whether there is
    /// something was not looked at.
    pub(super) in_memory: bool,
}

impl Place {
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
    /// Follows a path from the root, one part after the other: engines follow links by themselves, but do not say
    /// where that led, and what can be done there depends on it.
    pub(super) async fn locate(&self, asked: Asked<'_>) -> Result<Place> {
        let mut parts: Vec<String> = parts(asked.path).rev().collect();
        if parts.iter().any(|part| part.len() > MAX_NAME) {
            let text = format!("a name has more than {MAX_NAME} bytes");
            return Err(unread(asked.path, Kind::InvalidFilename, text).into());
        }
        let mut place = Place::root();
        let mut links = 0;
        while let Some(part) = parts.pop() {
            if part == ".." {
                let above = place.path.rfind('/').unwrap_or(0);
                place.path.truncate(above);
                place.base = or_root(&place.path);
                place.stat = None;
                continue;
            }
            let here = format!("{}/{part}", place.path);
            place.in_memory = self.is_in_memory(asked, &here)?;
            let stat = match place.in_memory {
                true => None,
                false => self.stat(asked, &here).await?,
            };
            let Some(stat) = stat else {
                let rest: Vec<String> = parts.drain(..).rev().collect();
                if !place.in_memory && rest.iter().any(|part| part == "..") {
                    return Err(unread(asked.path, Kind::NotFound, format!("{here} does not exist")).into());
                }
                place.path = std::iter::once(here).chain(rest).collect::<Vec<_>>().join("/");
                place.stat = None;
                return Ok(place);
            };
            if stat.is_link() {
                links += 1;
                let Some(target) = stat.link_target().filter(|_| links <= MAX_LINKS) else {
                    return Err(unread(asked.path, Kind::FilesystemLoop, "its links lead nowhere").into());
                };
                // Targets begin at the container's root.
                parts.extend(self::parts(target).rev());
                place = Place::root();
                continue;
            }
            if stat.is_folder() {
                place.base.clone_from(&here);
            } else if !parts.is_empty() {
                return Err(unread(asked.path, Kind::NotADirectory, format!("{here} is no folder")).into());
            }
            place.path = here;
            place.stat = Some(stat);
        }
        place.path = or_root(&place.path);
        if place.stat.is_none() {
            place.stat = self.stat(asked, &place.path).await?;
        }
        Ok(place)
    }

    async fn stat(&self, asked: Asked<'_>, path: &str) -> Result<Option<PathStat>> {
        let stat = match self.engine.stat_path(&asked.record.id, path).await {
            Ok(stat) => stat,
            Err(EngineError::Refused(refusal)) => return Err(self.refused(asked, refusal, false).await),
            Err(failure) => return Err(self.error(Operation::InspectContainer, asked.container, failure)),
        };
        if stat.is_none() {
            // A container that is gone has no paths either.
            self.container(&asked.record.id).await?;
        }
        Ok(stat)
    }

    /// The error for a refusal: about the file where the engine says so, and else about the engine.
    pub(super) async fn refused(&self, asked: Asked<'_>, refusal: Refusal, writes: bool) -> DriverError {
        if let Err(gone) = self.container(&asked.record.id).await {
            return gone;
        }
        let Some(kind) = file_error::kind(&refusal) else {
            let operation = if writes {
                Operation::WriteFiles
            } else {
                Operation::Read
            };
            return self.error(operation, asked.container, EngineError::Refused(refusal));
        };
        let error = FileSystemError::new(asked.path, kind, refusal.message.as_str());
        let error = match kind {
            Kind::StorageFull => error.with_hint(Hint::NoSpaceLeft),
            _ => error,
        };
        // An archive that was refused half-way has left what came before.
        let is_whole = !writes || kind == Kind::ReadOnlyFilesystem;
        let error = if is_whole {
            error.with_effect(Effect::NotApplied)
        } else {
            error
        };
        error.with_source(EngineError::Refused(refusal)).into()
    }

    /// Whether a path is in memory and so out of the engine's reach: what it would write goes below and is lost, and
    /// what it would read is not there. A running container's own programs reach it; without them it is refused.
    fn is_in_memory(&self, asked: Asked<'_>, path: &str) -> Result<bool> {
        let flavour = self.engine.flavour();
        let refuse = |text: String| Err(UnsupportedError::new(asked.operation, text).into());
        let lives = status::lives(&asked.record.state);
        let (mount, target) = mount_of(asked.record, path);
        if !lives && mount != Mount::Root && quirks::pattern_of(flavour, target) != target {
            return refuse(format!(
                "`{path}` is mounted at a path with pattern characters, which the engine misreads unless the \
                 container runs"
            ));
        }
        let reaches = quirks::reaches_memory(flavour) && lives && !quirks::leaves_out(flavour, path);
        if reaches || mount != Mount::Memory {
            return Ok(false);
        }
        if status::status(&asked.record.state) == ContainerStatus::Running {
            return Ok(true);
        }
        refuse(format!(
            "`{path}` is in memory, where files are read and written only while the container runs"
        ))
    }
}

/// Refuses to write where the engine cannot.
pub(super) fn refuse_read_only(asked: Asked<'_>, path: &str) -> Result<()> {
    let why = match mount_of(asked.record, path).0 {
        Mount::Root if asked.record.host_config.readonly_rootfs => "the root file system is read-only",
        Mount::ReadOnly => "what is mounted there is read-only",
        _ => return Ok(()),
    };
    Err(unread(asked.path, Kind::ReadOnlyFilesystem, why).into())
}

/// A file system error of a call that has changed nothing.
pub(super) fn unread(path: &str, kind: Kind, message: impl Into<String>) -> FileSystemError {
    FileSystemError::new(path, kind, message).with_effect(Effect::NotApplied)
}

/// A download that broke, for the reader of a stream.
pub(super) fn cut(failure: EngineError) -> DriverError {
    crate::translate::errors::error(Operation::Read, "archive", failure)
}

/// The parts of a path. What goes up can only be judged when it is known what is a link.
fn parts(path: &str) -> impl DoubleEndedIterator<Item = String> {
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    parts.map(str::to_owned).collect::<Vec<_>>().into_iter()
}

fn or_root(path: &str) -> String {
    if path.is_empty() { "/" } else { path }.to_owned()
}

/// What a path without links lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mount {
    Root,
    Memory,
    ReadOnly,
    Writable,
}

/// What a path lies on, and where that is mounted.
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

fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_mount_counts() {
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
