//! What a machine says must be there: its absence is then a failure.

/// The environment variable that lists it, separated by commas.
pub(crate) const VARIABLE: &str = "DRIVER_INTERFACE_REQUIRE";

/// The names listed.
pub(crate) fn names() -> Vec<String> {
    let listed = std::env::var(VARIABLE).unwrap_or_default();
    let names = listed.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}
