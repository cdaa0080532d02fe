//! The predicted result of creating a container.

use serde::{Deserialize, Serialize};

use crate::{ContainerConfig, EnforcementReport, ImageInfo, Warning};

/// The predicted result of [creating a container](crate::ContainerDriver::create_container), returned by
/// [`plan`](crate::ContainerDriver::plan).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreationPlan {
    /// The config, including the values that the driver fills in.
    pub config: ContainerConfig,
    /// The reasons why the driver would refuse the creation. The list is empty if the driver would accept the
    /// creation.
    pub refusals: Vec<Warning>,
    /// The warnings that the creation would return.
    pub warnings: Vec<Warning>,
    /// Which limits and security options would be enforced.
    pub enforcement: EnforcementReport,
    /// The image, with its user, entrypoint, command and volumes. `None` if the engine does not have the image,
    /// because planning does not pull images.
    pub image: Option<ImageInfo>,
    /// Reasons why the image may not work with the config, and settings that may help; see [`ImageInfo::advice`].
    /// Advice does not prevent the creation, and is not repeated in `warnings`.
    pub advice: Vec<Warning>,
}

impl CreationPlan {
    /// Creates a plan without refusals, warnings, an image or advice. Drivers set these fields afterwards.
    pub fn new(config: ContainerConfig, enforcement: EnforcementReport) -> Self {
        Self {
            config,
            refusals: Vec::new(),
            warnings: Vec::new(),
            enforcement,
            image: None,
            advice: Vec::new(),
        }
    }

    /// Sets the image, and derives the advice from the image and the config.
    #[must_use]
    pub fn with_image(mut self, image: ImageInfo) -> Self {
        self.advice = image.advice(&self.config);
        self.image = Some(image);
        self
    }

    /// Returns whether the driver would accept the creation. The actual creation can still fail, for example if
    /// another container has taken the name in the meantime, or if the image does not exist.
    pub fn is_accepted(&self) -> bool {
        self.refusals.is_empty()
    }
}
