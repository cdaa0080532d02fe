//! The current `docker context`.

use std::path::PathBuf;

use driver_interface_errors::{ConfigurationError, Result};
use serde::Deserialize;

use super::address;
use super::detect::HostEnvironment;
use crate::wire::Address;

/// The only setting read from the `docker` command's file, which also holds credentials.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Settings {
    current_context: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    name: String,
    #[serde(default)]
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

/// Returns the address of the current context, or `None` if that is the default context.
pub(super) fn current(host: &dyn HostEnvironment) -> Result<Option<Address>> {
    let Some(directory) = directory(host) else {
        return Ok(None);
    };
    let name = match host.var("DOCKER_CONTEXT") {
        Some(name) => name,
        None => settings(host, &directory).current_context,
    };
    if name.is_empty() || name == "default" {
        return Ok(None);
    }
    let origin = format!("the docker context `{name}`");
    let meta = host
        .list(&directory.join("contexts/meta"))
        .into_iter()
        .find_map(|entry| {
            let meta: Meta = serde_json::from_str(&host.read(&entry.join("meta.json"))?).ok()?;
            (meta.name == name).then_some((meta.endpoints.docker, entry))
        });
    match meta {
        Some((endpoint, entry)) => {
            let address = address::parse(&endpoint.host, &origin)?;
            // The certificates of a context have the directory name of its metadata.
            let has_certificates = entry
                .file_name()
                .is_some_and(|id| !host.list(&directory.join("contexts/tls").join(id)).is_empty());
            if matches!(address, Address::Tcp { .. }) && (has_certificates || endpoint.skip_tls_verify) {
                return Err(address::no_tls(&endpoint.host, &origin));
            }
            Ok(Some(address))
        }
        None => {
            let problem = format!("{origin} does not exist; run `docker context ls` to list the contexts");
            Err(ConfigurationError::single("context", "unknown-context", problem).into())
        }
    }
}

/// Returns the directory of the `docker` command's settings.
pub(super) fn directory(host: &dyn HostEnvironment) -> Option<PathBuf> {
    match host.var("DOCKER_CONFIG") {
        Some(directory) => Some(directory.into()),
        None => host.home().map(|home| home.join(".docker")),
    }
}

fn settings(host: &dyn HostEnvironment, directory: &std::path::Path) -> Settings {
    host.read(&directory.join("config.json"))
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}
