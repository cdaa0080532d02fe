//! The current `docker context`.

use driver_interface_errors::{ConfigurationError, DriverError, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::address;
use super::detect::HostEnvironment;
use super::docker_file;
use super::tls::TlsSettings;
use crate::wire::Address;

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Meta {
    endpoints: Endpoints,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Endpoints {
    docker: Endpoint,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Endpoint {
    host: String,
    #[serde(rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// Returns the address of the current context, or `None` if that context is named `default` or has no address.
pub(super) fn current(host: &dyn HostEnvironment) -> Result<Option<Address>> {
    let Some(directory) = docker_file::directory(host) else {
        return Ok(None);
    };
    let name = match host.var("DOCKER_CONTEXT") {
        Some(name) => name,
        None => docker_file::read(host, &directory.join("config.json")).current_context,
    };
    if name.is_empty() || name == "default" {
        return Ok(None);
    }
    let origin = format!("the docker context `{name}`");
    let id = id_of(&name);
    let file = directory.join("contexts/meta").join(&id).join("meta.json");
    let Some(text) = host.read(&file) else {
        return Err(unusable(format!(
            "{origin} does not exist; run `docker context ls` to list the contexts"
        )));
    };
    let meta: Meta = serde_json::from_str(&text)
        .map_err(|error| unusable(format!("{origin}: {} is invalid: {error}", file.display())))?;
    let endpoint = meta.endpoints.docker;
    if endpoint.host.is_empty() {
        return Ok(None);
    }
    let certificates = directory.join("contexts/tls").join(&id).join("docker");
    let tls = TlsSettings::of_context(host, &certificates, endpoint.skip_tls_verify, &origin);
    address::parse(&endpoint.host, &origin, &tls).map(Some)
}

/// Returns the id of the context `name`. The directories in which the `docker` command stores the context have this
/// id as their name.
pub(super) fn id_of(name: &str) -> String {
    Sha256::digest(name)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn unusable(problem: String) -> DriverError {
    ConfigurationError::single("context", "unknown-context", problem).into()
}
