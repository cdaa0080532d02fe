#![doc = include_str!("../README.md")]

mod check;
#[cfg(test)]
mod coverage;
mod json_schema;
mod parse;
mod policy;

pub use check::{
    validate_build_options, validate_commit_options, validate_container_config,
    validate_container_config_with, validate_detached_exec_config, validate_event_filter,
    validate_exec_config, validate_image_name, validate_log_options, validate_log_stream_options,
    validate_network_config, validate_network_connect_options, validate_new_image, validate_pull_options,
    validate_resource_limits, validate_security_options, validate_volume_config, validate_volume_config_with,
    validate_volume_mount, validate_write_file,
};
pub use driver_interface_errors::{ConfigurationError, Violation};
pub use driver_interface_types::rules::{RuleContext, codes, limits};
/// The garde schemas of the configs. Each schema is the config type itself, because the config type derives
/// [`Validate`].
pub use driver_interface_types::{
    ContainerConfig as ContainerConfigSchema, NetworkConfig as NetworkConfigSchema,
    ResourceLimits as ResourceLimitsSchema, SecurityOptions as SecurityOptionsSchema,
    VolumeConfig as VolumeConfigSchema,
};
pub use garde::Validate;
pub use json_schema::{container_config_json_schema, json_schema_files, json_schemas};
pub use parse::{
    parse_container_config, parse_container_config_with, parse_network_config, parse_volume_config,
};
pub use policy::ValidationPolicy;
