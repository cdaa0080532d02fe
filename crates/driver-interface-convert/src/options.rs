//! The options of a conversion.

use std::collections::BTreeMap;

use driver_interface_errors::ConfigurationError;
use driver_interface_types::ResourceLimits;

use crate::{Conversion, compose, docker_run};

/// The options of a conversion: the variables, the files and the directory that `docker` would take from its
/// environment, and the defaults to use. A conversion itself reads no environment variable and no file.
///
/// ```
/// use driver_interface_convert::ConvertOptions;
///
/// let conversion = ConvertOptions::default()
///     .variable("TAG", "7.4")
///     .directory("/srv/shop")
///     .docker_run("session-1", "docker run -v $PWD/data:/data redis:$TAG")?;
/// assert_eq!(conversion.config.image, "redis:7.4");
/// assert_eq!(conversion.config.volumes[0].source, "/srv/shop/data");
/// # Ok::<(), driver_interface_errors::ConfigurationError>(())
/// ```
#[derive(Clone, Default, derive_more::Debug)]
pub struct ConvertOptions {
    // Values may be secrets, which `Debug` must not show.
    #[debug("{:?}", variables.keys())]
    pub(crate) variables: BTreeMap<String, String>,
    #[debug("{:?}", files.keys())]
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) directory: Option<String>,
    pub(crate) project: Option<String>,
    pub(crate) limits: ResourceLimits,
    pub(crate) docker_defaults: bool,
}

impl ConvertOptions {
    driver_interface_types::setters! {
        /// Sets a variable. The value replaces `$NAME` and `${NAME}` in a command line or compose file. The flag
        /// `--env NAME` also gets this value. The value of `HOME` replaces `~` in the path of a bind mount.
        variable(self, name: impl Into<String>, value: impl Into<String>) {
            self.variables.insert(name.into(), value.into());
        }
        /// Sets several variables, for example those of `std::env::vars()`. Variables that were set before remain
        /// set.
        variables(self, all: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) {
            self.variables.extend(all.into_iter().map(|(name, value)| (name.into(), value.into())));
        }
        /// Sets the content of the file that the input names by the path `path`: a file of `--env-file` or
        /// `--label-file`, or a seccomp profile.
        ///
        /// ```
        /// use driver_interface_convert::ConvertOptions;
        ///
        /// let conversion = ConvertOptions::default()
        ///     .file("prod.env", "# settings\nPORT=8080\n")
        ///     .docker_run("session-1", "docker run --env-file prod.env web")?;
        /// assert_eq!(conversion.config.env["PORT"], "8080");
        /// # Ok::<(), driver_interface_errors::ConfigurationError>(())
        /// ```
        file(self, path: impl Into<String>, text: impl Into<String>) {
            self.files.insert(path.into(), text.into());
        }
        /// Sets the directory to which relative paths of bind mounts refer. `path` is an absolute path: the directory
        /// of the compose file, or the working directory of `docker run` (`$PWD`). The directory is on the engine's
        /// host.
        directory(self, path: impl Into<String>) { self.directory = Some(path.into()); }
        /// Sets the name of the compose project, which is the prefix of the names of volumes and networks. Without
        /// this option, the prefix is the top-level `name` of the file. If the file has no `name`, the prefix is the
        /// session.
        ///
        /// ```
        /// use driver_interface_convert::ConvertOptions;
        ///
        /// let yaml = "{ services: { db: { image: redis, volumes: ['data:/data'] } }, volumes: { data: } }";
        /// let conversion = ConvertOptions::default().project("shop").compose("session-1", yaml, "db")?;
        /// assert_eq!(conversion.volumes[0].name, "shop_data");
        /// # Ok::<(), driver_interface_errors::ConfigurationError>(())
        /// ```
        project(self, name: impl Into<String>) { self.project = Some(name.into()); }
        /// Sets the default limits. A limit that the input sets takes precedence. Without this option, the default
        /// limits are the defaults of [`ResourceLimits`].
        ///
        /// ```
        /// use driver_interface_convert::ConvertOptions;
        /// use driver_interface_types::ResourceLimits;
        ///
        /// let limits = ResourceLimits::default().cpu(2.0).memory(4096);
        /// let conversion = ConvertOptions::default()
        ///     .limits(limits)
        ///     .docker_run("session-1", "docker run --memory 1g postgres")?;
        /// assert_eq!(conversion.config.resources, limits.memory(1024));
        /// # Ok::<(), driver_interface_errors::ConfigurationError>(())
        /// ```
        limits(self, limits: ResourceLimits) { self.limits = limits; }
        /// Uses Docker's defaults instead of the safe defaults of this interface. Some images work only with Docker's
        /// defaults. Docker's defaults are a writable root file system, the image's own user, Docker's capabilities,
        /// new privileges, ports on all interfaces, no init process, no limit on processes, and volumes that first
        /// receive the image's files.
        ///
        /// Unless the input sets them, two settings still differ from Docker's defaults: the config has limits for CPU
        /// and memory (those of [`limits`](Self::limits)), and the container does not swap. Both differences are listed
        /// in [`differences`](Conversion::differences).
        ///
        /// ```
        /// use driver_interface_convert::ConvertOptions;
        ///
        /// let conversion = ConvertOptions::default()
        ///     .docker_defaults()
        ///     .docker_run("session-1", "docker run -d -p 8080:80 nginx")?;
        /// assert!(!conversion.config.security.read_only);
        /// assert_eq!(conversion.config.security.user, None);
        /// assert_eq!(conversion.config.ports[0].to_string(), "0.0.0.0:8080:80/tcp");
        /// # Ok::<(), driver_interface_errors::ConfigurationError>(())
        /// ```
        docker_defaults(self) { self.docker_defaults = true; }
    }

    /// Converts a `docker run` or `docker create` command line, as typed into a shell.
    ///
    /// # Errors
    /// The errors of [`from_docker_run`](crate::from_docker_run).
    pub fn docker_run(
        &self,
        session: impl Into<String>,
        line: &str,
    ) -> Result<Conversion, ConfigurationError> {
        docker_run::convert(self, session.into(), docker_run::split(self, line)?)
    }

    /// Converts the words of a `docker run` or `docker create` command.
    ///
    /// # Errors
    /// The errors of [`from_docker_words`](crate::from_docker_words).
    pub fn docker_words(
        &self,
        session: impl Into<String>,
        words: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Conversion, ConfigurationError> {
        let words = words.into_iter().map(Into::into).collect();
        docker_run::convert(self, session.into(), words)
    }

    /// Converts one service of a compose file.
    ///
    /// # Errors
    /// The errors of [`from_compose`](crate::from_compose).
    pub fn compose(
        &self,
        session: impl Into<String>,
        yaml: &str,
        service: &str,
    ) -> Result<Conversion, ConfigurationError> {
        compose::convert(self, session.into(), yaml, service)
    }

    /// Returns the value of a variable. If no variable `PWD` was set, the value of `PWD` is the directory of these
    /// options.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let directory = self.directory.as_ref().filter(|_| name == "PWD");
        self.variables.get(name).or(directory).map(String::as_str)
    }
}
