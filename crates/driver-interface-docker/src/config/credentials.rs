//! Registry credentials as stored by `docker login`.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use driver_interface_types::RegistryCredentials;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::docker_file::DockerFile;

/// The key of Docker Hub in `config.json`.
const HUB: &str = "https://index.docker.io/v1/";
/// Other hosts under which `config.json` may store the credentials of Docker Hub.
const HUB_HOSTS: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];
/// The user name that a credential helper returns for an identity token.
const TOKEN_USER: &str = "<token>";
/// The timeout for a credential helper. The helper may have to wait for the user's input.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// The response of a credential helper.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// The result of looking up the credentials for a registry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) credentials: Option<RegistryCredentials>,
    /// The source of the credentials, or the reason why there are none. Completes the sentence "the pull used …".
    /// Contains no secret.
    pub(crate) origin: String,
}

impl Found {
    fn none(why: impl Into<String>) -> Self {
        Self {
            credentials: None,
            origin: format!("no credentials: {}", why.into()),
        }
    }
}

/// Returns the credentials that the `docker` command would use for `registry`. They are in `file`, or a credential
/// helper that `file` names returns them. Without credentials, the engine accesses the registry anonymously.
pub(crate) async fn of_registry(file: &Path, registry: &str) -> Found {
    let shown = file.display();
    let settings = match std::fs::read_to_string(file) {
        Ok(text) => DockerFile::parse(&text),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Found::none(format!(
                "{shown} does not exist; `docker login {registry}` creates it"
            ));
        }
        Err(error) => return Found::none(format!("{shown} cannot be read: {error}")),
    };
    let settings = match settings {
        Ok(settings) => settings,
        // The error contains a position in the file, but no secret.
        Err(error) => return Found::none(format!("{shown} is not valid JSON: {error}")),
    };
    let problem = match settings.helper(registry) {
        Some(helper) => match ask(helper, server(registry)).await {
            Ok(credentials) => {
                let origin = format!("the credentials of docker-credential-{helper}");
                return Found {
                    credentials: Some(credentials),
                    origin,
                };
            }
            Err(problem) => Some(problem),
        },
        None => None,
    };
    // A missing helper must not hide what the file itself has.
    let credentials = match (settings.stored(registry), problem) {
        (Ok(Some(credentials)), _) => credentials,
        (_, Some(problem)) => return Found::none(problem),
        (Ok(None), None) => return Found::none(format!("{shown} has none for {registry}")),
        (Err(problem), None) => return Found::none(format!("{shown}: {problem}")),
    };
    Found {
        credentials: Some(credentials),
        origin: format!("the credentials for {registry} in {shown}"),
    }
}

/// Returns the registries for which the file has credentials or names a helper. If the file cannot be read, the set
/// is empty.
pub(crate) fn registries(file: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let settings = DockerFile::parse(&text).unwrap_or_default();
    let keys = settings.auths.keys().chain(settings.cred_helpers.keys());
    keys.map(|key| match host(key) {
        hub if HUB_HOSTS.contains(&hub) => "docker.io".to_owned(),
        other => other.to_owned(),
    })
    .collect()
}

/// Returns the server address of `registry` in the engine's format. Only the address of Docker Hub differs from the
/// registry's name.
pub(crate) fn server(registry: &str) -> &str {
    match registry {
        "docker.io" => HUB,
        other => other,
    }
}

impl DockerFile {
    /// Returns the name of the registry's own credential helper, or else of the helper for all registries. Returns
    /// `None` if that name is empty. In that case, the file itself contains the credentials.
    fn helper(&self, registry: &str) -> Option<&str> {
        let own = self
            .cred_helpers
            .get(server(registry))
            .or_else(|| self.cred_helpers.get(registry));
        Some(own.unwrap_or(&self.creds_store).as_str()).filter(|helper| !helper.is_empty())
    }

    fn stored(&self, registry: &str) -> Result<Option<RegistryCredentials>, String> {
        let server = server(registry);
        let same = |key: &&String| {
            host(key) == host(server) || (registry == "docker.io" && HUB_HOSTS.contains(&host(key)))
        };
        let key = self
            .auths
            .keys()
            .find(|key| *key == server)
            .or_else(|| self.auths.keys().find(same));
        let Some((key, stored)) = key.and_then(|key| self.auths.get_key_value(key)) else {
            return Ok(None);
        };
        if !stored.identity_token.is_empty() {
            return Ok(Some(RegistryCredentials::identity_token(&stored.identity_token)));
        }
        if stored.auth.is_empty() {
            let has_user = !stored.username.is_empty();
            return Ok(has_user.then(|| RegistryCredentials::password(&stored.username, &stored.password)));
        }
        let invalid = || format!("the `auth` of {key} is not the base64 form of `user:password`");
        let encoded: String = stored.auth.split_whitespace().collect();
        let decoded = STANDARD.decode(encoded).map_err(|_| invalid())?;
        let text = String::from_utf8(decoded).map_err(|_| invalid())?;
        let (user, password) = text.split_once(':').ok_or_else(invalid)?;
        Ok(Some(RegistryCredentials::password(
            user,
            password.trim_end_matches('\0'),
        )))
    }
}

/// Returns the host in `key`, the key of an entry in `config.json`. Older versions of the `docker` command wrote the
/// key as a URL.
fn host(key: &str) -> &str {
    let bare = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key);
    bare.split('/').next().unwrap_or(bare)
}

async fn ask(helper: &str, server: &str) -> Result<RegistryCredentials, String> {
    let plain = helper
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if !plain {
        return Err(format!("the name of the credential helper {helper:?} is invalid"));
    }
    let program = format!("docker-credential-{helper}");
    match timeout(MAX_WAIT, run(&program, server)).await {
        Ok(Ok(Some(answer))) if answer.username == TOKEN_USER => {
            Ok(RegistryCredentials::identity_token(answer.secret))
        }
        Ok(Ok(Some(answer))) => Ok(RegistryCredentials::password(answer.username, answer.secret)),
        Ok(Ok(None)) => Err(format!("{program} has none for {server}")),
        Ok(Err(error)) => Err(format!("{program} cannot be run: {error}")),
        Err(_) => Err(format!(
            "{program} did not respond within {} s",
            MAX_WAIT.as_secs()
        )),
    }
}

/// Runs the credential helper `program`. Returns `None` if the helper has no credentials for `server`.
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

    fn settings(text: &str) -> DockerFile {
        DockerFile::parse(text).unwrap()
    }

    #[test]
    fn finds_credentials_by_registry() {
        let found = settings(
            r#"{"auths":{"https://index.docker.io/v1/":{"auth":"dTpwOnE="},"ghcr.io":{"identitytoken":"t"},
                "https://old.example/v2/":{"auth":"YTpi"}},"HttpHeaders":{"x":"y"}}"#,
        );
        let password = |user, password| Ok(Some(RegistryCredentials::password(user, password)));
        assert_eq!(found.stored("docker.io"), password("u", "p:q"));
        assert_eq!(
            found.stored("ghcr.io"),
            Ok(Some(RegistryCredentials::identity_token("t")))
        );
        assert_eq!(found.stored("old.example"), password("a", "b"));
        assert_eq!(found.stored("quay.io"), Ok(None));
    }

    #[test]
    fn reads_every_form_that_docker_reads() {
        let entry = Some(RegistryCredentials::password("a", "b"));
        for (text, registry, expected) in [
            (
                r#"{"auths":{"r.io":{"username":"a","password":"b"}}}"#,
                "r.io",
                &entry,
            ),
            (r#"{"auths":{"r.io":{"auth":"YT\npi\n"}}}"#, "r.io", &entry),
            (
                r#"{"Auths":{"r.io":{"Auth":"YTpi","IdentityToken":null}},"credHelpers":null}"#,
                "r.io",
                &entry,
            ),
            (
                r#"{"auths":{"r.io":null,"x":{"auth":null}},"credsStore":null}"#,
                "r.io",
                &None,
            ),
            (r#"{"auths":null}"#, "r.io", &None),
            (
                r#"{"auths":{"index.docker.io":{"auth":"YTpi"}}}"#,
                "docker.io",
                &entry,
            ),
            (r#"{"auths":{"docker.io":{"auth":"YTpi"}}}"#, "docker.io", &entry),
            (
                r#"{"auths":{"https://index.docker.io/v1":{"auth":"YTpi"}}}"#,
                "docker.io",
                &entry,
            ),
            (
                r#"{"auths":{"https://r.io/v1/":{"auth":"YTpi"}}}"#,
                "r.io",
                &entry,
            ),
        ] {
            assert_eq!(settings(text).stored(registry).as_ref(), Ok(expected), "{text}");
        }
        let broken = settings(r#"{"auths":{"r.io":{"auth":"?"}}}"#)
            .stored("r.io")
            .unwrap_err();
        assert!(broken.contains("r.io") && !broken.contains('?'), "{broken}");
    }

    #[test]
    fn registry_helper_precedes_credential_store() {
        let found = settings(r#"{"credsStore":"secretservice","credHelpers":{"gcr.io":"gcloud","r.io":""}}"#);
        assert_eq!(found.helper("gcr.io"), Some("gcloud"));
        assert_eq!(found.helper("docker.io"), Some("secretservice"));
        assert_eq!(found.helper("r.io"), None);
        assert_eq!(settings("{}").helper("docker.io"), None);
    }

    #[tokio::test]
    async fn origin_says_what_was_used_and_why_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.json");
        for (text, found, part) in [
            (None, false, "does not exist; `docker login ghcr.io`"),
            (Some("{"), false, "is not valid JSON"),
            (Some("{}"), false, "has none for ghcr.io"),
            (
                Some(r#"{"credsStore":"none-such"}"#),
                false,
                "docker-credential-none-such cannot be run",
            ),
            (
                Some(r#"{"auths":{"ghcr.io":{"auth":"YTpi"}}}"#),
                true,
                "the credentials for ghcr.io in ",
            ),
            (
                Some(r#"{"auths":{"ghcr.io":{"auth":"YTpi"}},"credsStore":"none-such"}"#),
                true,
                "the credentials for",
            ),
        ] {
            if let Some(text) = text {
                std::fs::write(&file, text).unwrap();
            }
            let looked = of_registry(&file, "ghcr.io").await;
            let expected = found.then(|| RegistryCredentials::password("a", "b"));
            assert_eq!(looked.credentials, expected, "{text:?}");
            assert!(looked.origin.contains(part), "{}", looked.origin);
        }
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
        assert!(ask("../../bin/sh", "ghcr.io").await.is_err());
    }
}
