//! Parsing of engine addresses.

use driver_interface_errors::{ConfigurationError, DriverError, Result, UnsupportedError};

use crate::wire::Address;

/// The port on which engines listen for plain HTTP.
const PORT: u16 = 2375;

/// Parses `unix:///path`, `tcp://host:port` or `http://host:port`. `origin` names its source in errors.
pub(super) fn parse(text: &str, origin: &str) -> Result<Address> {
    let text = text.trim();
    match text.split_once("://") {
        Some(("unix", path)) if path.starts_with('/') => Ok(Address::Unix(path.into())),
        Some(("unix", _)) => Err(invalid(
            text,
            origin,
            "must contain an absolute path: unix:///path",
        )),
        Some(("tcp" | "http", rest)) => tcp(rest).map_err(|problem| invalid(text, origin, &problem)),
        Some(("https", _)) => Err(no_tls(text, origin)),
        Some(("ssh", _)) => Err(unsupported(
            format!("{origin} names {text}, but connections over SSH are not supported yet"),
            "forward the engine's socket instead (`ssh -L /tmp/engine.sock:/var/run/docker.sock host`) and use \
             unix:///tmp/engine.sock",
        )),
        Some(("npipe", _)) => Err(unsupported(
            format!("{origin} names {text}, but named pipes are not supported yet"),
            "expose the engine on a TCP port of the loopback interface and use tcp://127.0.0.1:2375",
        )),
        _ => Err(invalid(
            text,
            origin,
            "must be unix:///path, tcp://host:port or http://host:port",
        )),
    }
}

/// Returns the error for an address that requires TLS. Connecting without it would be worse than failing.
pub(super) fn no_tls(text: &str, origin: &str) -> DriverError {
    unsupported(
        format!("{origin} requires TLS for {text}, but connections over TLS are not supported yet"),
        "use a unix socket, or forward the port through SSH and use plain tcp:// on the loopback interface",
    )
}

fn tcp(rest: &str) -> std::result::Result<Address, String> {
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '@', '?', '#']) {
        return Err("must contain only a host and a port".to_owned());
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest
                .split_once(']')
                .ok_or("must close the bracket of its IPv6 address")?;
            (host, port.strip_prefix(':'))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    if host.is_empty() {
        return Err("must contain a host".to_owned());
    }
    let port = match port {
        None => PORT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or("must have a port from 1 to 65535")?,
    };
    Ok(Address::Tcp {
        host: host.to_owned(),
        port,
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

fn unsupported(problem: String, remedy: &str) -> DriverError {
    UnsupportedError::new("connect", format!("{problem}; {remedy}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<String> {
        parse(text, "test").ok().map(|address| address.to_string())
    }

    #[test]
    fn parses_addresses() {
        for (text, expected) in [
            ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
            ("tcp://10.0.0.1:2375", "tcp://10.0.0.1:2375"),
            ("tcp://engine", "tcp://engine:2375"),
            ("http://localhost:8080/", "tcp://localhost:8080"),
            ("tcp://[::1]:99", "tcp://[::1]:99"),
        ] {
            assert_eq!(address(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn rejects_invalid_addresses() {
        for text in [
            "", "unix://relative", "unix://", "/var/run/docker.sock", "tcp://", "tcp://h:0", "tcp://h:x",
            "tcp://h:1/x", "tcp://u:p@h:1", "tcp://[::1", "fd://", "mysql://h",
        ] {
            let error = parse(text, "test").unwrap_err();
            assert_eq!(error.code(), "CONFIGURATION_ERROR", "{text}");
            assert!(!error.to_string().contains("u:p"), "{error}");
        }
    }

    #[test]
    fn unsupported_transports_suggest_an_alternative() {
        for text in [
            "https://h:2376",
            "ssh://me@host",
            "npipe:////./pipe/docker_engine",
        ] {
            let error = parse(text, "DOCKER_HOST").unwrap_err();
            assert_eq!(error.code(), "UNSUPPORTED_OPERATION", "{text}");
            assert!(error.message().contains("use "), "{error}");
        }
    }
}
