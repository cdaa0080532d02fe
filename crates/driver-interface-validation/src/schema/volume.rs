use driver_interface_types::{VolumeConfig, VolumeOwner};
use garde::{Path, Report, Validate};
use serde::Serialize;

use super::map::Labels;
use crate::limits::ID;
use crate::{ValidationPolicy, rules};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(dive)]
    owner: Option<Owner<'a>>,
    #[garde(dive)]
    labels: Labels<'a>,
}

impl<'a> From<&'a VolumeConfig> for VolumeConfigSchema<'a> {
    fn from(config: &'a VolumeConfig) -> Self {
        Self {
            name: &config.name,
            session_id: config.session_id.as_deref(),
            driver: config.driver.as_deref(),
            owner: config.owner.as_ref().map(Owner),
            labels: Labels(&config.labels),
        }
    }
}

/// The owner of a volume.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
struct Owner<'a>(&'a VolumeOwner);

impl Validate for Owner<'_> {
    type Context = ValidationPolicy;

    fn validate_into(&self, _: &ValidationPolicy, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        for (field, id) in [("uid", self.0.uid), ("gid", self.0.gid)] {
            if let Err(error) = ID.check(id.into()) {
                report.append(parent().join(field), error);
            }
        }
    }
}
