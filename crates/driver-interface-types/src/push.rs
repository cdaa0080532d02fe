//! Pushing images.

use serde::{Deserialize, Serialize};

use crate::{ImageInfo, LayerProgress, RegistryCredentials};

/// The options of [`push_image`](crate::ContainerDriver::push_image).
///
/// ```
/// use driver_interface_types::{PushOptions, RegistryCredentials};
///
/// let options = PushOptions::default().credentials(RegistryCredentials::password("robot", "s3cret"));
/// assert!(!format!("{options:?}").contains("s3cret"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PushOptions {
    /// The registry credentials, which the driver sends to the engine for this push only. If `None`, the driver uses
    /// its own configuration, as for a [pull](crate::PullOptions::credentials).
    pub credentials: Option<RegistryCredentials>,
}

impl PushOptions {
    crate::setters! {
        /// Sets the registry credentials.
        credentials(self, credentials: RegistryCredentials) { self.credentials = Some(credentials); }
    }
}

/// A progress report of a push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum PushProgress {
    /// The progress of one layer.
    Layer(LayerProgress),
    /// The push is complete, and the registry has the image. This is the last item of the stream.
    Done(ImageInfo),
}
