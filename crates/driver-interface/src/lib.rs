#![doc = include_str!("../README.md")]

mod connect;
#[cfg(all(feature = "conformance", feature = "mock"))]
mod mock_target;
pub mod prelude;

#[cfg(feature = "conformance")]
pub use driver_interface_conformance as conformance;
#[cfg(feature = "convert")]
pub use driver_interface_convert as convert;
#[cfg(feature = "docker")]
pub use driver_interface_docker as docker;
#[cfg(feature = "kit")]
pub use driver_interface_kit as kit;
#[cfg(feature = "mock")]
pub use driver_interface_mock as mock;
#[cfg(feature = "validation")]
pub use driver_interface_validation as validation;

pub use connect::{ConnectOptions, SCHEMES, connect, connect_with};
#[cfg(feature = "docker")]
pub use driver_interface_docker::{DockerConfig, DockerDriver};
pub use driver_interface_errors::*;
#[cfg(feature = "mock")]
pub use driver_interface_mock::{MockDockerDriver, MockLocalDriver};
pub use driver_interface_types::*;
#[cfg(feature = "validation")]
pub use driver_interface_validation::{
    ContainerConfigSchema, NetworkConfigSchema, ResourceLimitsSchema, SecurityOptionsSchema,
    ValidationPolicy, VolumeConfigSchema, parse_container_config, parse_network_config, parse_volume_config,
    validate_container_config, validate_exec_config, validate_network_config, validate_resource_limits,
    validate_security_options, validate_volume_config,
};
#[cfg(all(feature = "conformance", feature = "mock"))]
pub use mock_target::MockTarget;

/// The Markdown pages of the repository. The doc tests compile and run the Rust code on these pages.
#[cfg(doctest)]
mod pages {
    macro_rules! page {
        ($name:ident, $path:literal) => {
            #[doc = include_str!($path)]
            mod $name {}
        };
    }

    page!(architecture, "../../../docs/ARCHITECTURE.md");
    #[cfg(all(feature = "convert", feature = "mock"))]
    page!(convert, "../../../docs/CONVERT.md");
    #[cfg(all(feature = "conformance", feature = "kit", feature = "mock"))]
    page!(implementation_guide, "../../../docs/IMPLEMENTATION_GUIDE.md");
    page!(interface_contract, "../../../docs/INTERFACE_CONTRACT.md");
    page!(package_structure, "../../../docs/PACKAGE_STRUCTURE.md");
    page!(readme, "../../../README.md");
    #[cfg(feature = "mock")]
    page!(stock_images, "../../../docs/STOCK_IMAGES.md");
}
