//! Shared helpers of the rule tests.

use driver_interface_types::ContainerConfig;
use driver_interface_validation::{ConfigurationError, validate_container_config};

/// Returns a minimal valid config.
pub(crate) fn config() -> ContainerConfig {
    ContainerConfig::new("s1", "alpine")
}

/// Returns path and code of every violation.
pub(crate) fn found(result: Result<(), ConfigurationError>) -> Vec<(String, String)> {
    let violations = result.map_or_else(|error| error.violations().to_vec(), |()| Vec::new());
    violations
        .into_iter()
        .map(|violation| (violation.path, violation.code))
        .collect()
}

#[track_caller]
pub(crate) fn refused(config: &ContainerConfig, path: &str, code: &str) {
    assert_eq!(
        found(validate_container_config(config)),
        [(path.to_owned(), code.to_owned())]
    );
}

#[track_caller]
pub(crate) fn accepted(config: &ContainerConfig) {
    assert_eq!(found(validate_container_config(config)), []);
}
