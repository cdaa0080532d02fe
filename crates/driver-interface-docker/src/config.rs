//! How a driver reaches its engine, and what it is told about its work.

mod address;
mod context;
mod deadlines;
mod detect;
pub(crate) mod logins;

use std::path::PathBuf;

use driver_interface_errors::Result;
use driver_interface_types::Namespace;
use driver_interface_validation::ValidationPolicy;

pub use deadlines::Deadlines;
pub(crate) use detect::{Candidates, Wanted};

/// Says which engine a [`DockerDriver`](crate::DockerDriver) talks to, and how it works there.
///
/// ```no_run
/// use driver_interface_docker::{DockerConfig, DockerDriver};
/// use driver_interface_types::Namespace;
///
/// # async fn example() -> driver_interface_types::Result<()> {
/// let config = DockerConfig::detect()?.namespace(Namespace::new("ci")?);
/// let driver = DockerDriver::connect(config).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DockerConfig {
    pub(crate) candidates: Candidates,
    pub(crate) namespace: Namespace,
    pub(crate) owner: Option<String>,
    pub(crate) deadlines: Deadlines,
    pub(crate) policy: ValidationPolicy,
    pub(crate) network: Option<String>,
    pub(crate) logins: Option<PathBuf>,
}

impl DockerConfig {
    /// The engine that is there: what the environment names, else the first that answers of the sockets where
    /// engines listen.
    ///
    /// The order: `DOCKER_HOST`; the current `docker context`; `/var/run/docker.sock`;
    /// `$XDG_RUNTIME_DIR/docker.sock`; Podman's system and user sockets; Colima, OrbStack, Rancher Desktop. What
    /// the environment names is not passed over when it does not answer.
    ///
    /// # Errors
    /// - `ConfigurationError`: what the environment names is no address, or an unknown context.
    /// - `UnsupportedError`: it names a way to the engine that is not offered: TLS, SSH, a named pipe.
    pub fn detect() -> Result<Self> {
        detect::any(&detect::Host).map(Self::with)
    }

    /// The engine that the `docker` command would use: `DOCKER_HOST`, else the current `docker context`, else
    /// `/var/run/docker.sock`. Other sockets are not looked for.
    ///
    /// # Errors
    /// As [`detect`](Self::detect).
    pub fn from_env() -> Result<Self> {
        detect::like_the_command(&detect::Host).map(Self::with)
    }

    /// The engine that a URI names.
    ///
    /// | URI | engine |
    /// |---|---|
    /// | `docker:` | as [`detect`](Self::detect) |
    /// | `podman:` | `CONTAINER_HOST`, else Podman's system and user sockets; only Podman will do |
    /// | `docker:unix:///path`, `docker:tcp://host:port` | the one at that address, Docker or Podman |
    /// | `podman:unix:///path`, `podman:tcp://host:port` | the one at that address, which has to be Podman |
    /// | `unix:///path`, `tcp://host:port`, `http://host:port` | the one at that address |
    ///
    /// TCP is not encrypted and whoever reaches the port controls the engine's host.
    ///
    /// ```
    /// use driver_interface_docker::DockerConfig;
    ///
    /// assert!(DockerConfig::for_uri("docker:unix:///var/run/docker.sock").is_ok());
    /// assert!(DockerConfig::for_uri("mysql://localhost").is_err());
    /// ```
    ///
    /// # Errors
    /// - `ConfigurationError`: it is no such URI.
    /// - `UnsupportedError`: it names a way to the engine that is not offered: TLS, SSH, a named pipe.
    pub fn for_uri(uri: &str) -> Result<Self> {
        detect::uri(&detect::Host, uri).map(Self::with)
    }

    fn with(candidates: Candidates) -> Self {
        Self {
            candidates,
            namespace: Namespace::default(),
            owner: None,
            deadlines: Deadlines::default(),
            policy: ValidationPolicy::default(),
            network: None,
            logins: logins::file(),
        }
    }

    /// Sets the namespace: the driver sees and touches only what this namespace made.
    #[must_use]
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = namespace;
        self
    }

    /// Sets the text by which a sweep can tell who made something; `host/pid/random` without it.
    #[must_use]
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// Sets how long calls may take.
    #[must_use]
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// Sets which paths of the host may be mounted, and which capabilities may be added. Without this call no path may be.
    ///
    /// To the policy the driver adds that nobody mounts its engine's storage and socket. Where the engine is reached over
    /// a local socket, links are followed: what they lead to has to be allowed too, and the engine gets the path without
    /// links. Before each start the driver looks again. Whoever can replace a directory of that path by a link in the moment
    /// between this and the engine's own look still decides what is mounted, so allow no directory in whose parents
    /// others may write.
    ///
    /// ```
    /// use driver_interface_docker::DockerConfig;
    /// use driver_interface_validation::ValidationPolicy;
    ///
    /// # fn example() -> driver_interface_types::Result<()> {
    /// let policy = ValidationPolicy::default().allow_bind_root("/srv/builds");
    /// let config = DockerConfig::detect()?.policy(policy);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn policy(mut self, policy: ValidationPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the name of the driver's own network, or on Podman, where each session has one, its beginning;
    /// `di-` and the namespace without it. Drivers of one namespace should agree on it.
    #[must_use]
    pub fn default_network(mut self, name: impl Into<String>) -> Self {
        self.network = Some(name.into());
        self
    }

    /// Sets the file that says who asks which registry, in the form of the `docker` command's `config.json`:
    /// logins kept in it, and credential helpers that are run (`docker-credential-…`). Without this call it is that
    /// command's own, so that what `docker pull` may pull, the driver may.
    #[must_use]
    pub fn registry_logins(mut self, file: impl Into<PathBuf>) -> Self {
        self.logins = Some(file.into());
        self
    }

    /// Asks registries with credentials only where a pull is given some: no file with logins is read and no
    /// credential helper is run.
    #[must_use]
    pub fn without_registry_logins(mut self) -> Self {
        self.logins = None;
        self
    }
}
