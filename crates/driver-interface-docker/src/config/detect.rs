//! Engine detection: where an engine may be listening, in search order.

use std::path::{Path, PathBuf};

use driver_interface_errors::Result;

use super::address::DOCKER_SOCKET;
use super::tls::TlsSettings;
use super::{address, context};
use crate::wire::Address;

const PODMAN_SOCKET: &str = "/run/podman/podman.sock";

/// The named pipe of Docker on Windows.
#[cfg(windows)]
const DOCKER_PIPE: &str = "//./pipe/docker_engine";

/// The addresses to try, in order of preference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidates {
    pub(crate) addresses: Vec<Address>,
    pub(crate) accepted: Accepted,
    /// Whether the address is fixed. An address is fixed if the user configured it, or if it is the default address
    /// of the `docker` command. If `true`, `addresses` has only this address, and a connection error reports why the
    /// address failed.
    pub(crate) named: bool,
}

/// The kinds of engine to accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    Any,
    Podman,
}

/// The host's environment variables and files, as far as engine detection needs them. Tests use a fake
/// implementation.
pub(super) trait HostEnvironment {
    /// Returns the value of an environment variable if it is set and not empty.
    fn var(&self, name: &str) -> Option<String>;
    fn home(&self) -> Option<PathBuf>;
    /// Returns the numeric id of the current user, or `None` on a system without such ids.
    fn uid(&self) -> Option<u32>;
    fn exists(&self, path: &Path) -> bool;
    fn read(&self, path: &Path) -> Option<String>;
}

/// The host that the program is running on.
pub(super) struct Host;

impl HostEnvironment for Host {
    fn var(&self, name: &str) -> Option<String> {
        // A value that is not UTF-8 must not count as unset: it may ask for TLS.
        let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
        Some(value.to_string_lossy().into_owned())
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
}

/// Returns the addresses at which an engine of any kind may be listening.
pub(super) fn any(host: &dyn HostEnvironment) -> Result<Candidates> {
    if let Some(named) = named(host)? {
        return Ok(named);
    }
    if cfg!(windows) {
        return like_the_command(host);
    }
    let mut paths = docker_sockets(host);
    paths.extend(podman_sockets(host));
    paths.extend(other_sockets(host));
    Ok(search(host, paths, Accepted::Any))
}

/// Returns the address of the engine that the `docker` command would use.
pub(super) fn like_the_command(host: &dyn HostEnvironment) -> Result<Candidates> {
    Ok(named(host)?.unwrap_or_else(|| fixed(default_address(), Accepted::Any)))
}

/// Returns the addresses of the engine that the URI `text` names.
pub(super) fn uri(host: &dyn HostEnvironment, text: &str) -> Result<Candidates> {
    const ORIGIN: &str = "the URI";
    match text {
        "docker:" | "docker" => any(host),
        "podman:" | "podman" => match host.var("CONTAINER_HOST") {
            Some(text) => podman(host, &text, "CONTAINER_HOST"),
            None => Ok(search(host, podman_sockets(host), Accepted::Podman)),
        },
        _ => match text.split_once(':') {
            Some(("docker", rest)) => Ok(fixed(address(host, rest, ORIGIN)?, Accepted::Any)),
            Some(("podman", rest)) => podman(host, rest, ORIGIN),
            _ => Ok(fixed(address(host, text, ORIGIN)?, Accepted::Any)),
        },
    }
}

/// Returns the address of the first case that applies, or `None` if no case applies:
/// 1. If `DOCKER_HOST` contains more than white space: the address in that variable.
/// 2. If `DOCKER_HOST` is not set, and the current `docker context` has an address: the address of the context.
/// 3. If `DOCKER_TLS_VERIFY` or `DOCKER_TLS` is set: `https://localhost:2376`.
fn named(host: &dyn HostEnvironment) -> Result<Option<Candidates>> {
    let found = match host.var("DOCKER_HOST") {
        Some(text) if !text.trim().is_empty() => Some(address(host, &text, "DOCKER_HOST")?),
        // White space selects the default context.
        Some(_) => None,
        None => context::current(host)?,
    };
    let tls = TlsSettings::of_environment(host);
    let found = match found {
        // Certificates alone do not name an engine.
        None if tls
            .required_by
            .as_deref()
            .is_some_and(|name| name != "DOCKER_CERT_PATH") =>
        {
            Some(address::local_tls(&tls)?)
        }
        found => found,
    };
    Ok(found.map(|address| fixed(address, Accepted::Any)))
}

fn podman(host: &dyn HostEnvironment, text: &str, origin: &str) -> Result<Candidates> {
    let mut address = address(host, text, origin)?;
    if let Address::Ssh(target) = &mut address {
        target.podman = true;
    }
    Ok(fixed(address, Accepted::Podman))
}

fn address(host: &dyn HostEnvironment, text: &str, origin: &str) -> Result<Address> {
    address::parse(text, origin, &TlsSettings::of_environment(host))
}

fn default_address() -> Address {
    #[cfg(windows)]
    return Address::Pipe(DOCKER_PIPE.to_owned());
    #[cfg(not(windows))]
    Address::Unix(DOCKER_SOCKET.into())
}

fn fixed(address: Address, accepted: Accepted) -> Candidates {
    Candidates {
        addresses: vec![address],
        accepted,
        named: true,
    }
}

/// Returns the sockets in `paths` that exist. If none exists, returns all `paths`, so that the connection error lists
/// them.
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
pub(super) mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Default)]
    pub(in crate::config) struct Fake {
        vars: BTreeMap<String, String>,
        files: BTreeMap<String, String>,
    }

    impl HostEnvironment for Fake {
        fn var(&self, name: &str) -> Option<String> {
            self.vars.get(name).filter(|value| !value.is_empty()).cloned()
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
            self.files.get(path.to_str().unwrap()).cloned()
        }
    }

    impl Fake {
        fn var(mut self, name: &str, value: &str) -> Self {
            self.vars.insert(name.to_owned(), value.to_owned());
            self
        }

        fn host(self, value: &str) -> Self {
            self.var("DOCKER_HOST", value)
        }

        fn file(mut self, path: &str, text: &str) -> Self {
            let path = Path::new("/home/joe").join(path);
            self.files
                .insert(path.to_str().unwrap().to_owned(), text.to_owned());
            self
        }

        fn settings(self, text: &str) -> Self {
            self.file(".docker/config.json", text)
        }

        /// Adds a context `c`, and empty certificate files with the names `certificates`.
        fn context(mut self, host: &str, skip: bool, certificates: &[&str]) -> Self {
            let id = context::id_of("c");
            for name in certificates {
                self = self.file(&format!(".docker/contexts/tls/{id}/docker/{name}"), "");
            }
            let meta = format!(
                r#"{{"Name":"c","Endpoints":{{"docker":{{"Host":"{host}","SkipTLSVerify":{skip}}}}}}}"#
            );
            self.file(&format!(".docker/contexts/meta/{id}/meta.json"), &meta)
        }

        fn current_context(self, host: &str, skip: bool, certificates: &[&str]) -> Self {
            self.context(host, skip, certificates)
                .settings(r#"{"currentContext":"c"}"#)
        }
    }

    fn none() -> Fake {
        Fake::default()
    }

    /// Returns a text with the address and the certificates that TLS would use, or with the error's code.
    fn shown(found: Result<Candidates>) -> String {
        let candidates = match found {
            Ok(candidates) => candidates,
            Err(error) => return error.code().to_owned(),
        };
        let [address] = candidates.addresses.as_slice() else {
            panic!("{candidates:?}")
        };
        let mut text = address.to_string();
        if let Address::Tcp { tls: Some(files), .. } = address {
            let short = |path: &Path| {
                path.strip_prefix("/home/joe")
                    .unwrap_or(path)
                    .display()
                    .to_string()
            };
            match &files.authorities {
                Some(path) => text += &format!(" ca {}", short(path)),
                None => text += " system",
            }
            if let Some((certificate, _)) = &files.identity {
                text += &format!(" cert {}", short(certificate));
            }
            if !files.verify {
                text += " unverified";
            }
        }
        text
    }

    const REFUSED: &str = "CONFIGURATION_ERROR";
    const DEFAULT: &str = "unix:///var/run/docker.sock";
    const CA: &str = ".docker/ca.pem";

    /// Each row has a setting and the engine that the driver uses. If version 28 of the `docker` command behaves
    /// differently, the last column describes that behaviour. The last column was recorded by running
    /// `docker version` with each setting.
    #[test]
    #[rustfmt::skip]
    fn finds_the_engine_that_the_docker_command_finds() {
        let tls = || none().var("DOCKER_TLS_VERIFY", "1");
        let pair = |host: Fake, directory: &str| {
            ["ca.pem", "cert.pem", "key.pem"]
                .into_iter()
                .fold(host, |host, name| host.file(&format!("{directory}/{name}"), ""))
        };
        let table: Vec<(Fake, &str, Option<&str>)> = vec![
            // DOCKER_HOST
            (none(), DEFAULT, None),
            (none().host(""), DEFAULT, None),
            (none().host(" \n"), DEFAULT, None),
            (none().host("unix:///d.sock"), "unix:///d.sock", None),
            (none().host(" unix:///d.sock\n"), "unix:///d.sock", None),
            (none().host("unix://"), DEFAULT, None),
            (none().host("unix://d.sock"), REFUSED, Some("d.sock in the working directory")),
            (none().host("unix:/d.sock"), REFUSED, Some("the host `unix`")),
            (none().host("/d.sock"), REFUSED, Some("localhost:2375, with /d.sock before every path")),
            (none().host("10.0.0.1:99"), "tcp://10.0.0.1:99", None),
            (none().host("10.0.0.1"), "tcp://10.0.0.1:2375", None),
            (none().host(":99"), "tcp://localhost:99", None),
            (none().host("tcp://"), "tcp://localhost:2375", None),
            (none().host("tcp://10.0.0.1"), "tcp://10.0.0.1:2375", None),
            (none().host("tcp://10.0.0.1:99"), "tcp://10.0.0.1:99", None),
            (none().host("tcp://10.0.0.1:99/"), "tcp://10.0.0.1:99", None),
            (none().host("tcp://10.0.0.1:99/prefix"), REFUSED, Some("/prefix before every path")),
            (none().host("tcp://[::1]:99"), "tcp://[::1]:99", None),
            (none().host("tcp://[::1"), REFUSED, None),
            (none().host("tcp://u:p@10.0.0.1:99"), REFUSED, Some("ignores the password")),
            (none().host("tcp://10.0.0.1:0"), REFUSED, Some("connects to port 0")),
            (none().host("tcp://10.0.0.1:x"), REFUSED, None),
            (none().host("tcp://10.0.0.1:99?x=1"), REFUSED, Some("ignores the query")),
            (none().host("tcp://10.0.0.1:1,tcp://10.0.0.1:2"), REFUSED, None),
            (none().host("http://10.0.0.1:99"), "tcp://10.0.0.1:99", Some("an error")),
            (none().host("https://10.0.0.1"), "https://10.0.0.1:2376 system", Some("an error")),
            (none().host("TCP://10.0.0.1:99"), REFUSED, None),
            (none().host("fd://"), REFUSED, Some("crashes")),
            (none().host("ssh://me@h"), "ssh://me@h", None),
            (none().host("ssh://h:22"), "ssh://h:22", None),
            (none().host("ssh://me@h/run/d.sock"), "ssh://me@h/run/d.sock", None),
            (none().host("ssh://me:pw@h"), REFUSED, None),
            (none().host("ssh://h?x=1"), REFUSED, None),
            (none().host("ssh://"), REFUSED, None),
            // TLS by variables
            (tls().host("tcp://h:9"), "https://h:9 ca .docker/ca.pem", Some("an error: no ca.pem")),
            (tls().host("tcp://h:9").file(CA, ""), "https://h:9 ca .docker/ca.pem", None),
            (tls().host("tcp://h").file(CA, ""), "https://h:2375 ca .docker/ca.pem", None),
            (none().var("DOCKER_TLS_VERIFY", "0").host("tcp://h:9"), "https://h:9 ca .docker/ca.pem", None),
            (none().var("DOCKER_TLS_VERIFY", "").host("tcp://h:9"), "tcp://h:9", None),
            (pair(tls().host("tcp://h:9"), ".docker"), "https://h:9 ca .docker/ca.pem cert .docker/cert.pem", None),
            (tls().host("tcp://h:9").file(CA, "").file(".docker/cert.pem", ""), "https://h:9 ca .docker/ca.pem", None),
            (tls().host("http://h:9"), REFUSED, None),
            (tls().host("unix:///d.sock"), "unix:///d.sock", None),
            (tls().file(CA, ""), "https://localhost:2376 ca .docker/ca.pem", None),
            (none().var("DOCKER_TLS", "1").file(CA, ""), "https://localhost:2376 ca .docker/ca.pem unverified", None),
            (none().var("DOCKER_TLS", "1").host("tcp://h:9"), "https://h:9 system unverified", Some("an error: no ca.pem")),
            (tls().var("DOCKER_TLS", "1").host("tcp://h:9"), "https://h:9 ca .docker/ca.pem", None),
            (none().var("DOCKER_CERT_PATH", "/c").host("tcp://h:9"), "https://h:9 ca /c/ca.pem", Some("plain text")),
            (none().var("DOCKER_CERT_PATH", "/c"), DEFAULT, None),
            (pair(tls().var("DOCKER_CERT_PATH", "/home/joe/c").host("tcp://h:9"), "c"), "https://h:9 ca c/ca.pem cert c/cert.pem", None),
            (pair(none().host("https://h:9"), ".docker"), "https://h:9 ca .docker/ca.pem cert .docker/cert.pem", Some("an error")),
            // Contexts
            (none().current_context("tcp://h:9", false, &[]), "tcp://h:9", None),
            (none().current_context("unix:///c.sock", false, &[]), "unix:///c.sock", None),
            (none().current_context("ssh://me@h", false, &[]), "ssh://me@h", None),
            (none().current_context("tcp://h:9", true, &[]), "https://h:9 system unverified", None),
            (none().current_context("tcp://h:9", false, &["ca.pem"]), "https://h:9 ca CTX/ca.pem", None),
            (none().current_context("tcp://h:9", true, &["ca.pem", "cert.pem", "key.pem"]), "https://h:9 ca CTX/ca.pem cert CTX/cert.pem unverified", None),
            (none().current_context("https://h:9", false, &[]), "https://h:9 system", None),
            (none().current_context("http://h:9", false, &[]), "tcp://h:9", None),
            (none().current_context("http://h:9", true, &[]), REFUSED, Some("TLS")),
            (none().current_context("h:9", false, &[]), "tcp://h:9", Some("an error")),
            (none().current_context("", false, &[]), DEFAULT, None),
            (tls().current_context("tcp://h:9", false, &[]), "tcp://h:9", None),
            (none().current_context("tcp://h:9", false, &[]).host("tcp://h:8"), "tcp://h:8", None),
            (none().current_context("tcp://h:9", false, &[]).host(" "), DEFAULT, None),
            (none().current_context("tcp://h:9", false, &[]).var("DOCKER_CONTEXT", "default"), DEFAULT, None),
            (none().current_context("tcp://h:9", false, &[]).var("DOCKER_CONTEXT", ""), "tcp://h:9", None),
            (none().current_context("tcp://h:9", false, &[]).var("DOCKER_CONTEXT", "d"), REFUSED, None),
            (none().current_context("tcp://h:9", false, &[]).var("DOCKER_CONTEXT", "../c"), REFUSED, None),
            (none().context("tcp://h:9", false, &[]).var("DOCKER_CONTEXT", "c"), "tcp://h:9", None),
            (none().context("\"", false, &[]).var("DOCKER_CONTEXT", "c"), REFUSED, None),
            // config.json
            (none().settings(r#"{"currentContext":"gone"}"#), REFUSED, None),
            (none().settings(r#"{"CurrentContext":"gone"}"#), REFUSED, None),
            (none().settings(r#"{"currentContext":null}"#), DEFAULT, None),
            (none().settings("not json"), DEFAULT, None),
            (none().settings(""), DEFAULT, None),
            (none().var("DOCKER_CONFIG", "").settings(r#"{"currentContext":"home"}"#), REFUSED, None),
            (none().var("DOCKER_CONFIG", "/home/joe/o").file("o/config.json", r#"{"currentContext":"o"}"#), REFUSED, None),
            (none().var("DOCKER_CONFIG", "/home/joe/o").settings(r#"{"currentContext":"home"}"#), DEFAULT, None),
        ];
        let id = context::id_of("c");
        for (host, expected, docker) in table {
            let found = shown(like_the_command(&host)).replace(&format!(".docker/contexts/tls/{id}/docker"), "CTX");
            assert_eq!(found, expected, "{:?} {:?}; docker: {docker:?}", host.vars, host.files);
            if expected != DEFAULT {
                assert_eq!(shown(any(&host)), shown(like_the_command(&host)));
            }
        }
    }

    #[test]
    fn existing_sockets_are_tried_in_order() {
        let host = [
            "/home/joe/.rd/docker.sock",
            "/run/user/1000/podman/podman.sock",
            "/run/podman/podman.sock",
            "/run/user/1000/docker.sock",
            "/var/run/docker.sock",
        ]
        .into_iter()
        .fold(none(), |host, path| host.file(path, ""));
        let found = any(&host).unwrap();
        assert!(!found.named);
        let addresses: Vec<String> = found.addresses.iter().map(Address::to_string).collect();
        assert_eq!(
            addresses,
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
        assert_eq!(any(&none()).unwrap().addresses.len(), 11);
    }

    #[test]
    fn uri_selects_engine_and_address() {
        for (text, address, accepted) in [
            ("docker:unix:///d.sock", "unix:///d.sock", Accepted::Any),
            ("podman:unix:///p.sock", "unix:///p.sock", Accepted::Podman),
            ("docker:tcp://h:1", "tcp://h:1", Accepted::Any),
            ("unix:///x.sock", "unix:///x.sock", Accepted::Any),
            ("http://h:80", "tcp://h:80", Accepted::Any),
            ("docker:https://h", "https://h:2376 system", Accepted::Any),
            ("docker:ssh://h", "ssh://h", Accepted::Any),
        ] {
            let found = uri(&none(), text).unwrap();
            assert_eq!((found.accepted, found.named), (accepted, true), "{text}");
            assert_eq!(shown(Ok(found)), address, "{text}");
        }
        assert_eq!(shown(uri(&none(), "mock:")), REFUSED);
        let remote = uri(
            &none().var("CONTAINER_HOST", "ssh://core@h/run/p.sock"),
            "podman:",
        )
        .unwrap();
        assert_eq!(remote.accepted, Accepted::Podman);
        assert!(matches!(&remote.addresses[..], [Address::Ssh(target)] if target.podman));
    }
}
