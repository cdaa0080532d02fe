use driver_interface_types::NetworkConfig;
use garde::Validate;
use serde::Serialize;

use super::map::{Labels, Options};
use crate::ValidationPolicy;
use crate::rules;

/// The rules of [`NetworkConfig`].
///
/// ```
/// use driver_interface_types::NetworkConfig;
/// use driver_interface_validation::{NetworkConfigSchema, Validate};
///
/// assert!(NetworkConfigSchema::from(&NetworkConfig::new("backend")).validate().is_ok());
/// ```
#[derive(Clone, Copy, Debug, Serialize, Validate)]
#[garde(context(ValidationPolicy))]
#[serde(rename_all = "camelCase")]
pub struct NetworkConfigSchema<'a> {
    #[garde(custom(rules::new_network_name))]
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(rules::session_id)))]
    session_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(inner(custom(rules::network_driver)))]
    driver: Option<&'a str>,
    #[garde(dive)]
    labels: Labels<'a>,
    #[garde(dive)]
    options: Options<'a>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[garde(skip)]
    internal: bool,
}

impl<'a> From<&'a NetworkConfig> for NetworkConfigSchema<'a> {
    fn from(config: &'a NetworkConfig) -> Self {
        Self {
            name: &config.name,
            session_id: config.session_id.as_deref(),
            driver: config.driver.as_deref(),
            labels: Labels(&config.labels),
            options: Options(&config.options),
            internal: config.internal,
        }
    }
}
