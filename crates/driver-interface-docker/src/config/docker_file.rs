//! Parsing of the `docker` command's `config.json`. The parser is as lenient as that command: it ignores the case of
//! keys, and treats `null` like a missing value.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::detect::HostEnvironment;
use crate::wire::Address;

/// The settings in `config.json` that the driver uses.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct DockerFile {
    pub(super) current_context: String,
    pub(super) auths: BTreeMap<String, StoredCredentials>,
    pub(super) creds_store: String,
    pub(super) cred_helpers: BTreeMap<String, String>,
    /// The proxy variables for containers. The key is an engine's address, or `default`.
    proxies: BTreeMap<String, Vec<(String, String)>>,
}

/// The names of the proxy settings, each with the environment variable that it sets. As the `docker` command does,
/// the driver sets each variable in upper and in lower case.
const PROXY_SETTINGS: [(&str, &str); 5] = [
    ("httpproxy", "HTTP_PROXY"),
    ("httpsproxy", "HTTPS_PROXY"),
    ("ftpproxy", "FTP_PROXY"),
    ("noproxy", "NO_PROXY"),
    ("allproxy", "ALL_PROXY"),
];

/// Credentials as `docker login` stores them. Missing fields are empty.
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
        let proxies = entries(field(&file, "proxies")).map(|(engine, settings)| {
            let set = PROXY_SETTINGS.into_iter().flat_map(|(setting, variable)| {
                let value = string(field(&settings, setting));
                [variable.to_owned(), variable.to_lowercase()].map(|name| (name, value.clone()))
            });
            (engine, set.filter(|(_, value)| !value.is_empty()).collect())
        });
        Ok(Self {
            current_context: string(field(&file, "currentcontext")),
            auths: auths.collect(),
            creds_store: string(field(&file, "credsstore")),
            cred_helpers: helpers
                .map(|(registry, helper)| (registry, string(&helper)))
                .collect(),
            proxies: proxies.collect(),
        })
    }

    /// Returns the proxy variables for containers of the engine at the address `engine`. If there are none, returns
    /// the default variables.
    fn proxies_of(&self, engine: &str) -> &[(String, String)] {
        let own = self.proxies.get(engine).or_else(|| self.proxies.get("default"));
        own.map(Vec::as_slice).unwrap_or_default()
    }
}

/// Returns the proxy variables that the `docker` command would set in containers of an engine.
pub(super) fn proxies(host: &dyn HostEnvironment, engine: &Address) -> Vec<(String, String)> {
    // That command does not distinguish TLS here, and has no settings for single hosts that it reaches over SSH.
    let engine = engine.to_string().replacen("https://", "tcp://", 1);
    let file = directory(host).map(|directory| directory.join("config.json"));
    file.map_or_else(Vec::new, |file| read(host, &file).proxies_of(&engine).to_vec())
}

/// Reads the settings in `file`. If the file cannot be read or parsed, returns empty settings, as the `docker`
/// command does.
pub(super) fn read(host: &dyn HostEnvironment, file: &Path) -> DockerFile {
    let Some(text) = host.read(file) else {
        return DockerFile::default();
    };
    DockerFile::parse(&text).unwrap_or_else(|error| {
        tracing::warn!(file = %file.display(), %error, "the docker command's settings are ignored");
        DockerFile::default()
    })
}

/// Returns the value of the key `name` in `object`. The case of the key is ignored.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_those_of_the_engine_or_the_default() {
        let file = DockerFile::parse(
            r#"{"proxies":{"default":{"httpProxy":"http://p:1","noProxy":"localhost","httpsProxy":""},
                "tcp://h:2376":{"AllProxy":"socks5://s"}}}"#,
        )
        .unwrap();
        let names = |engine| {
            let variables = file.proxies_of(engine).iter();
            variables
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            names("unix:///var/run/docker.sock"),
            [
                "HTTP_PROXY=http://p:1", "http_proxy=http://p:1", "NO_PROXY=localhost", "no_proxy=localhost",
            ]
        );
        assert_eq!(
            names("tcp://h:2376"),
            ["ALL_PROXY=socks5://s", "all_proxy=socks5://s"]
        );
        assert!(
            DockerFile::parse(r#"{"proxies":null}"#)
                .unwrap()
                .proxies_of("x")
                .is_empty()
        );
    }
}
