//! The engines that this machine must have. A test or check fails if a required engine is unavailable.

/// The environment variable with the names of the required engines, separated by commas.
pub(crate) const VARIABLE: &str = "DRIVER_INTERFACE_REQUIRE";

/// Returns the names of the required engines.
pub(crate) fn names() -> Vec<String> {
    let listed = std::env::var(VARIABLE).unwrap_or_default();
    let names = listed.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}
