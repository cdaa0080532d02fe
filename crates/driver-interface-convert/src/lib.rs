#![doc = include_str!("../README.md")]

mod compose;
mod docker_run;
mod not_supported;
mod options;
mod settings;
mod text;
mod variables;

use std::fmt;
use std::time::Duration;

use driver_interface_errors::ConfigurationError;
use driver_interface_types::{ContainerConfig, NetworkConfig, VolumeConfig};

pub use options::ConvertOptions;

/// The result of a conversion: the config, the resources that must exist before the container is created, and the
/// settings that could not be carried over.
///
/// ```
/// use driver_interface_convert::from_docker_run;
/// use driver_interface_mock::MockDockerDriver;
/// use driver_interface_types::{ContainerDriver, ContainerDriverExt, RunOptions};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> driver_interface_types::Result<()> {
/// let conversion = from_docker_run("session-1", "docker run --rm -v work:/work busybox echo hello")?;
/// let driver = MockDockerDriver::new();
/// for volume in &conversion.volumes {
///     driver.create_volume(volume).await?;
/// }
/// for network in &conversion.networks {
///     driver.create_network(network).await?;
/// }
/// let output = driver.run(&conversion.config, RunOptions::default()).await?;
/// assert_eq!(output.stdout, "hello\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Conversion {
    /// The config of the container.
    pub config: ContainerConfig,
    /// The volumes that the config mounts. Each volume must exist before the container is created. (Docker and
    /// compose create missing volumes implicitly.)
    ///
    /// A named volume belongs to no session, because Docker keeps a named volume when its container is removed. An
    /// anonymous volume belongs to the session. The name of an anonymous volume is derived from the session or
    /// project, the container and the path. External volumes of a compose file are not listed.
    pub volumes: Vec<VolumeConfig>,
    /// The networks that the config names. Each network must exist before the container is created. The networks
    /// belong to the session. External networks of a compose file are not listed.
    pub networks: Vec<NetworkConfig>,
    /// Whether the input starts the container in the background. This is so for `--detach` and for every compose
    /// service. If `true`, create and start the container. If `false`,
    /// [`run`](driver_interface_types::ContainerDriverExt::run) the container or attach to it.
    pub detach: bool,
    /// Whether the input asks for the container's removal after its exit (`--rm`).
    /// [`run`](driver_interface_types::ContainerDriverExt::run) always removes the container.
    pub auto_remove: bool,
    /// The grace period after which a stop kills the container (`--stop-timeout`, `stop_grace_period`). Pass this
    /// grace period in [`StopOptions`](driver_interface_types::StopOptions). `None` means the default grace period.
    pub stop_timeout: Option<Duration>,
    /// The settings of the input that are missing from the config, in the order of the input.
    pub not_carried_over: Vec<NotCarriedOver>,
    /// One sentence for each default of Docker that differs from the config's default. Settings that the input sets
    /// are not listed.
    pub differences: Vec<String>,
}

/// A setting of the input that could not be carried over to the config.
///
/// ```
/// use driver_interface_convert::from_docker_run;
///
/// let conversion = from_docker_run("session-1", "docker run --pid host busybox")?;
/// assert_eq!(
///     conversion.not_carried_over[0].to_string(),
///     "--pid host: containers cannot share the host's or another container's processes; \
///      run the processes in one container",
/// );
/// # Ok::<(), driver_interface_errors::ConfigurationError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct NotCarriedOver {
    /// The flag, such as `--pid`, or the path in the compose file, such as `services.web.pid`.
    pub setting: String,
    /// The value of the setting; `None` if the value has no text form or may contain secrets.
    pub value: Option<String>,
    /// Why the setting is missing from the config, and what to do instead.
    pub reason: String,
}

impl fmt::Display for NotCarriedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} {value}: {}", self.setting, self.reason),
            None => write!(f, "{}: {}", self.setting, self.reason),
        }
    }
}

/// Converts a `docker run` or `docker create` command line, as typed into a shell.
///
/// Line continuations, quotes and comments have the same meaning as in a shell. No variables are set; to set
/// variables, use [`ConvertOptions`].
///
/// ```
/// use driver_interface_convert::from_docker_run;
///
/// let line = r#"
///     docker run -d --name cache -p 6379:6379 --memory 256m --restart unless-stopped \
///         redis:7 redis-server --appendonly yes
/// "#;
/// let conversion = from_docker_run("session-1", line)?;
/// assert_eq!(conversion.config.image, "redis:7");
/// assert_eq!(conversion.config.command, ["redis-server", "--appendonly", "yes"]);
/// assert_eq!(conversion.config.resources.memory, 256);
/// assert!(conversion.not_carried_over.is_empty() && conversion.detach);
/// # Ok::<(), driver_interface_errors::ConfigurationError>(())
/// ```
///
/// # Errors
/// [`ConfigurationError`]: a flag is unknown, a value is invalid, a variable is not set, or the line has an operator
/// such as `|`. The error lists all invalid values with their flags. The conversion does not check the rules of the
/// resulting config. The driver or `driver-interface-validation` checks these rules.
pub fn from_docker_run(session: impl Into<String>, line: &str) -> Result<Conversion, ConfigurationError> {
    ConvertOptions::default().docker_run(session, line)
}

/// Converts the words of a `docker run` or `docker create` command, for example those of an MCP server's settings.
/// The word `docker` may be missing.
///
/// ```
/// use driver_interface_convert::from_docker_words;
///
/// let words = ["run", "-i", "--rm", "-e", "LOG_LEVEL=info", "mcp/fetch"];
/// let conversion = from_docker_words("session-1", words)?;
/// assert!(conversion.config.stdin && conversion.auto_remove);
/// # Ok::<(), driver_interface_errors::ConfigurationError>(())
/// ```
///
/// # Errors
/// [`ConfigurationError`]: a flag is unknown, or a value is invalid.
pub fn from_docker_words(
    session: impl Into<String>,
    words: impl IntoIterator<Item = impl Into<String>>,
) -> Result<Conversion, ConfigurationError> {
    ConvertOptions::default().docker_words(session, words)
}

/// Converts one service of a compose file.
///
/// No variables are set; to set variables, use [`ConvertOptions`]. The names of volumes and networks begin with the
/// project's name. The project's name is the top-level `name` of the file. If the file has no `name`, the project's
/// name is the session.
///
/// ```
/// use driver_interface_convert::from_compose;
///
/// let yaml = "
/// services:
///   db:
///     image: postgres:17
///     environment:
///       POSTGRES_DB: shop
///     volumes: [data:/var/lib/postgresql/data]
///     depends_on: [migrations]
/// volumes:
///   data:
/// ";
/// let conversion = from_compose("session-1", yaml, "db")?;
/// assert_eq!(conversion.config.env["POSTGRES_DB"], "shop");
/// assert_eq!(conversion.volumes[0].name, "session-1_data");
/// assert_eq!(conversion.networks[0].name, "session-1_default");
/// assert_eq!(conversion.not_carried_over[0].setting, "services.db.depends_on");
/// # Ok::<(), driver_interface_errors::ConfigurationError>(())
/// ```
///
/// # Errors
/// [`ConfigurationError`]: the text is not YAML, the service does not exist, a variable is not set, or a value is
/// invalid. The error lists all invalid values with their paths. An unknown key is not an error:
/// [`not_carried_over`](Conversion::not_carried_over) lists the key.
pub fn from_compose(
    session: impl Into<String>,
    yaml: &str,
    service: &str,
) -> Result<Conversion, ConfigurationError> {
    ConvertOptions::default().compose(session, yaml, service)
}
