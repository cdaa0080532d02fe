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
    /// The registry credentials, which the driver sends to the engine for this pull only. If `None`, the driver uses
    /// its own configuration. For example, the Docker driver uses the credentials that `docker login` has stored. If
    /// no credentials are stored, the Docker driver pulls anonymously.
    #[cfg_attr(feature = "schema", garde(skip))]
    pub credentials: Option<RegistryCredentials>,
    /// The platform of the image variant to pull, such as `linux/arm64`. If `None`, the engine's platform is used.
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

/// Registry credentials. The `Debug` output shows no secret. The type has no serialised form.
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
    /// The pull is complete, and the engine has the image. This is the last item of the stream.
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
    /// The number of bytes of the layer that were processed so far; `None` if the engine does not report this number.
    pub current_bytes: Option<u64>,
    /// The total number of bytes of the layer; `None` if the engine does not report this number.
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
    /// The image's id, such as `sha256:…`. The id is the digest of the image's configuration.
    pub id: String,
    /// The image's names, sorted. An image without a name can be referenced only by its id.
    pub references: Vec<ImageRef>,
    /// The image's digests in registries, in the form `repository@sha256:…`.
    pub digests: Vec<String>,
    /// The total size of all layers of the image, in bytes.
    pub size_bytes: u64,
    /// When the image was built; `None` if the image does not record the time.
    #[serde(with = "millis::optional_time")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub created_at: Option<SystemTime>,
    /// The image's platform, such as `linux/amd64`; `None` if the engine does not report the platform.
    pub platform: Option<String>,
    /// The image's labels.
    pub labels: BTreeMap<String, String>,
    /// The user as which the image's containers run by default, in the form of
    /// [`SecurityOptions::user`](crate::SecurityOptions::user). `None` means root.
    pub user: Option<String>,
    /// The image's entrypoint; empty if the image has none.
    pub entrypoint: Vec<String>,
    /// The image's default command (`CMD`), which is used if a container's config sets no command. If the image has
    /// an entrypoint, the command is passed to the entrypoint as arguments.
    pub command: Vec<String>,
    /// The directories that the image declares as volumes, sorted. If a container's config mounts nothing at such a
    /// directory, the engine mounts an anonymous volume there. This volume is removed together with the container.
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

/// Selects the images that [`list_images`](crate::ContainerDriver::list_images) returns. An image matches if it has a
/// name and matches every field that is set. The default filter sets no field, so it matches all images that have a
/// name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ImageFilter {
    /// Only the image with this name. Different spellings of a name select the same image. For example, `nginx` and
    /// `docker.io/library/nginx:latest` are the same name.
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
