//! Images: pulling, listing and inspecting.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::filter::has_labels;
#[cfg(feature = "schema")]
use crate::rules::{self, one};
use crate::{ImageRef, millis};

/// The options of [`pull_image`](crate::ContainerDriver::pull_image).
///
/// ```
/// use driver_interface_types::{PullOptions, RegistryCredentials};
///
/// let options = PullOptions::default()
///     .credentials(RegistryCredentials::password("robot", "s3cret"))
///     .platform("linux/arm64");
/// assert!(!format!("{options:?}").contains("s3cret"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(garde::Validate),
    garde(context(rules::RuleContext))
)]
#[non_exhaustive]
pub struct PullOptions {
    /// The registry credentials. They are sent to the engine for this pull only. If unset, the driver uses its own
    /// configuration: the Docker driver uses the credentials that `docker login` has stored, and pulls anonymously
    /// if there are none.
    #[cfg_attr(feature = "schema", garde(skip))]
    pub credentials: Option<RegistryCredentials>,
    /// The platform of the image variant to pull, such as `linux/arm64`; if unset, the engine's own.
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::platform)))))]
    pub platform: Option<String>,
}

impl PullOptions {
    crate::setters! {
        /// Sets the registry credentials.
        credentials(self, credentials: RegistryCredentials) { self.credentials = Some(credentials); }
        /// Sets the platform of the image variant to pull.
        platform(self, platform: impl Into<String>) { self.platform = Some(platform.into()); }
    }
}

/// Registry credentials. The `Debug` output shows no secret, and there is no serialised form.
#[derive(Clone, derive_more::Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistryCredentials {
    /// A user and a password or access token.
    Password {
        /// The user name.
        username: String,
        /// The password or access token.
        #[debug("..")]
        password: String,
    },
    /// An identity token issued earlier by the registry.
    IdentityToken(#[debug("..")] String),
}

impl RegistryCredentials {
    /// Creates credentials from a user name and a password or access token.
    pub fn password(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Password {
            username: username.into(),
            password: password.into(),
        }
    }

    /// Creates credentials from an identity token issued earlier by the registry.
    pub fn identity_token(token: impl Into<String>) -> Self {
        Self::IdentityToken(token.into())
    }
}

/// A progress report of a pull.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum PullProgress {
    /// The progress of one layer.
    Layer(LayerProgress),
    /// The image is ready. No item follows.
    Done(ImageInfo),
}

/// The progress of one image layer in a pull, push or build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LayerProgress {
    /// The layer's id, as abbreviated by the engine.
    pub layer: String,
    /// The layer's status, as described by the engine.
    pub status: String,
    /// The number of bytes processed, if the engine reports it.
    pub current_bytes: Option<u64>,
    /// The total number of bytes, if the engine reports it.
    pub total_bytes: Option<u64>,
}

impl LayerProgress {
    /// Creates a progress report from a layer and its status.
    pub fn new(layer: impl Into<String>, status: impl Into<String>) -> Self {
        Self {
            layer: layer.into(),
            status: status.into(),
            current_bytes: None,
            total_bytes: None,
        }
    }

    /// Sets the number of bytes processed and, if known, the total number of bytes.
    #[must_use]
    pub fn bytes(mut self, current: u64, total: Option<u64>) -> Self {
        (self.current_bytes, self.total_bytes) = (Some(current), total);
        self
    }
}

/// An image, as reported by the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ImageInfo {
    /// The image's id: the digest of its configuration, such as `sha256:…`.
    pub id: String,
    /// The image's names, sorted. An image without a name can be referenced only by its id.
    pub references: Vec<ImageRef>,
    /// The image's registry digests: `repository@sha256:…`.
    pub digests: Vec<String>,
    /// The image's size with all layers, in bytes.
    pub size_bytes: u64,
    /// When the image was built, if the image records it.
    #[serde(with = "millis::optional_time")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub created_at: Option<SystemTime>,
    /// The image's platform, such as `linux/amd64`, if the engine reports it.
    pub platform: Option<String>,
    /// The image's labels.
    pub labels: BTreeMap<String, String>,
    /// The user that the image sets for its containers, as in [`SecurityOptions::user`](crate::SecurityOptions::user).
    /// `None` is root.
    pub user: Option<String>,
    /// The image's entrypoint; empty if the image has none.
    pub entrypoint: Vec<String>,
    /// The image's default command (`CMD`), which is used if the config sets no command. If there is an entrypoint,
    /// the command is passed to it as arguments.
    pub command: Vec<String>,
    /// The directories that the image declares as volumes, sorted. If a config mounts nothing at such a directory,
    /// the engine mounts an anonymous volume there and removes this volume with the container.
    pub volumes: Vec<String>,
}

impl ImageInfo {
    /// Creates an `ImageInfo` value from an id and a size. Drivers fill in the other fields.
    pub fn new(id: impl Into<String>, size_bytes: u64) -> Self {
        Self {
            id: id.into(),
            references: Vec::new(),
            digests: Vec::new(),
            size_bytes,
            created_at: None,
            platform: None,
            labels: BTreeMap::new(),
            user: None,
            entrypoint: Vec::new(),
            command: Vec::new(),
            volumes: Vec::new(),
        }
    }
}

/// Selects the images that [`list_images`](crate::ContainerDriver::list_images) returns. An image must match every
/// field that is set; the default matches all images that have a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ImageFilter {
    /// Only the image with this name. All spellings of the name select the same image, such as `nginx` and
    /// `docker.io/library/nginx:latest`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<ImageRef>,
    /// Only images with all of these labels, each with exactly the given value.
    #[serde(rename = "label", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl ImageFilter {
    crate::setters! {
        /// Selects the image with this name.
        reference(self, image: ImageRef) { self.reference = Some(image); }
        /// Selects images whose label `key` is exactly `value`.
        label(self, key: impl Into<String>, value: impl Into<String>) {
            self.labels.insert(key.into(), value.into());
        }
    }

    /// Returns whether an image matches this filter.
    pub fn matches(&self, image: &ImageInfo) -> bool {
        let named = |required: &ImageRef| {
            let canonical = required.canonical();
            image.references.iter().any(|name| name.canonical() == canonical)
        };
        self.reference
            .as_ref()
            .map_or(!image.references.is_empty(), named)
            && has_labels(&image.labels, &self.labels)
    }
}
