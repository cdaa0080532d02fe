//! Requirements of a machine: the absence of a required engine is a failure.

/// The environment variable with the comma-separated list.
pub(crate) const VARIABLE: &str = "DRIVER_INTERFACE_REQUIRE";

/// Returns the listed names.
pub(crate) fn names() -> Vec<String> {
    let listed = std::env::var(VARIABLE).unwrap_or_default();
    let names = listed.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}
