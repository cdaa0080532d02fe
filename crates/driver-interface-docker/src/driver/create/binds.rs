//! Where bind mounts lead. The policy judges texts; a link in an allowed directory leads anywhere.

use std::io;
use std::path::Path;

use driver_interface_errors::{
    ConfigurationError, ContainerCreationError, ContainerStartError, Hint, Result, Violation,
};
use driver_interface_types::{ContainerConfig, MountType};
use driver_interface_validation::{codes, validate_container_config_with};

use crate::driver::inner::Inner;
use crate::translate::records::ContainerRecord;
use crate::wire::Address;

/// Whether this process sees the files that the engine mounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::driver) enum HostFiles {
    /// It does: the engine's own storage is there. What is not there does not exist.
    Shared,
    /// It may: the engine is reached over a local socket, but what is there of its files is unknown. This process may
    /// run in a container that was given the socket, or the engine in a virtual machine.
    Unknown,
    /// The engine is on another host.
    Elsewhere,
}

impl HostFiles {
    pub(in crate::driver) fn of(address: &Address, storage: &str) -> Self {
        match address {
            Address::Tcp { .. } => Self::Elsewhere,
            // What may not be looked at is there.
            Address::Unix(_) if Path::new(storage).is_absolute() && !is_absent(Path::new(storage)) => {
                Self::Shared
            }
            Address::Unix(_) => Self::Unknown,
        }
    }
}

fn is_absent(path: &Path) -> bool {
    matches!(path.try_exists(), Ok(false))
}

/// What has become of the source of a bind mount.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    /// The path that it is, without links.
    Real(String),
    /// Nothing is there.
    Missing,
    /// Where it leads could not be found out.
    Unresolved(String),
}

fn resolve(path: &str) -> Source {
    match std::fs::canonicalize(path) {
        Ok(real) => match real.to_str() {
            Some(real) => Source::Real(real.to_owned()),
            None => Source::Unresolved("it leads to a path that is not UTF-8".to_owned()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Source::Missing,
        Err(error) => Source::Unresolved(error.to_string()),
    }
}

impl Inner {
    /// Everything that is wrong with a config, links of its bind mounts included.
    pub(in crate::driver) async fn violations(&self, config: &ContainerConfig) -> Vec<Violation> {
        let mut violations = match validate_container_config_with(config, &self.policy) {
            Ok(()) => Vec::new(),
            Err(invalid) => invalid.violations().to_vec(),
        };
        for (index, source) in self.bind_sources(config).await {
            let path = format!("volumes[{index}].source");
            if !violations.iter().any(|violation| violation.path == path)
                && let Some(problem) = self.link_problem(&source)
            {
                violations.push(Violation::new(path, codes::FORBIDDEN_BIND, problem));
            }
        }
        violations
    }

    /// The config with the sources of its bind mounts as they are without links, so that the engine mounts what the
    /// policy has allowed. It is asked for right before the request is sent, and again before each start (see
    /// [`refuse_moved_binds`](Self::refuse_moved_binds)): between that and the engine's own look a link can still be put in
    /// the place of a directory.
    pub(super) async fn with_real_sources(&self, config: &ContainerConfig) -> Result<ContainerConfig> {
        let mut real = config.clone();
        for (index, source) in self.bind_sources(config).await {
            if let Some(problem) = self.link_problem(&source) {
                let path = format!("volumes[{index}].source");
                return Err(ConfigurationError::single(path, codes::FORBIDDEN_BIND, problem).into());
            }
            let Some(mount) = real.volumes.get_mut(index) else {
                continue;
            };
            match source {
                Source::Real(path) => mount.source = path,
                Source::Missing if self.files == HostFiles::Shared => {
                    return Err(missing(&mount.source).into());
                }
                Source::Missing | Source::Unresolved(_) => {}
            }
        }
        Ok(real)
    }

    /// Refuses to start a container one of whose bind mounts leads elsewhere by now, by a link that was put in the place of
    /// a directory since the creation, and where the policy does not allow it.
    pub(in crate::driver) async fn refuse_moved_binds(
        &self,
        asked: &str,
        record: &ContainerRecord,
    ) -> Result<()> {
        let binds = record.mounts.iter().enumerate();
        let binds = binds
            .filter(|(_, mount)| mount.kind == "bind")
            .map(|(index, mount)| (index, mount.source.clone()))
            .collect();
        for (index, found) in self.resolve_all(binds).await {
            let source = record.mounts.get(index).map_or("", |mount| mount.source.as_str());
            if let Source::Real(path) = found
                && path != source
                && let Some(problem) = self.policy.bind_problem(&path)
            {
                let text = format!("its bind mount of `{source}` leads to `{path}` by now, which {problem}");
                return Err(ContainerStartError::new(asked, text).with_retryable(false).into());
            }
        }
        Ok(())
    }

    /// The index of each bind mount whose source is surely not there.
    pub(in crate::driver) async fn missing_sources(&self, config: &ContainerConfig) -> Vec<usize> {
        if self.files != HostFiles::Shared {
            return Vec::new();
        }
        let sources = self.bind_sources(config).await.into_iter();
        let missing = sources.filter(|(_, source)| *source == Source::Missing);
        missing.map(|(index, _)| index).collect()
    }

    /// Where each bind mount leads, by its index.
    async fn bind_sources(&self, config: &ContainerConfig) -> Vec<(usize, Source)> {
        let binds = config.volumes.iter().enumerate();
        let binds = binds
            .filter(|(_, mount)| mount.mount_type() == MountType::Bind)
            .map(|(index, mount)| (index, mount.source.clone()))
            .collect();
        self.resolve_all(binds).await
    }

    async fn resolve_all(&self, binds: Vec<(usize, String)>) -> Vec<(usize, Source)> {
        if self.files == HostFiles::Elsewhere || binds.is_empty() {
            return Vec::new();
        }
        // Following links may wait for a file server.
        let work = move || {
            let resolved = binds.iter().map(|(index, path)| (*index, resolve(path)));
            resolved.collect()
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_default()
    }

    /// Why a source may not be mounted, though its text may.
    fn link_problem(&self, source: &Source) -> Option<String> {
        match source {
            Source::Real(path) => {
                let problem = self.policy.bind_problem(path)?;
                Some(format!("must not lead to `{path}`, which {problem}"))
            }
            Source::Unresolved(why) => Some(format!(
                "must be a path whose links this process can follow, or the policy cannot be held: {why}"
            )),
            Source::Missing => None,
        }
    }
}

pub(super) fn missing(source: &str) -> ContainerCreationError {
    let text = format!("`{source}`, which is to be mounted, does not exist");
    ContainerCreationError::new(text).with_hint(Hint::MissingMountSource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_to_their_end() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let at = |name: &str| root.join(name).to_str().unwrap().to_owned();
        std::fs::create_dir_all(at("real/inside")).unwrap();
        std::os::unix::fs::symlink("/", at("out")).unwrap();
        std::os::unix::fs::symlink("real", at("in")).unwrap();
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        assert_eq!(resolve(&at("out")), Source::Real("/".to_owned()));
        assert_eq!(resolve(&at("out/etc")), Source::Real("/etc".to_owned()));
        assert_eq!(resolve(&at("in/inside")), Source::Real(at("real/inside")));
        assert_eq!(resolve(&at("none")), Source::Missing);
        assert!(matches!(resolve(&at("loop")), Source::Unresolved(_)));
    }

    #[test]
    fn only_an_engine_whose_storage_is_seen_surely_shares_its_files() {
        let directory = tempfile::tempdir().unwrap();
        let storage = directory.path().to_str().unwrap();
        let socket = Address::Unix("/run/engine.sock".into());
        let remote = Address::Tcp {
            host: "engine".to_owned(),
            port: 2375,
        };
        assert_eq!(HostFiles::of(&socket, storage), HostFiles::Shared);
        assert_eq!(
            HostFiles::of(&socket, &format!("{storage}/none")),
            HostFiles::Unknown
        );
        assert_eq!(HostFiles::of(&socket, ""), HostFiles::Unknown);
        assert_eq!(HostFiles::of(&remote, storage), HostFiles::Elsewhere);
    }
}
