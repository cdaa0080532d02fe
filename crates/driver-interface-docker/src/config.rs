//! Driver configuration: which engine to connect to, and how to work with it.

mod address;
mod context;
pub(crate) mod credentials;
mod deadlines;
mod detect;

use std::path::PathBuf;

use driver_interface_errors::Result;
use driver_interface_types::Namespace;
use driver_interface_validation::ValidationPolicy;

pub use deadlines::Deadlines;
pub(crate) use detect::{Accepted, Candidates};

/// The configuration of a [`DockerDriver`](crate::DockerDriver): the engine it connects to and how it works there.
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
    pub(crate) credentials: Option<PathBuf>,
}

impl DockerConfig {
    /// Detects the default engine: the one the environment names, or else the first well-known socket that
    /// answers.
    ///
    /// The order is: `DOCKER_HOST`; the current `docker context`; `/var/run/docker.sock`;
    /// `$XDG_RUNTIME_DIR/docker.sock`; Podman's system and user sockets; Colima, OrbStack, Rancher Desktop. If the
    /// environment names an engine that does not answer, the driver does not fall back to another one.
    ///
    /// # Errors
    /// - `ConfigurationError`: the environment names an invalid address or an unknown context.
    /// - `UnsupportedError`: it names an unsupported kind of connection: TLS, SSH or a named pipe.
    pub fn detect() -> Result<Self> {
        detect::any(&detect::Host).map(Self::with)
    }

    /// Uses the engine that the `docker` command would use: `DOCKER_HOST`, else the current `docker context`, else
    /// `/var/run/docker.sock`. Does not search for other sockets.
    ///
    /// # Errors
    /// The same as [`detect`](Self::detect).
    pub fn from_env() -> Result<Self> {
        detect::like_the_command(&detect::Host).map(Self::with)
    }

    /// Uses the engine that a URI names.
    ///
    /// | URI | engine |
    /// |---|---|
    /// | `docker:` | as [`detect`](Self::detect) |
    /// | `podman:` | `CONTAINER_HOST`, else Podman's system and user sockets; the engine must be Podman |
    /// | `docker:unix:///path`, `docker:tcp://host:port` | the engine at that address, Docker or Podman |
    /// | `podman:unix:///path`, `podman:tcp://host:port` | the engine at that address, which must be Podman |
    /// | `unix:///path`, `tcp://host:port`, `http://host:port` | the engine at that address |
    ///
    /// TCP connections are not encrypted, and anyone who can reach the port controls the engine's host.
    ///
    /// ```
    /// use driver_interface_docker::DockerConfig;
    ///
    /// assert!(DockerConfig::for_uri("docker:unix:///var/run/docker.sock").is_ok());
    /// assert!(DockerConfig::for_uri("mysql://localhost").is_err());
    /// ```
    ///
    /// # Errors
    /// - `ConfigurationError`: the URI is not one of these.
    /// - `UnsupportedError`: it names an unsupported kind of connection: TLS, SSH or a named pipe.
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
            credentials: credentials::file(),
        }
    }

    /// Sets the namespace. The driver sees and changes only resources that were created in this namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = namespace;
        self
    }

    /// Sets the owner label, from which a sweep determines which process created a resource. The default is `host.pid.random`.
    #[must_use]
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// Sets the deadlines of calls.
    #[must_use]
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// Sets which host paths may be mounted and which capabilities may be added. By default no host path may be
    /// mounted.
    ///
    /// The driver extends the policy so that the engine's own storage and socket can never be mounted. If the
    /// engine is reached over a local socket, the driver resolves symbolic links: their targets must be allowed
    /// too, and the engine receives the resolved path. The driver checks again before each start. Anyone who can
    /// replace a directory of that path by a link between this check and the engine's own lookup still decides
    /// what is mounted, so do not allow directories whose parents others can write to.
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

    /// Sets the name of the driver's default network. On Podman, where each session has its own network, this is
    /// the prefix of the name. The default is `di-` followed by the namespace. All drivers of a namespace should
    /// use the same name.
    #[must_use]
    pub fn default_network(mut self, name: impl Into<String>) -> Self {
        self.network = Some(name.into());
        self
    }

    /// Sets the file with registry credentials, in the format of the `docker` command's `config.json`. It can
    /// contain credentials or name credential helpers to run (`docker-credential-…`). The default is that
    /// command's own file, so the driver can pull whatever `docker pull` can.
    #[must_use]
    pub fn registry_credentials_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.credentials = Some(file.into());
        self
    }

    /// Sends credentials to a registry only if they are passed to the pull. The driver then reads no credentials
    /// file and runs no credential helper.
    #[must_use]
    pub fn without_registry_credentials(mut self) -> Self {
        self.credentials = None;
        self
    }
}
