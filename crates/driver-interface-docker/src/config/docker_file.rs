//! The `docker` command's `config.json`, read as leniently as that command reads it: keys in any case, null for nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use super::detect::HostEnvironment;

/// The settings that concern the driver.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct DockerFile {
    pub(super) current_context: String,
    pub(super) auths: BTreeMap<String, StoredCredentials>,
    pub(super) creds_store: String,
    pub(super) cred_helpers: BTreeMap<String, String>,
}

/// Credentials as `docker login` stores them. Unset ones are empty.
#[derive(Default, PartialEq, Eq)]
pub(super) struct StoredCredentials {
    pub(super) auth: String,
    pub(super) username: String,
    pub(super) password: String,
    pub(super) identity_token: String,
}

impl std::fmt::Debug for StoredCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredCredentials")
    }
}

impl DockerFile {
    pub(super) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let file: Value = match text.trim() {
            "" => Value::Null,
            text => serde_json::from_str(text)?,
        };
        let entries = |value: &Value| value.as_object().cloned().unwrap_or_default().into_iter();
        let auths = entries(field(&file, "auths")).map(|(registry, stored)| {
            let stored = StoredCredentials {
                auth: string(field(&stored, "auth")),
                username: string(field(&stored, "username")),
                password: string(field(&stored, "password")),
                identity_token: string(field(&stored, "identitytoken")),
            };
            (registry, stored)
        });
        let helpers = entries(field(&file, "credhelpers"));
        Ok(Self {
            current_context: string(field(&file, "currentcontext")),
            auths: auths.collect(),
            creds_store: string(field(&file, "credsstore")),
            cred_helpers: helpers
                .map(|(registry, helper)| (registry, string(&helper)))
                .collect(),
        })
    }
}

/// Returns the value of a key, whatever its case.
fn field<'a>(object: &'a Value, name: &str) -> &'a Value {
    let fields = object.as_object().into_iter().flatten();
    let mut found = fields
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value);
    found.next().unwrap_or(&Value::Null)
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Returns the directory of the `docker` command's settings.
pub(super) fn directory(host: &dyn HostEnvironment) -> Option<PathBuf> {
    match host.var("DOCKER_CONFIG") {
        Some(directory) => Some(directory.into()),
        None => host.home().map(|home| home.join(".docker")),
    }
}
