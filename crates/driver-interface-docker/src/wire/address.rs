use std::fmt;
use std::path::PathBuf;

/// The address of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Unix(PathBuf),
    /// A Windows named pipe, such as `//./pipe/docker_engine`.
    Pipe(String),
    Tcp {
        host: String,
        port: u16,
        /// The TLS settings, or `None` for a plain-text connection.
        tls: Option<TlsFiles>,
    },
    Ssh(SshTarget),
}

/// How a TLS connection is verified, and which certificate identifies the client to the engine. The files are in PEM
/// format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The certificates of the trusted authorities. If `None`, the trusted authorities of this system are used.
    pub(crate) authorities: Option<PathBuf>,
    /// The client's certificate and its private key.
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    /// Whether the client verifies the engine's certificate. Without verification, the data is encrypted, but an
    /// attacker who intercepts the connection can pose as the engine and read the data.
    pub(crate) verify: bool,
}

/// A host reached over SSH, on which the `docker` or `podman` command connects to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SshTarget {
    pub(crate) user: Option<String>,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    /// The engine's socket on that host. If `None`, the remote command uses its default socket.
    pub(crate) socket: Option<String>,
    /// Whether the remote command is `podman` instead of `docker`.
    pub(crate) podman: bool,
    /// Options passed to `ssh` before all others.
    pub(crate) options: Vec<String>,
}

impl Address {
    /// Returns whether the engine is on this host, or in a virtual machine on this host.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Self::Unix(_) | Self::Pipe(_))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Pipe(name) => write!(f, "npipe://{name}"),
            Self::Tcp { host, port, tls } => {
                let scheme = if tls.is_some() { "https" } else { "tcp" };
                match host.contains(':') {
                    true => write!(f, "{scheme}://[{host}]:{port}"),
                    false => write!(f, "{scheme}://{host}:{port}"),
                }
            }
            Self::Ssh(target) => target.fmt(f),
        }
    }
}

impl fmt::Display for SshTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ssh://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(self.socket.as_deref().unwrap_or_default())
    }
}
