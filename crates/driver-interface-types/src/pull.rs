//! Getting images: pulling them, and what the engine has.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::filter::has_labels;
use crate::{ImageRef, millis};

/// How [`pull_image`](crate::ContainerDriver::pull_image) pulls.
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
#[non_exhaustive]
pub struct PullOptions {
    /// Who asks the registry. They are sent to the engine for this pull only. Without them the driver asks as it is set
    /// up to: the Docker driver with the logins that `docker login` has kept, and where there are none, as nobody in
    /// particular.
    pub credentials: Option<RegistryCredentials>,
    /// Which variant of the image, as in `linux/arm64`; the engine's own without it.
    pub platform: Option<String>,
}

impl PullOptions {
    /// Sets who asks the registry.
    #[must_use]
    pub fn credentials(mut self, credentials: RegistryCredentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Sets which variant of the image is pulled.
    #[must_use]
    pub fn platform(mut self, platform: impl Into<String>) -> Self {
        self.platform = Some(platform.into());
        self
    }
}

/// Who asks a registry. Its Debug form shows no secret, and it has no serialised form.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistryCredentials {
    /// A user and a password or access token.
    Password {
        /// The user.
        username: String,
        /// The password or access token.
        password: String,
    },
    /// An identity token that the registry gave out earlier.
    IdentityToken(String),
}

impl RegistryCredentials {
    /// A user and a password or access token.
    pub fn password(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Password {
            username: username.into(),
            password: password.into(),
        }
    }

    /// An identity token that the registry gave out earlier.
    pub fn identity_token(token: impl Into<String>) -> Self {
        Self::IdentityToken(token.into())
    }
}

impl fmt::Debug for RegistryCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { username, .. } => f
                .debug_struct("Password")
                .field("username", username)
                .finish_non_exhaustive(),
            Self::IdentityToken(_) => f.write_str("IdentityToken(..)"),
        }
    }
}

/// A step of a pull.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum PullProgress {
    /// Where one layer is.
    Layer(LayerProgress),
    /// The image is there. Nothing comes after it.
    Done(ImageInfo),
}

/// Where one layer of a pull is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LayerProgress {
    /// The layer, as the engine shortens it.
    pub layer: String,
    /// What happens to it, in the engine's words.
    pub status: String,
    /// How many bytes of it are done, where the engine says.
    pub current_bytes: Option<u64>,
    /// How many bytes it has, where the engine says.
    pub total_bytes: Option<u64>,
}

impl LayerProgress {
    /// A layer and what happens to it.
    pub fn new(layer: impl Into<String>, status: impl Into<String>) -> Self {
        Self {
            layer: layer.into(),
            status: status.into(),
            current_bytes: None,
            total_bytes: None,
        }
    }

    /// Sets how much is done.
    #[must_use]
    pub fn bytes(mut self, current: u64, total: Option<u64>) -> Self {
        (self.current_bytes, self.total_bytes) = (Some(current), total);
        self
    }
}

/// An image as the engine has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ImageInfo {
    /// Its id: the digest of its configuration, as in `sha256:…`.
    pub id: String,
    /// The names it goes by, by name; without any it is reached by no reference.
    pub references: Vec<ImageRef>,
    /// What registries know it as: `repository@sha256:…`.
    pub digests: Vec<String>,
    /// Its size with all layers, in bytes.
    pub size_bytes: u64,
    /// When it was built, where it says so.
    #[serde(with = "millis::optional_time")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub created_at: Option<SystemTime>,
    /// What it runs on, as in `linux/amd64`, where the engine says.
    pub platform: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl ImageInfo {
    /// An image of which only id and size are known. Drivers fill in the rest.
    pub fn new(id: impl Into<String>, size_bytes: u64) -> Self {
        Self {
            id: id.into(),
            references: Vec::new(),
            digests: Vec::new(),
            size_bytes,
            created_at: None,
            platform: None,
            labels: BTreeMap::new(),
        }
    }
}

/// Which images [`list_images`](crate::ContainerDriver::list_images) returns. Everything given must hold;
/// nothing given means all that have a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ImageFilter {
    /// Only the image of this name, however it is spelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<ImageRef>,
    /// Only images with all of these labels, each with exactly this value.
    #[serde(rename = "label", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl ImageFilter {
    /// Keeps only the image of a name.
    #[must_use]
    pub fn reference(mut self, image: ImageRef) -> Self {
        self.reference = Some(image);
        self
    }

    /// Keeps only images whose label `key` is exactly `value`.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Whether an image passes.
    pub fn matches(&self, image: &ImageInfo) -> bool {
        let named = |wanted: &ImageRef| {
            let canonical = wanted.canonical();
            image.references.iter().any(|name| name.canonical() == canonical)
        };
        self.reference
            .as_ref()
            .map_or(!image.references.is_empty(), named)
            && has_labels(&image.labels, &self.labels)
    }
}
