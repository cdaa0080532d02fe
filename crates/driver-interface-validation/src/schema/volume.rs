use driver_interface_types::VolumeConfig;
use garde::Validate;
use serde::Serialize;

use super::map::Labels;
use crate::ValidationPolicy;
use crate::rules;

/// The rules of [`VolumeConfig`].
///
/// ```
/// use driver_interface_types::VolumeConfig;
/// use driver_interface_validation::{Validate, VolumeConfigSchema};
///
/// assert!(VolumeConfigSchema::from(&VolumeConfig::new("cache")).validate().is_ok());
/// ```
#[derive(Clone, Copy, Debug, Serialize, Validate)]
#[garde(context(ValidationPolicy))]
#[serde(rename_all = "camelCase")]
pub struct VolumeConfigSchema<'a> {
    #[garde(custom(rules::volume_name))]
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(rules::session_id)))]
    session_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(rules::driver_name)))]
    driver: Option<&'a str>,
    #[garde(dive)]
    labels: Labels<'a>,
}

impl<'a> From<&'a VolumeConfig> for VolumeConfigSchema<'a> {
    fn from(config: &'a VolumeConfig) -> Self {
        Self {
            name: &config.name,
            session_id: config.session_id.as_deref(),
            driver: config.driver.as_deref(),
            labels: Labels(&config.labels),
        }
    }
}
