//! Parsing of engine addresses.

use driver_interface_errors::{ConfigurationError, DriverError, Result, UnsupportedError};

use super::tls::TlsSettings;
use crate::wire::{Address, SshTarget};

/// The default port for plain-text connections to an engine.
const PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;
const HOST: &str = "localhost";
pub(super) const DOCKER_SOCKET: &str = "/var/run/docker.sock";

const FORMS: &str = "must be unix:///path, tcp://host:port, http://host:port, https://host:port, ssh://user@host or \
                     npipe:////./pipe/name";

/// Parses an address as the `docker` command does. `origin` names the source of the address in errors. If `tls`
/// requires TLS, an `http://` address is rejected.
pub(super) fn parse(text: &str, origin: &str, tls: &TlsSettings) -> Result<Address> {
    let text = text.trim();
    let rejected = |problem: &str| invalid(text, origin, problem);
    let address = match text.split_once("://") {
        Some(("unix", "")) => Address::Unix(DOCKER_SOCKET.into()),
        Some(("unix", path)) if path.starts_with('/') => Address::Unix(path.into()),
        Some(("unix", _)) => return Err(rejected("must contain an absolute path: unix:///path")),
        Some(("npipe", name)) if name.starts_with("//") => Address::Pipe(name.to_owned()),
        Some((scheme @ ("tcp" | "http" | "https"), rest)) => {
            let required = tls.required_by.as_deref();
            if let ("http", Some(source)) = (scheme, required) {
                return Err(rejected(&format!(
                    "must not be http://, because {source} requires TLS; use https://"
                )));
            }
            let default = if scheme == "https" { TLS_PORT } else { PORT };
            let (host, port) = authority(rest, default).map_err(|problem| rejected(&problem))?;
            let files = (scheme == "https" || required.is_some()).then(|| tls.files.clone());
            Address::Tcp {
                host,
                port,
                tls: files,
            }
        }
        Some(("ssh", rest)) => Address::Ssh(ssh(rest).map_err(|problem| rejected(&problem))?),
        None if !text.is_empty() && !text.contains('/') => {
            return parse(&format!("tcp://{text}"), origin, tls);
        }
        _ => return Err(rejected(FORMS)),
    };
    let missing = match &address {
        Address::Tcp { tls: Some(_), .. } if cfg!(not(feature = "tls")) => Some("the disabled feature `tls`"),
        Address::Ssh(_) if cfg!(not(feature = "ssh")) => Some("the disabled feature `ssh`"),
        Address::Pipe(_) if cfg!(not(windows)) => Some("Windows"),
        Address::Unix(_) if cfg!(not(unix)) => Some("Unix"),
        _ => None,
    };
    match missing {
        Some(what) => Err(UnsupportedError::new("connect", format!("{address} needs {what}")).into()),
        None => Ok(address),
    }
}

/// Returns the address `https://localhost`, which the `docker` command uses if the environment variables enable TLS
/// but contain no address.
pub(super) fn local_tls(tls: &TlsSettings) -> Result<Address> {
    parse(&format!("https://{HOST}"), "the default address for TLS", tls)
}

fn authority(rest: &str, default_port: u16) -> std::result::Result<(String, u16), String> {
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '@', '?', '#', ',']) {
        return Err("must contain only a host and a port".to_owned());
    }
    let (host, port) = host_and_port(authority)?;
    let host = if host.is_empty() { HOST } else { host };
    Ok((host.to_owned(), port.unwrap_or(default_port)))
}

/// Splits `host`, `host:port` or `[IPv6]:port`.
fn host_and_port(text: &str) -> std::result::Result<(&str, Option<u16>), String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest
                .split_once(']')
                .ok_or("must close the bracket of its IPv6 address")?;
            match port.strip_prefix(':') {
                None if !port.is_empty() => {
                    return Err("must have nothing but a port after the bracket".to_owned());
                }
                port => (host, port),
            }
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = port.map(|port| {
        let valid = port.parse().ok().filter(|port| *port > 0);
        valid.ok_or("must have a port from 1 to 65535")
    });
    Ok((host, port.transpose()?))
}

fn ssh(rest: &str) -> std::result::Result<SshTarget, String> {
    if rest.contains(['?', '#']) {
        return Err("must not contain a query or a fragment".to_owned());
    }
    let (authority, socket) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (user, place) = match authority.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, authority),
    };
    if user.is_some_and(|user| user.contains(':')) {
        return Err("must not contain a password; use a key, for example with `ssh-add`".to_owned());
    }
    let (host, port) = host_and_port(place)?;
    // They become arguments of a command, and the socket passes through a shell on the other host.
    let plain = |text: &str, more: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    if !plain(host, "-._:%") || user.is_some_and(|user| !plain(user, "-._@\\+")) {
        return Err("must have the form ssh://user@host:port".to_owned());
    }
    let socket = Some(socket).filter(|path| !path.trim_matches('/').is_empty());
    if socket.is_some_and(|path| !plain(path, "/-._+@:,")) {
        return Err("must not have special characters in the socket's path".to_owned());
    }
    Ok(SshTarget {
        user: user.map(str::to_owned),
        host: host.to_owned(),
        port,
        socket: socket.map(str::to_owned),
        podman: false,
        options: Vec::new(),
    })
}

fn invalid(text: &str, origin: &str, problem: &str) -> DriverError {
    // Do not repeat text that may contain a password.
    let shown = if text.contains('@') {
        "an address with credentials"
    } else {
        text
    };
    ConfigurationError::single("uri", "invalid-uri", format!("{problem}; {origin} is {shown}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_with_special_characters_do_not_reach_a_command() {
        let tls = TlsSettings::of_environment(&crate::config::detect::tests::Fake::default());
        for text in [
            "ssh://-oProxyCommand=x", "ssh://h/a;b", "ssh://h/$(x)", "ssh://-l@h", "ssh://a b@h",
            "ssh://u:p@h", "ssh://", "ssh://me@", "ssh://h:0", "ssh://[::1]x:22", "tcp://[::1]2377",
            "tcp://u:p@h:1", "https://u:p@h:1",
        ] {
            let error = parse(text, "test", &tls).unwrap_err();
            assert_eq!(error.code(), "CONFIGURATION_ERROR", "{text}");
            assert!(!error.to_string().contains("u:p"), "{error}");
        }
    }
}
