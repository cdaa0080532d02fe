//! When to use TLS, and with which certificates.

use std::path::Path;

use super::detect::HostEnvironment;
use super::docker_file;
use crate::wire::TlsFiles;

/// The TLS settings of the environment or of a `docker context`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TlsSettings {
    /// The setting that requires TLS for `tcp://` addresses, such as `DOCKER_TLS_VERIFY`. `None` if TLS is not
    /// required.
    pub(super) required_by: Option<String>,
    pub(super) files: TlsFiles,
}

impl TlsSettings {
    /// Returns the TLS settings of the environment. A variable counts as soon as it is set, whatever its value, as
    /// for the `docker` command. Unlike that command, the driver also uses TLS if only `DOCKER_CERT_PATH` is set,
    /// because a user who names certificates expects them to be used.
    pub(super) fn of_environment(host: &dyn HostEnvironment) -> Self {
        let variables = ["DOCKER_TLS_VERIFY", "DOCKER_TLS", "DOCKER_CERT_PATH"];
        let required_by = variables.into_iter().find(|name| host.var(name).is_some());
        let verify = host.var("DOCKER_TLS_VERIFY").is_some() || host.var("DOCKER_TLS").is_none();
        let directory = match host.var("DOCKER_CERT_PATH") {
            Some(directory) => Some(directory.into()),
            None => docker_file::directory(host),
        };
        let mut files = in_directory(host, directory.as_deref(), verify);
        // Trusting the system's authorities instead of a file that is missing would be less than what was asked for.
        if required_by.is_some() && verify && files.authorities.is_none() {
            files.authorities = directory.map(|directory| directory.join(AUTHORITIES));
        }
        Self {
            required_by: required_by.map(str::to_owned),
            files,
        }
    }

    /// Returns the TLS settings of a `docker context`. The context's certificates are in `directory`.
    pub(super) fn of_context(
        host: &dyn HostEnvironment,
        directory: &Path,
        skips_verification: bool,
        origin: &str,
    ) -> Self {
        let files = in_directory(host, Some(directory), !skips_verification);
        let required = skips_verification || files.authorities.is_some() || files.identity.is_some();
        Self {
            required_by: required.then(|| origin.to_owned()),
            files,
        }
    }
}

const AUTHORITIES: &str = "ca.pem";

/// Returns the certificates in a directory, found by their usual file names. The field of a missing file is `None`.
fn in_directory(host: &dyn HostEnvironment, directory: Option<&Path>, verify: bool) -> TlsFiles {
    let file = |name| {
        directory
            .map(|directory| directory.join(name))
            .filter(|path| host.exists(path))
    };
    TlsFiles {
        authorities: file(AUTHORITIES),
        identity: file("cert.pem").zip(file("key.pem")),
        verify,
    }
}

/// Returns the certificates in a directory that must have `ca.pem`, and may have `cert.pem` and `key.pem`.
#[cfg(feature = "tls")]
pub(super) fn required_in(host: &dyn HostEnvironment, directory: &Path) -> TlsFiles {
    TlsFiles {
        authorities: Some(directory.join(AUTHORITIES)),
        ..in_directory(host, Some(directory), true)
    }
}
