#![doc = include_str!("../README.md")]

mod check;
pub mod codes;
mod json_schema;
pub mod limits;
mod parse;
mod path;
mod policy;
mod rules;
mod schema;
mod text;

pub use check::{
    validate_container_config, validate_container_config_with, validate_exec_config, validate_log_options,
    validate_network_config, validate_resource_limits, validate_security_options, validate_volume_config,
    validate_volume_mount,
};
pub use driver_interface_errors::{ConfigurationError, Violation};
pub use garde::Validate;
pub use json_schema::{container_config_json_schema, json_schema_files, json_schemas};
pub use parse::{
    parse_container_config, parse_container_config_with, parse_network_config, parse_volume_config,
};
pub use policy::ValidationPolicy;
pub use schema::{
    ContainerConfigSchema, ExecConfigSchema, LogOptionsSchema, NetworkConfigSchema, ResourceLimitsSchema,
    SecurityOptionsSchema, VolumeConfigSchema, VolumeMountSchema,
};
