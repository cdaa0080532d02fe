//! Where a path of a container leads, and what can be done there.

use driver_interface_errors::{DriverError, Effect, FileSystemError, Result, UnsupportedError};
use driver_interface_types::ContainerStatus;

use super::inner::Inner;
use crate::translate::errors::Operation;
use crate::translate::path_stat::PathStat;
use crate::translate::records::ContainerRecord;
use crate::translate::status;
use crate::wire::EngineError;

/// More links than that in one path go round in circles.
const MAX_LINKS: usize = 40;

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

impl Inner {
    /// Follows a path from the root, one part after the other: engines follow links by themselves, but do not say
    /// where that led, and what can be done there depends on it.
    pub(super) async fn locate(&self, asked: &str, record: &ContainerRecord, path: &str) -> Result<Place> {
        let mut parts: Vec<String> = parts(path).rev().collect();
        let mut place = Place {
            path: String::new(),
            stat: None,
            base: "/".to_owned(),
            in_memory: false,
        };
        let mut links = 0;
        while let Some(part) = parts.pop() {
            let here = format!("{}/{part}", place.path);
            place.in_memory = self.is_in_memory(record, &here)?;
            let stat = match place.in_memory {
                true => None,
                false => self.stat(asked, record, &here).await?,
            };
            let Some(stat) = stat else {
                let rest: Vec<String> = parts.drain(..).rev().collect();
                place.path = std::iter::once(here).chain(rest).collect::<Vec<_>>().join("/");
                place.stat = None;
                return Ok(place);
            };
            if stat.is_link() {
                links += 1;
                let Some(target) = stat.link_target().filter(|_| links <= MAX_LINKS) else {
                    return Err(unread(path, "its links lead nowhere").into());
                };
                // Engines give targets from the container's root on.
                parts.extend(self::parts(target).rev());
                place = Place {
                    path: String::new(),
                    stat: None,
                    base: "/".to_owned(),
                    in_memory: false,
                };
                continue;
            }
            if stat.is_folder() {
                place.base.clone_from(&here);
            } else if !parts.is_empty() {
                return Err(unread(path, format!("{here} is no folder")).into());
            }
            place.path = here;
            place.stat = Some(stat);
        }
        if place.path.is_empty() {
            place.path = "/".to_owned();
            place.stat = self.stat(asked, record, "/").await?;
        }
        Ok(place)
    }

    async fn stat(&self, asked: &str, record: &ContainerRecord, path: &str) -> Result<Option<PathStat>> {
        let stat = match self.engine.stat_path(&record.id, path).await {
            Ok(stat) => stat,
            // Links that go round in circles, names that are too long.
            Err(EngineError::Refused(refusal)) => {
                self.container(&record.id).await?;
                let why = match refusal.message.as_str() {
                    "" => "the engine cannot look there",
                    why => why,
                };
                return Err(unread(path, why).into());
            }
            Err(failure) => return Err(self.error(Operation::InspectContainer, asked, failure)),
        };
        if stat.is_none() {
            // A container that is gone has no paths either.
            self.container(&record.id).await?;
        }
        Ok(stat)
    }

    /// Whether a path is in memory and so out of the engine's reach: what it would write goes below and is lost, and
    /// what it would read is not there. A running container's own programs reach it; without them it is refused.
    fn is_in_memory(&self, record: &ContainerRecord, path: &str) -> Result<bool> {
        let reaches = crate::quirks::reaches_memory(self.engine.flavour()) && status::lives(&record.state);
        if reaches || mount_of(record, path) != Mount::Memory {
            return Ok(false);
        }
        if status::status(&record.state) == ContainerStatus::Running {
            return Ok(true);
        }
        let text =
            format!("`{path}` is in memory, where files are read and written only while the container runs");
        Err(UnsupportedError::new("files", text).into())
    }

    /// Refuses to write where the engine cannot.
    pub(super) fn refuse_read_only(&self, record: &ContainerRecord, path: &str) -> Result<()> {
        let why = match mount_of(record, path) {
            Mount::Root if record.host_config.readonly_rootfs => "the root file system is read-only",
            Mount::ReadOnly => "what is mounted there is read-only",
            _ => return Ok(()),
        };
        Err(UnsupportedError::new("files", format!("`{path}` cannot be written: {why}")).into())
    }
}

/// A file system error of a call that has changed nothing.
pub(super) fn unread(path: &str, message: impl Into<String>) -> FileSystemError {
    FileSystemError::new(path, message).with_effect(Effect::NotApplied)
}

/// A download that broke, for the reader of a stream.
pub(super) fn cut(failure: EngineError) -> DriverError {
    crate::translate::errors::error(Operation::Read, "archive", failure)
}

fn parts(path: &str) -> impl DoubleEndedIterator<Item = String> {
    let mut kept: Vec<String> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(kept.pop()),
            part => kept.push(part.to_owned()),
        }
    }
    kept.into_iter()
}

/// What a path without links lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mount {
    Root,
    Memory,
    ReadOnly,
    Writable,
}

fn mount_of(record: &ContainerRecord, path: &str) -> Mount {
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
        .map_or(Mount::Root, |(_, kind)| kind)
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
            assert_eq!(mount_of(&record, path), mount, "{path}");
        }
    }

    #[test]
    fn a_link_s_way_up_ends_at_the_root() {
        let kept: Vec<String> = parts("/a/../../b/./c").collect();
        assert_eq!(kept, ["b", "c"]);
    }
}
