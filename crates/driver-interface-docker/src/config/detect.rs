//! Engine detection: where an engine may be listening, in search order.

use std::path::{Path, PathBuf};

use driver_interface_errors::Result;

use super::{address, context};
use crate::wire::Address;

const DOCKER_SOCKET: &str = "/var/run/docker.sock";
const PODMAN_SOCKET: &str = "/run/podman/podman.sock";

/// The variables that ask for TLS, whatever their value.
const TLS_VARIABLES: [&str; 3] = ["DOCKER_TLS_VERIFY", "DOCKER_TLS", "DOCKER_CERT_PATH"];

/// The addresses to try, in order of preference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidates {
    pub(crate) addresses: Vec<Address>,
    pub(crate) accepted: Accepted,
    /// Whether the address was configured explicitly. If so, no other address is tried, and its failure is
    /// reported.
    pub(crate) named: bool,
}

/// The kinds of engine to accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    Any,
    Podman,
}

/// The access to the host that detection needs; tests use a fake implementation.
pub(super) trait HostEnvironment {
    /// Returns the value of an environment variable if it is set and not empty.
    fn var(&self, name: &str) -> Option<String>;
    fn home(&self) -> Option<PathBuf>;
    /// Returns the user id, if the host has such ids.
    fn uid(&self) -> Option<u32>;
    fn exists(&self, path: &Path) -> bool;
    fn read(&self, path: &Path) -> Option<String>;
    fn list(&self, directory: &Path) -> Vec<PathBuf>;
}

/// The host that the program is running on.
pub(super) struct Host;

impl HostEnvironment for Host {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn home(&self) -> Option<PathBuf> {
        std::env::home_dir().filter(|home| !home.as_os_str().is_empty())
    }

    fn uid(&self) -> Option<u32> {
        #[cfg(unix)]
        return std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").ok()?).into();
        #[cfg(not(unix))]
        None
    }

    fn exists(&self, path: &Path) -> bool {
        // If the directory is not accessible, assume that the socket exists: connecting to it then reports
        // the permission error.
        path.try_exists().unwrap_or(true)
    }

    fn read(&self, path: &Path) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }

    fn list(&self, directory: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }
}

/// Returns the candidates for any engine.
pub(super) fn any(host: &dyn HostEnvironment) -> Result<Candidates> {
    if let Some(named) = named(host)? {
        return Ok(named);
    }
    let mut paths = docker_sockets(host);
    paths.extend(podman_sockets(host));
    paths.extend(other_sockets(host));
    Ok(search(host, paths, Accepted::Any))
}

/// Returns the engine that the `docker` command would use.
pub(super) fn like_the_command(host: &dyn HostEnvironment) -> Result<Candidates> {
    Ok(named(host)?.unwrap_or_else(|| fixed(Address::Unix(DOCKER_SOCKET.into()), Accepted::Any)))
}

/// Returns the engine that a URI names.
pub(super) fn uri(host: &dyn HostEnvironment, text: &str) -> Result<Candidates> {
    const ORIGIN: &str = "the URI";
    match text {
        "docker:" | "docker" => any(host),
        "podman:" | "podman" => match host.var("CONTAINER_HOST") {
            Some(text) => Ok(fixed(plain(host, &text, "CONTAINER_HOST")?, Accepted::Podman)),
            None => Ok(search(host, podman_sockets(host), Accepted::Podman)),
        },
        _ => match text.split_once(':') {
            Some(("docker", rest)) => Ok(fixed(plain(host, rest, ORIGIN)?, Accepted::Any)),
            Some(("podman", rest)) => Ok(fixed(plain(host, rest, ORIGIN)?, Accepted::Podman)),
            _ => Ok(fixed(plain(host, text, ORIGIN)?, Accepted::Any)),
        },
    }
}

/// Returns the engine that the environment names.
fn named(host: &dyn HostEnvironment) -> Result<Option<Candidates>> {
    if let Some(text) = host.var("DOCKER_HOST").filter(|text| !text.trim().is_empty()) {
        return Ok(Some(fixed(plain(host, &text, "DOCKER_HOST")?, Accepted::Any)));
    }
    Ok(context::current(host)?.map(|address| fixed(address, Accepted::Any)))
}

/// Parses an address. Refuses a TCP address if the environment requires TLS for such addresses: connecting without it
/// would send everything in plain text. Contexts have settings of their own.
fn plain(host: &dyn HostEnvironment, text: &str, origin: &str) -> Result<Address> {
    let address = address::parse(text, origin)?;
    if matches!(address, Address::Tcp { .. })
        && let Some(variable) = TLS_VARIABLES.into_iter().find(|name| host.var(name).is_some())
    {
        return Err(address::no_tls(text.trim(), variable));
    }
    Ok(address)
}

fn fixed(address: Address, accepted: Accepted) -> Candidates {
    Candidates {
        addresses: vec![address],
        accepted,
        named: true,
    }
}

/// Returns the sockets that exist. If none does, returns all of them, so that the error lists them.
fn search(host: &dyn HostEnvironment, paths: Vec<PathBuf>, accepted: Accepted) -> Candidates {
    let existing: Vec<PathBuf> = paths.iter().filter(|path| host.exists(path)).cloned().collect();
    let chosen = if existing.is_empty() { paths } else { existing };
    Candidates {
        addresses: chosen.into_iter().map(Address::Unix).collect(),
        accepted,
        named: false,
    }
}

fn runtime_directory(host: &dyn HostEnvironment) -> Option<PathBuf> {
    let default = || host.uid().map(|uid| PathBuf::from(format!("/run/user/{uid}")));
    host.var("XDG_RUNTIME_DIR").map(PathBuf::from).or_else(default)
}

fn docker_sockets(host: &dyn HostEnvironment) -> Vec<PathBuf> {
    let user = runtime_directory(host).map(|directory| directory.join("docker.sock"));
    [Some(PathBuf::from(DOCKER_SOCKET)), user]
        .into_iter()
        .flatten()
        .collect()
}

fn podman_sockets(host: &dyn HostEnvironment) -> Vec<PathBuf> {
    let user = runtime_directory(host).map(|directory| directory.join("podman/podman.sock"));
    [Some(PathBuf::from(PODMAN_SOCKET)), user]
        .into_iter()
        .flatten()
        .collect()
}

fn other_sockets(host: &dyn HostEnvironment) -> Vec<PathBuf> {
    let Some(home) = host.home() else {
        return Vec::new();
    };
    let inside = [
        ".docker/run/docker.sock",
        ".docker/desktop/docker.sock",
        ".local/share/containers/podman/machine/podman.sock",
        ".colima/default/docker.sock",
        ".colima/docker.sock",
        ".orbstack/run/docker.sock",
        ".rd/docker.sock",
    ];
    inside.into_iter().map(|path| home.join(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Default)]
    struct Fake {
        vars: BTreeMap<&'static str, &'static str>,
        files: BTreeMap<&'static str, &'static str>,
    }

    impl HostEnvironment for Fake {
        fn var(&self, name: &str) -> Option<String> {
            self.vars.get(name).map(|value| (*value).to_owned())
        }
        fn home(&self) -> Option<PathBuf> {
            Some("/home/joe".into())
        }
        fn uid(&self) -> Option<u32> {
            Some(1000)
        }
        fn exists(&self, path: &Path) -> bool {
            self.files.contains_key(path.to_str().unwrap())
        }
        fn read(&self, path: &Path) -> Option<String> {
            self.files
                .get(path.to_str().unwrap())
                .map(|text| (*text).to_owned())
        }
        fn list(&self, directory: &Path) -> Vec<PathBuf> {
            let inside = self
                .files
                .keys()
                .filter_map(|path| Path::new(path).strip_prefix(directory).ok());
            inside
                .filter_map(|rest| rest.iter().next())
                .map(|name| directory.join(name))
                .collect()
        }
    }

    fn fake<const V: usize, const F: usize>(
        vars: [(&'static str, &'static str); V],
        files: [(&'static str, &'static str); F],
    ) -> Fake {
        Fake {
            vars: vars.into(),
            files: files.into(),
        }
    }

    fn shown(candidates: &Candidates) -> Vec<String> {
        candidates.addresses.iter().map(Address::to_string).collect()
    }

    const RUNTIME: (&str, &str) = ("XDG_RUNTIME_DIR", "/run/user/1000");

    #[test]
    fn existing_sockets_are_tried_in_order() {
        let host = fake(
            [RUNTIME],
            [
                ("/home/joe/.rd/docker.sock", ""),
                ("/run/user/1000/podman/podman.sock", ""),
                ("/run/podman/podman.sock", ""),
                ("/run/user/1000/docker.sock", ""),
                ("/var/run/docker.sock", ""),
            ],
        );
        let found = any(&host).unwrap();
        assert!(!found.named);
        assert_eq!(
            shown(&found),
            [
                "unix:///var/run/docker.sock",
                "unix:///run/user/1000/docker.sock",
                "unix:///run/podman/podman.sock",
                "unix:///run/user/1000/podman/podman.sock",
                "unix:///home/joe/.rd/docker.sock",
            ]
        );
        let podman = uri(&host, "podman:").unwrap();
        assert_eq!((podman.accepted, podman.addresses.len()), (Accepted::Podman, 2));
    }

    #[test]
    fn lists_every_path_without_socket() {
        assert_eq!(any(&fake([], [])).unwrap().addresses.len(), 11);
    }

    #[test]
    fn docker_host_takes_precedence() {
        let host = fake(
            [("DOCKER_HOST", "tcp://10.0.0.1:2375"), ("DOCKER_CONTEXT", "x")],
            [("/var/run/docker.sock", "")],
        );
        let found = any(&host).unwrap();
        assert_eq!(
            (shown(&found), found.named),
            (vec!["tcp://10.0.0.1:2375".to_owned()], true)
        );
        assert_eq!(like_the_command(&host).unwrap(), found);
    }

    #[test]
    fn requested_tls_is_never_replaced_by_plain_text() {
        for variable in TLS_VARIABLES {
            for address in [
                "tcp://10.0.0.1:2376", "http://10.0.0.1:2376", " tcp://10.0.0.1:2376\n",
            ] {
                let host = fake([("DOCKER_HOST", address), (variable, "1")], []);
                for found in [
                    any(&host),
                    like_the_command(&host),
                    uri(&host, address),
                    uri(&host, "docker:"),
                ] {
                    let error = found.unwrap_err();
                    assert_eq!(error.code(), "UNSUPPORTED_OPERATION", "{variable} {address}");
                    assert!(error.message().contains(variable), "{error}");
                }
                assert!(uri(&host, "docker:tcp://10.0.0.1:2376").is_err());
            }
            let local = fake([("DOCKER_HOST", "unix:///d.sock"), (variable, "1")], []);
            assert_eq!(shown(&any(&local).unwrap()), ["unix:///d.sock"]);
        }
    }

    #[test]
    fn white_space_around_addresses_is_ignored() {
        let host = fake([("DOCKER_HOST", " unix:///d.sock\n")], []);
        assert_eq!(shown(&any(&host).unwrap()), ["unix:///d.sock"]);
        let host = fake([("DOCKER_HOST", "  ")], [("/var/run/docker.sock", "")]);
        assert_eq!(shown(&any(&host).unwrap()), ["unix:///var/run/docker.sock"]);
    }

    #[test]
    fn each_context_has_its_own_tls_settings() {
        const PLAIN: &str =
            r#"{"Name":"plain","Endpoints":{"docker":{"Host":"tcp://10.0.0.1:2375","SkipTLSVerify":false}}}"#;
        const SECURE: &str = r#"{"Name":"secure","Endpoints":{"docker":{"Host":"tcp://10.0.0.2:2376"}}}"#;
        const SKIP: &str =
            r#"{"Name":"skip","Endpoints":{"docker":{"Host":"tcp://10.0.0.3:2376","SkipTLSVerify":true}}}"#;
        let files = [
            ("/home/joe/.docker/contexts/meta/aaa/meta.json", PLAIN),
            ("/home/joe/.docker/contexts/meta/bbb/meta.json", SECURE),
            ("/home/joe/.docker/contexts/meta/ccc/meta.json", SKIP),
            ("/home/joe/.docker/contexts/tls/bbb/docker/ca.pem", ""),
        ];
        // The variables are not for contexts.
        let found = any(&fake(
            [("DOCKER_CONTEXT", "plain"), ("DOCKER_TLS_VERIFY", "1")],
            files,
        ));
        assert_eq!(shown(&found.unwrap()), ["tcp://10.0.0.1:2375"]);
        for context in ["secure", "skip"] {
            let error = any(&fake([("DOCKER_CONTEXT", context)], files)).unwrap_err();
            assert_eq!(error.code(), "UNSUPPORTED_OPERATION", "{context}");
        }
    }

    #[test]
    fn follows_current_context() {
        const META: &str = r#"{"Name":"remote","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///ctx.sock","SkipTLSVerify":false}}}"#;
        let files = [
            (
                "/home/joe/.docker/config.json",
                r#"{"auths":{"x":{"auth":"c2VjcmV0"}},"currentContext":"remote"}"#,
            ),
            ("/home/joe/.docker/contexts/meta/abc/meta.json", META),
            ("/home/joe/.docker/contexts/meta/def/meta.json", "not json"),
        ];
        assert_eq!(shown(&any(&fake([], files)).unwrap()), ["unix:///ctx.sock"]);
        let default = fake([("DOCKER_CONTEXT", "default")], files);
        assert!(!any(&default).unwrap().named);
        let unknown = any(&fake([("DOCKER_CONTEXT", "other")], files)).unwrap_err();
        assert_eq!(unknown.code(), "CONFIGURATION_ERROR");
        assert!(unknown.message().contains("other"), "{unknown}");
    }

    #[test]
    fn uri_selects_engine_and_address() {
        let host = fake([], []);
        for (text, address, accepted) in [
            ("docker:unix:///d.sock", "unix:///d.sock", Accepted::Any),
            ("podman:unix:///p.sock", "unix:///p.sock", Accepted::Podman),
            ("docker:tcp://h:1", "tcp://h:1", Accepted::Any),
            ("unix:///x.sock", "unix:///x.sock", Accepted::Any),
            ("http://h:80", "tcp://h:80", Accepted::Any),
        ] {
            let found = uri(&host, text).unwrap();
            assert_eq!(
                (shown(&found), found.accepted, found.named),
                (vec![address.to_owned()], accepted, true),
                "{text}"
            );
        }
        assert!(uri(&host, "mock:").is_err());
        let podman = uri(&fake([("CONTAINER_HOST", "unix:///c.sock")], []), "podman:").unwrap();
        assert_eq!(
            (shown(&podman), podman.accepted),
            (vec!["unix:///c.sock".to_owned()], Accepted::Podman)
        );
    }
}
