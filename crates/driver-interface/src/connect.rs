//! Connecting a driver by URI.

use std::path::PathBuf;
use std::sync::Arc;

use driver_interface_errors::{ConfigurationError, Result, UnsupportedError};
use driver_interface_types::{ContainerDriver, Deadlines, Namespace};
#[cfg(feature = "validation")]
use driver_interface_validation::ValidationPolicy;

/// The URI schemes that [`connect`] knows, regardless of enabled features.
pub const SCHEMES: &[&str] = &[
    "mock-docker", "mock-local", "docker", "podman", "unix", "tcp", "http", "https", "ssh", "npipe",
];

/// Options that apply to every driver. The query of the URI can set them too, and takes precedence:
///
/// | parameter | option |
/// |---|---|
/// | `namespace=ci` | [`namespace`](Self::namespace) |
/// | `connect_deadline=2s`, `read_deadline=1m`, … | a deadline of [`Deadlines`], such as `2s`, `1m 30s` or `500ms` |
/// | `bind_root=/srv/builds`, possibly several times | a host path that may be mounted |
/// | `credentials=none`, `credentials=/path/config.json` | [`credentials`](Self::credentials) |
/// | `proxies=docker` | [`proxies`](Self::proxies) |
///
/// ```
/// use std::time::Duration;
///
/// use driver_interface::{ConnectOptions, Deadlines, Namespace};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> driver_interface::Result<()> {
/// let options = ConnectOptions::default()
///     .namespace(Namespace::new("ci")?)
///     .deadlines(Deadlines::default().connect(Duration::from_secs(2)));
/// # #[cfg(feature = "mock")]
/// driver_interface::connect_with("mock-docker:?bind_root=/srv/builds", options).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// The namespace whose resources the driver sees and changes. The default is the namespace `default`.
    pub namespace: Namespace,
    /// The host paths that may be mounted, and the Linux capabilities that may be added. By default no host
    /// path may be mounted.
    #[cfg(feature = "validation")]
    pub policy: ValidationPolicy,
    /// The deadlines of calls. Mock drivers ignore this option.
    pub deadlines: Deadlines,
    /// The source of registry credentials for pulls to which the caller passes no credentials.
    pub credentials: CredentialSource,
    /// Whether containers get the environment variables for proxies, such as `HTTP_PROXY`, that the `docker` command
    /// would set. The default is `false`.
    pub proxies: bool,
}

/// The source of registry credentials for pulls to which the caller passes no credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialSource {
    /// The credentials of the `docker` command: those in its `config.json`, and those of the credential helpers that
    /// this file names.
    #[default]
    DockerCommand,
    /// The credentials in this file. The file has the format of the `docker` command's `config.json`.
    File(PathBuf),
    /// No credentials: images are pulled anonymously.
    None,
}

impl ConnectOptions {
    driver_interface_types::setters! {
        /// Sets the namespace whose resources the driver sees and changes.
        namespace(self, namespace: Namespace) { self.namespace = namespace; }
        /// Sets the deadlines of calls.
        deadlines(self, deadlines: Deadlines) { self.deadlines = deadlines; }
        /// Sets the source of registry credentials for pulls to which the caller passes no credentials.
        credentials(self, source: CredentialSource) { self.credentials = source; }
        /// Sets whether containers get the environment variables for proxies, such as `HTTP_PROXY`, that the `docker`
        /// command would set from its `config.json`. Variables in a container's own config take precedence.
        proxies(self, yes: bool) { self.proxies = yes; }
    }

    /// Sets the host paths that may be mounted, and the Linux capabilities that may be added.
    ///
    /// ```
    /// use driver_interface::{ConnectOptions, ValidationPolicy};
    ///
    /// let policy = ValidationPolicy::default().allow_bind_root("/srv/builds");
    /// assert_eq!(ConnectOptions::default().policy(policy.clone()).policy, policy);
    /// ```
    #[cfg(feature = "validation")]
    #[must_use]
    pub fn policy(mut self, policy: ValidationPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Applies the query of a URI.
    fn query(mut self, query: &str) -> Result<Self> {
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let invalid = |problem: String| ConfigurationError::single("uri", "invalid-parameter", problem);
            match name.as_ref() {
                "namespace" => self.namespace = Namespace::new(value)?,
                #[cfg(feature = "validation")]
                "bind_root" => self.policy = self.policy.allow_bind_root(value),
                "credentials" => {
                    self.credentials = match value.as_ref() {
                        "none" => CredentialSource::None,
                        path if path.starts_with('/') => CredentialSource::File(path.into()),
                        _ => {
                            let problem = "`credentials` must be `none` or an absolute path".to_owned();
                            return Err(invalid(problem).into());
                        }
                    };
                }
                "proxies" if value == "docker" => self.proxies = true,
                "proxies" => return Err(invalid("`proxies` must be `docker`".to_owned()).into()),
                _ => {
                    let deadline = name.strip_suffix("_deadline");
                    let Some(deadline) = deadline.and_then(|kind| self.deadlines.by_name(kind)) else {
                        let known: Vec<String> = ["namespace", "bind_root", "credentials", "proxies"]
                            .into_iter()
                            .map(str::to_owned)
                            .chain(Deadlines::NAMES.iter().map(|name| format!("{name}_deadline")))
                            .collect();
                        let problem = format!("{name:?} is not a parameter; known: {}", known.join(", "));
                        return Err(invalid(problem).into());
                    };
                    let given = humantime::parse_duration(&value).map_err(|error| {
                        invalid(format!("`{name}` must be a duration such as `5s`: {error}"))
                    })?;
                    if given.is_zero() {
                        return Err(invalid(format!("`{name}` must be longer than zero")).into());
                    }
                    *deadline = given;
                }
            }
        }
        Ok(self)
    }
}

/// Connects a driver by URI. The namespace is `default`, unless the URI sets another namespace.
///
/// | URI | driver | feature |
/// |---|---|---|
/// | `mock-docker:`, `mock-local:` | a mock with a simulated engine of its own | `mock` |
/// | `docker:` | Docker or Podman: the engine set in the environment, else the first engine found | `docker` |
/// | `podman:` | Podman: the engine set in the environment, else the engine at Podman's usual sockets | `docker` |
/// | `docker:ADDRESS`, `podman:ADDRESS` | the engine at that address | `docker` |
/// | `unix:///path`, `tcp://host:port`, `http://host:port`, `npipe:////./pipe/name` | the engine at that address | `docker` |
/// | `https://host:port` | the engine at that address, over TLS | `docker`, `tls` |
/// | `ssh://user@host` | the engine on that host, over SSH | `docker`, `ssh` |
///
/// ```
/// use driver_interface::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<()> {
/// let driver = driver_interface::connect("mock-docker:").await?;
/// assert!(driver.health_check().await?.is_healthy());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// - `ConfigurationError`: the URI's scheme is unknown, or the rest of the URI is invalid.
/// - `UnsupportedError`: the scheme's feature is not compiled in.
/// - An error of the driver: the driver cannot reach its engine.
///
/// # Cancel safety
/// Dropping the future has no effect on the engine.
pub async fn connect(uri: &str) -> Result<Arc<dyn ContainerDriver>> {
    connect_with(uri, ConnectOptions::default()).await
}

/// Connects a driver by URI, with options; see [`connect`].
///
/// # Errors
/// The same errors as for [`connect`].
///
/// # Cancel safety
/// Dropping the future has no effect on the engine.
pub async fn connect_with(uri: &str, options: ConnectOptions) -> Result<Arc<dyn ContainerDriver>> {
    let (uri, options) = match uri.split_once('?') {
        Some((uri, query)) => (uri, options.query(query)?),
        None => (uri, options),
    };
    let (scheme, rest) = uri.split_once(':').unwrap_or((uri, ""));
    match scheme {
        "mock-docker" | "mock-local" => mock(scheme, rest, options),
        scheme if SCHEMES.contains(&scheme) => engine(uri, options).await,
        _ => {
            let problem = format!("must begin with one of {}; got {scheme:?}", listed(SCHEMES));
            Err(ConfigurationError::single("uri", "unknown-scheme", problem).into())
        }
    }
}

fn listed(schemes: &[&str]) -> String {
    let named: Vec<String> = schemes.iter().map(|scheme| format!("`{scheme}:`")).collect();
    named.join(", ")
}

#[cfg(feature = "mock")]
fn mock(scheme: &str, rest: &str, options: ConnectOptions) -> Result<Arc<dyn ContainerDriver>> {
    use driver_interface_mock::{MockDockerDriver, MockLocalDriver};

    if !rest.is_empty() {
        let problem = format!("must be just `{scheme}:`");
        return Err(ConfigurationError::single("uri", "invalid-uri", problem).into());
    }
    Ok(match scheme {
        "mock-local" => {
            let builder = MockLocalDriver::builder().namespace(options.namespace);
            Arc::new(builder.policy(options.policy).build())
        }
        _ => {
            let builder = MockDockerDriver::builder().namespace(options.namespace);
            Arc::new(builder.policy(options.policy).build())
        }
    })
}

#[cfg(not(feature = "mock"))]
fn mock(scheme: &str, _rest: &str, _options: ConnectOptions) -> Result<Arc<dyn ContainerDriver>> {
    Err(not_compiled_in(scheme, "mock"))
}

#[cfg(feature = "docker")]
async fn engine(uri: &str, options: ConnectOptions) -> Result<Arc<dyn ContainerDriver>> {
    use driver_interface_docker::{DockerConfig, DockerDriver};

    let config = DockerConfig::for_uri(uri)?
        .namespace(options.namespace)
        .policy(options.policy)
        .deadlines(options.deadlines)
        .docker_proxies(options.proxies);
    let config = match options.credentials {
        CredentialSource::DockerCommand => config,
        CredentialSource::File(file) => config.registry_credentials_file(file),
        CredentialSource::None => config.without_registry_credentials(),
    };
    Ok(Arc::new(DockerDriver::connect(config).await?))
}

#[cfg(not(feature = "docker"))]
async fn engine(uri: &str, _options: ConnectOptions) -> Result<Arc<dyn ContainerDriver>> {
    Err(not_compiled_in(uri.split(':').next().unwrap_or(uri), "docker"))
}

/// Returns the error for a scheme whose feature is not compiled in. The error lists the compiled-in schemes and names
/// the missing feature.
#[cfg_attr(
    all(feature = "mock", feature = "docker"),
    allow(dead_code, reason = "every scheme is compiled in")
)]
fn not_compiled_in(scheme: &str, feature: &str) -> driver_interface_errors::DriverError {
    let mut working: Vec<&str> = Vec::new();
    if cfg!(feature = "mock") {
        working.extend(["mock-docker", "mock-local"]);
    }
    if cfg!(feature = "docker") {
        working.extend(SCHEMES.iter().filter(|scheme| !scheme.starts_with("mock-")));
    }
    let working = if working.is_empty() {
        "none".to_owned()
    } else {
        listed(&working)
    };
    let reason = format!(
        "`{scheme}:` needs the disabled feature `{feature}` of driver-interface; enabled schemes: {working}"
    );
    UnsupportedError::new("connect", reason).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn unknown_scheme_lists_known_schemes() {
        for uri in ["containerd:", "", "mysql://localhost", "Docker:"] {
            let error = connect(uri).await.unwrap_err();
            assert_eq!(error.code(), "CONFIGURATION_ERROR", "{uri}");
            let text = error.to_string();
            assert!(SCHEMES.iter().all(|scheme| text.contains(scheme)), "{text}");
        }
    }

    #[test]
    fn disabled_scheme_names_its_feature() {
        let error = not_compiled_in("podman", "docker");
        assert_eq!(error.code(), "UNSUPPORTED_OPERATION");
        assert!(error.to_string().contains("feature `docker`"), "{error}");
    }

    #[test]
    fn query_sets_options() {
        use std::time::Duration;

        let query = "namespace=ci&connect_deadline=2s&bind_root=%2Fsrv%2Fa&bind_root=/srv/b&credentials=none&proxies=docker";
        let options = ConnectOptions::default().query(query).unwrap();
        assert_eq!(options.namespace.as_str(), "ci");
        assert_eq!(options.deadlines.connect, Duration::from_secs(2));
        assert_eq!(options.credentials, CredentialSource::None);
        assert!(options.proxies);
        #[cfg(feature = "validation")]
        assert_eq!(
            options.policy,
            ValidationPolicy::default()
                .allow_bind_root("/srv/a")
                .allow_bind_root("/srv/b")
        );
        for invalid in [
            "x=1", "namespace=%20", "connect_deadline=2", "connect_deadline=0s", "lunch_deadline=2s",
            "credentials=file", "proxies=1", "Namespace=ci",
        ] {
            let error = ConnectOptions::default().query(invalid).unwrap_err();
            assert_eq!(error.code(), "CONFIGURATION_ERROR", "{invalid}");
        }
    }

    #[cfg(feature = "mock")]
    #[tokio::test(start_paused = true)]
    async fn mock_uris_take_no_parameters() {
        for name in ["mock-docker", "mock-local"] {
            assert_eq!(connect(&format!("{name}:")).await.unwrap().name(), name);
            let error = connect(&format!("{name}:x")).await.unwrap_err();
            assert_eq!(error.code(), "CONFIGURATION_ERROR");
        }
    }
}
