//! Registry credentials as stored by `docker login`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use driver_interface_types::RegistryCredentials;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

/// The key of Docker Hub in the file.
const HUB: &str = "https://index.docker.io/v1/";
/// The user name that a credential helper returns for an identity token.
const TOKEN_USER: &str = "<token>";
/// The timeout of a credential helper, which may have to prompt its user.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// The part of the `docker` command's file that concerns registry credentials.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Settings {
    auths: BTreeMap<String, StoredCredentials>,
    creds_store: String,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StoredCredentials {
    auth: String,
    identitytoken: String,
}

/// The response of a credential helper.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Returns the credentials that the `docker` command would use for a registry, from its file or from the helper
/// that the file names. Unreadable credentials count as absent: the registry is then accessed anonymously.
pub(crate) async fn of_registry(file: &Path, registry: &str) -> Option<RegistryCredentials> {
    let settings: Settings = match serde_json::from_str(&std::fs::read_to_string(file).ok()?) {
        Ok(settings) => settings,
        Err(error) => {
            // The error contains a position in the file, but no secret.
            tracing::warn!(file = %file.display(), %error, "the file with registry credentials cannot be read");
            return None;
        }
    };
    match settings.helper(registry) {
        Some(helper) => ask(helper, server(registry)).await,
        None => settings.stored(registry),
    }
}

/// Returns the path of the `docker` command's configuration file.
pub(super) fn file() -> Option<PathBuf> {
    let directory = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let directory = directory.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")))?;
    Some(directory.join("config.json"))
}

fn server(registry: &str) -> &str {
    match registry {
        "docker.io" => HUB,
        other => other,
    }
}

impl Settings {
    fn helper(&self, registry: &str) -> Option<&str> {
        let own = self
            .cred_helpers
            .get(server(registry))
            .or_else(|| self.cred_helpers.get(registry));
        let store = Some(&self.creds_store).filter(|store| !store.is_empty());
        own.or(store).map(String::as_str)
    }

    fn stored(&self, registry: &str) -> Option<RegistryCredentials> {
        let server = server(registry);
        let stored = self.auths.get(server).or_else(|| {
            let same = |key: &&String| host(key) == host(server);
            let key = self.auths.keys().find(same)?;
            self.auths.get(key)
        })?;
        if !stored.identitytoken.is_empty() {
            return Some(RegistryCredentials::identity_token(&stored.identitytoken));
        }
        let text = String::from_utf8(STANDARD.decode(&stored.auth).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some(RegistryCredentials::password(
            user,
            password.trim_end_matches('\0'),
        ))
    }
}

/// Returns the host of an entry, which older versions wrote as a URL.
fn host(key: &str) -> &str {
    let bare = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key);
    bare.split('/').next().unwrap_or(bare)
}

async fn ask(helper: &str, server: &str) -> Option<RegistryCredentials> {
    let plain = helper
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if !plain {
        tracing::warn!(helper, "a credential helper's name is invalid");
        return None;
    }
    let answered = timeout(MAX_WAIT, run(&format!("docker-credential-{helper}"), server)).await;
    match answered {
        Ok(Ok(Some(answer))) if answer.username == TOKEN_USER => {
            Some(RegistryCredentials::identity_token(answer.secret))
        }
        Ok(Ok(Some(answer))) => Some(RegistryCredentials::password(answer.username, answer.secret)),
        Ok(Ok(None)) => None,
        Ok(Err(error)) => {
            tracing::warn!(helper, %error, "a credential helper cannot be run");
            None
        }
        Err(_) => {
            tracing::warn!(helper, "a credential helper did not respond in time");
            None
        }
    }
}

/// Runs a credential helper. Returns `None` if it has no credentials for that server.
async fn run(program: &str, server: &str) -> std::io::Result<Option<Answer>> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that does not read its input may still respond.
        let _ = input.write_all(server.as_bytes()).await;
    }
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        return Ok(None);
    }
    Ok(serde_json::from_slice(&output.stdout).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn finds_credentials_by_registry() {
        let found = settings(
            r#"{"auths":{"https://index.docker.io/v1/":{"auth":"dTpwOnE="},"ghcr.io":{"identitytoken":"t"},
                "https://old.example/v2/":{"auth":"YTpi"}},"HttpHeaders":{"x":"y"}}"#,
        );
        assert_eq!(
            found.stored("docker.io"),
            Some(RegistryCredentials::password("u", "p:q"))
        );
        assert_eq!(
            found.stored("ghcr.io"),
            Some(RegistryCredentials::identity_token("t"))
        );
        assert_eq!(
            found.stored("old.example"),
            Some(RegistryCredentials::password("a", "b"))
        );
        assert_eq!(found.stored("quay.io"), None);
    }

    #[test]
    fn registry_helper_precedes_credential_store() {
        let found = settings(r#"{"credsStore":"secretservice","credHelpers":{"gcr.io":"gcloud"}}"#);
        assert_eq!(found.helper("gcr.io"), Some("gcloud"));
        assert_eq!(found.helper("docker.io"), Some("secretservice"));
        assert_eq!(settings("{}").helper("docker.io"), None);
    }

    #[tokio::test]
    async fn missing_or_invalid_file_has_no_credentials() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.json");
        assert_eq!(of_registry(&file, "ghcr.io").await, None);
        std::fs::write(&file, "{").unwrap();
        assert_eq!(of_registry(&file, "ghcr.io").await, None);
        std::fs::write(&file, r#"{"auths":{"ghcr.io":{"auth":"YTpi"}}}"#).unwrap();
        let found = of_registry(&file, "ghcr.io").await;
        assert_eq!(found, Some(RegistryCredentials::password("a", "b")));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn helper_receives_the_registry() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("docker-credential-test");
        let script = r#"#!/bin/sh
read -r server; [ "$1 $server" = "get ghcr.io" ] && echo '{"ServerURL":"x","Username":"u","Secret":"s"}'"#;
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let program = program.to_str().unwrap();
        let answer = run(program, "ghcr.io").await.unwrap().unwrap();
        assert_eq!((answer.username.as_str(), answer.secret.as_str()), ("u", "s"));
        assert!(run(program, "quay.io").await.unwrap().is_none());
        assert!(run("/nonesuch", "ghcr.io").await.is_err());
    }

    #[tokio::test]
    async fn helper_name_must_not_be_a_path() {
        assert!(ask("../../bin/sh", "ghcr.io").await.is_none());
    }
}
