//! Driver configuration.

mod address;
mod context;
pub(crate) mod credentials;
mod detect;
mod docker_file;
mod tls;

use std::path::PathBuf;
use std::time::Duration;

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
    pub(crate) keep_network: Duration,
    pub(crate) credentials: Option<PathBuf>,
    proxies: bool,
}

impl DockerConfig {
    /// Creates a configuration for the default engine. The first case that applies determines the default engine:
    /// 1. If `DOCKER_HOST` is set: the engine at that address.
    /// 2. If the current `docker context` has an address: the engine at that address.
    /// 3. If `DOCKER_TLS_VERIFY` or `DOCKER_TLS` is set: the engine at `https://localhost:2376`.
    /// 4. Otherwise: the engine at the first well-known socket at which an engine responds.
    ///
    /// The well-known sockets are, in this order: `/var/run/docker.sock`; `docker.sock` in `$XDG_RUNTIME_DIR` or
    /// `/run/user/UID`; Podman's system and user sockets; the sockets of Docker Desktop, Podman machine, Colima,
    /// OrbStack and Rancher Desktop. On Windows, case 4 uses the named pipe `//./pipe/docker_engine` instead of these
    /// sockets.
    ///
    /// If the engine of case 1, 2 or 3 does not respond, connecting fails. The driver then tries no other engine.
    ///
    /// # Errors
    /// - `ConfigurationError`: `DOCKER_HOST` or the current context has an invalid address, or the current context
    ///   does not exist.
    /// - `UnsupportedError`: the address requires TLS or SSH, and the crate feature `tls` or `ssh` is disabled.
    pub fn detect() -> Result<Self> {
        detect::any(&detect::Host).map(Self::with)
    }

    /// Creates a configuration for the engine that the `docker` command would use. The first case that applies
    /// determines the engine:
    /// 1. If `DOCKER_HOST` is set: the engine at that address.
    /// 2. If the current `docker context` has an address: the engine at that address.
    /// 3. If `DOCKER_TLS_VERIFY` or `DOCKER_TLS` is set: the engine at `https://localhost:2376`.
    /// 4. Otherwise: the engine at `/var/run/docker.sock`, or on Windows at the named pipe `//./pipe/docker_engine`.
    ///
    /// The driver tries no other socket.
    ///
    /// # Errors
    /// See [`detect`](Self::detect).
    pub fn from_env() -> Result<Self> {
        detect::like_the_command(&detect::Host).map(Self::with)
    }

    /// Creates a configuration for the engine that `uri` names.
    ///
    /// | URI | engine |
    /// |---|---|
    /// | `docker:` | the default engine, see [`detect`](Self::detect) |
    /// | `podman:` | `CONTAINER_HOST`, else Podman's system and user sockets; the engine must be Podman |
    /// | `docker:ADDRESS`, or just `ADDRESS` | the engine at that address, Docker or Podman |
    /// | `podman:ADDRESS` | the engine at that address, which must be Podman |
    ///
    /// | address | connection |
    /// |---|---|
    /// | `unix:///path` | a Unix socket |
    /// | `npipe:////./pipe/name` | a Windows named pipe |
    /// | `https://host:port` | TLS; the default port is 2376 |
    /// | `tcp://host:port` | TLS if an environment variable enables it (see below), else plain text; the default port is 2375 |
    /// | `http://host:port` | plain text |
    /// | `ssh://user@host:port/path` | the system's `ssh` runs `docker system dial-stdio` on that host, or `podman system dial-stdio` for `podman:`; `/path` is the engine's socket; user, port and path are optional |
    ///
    /// Plain-text connections are not encrypted. Anyone who can reach the port controls the engine's host.
    ///
    /// **TLS** is configured by the environment variables of the `docker` command. For `tcp://`, the driver uses TLS
    /// if `DOCKER_TLS_VERIFY`, `DOCKER_TLS` or `DOCKER_CERT_PATH` has a value, even `0`. The driver verifies the
    /// engine's certificate, unless `DOCKER_TLS` is set and `DOCKER_TLS_VERIFY` is not. The driver reads `ca.pem`,
    /// `cert.pem` and `key.pem` from the directory `DOCKER_CERT_PATH`, or from `~/.docker` if that variable is not
    /// set. If none of the three variables is set and `ca.pem` does not exist, `https://` connections trust the
    /// system's certificate authorities. [`tls_directory`](Self::tls_directory) sets the directory in code.
    ///
    /// **SSH** uses the user's keys, agent and configuration. `ssh` never prompts, so a key with a passphrase must be
    /// in the agent. [`ssh_options`](Self::ssh_options) adds options. Requests share SSH connections. The driver
    /// closes these connections when it is dropped.
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
    /// - `UnsupportedError`: the URI requires TLS or SSH, and the crate feature `tls` or `ssh` is disabled.
    pub fn for_uri(uri: &str) -> Result<Self> {
        detect::uri(&detect::Host, uri).map(Self::with)
    }

    /// Returns the proxy variables for the containers of the engine at `address`. The list is empty unless
    /// [`docker_proxies`](Self::docker_proxies) is `true`.
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
            keep_network: Duration::from_secs(10),
            credentials: docker_file::directory(&detect::Host).map(|directory| directory.join("config.json")),
            proxies: false,
        }
    }

    /// Requires TLS for TCP addresses. `ca.pem` in `directory` contains the certificate authorities to trust.
    /// `cert.pem` and `key.pem`, if they exist, identify the client. The environment's TLS settings, such as
    /// `DOCKER_TLS_VERIFY`, then have no effect on these connections.
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

    /// Adds command-line options for `ssh`. They take precedence over the driver's own options and over
    /// `~/.ssh/config`.
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
        /// Sets the owner label of the resources that this driver creates. A cleanup uses this label to identify the
        /// process that created a resource. The default is `host.pid.random`.
        owner(self, owner: impl Into<String>) { self.owner = Some(owner.into()); }
        /// Sets the deadlines of calls.
        deadlines(self, deadlines: Deadlines) { self.deadlines = deadlines; }
        /// Sets which host paths may be mounted, and which Linux capabilities may be added. By default, no host path
        /// may be mounted.
        ///
        /// The engine's own storage and socket can never be mounted, even if the policy allows them. If the engine is
        /// reached over a local socket, the driver resolves the symbolic links in a host path. The policy must allow
        /// the resolved path too, and the engine receives the resolved path. The driver repeats this check before
        /// each start of the container. Between the check and the mount, another process can still replace a
        /// directory of the path by a link. Therefore do not allow directories whose parents other users can write
        /// to.
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
        /// Sets the name of the driver's default network. On Podman, each session has its own default network, and
        /// `name` is the prefix of their names. The default is derived from the namespace: `di2-ci` for the namespace
        /// `ci`. All drivers of a namespace should use the same name.
        default_network(self, name: impl Into<String>) { self.network = Some(name.into()); }
        /// Sets how long a default network is kept after its last container was removed, so that the next container
        /// can use the network immediately. The default is 10 s. With zero, the network is removed with its last
        /// container. Podman's networks are never kept, because each of them serves only one session.
        ///
        /// The network is also removed when the last clone of the driver is dropped, and by `remove_idle_networks`,
        /// `remove_session` and `clear_namespace`. If the process is killed or calls [`std::process::exit`], an
        /// unused network stays on the engine. The next driver of the namespace uses or removes that network.
        keep_default_network(self, period: Duration) { self.keep_network = period; }
        /// Sets the file with registry credentials, in the format of the `docker` command's `config.json`. The file
        /// can contain credentials, or name credential helpers to run (`docker-credential-…`). The default is the
        /// `docker` command's own file. With this file, the driver can pull every image that `docker pull` can pull.
        registry_credentials_file(self, file: impl Into<PathBuf>) { self.credentials = Some(file.into()); }
        /// Sets whether containers get the proxy variables, such as `HTTP_PROXY`, that the `docker` command would set
        /// from its `config.json`. Variables in a container's own config take precedence. The default is `false`.
        docker_proxies(self, yes: bool) { self.proxies = yes; }
        /// Sends credentials to a registry only if the caller passes them to the pull, push or build. With this
        /// setting, the driver reads no credentials file and runs no credential helper.
        without_registry_credentials(self) { self.credentials = None; }
    }
}
