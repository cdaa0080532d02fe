//! Building and committing images.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use crate::rules::{self, Verdict, codes, many, one, refuse};
use crate::{ImageInfo, LayerProgress, RegistryCredentials};

/// The options of [`build_image`](crate::ContainerDriver::build_image).
///
/// ```
/// use driver_interface_mock::MockDockerDriver;
/// use driver_interface_types::{BuildOptions, Bytes, ContainerDriver, ImageRef};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> driver_interface_types::Result<()> {
/// let driver = MockDockerDriver::new();
/// let options = BuildOptions::from_dockerfile("FROM busybox\nARG LEVEL\nENV LEVEL=$LEVEL\nCMD [\"env\"]\n")
///     .arg("LEVEL", "debug")
///     .label("team", "core");
/// let image: ImageRef = "localhost/tool:1".parse()?;
/// let built = driver.build_image(&image, Bytes::new().into(), options).await?.finish().await?;
/// assert_eq!(built.command, ["env"]);
/// assert_eq!(built.labels["team"], "core");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default, derive_more::Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(garde::Validate),
    garde(context(rules::RuleContext))
)]
#[non_exhaustive]
pub struct BuildOptions {
    /// The Dockerfile: the path of a file in the build context, or the text of the Dockerfile.
    #[cfg_attr(feature = "schema", garde(custom(one(dockerfile_source))))]
    pub dockerfile: Dockerfile,
    /// The values of the Dockerfile's `ARG` instructions, by name. The `Debug` output shows the names, but not the
    /// values. Do not pass secrets: engines record the values in the image's history.
    #[debug("{:?}", args.keys())]
    #[cfg_attr(feature = "schema", garde(custom(many(rules::env))))]
    pub args: BTreeMap<String, String>,
    /// Labels of the image, in addition to those that the Dockerfile sets.
    #[cfg_attr(feature = "schema", garde(custom(many(rules::labels))))]
    pub labels: BTreeMap<String, String>,
    /// The stage of the Dockerfile to build. If `None`, the last stage is built.
    #[cfg_attr(feature = "schema", garde(inner(custom(one(stage_name)))))]
    pub target: Option<String>,
    /// The platform to build for, such as `linux/arm64`. If `None`, the image is built for the engine's platform.
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::platform)))))]
    pub platform: Option<String>,
    /// Whether to run every step, including the steps whose results the engine has cached.
    #[cfg_attr(feature = "schema", garde(skip))]
    pub no_cache: bool,
    /// Whether to pull the base images even if the engine has them.
    #[cfg_attr(feature = "schema", garde(skip))]
    pub pull: bool,
    /// The credentials for the registries of base images. The keys are registry hosts, such as `ghcr.io`. The driver
    /// sends these credentials to the engine for this build only. For a registry that is not in the map, the driver
    /// uses the credentials in the driver's configuration, as described at
    /// [`PullOptions::credentials`](crate::PullOptions::credentials).
    #[cfg_attr(feature = "schema", garde(skip))]
    pub credentials: BTreeMap<String, RegistryCredentials>,
}

/// The Dockerfile of a build.
#[derive(Clone, derive_more::Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dockerfile {
    /// The path of the Dockerfile in the build context, relative to the root of the context.
    Path(String),
    /// The text of the Dockerfile. The driver adds it to the build context as a file with the name [`Self::NAME`].
    Text(#[debug("{} bytes", _0.len())] String),
}

impl Dockerfile {
    /// The name of the file in which the driver adds a [`Text`](Self::Text) Dockerfile to the build context. An
    /// instruction such as `COPY . .` also copies this file to the image. To prevent this, list the file in the
    /// context's `.dockerignore`.
    pub const NAME: &'static str = ".driver-interface.dockerfile";
}

impl Default for Dockerfile {
    /// Returns the path of the file `Dockerfile` in the root of the build context.
    fn default() -> Self {
        Self::Path("Dockerfile".to_owned())
    }
}

impl BuildOptions {
    /// Creates options for a Dockerfile with the text `text`. With these options, the build context may be empty.
    pub fn from_dockerfile(text: impl Into<String>) -> Self {
        Self {
            dockerfile: Dockerfile::Text(text.into()),
            ..Self::default()
        }
    }

    crate::setters! {
        /// Sets the path of the Dockerfile in the build context.
        dockerfile_path(self, path: impl Into<String>) { self.dockerfile = Dockerfile::Path(path.into()); }
        /// Sets the value of a build argument.
        arg(self, name: impl Into<String>, value: impl Into<String>) {
            self.args.insert(name.into(), value.into());
        }
        /// Sets a label of the image.
        label(self, key: impl Into<String>, value: impl Into<String>) {
            self.labels.insert(key.into(), value.into());
        }
        /// Sets the stage to build.
        target(self, stage: impl Into<String>) { self.target = Some(stage.into()); }
        /// Sets the platform to build for.
        platform(self, platform: impl Into<String>) { self.platform = Some(platform.into()); }
        /// Sets whether to run every step, including the steps whose results the engine has cached.
        no_cache(self, yes: bool) { self.no_cache = yes; }
        /// Sets whether to pull the base images even if the engine has them.
        pull(self, yes: bool) { self.pull = yes; }
        /// Sets the credentials for a registry. `registry` is the registry's host, such as `ghcr.io`.
        credentials(self, registry: impl Into<String>, credentials: RegistryCredentials) {
            self.credentials.insert(registry.into(), credentials);
        }
    }
}

/// One item of a build's stream: output, progress or the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum BuildProgress {
    /// A line of output from the engine or from a command of the build, without the line break.
    Output(String),
    /// The progress of one layer of a base image that is being pulled.
    Layer(LayerProgress),
    /// The image is ready. No item follows.
    Done(ImageInfo),
}

/// The options of [`commit_container`](crate::ContainerDriver::commit_container).
///
/// ```
/// use driver_interface_types::CommitOptions;
///
/// let options = CommitOptions::default()
///     .message("installed curl")
///     .change("CMD [\"curl\", \"--version\"]")
///     .change("LABEL team=core");
/// assert!(options.pause);
/// ```
#[derive(Clone, derive_more::Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(feature = "schema", garde(context(rules::RuleContext)))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct CommitOptions {
    /// The message to record in the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(text_line)))))]
    pub message: Option<String>,
    /// The author to record in the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(text_line)))))]
    pub author: Option<String>,
    /// Whether to pause a running container during the commit. The files of a paused container do not change.
    #[cfg_attr(feature = "schema", garde(skip))]
    pub pause: bool,
    /// Dockerfile instructions that change the image's settings: `CMD`, `ENTRYPOINT`, `ENV`, `EXPOSE`, `LABEL`,
    /// `USER`, `VOLUME`, `WORKDIR`. The `Debug` output shows only the number of instructions, because values of `ENV`
    /// may be secret.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[debug("{} instructions", changes.len())]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(setting_change)))))]
    pub changes: Vec<String>,
}

impl Default for CommitOptions {
    fn default() -> Self {
        Self {
            message: None,
            author: None,
            pause: true,
            changes: Vec::new(),
        }
    }
}

impl CommitOptions {
    crate::setters! {
        /// Sets the message to record in the image.
        message(self, message: impl Into<String>) { self.message = Some(message.into()); }
        /// Sets the author to record in the image.
        author(self, author: impl Into<String>) { self.author = Some(author.into()); }
        /// Sets whether to pause a running container during the commit.
        pause(self, yes: bool) { self.pause = yes; }
        /// Adds a Dockerfile instruction that changes the image's settings.
        change(self, instruction: impl Into<String>) { self.changes.push(instruction.into()); }
    }
}

/// The maximum length of a Dockerfile given as text, in bytes.
#[cfg(feature = "schema")]
const MAX_DOCKERFILE: usize = 1024 * 1024;
/// The maximum length in bytes of a path, a stage name, a message, an author or an instruction.
#[cfg(feature = "schema")]
const MAX_TEXT: usize = 4096;
/// The instructions that [`CommitOptions::changes`] accepts. Engines accept more instructions. For example, they
/// accept `ONBUILD`, which affects later builds that use the image as their base.
#[cfg(feature = "schema")]
const INSTRUCTIONS: [&str; 8] = [
    "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "LABEL", "USER", "VOLUME", "WORKDIR",
];

#[cfg(feature = "schema")]
fn dockerfile_source(dockerfile: &Dockerfile) -> Verdict {
    match dockerfile {
        Dockerfile::Text(text) if text.trim().is_empty() => refuse(codes::EMPTY, "must not be empty"),
        Dockerfile::Text(text) if text.len() > MAX_DOCKERFILE => refuse(
            codes::TOO_LONG,
            format!("must be at most {MAX_DOCKERFILE} bytes long, has {}", text.len()),
        ),
        Dockerfile::Text(_) => Ok(()),
        Dockerfile::Path(path) => {
            text_line(path)?;
            let leads_out = path.starts_with('/') || path.split('/').any(|part| part == "..");
            if path.is_empty() {
                refuse(codes::EMPTY, "must not be empty")
            } else if leads_out {
                refuse(
                    codes::NOT_NORMALISED,
                    "must be a path relative to the context, without `..`",
                )
            } else {
                Ok(())
            }
        }
    }
}

#[cfg(feature = "schema")]
fn stage_name(text: &str) -> Verdict {
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > MAX_TEXT || !text.chars().all(valid) {
        let message = "must be the name or the number of a stage: letters, digits, `-`, `_` and `.`";
        return refuse(codes::INVALID_NAME, message);
    }
    Ok(())
}

/// Checks that `text` contains no control characters, such as line breaks, and is not too long.
#[cfg(feature = "schema")]
fn text_line(text: &str) -> Verdict {
    if text.contains(char::is_control) {
        return refuse(codes::INVALID_CHARACTER, "must not contain control characters");
    }
    if text.len() > MAX_TEXT {
        let message = format!("must be at most {MAX_TEXT} bytes long, has {}", text.len());
        return refuse(codes::TOO_LONG, message);
    }
    Ok(())
}

#[cfg(feature = "schema")]
fn setting_change(text: &str) -> Verdict {
    text_line(text)?;
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or_default();
    if INSTRUCTIONS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return if words.next().is_none() {
            refuse(codes::EMPTY, format!("must have an argument after `{name}`"))
        } else if text.to_ascii_lowercase().contains(crate::label::RESERVED_PREFIX) {
            refuse(
                codes::RESERVED,
                "must not set a label that is reserved for drivers",
            )
        } else {
            Ok(())
        };
    }
    let message = format!("must begin with one of `{}`", INSTRUCTIONS.join("`, `"));
    refuse(codes::INVALID_NAME, message)
}
