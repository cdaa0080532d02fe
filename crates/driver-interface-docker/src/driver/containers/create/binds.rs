//! Resolution of bind mount sources. The policy checks paths as text, but a symbolic link in an allowed
//! directory can point anywhere.

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

/// Whether this process sees the same files that the engine mounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::driver) enum HostFiles {
    /// This process sees the engine's storage directory. If this process does not find a path, the path does not
    /// exist on the engine's host.
    Shared,
    /// The engine is reached over a local socket, but may see other files than this process. This process may run in
    /// a container that mounts the socket, or the engine may run in a virtual machine.
    Unknown,
    /// The engine is on another host.
    Elsewhere,
}

impl HostFiles {
    pub(in crate::driver) fn of(address: &Address, storage: &str) -> Self {
        // A path that cannot be accessed counts as existing.
        match address.is_local() {
            false => Self::Elsewhere,
            true if Path::new(storage).is_absolute() && !is_absent(Path::new(storage)) => Self::Shared,
            true => Self::Unknown,
        }
    }
}

fn is_absent(path: &Path) -> bool {
    matches!(path.try_exists(), Ok(false))
}

/// The result of resolving the source of a bind mount.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    /// The resolved path, without links.
    Real(String),
    /// The path does not exist.
    Missing,
    /// The path could not be resolved, for the reason given.
    Unresolved(String),
}

fn resolve(path: &str) -> Source {
    match std::fs::canonicalize(path) {
        Ok(real) => match real.to_str() {
            Some(real) => Source::Real(real.to_owned()),
            None => Source::Unresolved("it resolves to a path that is not UTF-8".to_owned()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Source::Missing,
        Err(error) => Source::Unresolved(error.to_string()),
    }
}

impl Inner {
    /// Returns all violations of a config, including bind mount sources that lead to a forbidden path through a link.
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

    /// Returns the config with resolved bind mount sources, so that the engine mounts the paths that the policy
    /// allowed. Called right before the create request is sent. Each start of the container checks the sources again
    /// (see [`refuse_moved_binds`](Self::refuse_moved_binds)). Another process can still replace a directory by a
    /// link before the engine resolves the path.
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

    /// Returns an error if a bind mount of an existing container now resolves to a path that the policy forbids. This
    /// happens if a directory was replaced by a link after the creation.
    pub(in crate::driver) async fn refuse_moved_binds(
        &self,
        requested: &str,
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
                let text = format!("its bind mount of `{source}` now resolves to `{path}`, which {problem}");
                return Err(ContainerStartError::new(requested, text)
                    .with_retryable(false)
                    .into());
            }
        }
        Ok(())
    }

    /// Returns the indices, in `config.volumes`, of the bind mounts whose source certainly does not exist on the host.
    pub(in crate::driver) async fn missing_sources(&self, config: &ContainerConfig) -> Vec<usize> {
        if self.files != HostFiles::Shared {
            return Vec::new();
        }
        let sources = self.bind_sources(config).await.into_iter();
        let missing = sources.filter(|(_, source)| *source == Source::Missing);
        missing.map(|(index, _)| index).collect()
    }

    /// Resolves the source of each bind mount, and returns each result with the mount's index in `config.volumes`.
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
        // Use a blocking thread, because resolving links may block on a network file system.
        let work = move || {
            let resolved = binds.iter().map(|(index, path)| (*index, resolve(path)));
            resolved.collect()
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_default()
    }

    /// Checks a resolved bind mount source; the policy has already allowed the source's path as written. Returns the
    /// reason why the source must not be mounted, or `None` if it may be mounted.
    fn link_problem(&self, source: &Source) -> Option<String> {
        match source {
            Source::Real(path) => {
                let problem = self.policy.bind_problem(path)?;
                Some(format!("must not resolve to `{path}`, which {problem}"))
            }
            Source::Unresolved(why) => Some(format!(
                "must be a path whose symbolic links this process can resolve, so that the policy can be \
                 enforced: {why}"
            )),
            Source::Missing => None,
        }
    }
}

pub(super) fn missing(source: &str) -> ContainerCreationError {
    let text = format!("mount source `{source}` does not exist");
    ContainerCreationError::new(text).with_hint(Hint::MissingMountSource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_symlinks() {
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
    fn host_files_are_shared_only_if_storage_is_visible() {
        let directory = tempfile::tempdir().unwrap();
        let storage = directory.path().to_str().unwrap();
        let socket = Address::Unix("/run/engine.sock".into());
        let remote = Address::Tcp {
            host: "engine".to_owned(),
            port: 2375,
            tls: None,
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
