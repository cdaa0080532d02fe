//! Driver configuration.

mod address;
mod context;
pub(crate) mod credentials;
mod detect;
mod docker_file;
mod tls;

use std::path::PathBuf;

use driver_interface_errors::Result;
use driver_interface_types::{Deadlines, Namespace};
use driver_interface_validation::ValidationPolicy;

use crate::wire::Address;
pub(crate) use detect::{Accepted, Candidates};

/// The configuration of a [`DockerDriver`](crate::DockerDriver): the engine to connect to, and settings such as the
/// namespace, the deadlines and the policy.
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
    proxies: bool,
}

impl DockerConfig {
    /// Detects the default engine: the one that the environment names, or else the first well-known socket
    /// that responds.
    ///
    /// The order is: `DOCKER_HOST`; the current `docker context`; `/var/run/docker.sock`; `docker.sock` in
    /// `$XDG_RUNTIME_DIR` or `/run/user/UID`; Podman's system and user sockets; Docker Desktop, Podman machine,
    /// Colima, OrbStack, Rancher Desktop. If the environment names an engine that does not respond, the driver does
    /// not fall back to another one.
    ///
    /// # Errors
    /// - `ConfigurationError`: the environment names an invalid address or an unknown context.
    /// - `UnsupportedError`: the environment names a kind of connection that is not compiled in; see the features
    ///   `tls` and `ssh`.
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
    /// | `docker:ADDRESS`, or just `ADDRESS` | the engine at that address, Docker or Podman |
    /// | `podman:ADDRESS` | the engine at that address, which must be Podman |
    ///
    /// | address | connection |
    /// |---|---|
    /// | `unix:///path` | a Unix socket |
    /// | `npipe:////./pipe/name` | a named pipe of Windows |
    /// | `https://host:port` | TLS; the default port is 2376 |
    /// | `tcp://host:port` | TLS if the environment asks for it, else plain text; the default port is 2375 |
    /// | `http://host:port` | plain text |
    /// | `ssh://user@host:port/path` | the system's `ssh`, which runs `docker system dial-stdio`, or `podman …` for `podman:`; user, port and the socket's path are optional |
    ///
    /// Plain text is not encrypted, and anyone who can reach the port controls the engine's host.
    ///
    /// **TLS** is configured by the variables of the `docker` command. `DOCKER_TLS_VERIFY` and `DOCKER_TLS` turn it
    /// on for `tcp://`, whatever their value, and so does `DOCKER_CERT_PATH`. The driver verifies the engine's
    /// certificate, unless `DOCKER_TLS` is set and `DOCKER_TLS_VERIFY` is not. `ca.pem`, `cert.pem` and `key.pem` are
    /// read from `DOCKER_CERT_PATH`, else from `~/.docker`; without `ca.pem`, `https://` trusts the authorities of
    /// the system. [`tls_directory`](Self::tls_directory) sets the directory in code.
    ///
    /// **SSH** uses the keys, agent and configuration of the user, and never prompts: a key with a passphrase must be
    /// in the agent. [`ssh_options`](Self::ssh_options) adds options. Requests share SSH connections, which end with
    /// the driver.
    ///
    /// ```
    /// use driver_interface_docker::DockerConfig;
    ///
    /// assert!(DockerConfig::for_uri("docker:unix:///var/run/docker.sock").is_ok());
    /// assert!(DockerConfig::for_uri("mysql://localhost").is_err());
    /// ```
    ///
    /// # Errors
    /// - `ConfigurationError`: the URI has none of these forms.
    /// - `UnsupportedError`: the URI names a kind of connection that is not compiled in; see the features `tls` and
    ///   `ssh`.
    pub fn for_uri(uri: &str) -> Result<Self> {
        detect::uri(&detect::Host, uri).map(Self::with)
    }

    /// Returns the proxy variables for containers of the engine at `address`, or none if
    /// [`docker_proxies`](Self::docker_proxies) is not set.
    pub(crate) fn proxy_variables(&self, address: &Address) -> Vec<(String, String)> {
        match self.proxies {
            true => docker_file::proxies(&detect::Host, address),
            false => Vec::new(),
        }
    }

    fn with(candidates: Candidates) -> Self {
        Self {
            candidates,
            namespace: Namespace::default(),
            owner: None,
            deadlines: Deadlines::default(),
            policy: ValidationPolicy::default(),
            network: None,
            credentials: docker_file::directory(&detect::Host).map(|directory| directory.join("config.json")),
            proxies: false,
        }
    }

    /// Requires TLS for TCP addresses. `ca.pem` in the directory contains the authorities to trust; `cert.pem` and
    /// `key.pem`, if they exist, identify the client. `DOCKER_TLS_VERIFY` and the like then have no effect.
    ///
    /// ```
    /// use driver_interface_docker::DockerConfig;
    ///
    /// # fn example() -> driver_interface_types::Result<()> {
    /// let config = DockerConfig::for_uri("https://build.example")?.tls_directory("/etc/ci/engine");
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls_directory(mut self, directory: impl AsRef<std::path::Path>) -> Self {
        for address in &mut self.candidates.addresses {
            if let Address::Tcp { tls, .. } = address {
                *tls = Some(tls::required_in(&detect::Host, directory.as_ref()));
            }
        }
        self
    }

    /// Adds options of the `ssh` command, which take precedence over the driver's and over `~/.ssh/config`.
    ///
    /// ```
    /// use driver_interface_docker::DockerConfig;
    ///
    /// # fn example() -> driver_interface_types::Result<()> {
    /// let config = DockerConfig::for_uri("ssh://ci@build.example")?.ssh_options(["-i", "/etc/ci/key"]);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "ssh")]
    #[must_use]
    pub fn ssh_options(mut self, options: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let options: Vec<String> = options.into_iter().map(Into::into).collect();
        for address in &mut self.candidates.addresses {
            if let Address::Ssh(target) = address {
                target.options.extend_from_slice(&options);
            }
        }
        self
    }

    driver_interface_types::setters! {
        /// Sets the namespace. The driver sees and changes only resources that were created in this namespace.
        namespace(self, namespace: Namespace) { self.namespace = namespace; }
        /// Sets the owner label, by which a sweep identifies the process that created a resource. The default is
        /// `host.pid.random`.
        owner(self, owner: impl Into<String>) { self.owner = Some(owner.into()); }
        /// Sets the deadlines of calls.
        deadlines(self, deadlines: Deadlines) { self.deadlines = deadlines; }
        /// Sets which host paths may be mounted and which capabilities may be added. By default no host path may be
        /// mounted.
        ///
        /// The engine's own storage and socket can never be mounted, even if the policy allows them. If the
        /// engine is reached over a local socket, the driver resolves symbolic links: their targets must be
        /// allowed too, and the engine receives the resolved path. The driver checks again before each start.
        /// Between this check and the engine's own lookup, a directory of the path can still be replaced by a
        /// link. Therefore do not allow directories whose parents others can write to.
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
        policy(self, policy: ValidationPolicy) { self.policy = policy; }
        /// Sets the name of the driver's default network. On Podman, where each session has its own network, this
        /// is the prefix of the name. The default is derived from the namespace: `di2-ci` for the namespace `ci`.
        /// All drivers of a namespace should use the same name.
        default_network(self, name: impl Into<String>) { self.network = Some(name.into()); }
        /// Sets the file with registry credentials, in the format of the `docker` command's `config.json`. It can
        /// contain credentials or name credential helpers to run (`docker-credential-…`). The default is the file
        /// of the `docker` command, so the driver can pull every image that `docker pull` can.
        registry_credentials_file(self, file: impl Into<PathBuf>) { self.credentials = Some(file.into()); }
        /// Sets whether containers get the proxy variables, such as `HTTP_PROXY`, that the `docker` command would set
        /// from its `config.json`. Variables in a container's own config take precedence. The default is `false`.
        docker_proxies(self, yes: bool) { self.proxies = yes; }
        /// Sends credentials to a registry only if the caller passes them to the pull, push or build. The driver then
        /// reads no credentials file and runs no credential helper.
        without_registry_credentials(self) { self.credentials = None; }
    }
}
