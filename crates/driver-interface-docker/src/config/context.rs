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
            (meta.name == name).then_some(meta)
        });
    match meta {
        Some(meta)
            if meta.endpoints.docker.host.starts_with("tcp://") && has_certificates(host, &directory) =>
        {
            Err(address::no_tls(&meta.endpoints.docker.host, &origin))
        }
        Some(meta) => address::parse(&meta.endpoints.docker.host, &origin).map(Some),
        None => {
            let problem = format!("{origin} does not exist; run `docker context ls` to list the contexts");
            Err(ConfigurationError::single("context", "unknown-context", problem).into())
        }
    }
}

fn directory(host: &dyn HostEnvironment) -> Option<PathBuf> {
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

/// Returns whether any context has certificates. If so, a TCP context most likely uses TLS.
fn has_certificates(host: &dyn HostEnvironment, directory: &std::path::Path) -> bool {
    !host.list(&directory.join("contexts/tls")).is_empty()
}
