//! A minimal HTTP client that pings an engine and removes its resources. The client opens one HTTP/1.0 connection for
//! each request. Each response therefore ends with the connection and is never chunked.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// The maximum number of bytes in a response. Even the longest list of containers in the tests is much shorter.
const MAX_ANSWER: u64 = 16 << 20;

/// The address of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// A Unix socket.
    Unix(PathBuf),
    /// A TCP port on 127.0.0.1.
    Loopback(u16),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Loopback(port) => write!(f, "http://127.0.0.1:{port}"),
        }
    }
}

impl FromStr for Address {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(path) = text.strip_prefix("unix://") {
            return Ok(Self::Unix(path.into()));
        }
        match text.strip_prefix("http://127.0.0.1:") {
            Some(port) => Ok(Self::Loopback(
                port.parse().with_context(|| format!("bad port in {text:?}"))?,
            )),
            None => bail!("{text:?} is neither unix:// nor http://127.0.0.1:"),
        }
    }
}

impl Address {
    /// Sends one request without a body, and returns the response. `timeout` applies to each wait for further bytes.
    pub(super) fn request(&self, method: &str, path: &str, timeout: Duration) -> io::Result<Answer> {
        match self {
            Self::Unix(socket) => {
                let stream = UnixStream::connect(socket)?;
                stream.set_read_timeout(Some(timeout))?;
                stream.set_write_timeout(Some(timeout))?;
                exchange(stream, method, path)
            }
            Self::Loopback(port) => {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
                let stream = TcpStream::connect_timeout(&address, timeout)?;
                stream.set_read_timeout(Some(timeout))?;
                stream.set_write_timeout(Some(timeout))?;
                exchange(stream, method, path)
            }
        }
    }
}

/// The complete response to a request.
pub(super) struct Answer {
    /// The HTTP status code.
    pub(super) status: u16,
    headers: String,
    body: Vec<u8>,
}

impl Answer {
    /// Returns the value of the header field `name`, or `None` if the response has no such field.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value.trim()))
    }

    /// Returns the body, parsed as JSON.
    pub(super) fn json(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::from_slice(&self.body)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let (head, rest) = bytes.split_at(end);
        let head = String::from_utf8_lossy(head);
        let (first, headers) = head.split_once("\r\n").unwrap_or((&head, ""));
        let status = first.strip_prefix("HTTP/")?.split(' ').nth(1)?.parse().ok()?;
        Some(Self {
            status,
            headers: headers.to_owned(),
            body: rest.get(4..)?.to_vec(),
        })
    }
}

fn exchange(mut stream: impl Read + Write, method: &str, path: &str) -> io::Result<Answer> {
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: engine\r\nContent-Length: 0\r\n\r\n"
    )?;
    stream.flush()?;
    let mut bytes = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut bytes)?;
    Answer::parse(&bytes)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the response is not HTTP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_status_headers_and_body() {
        let answer =
            Answer::parse(b"HTTP/1.0 404 Not Found\r\nServer: X/1\r\nB:  c \r\n\r\n{\"a\":1}").unwrap();
        assert_eq!(answer.status, 404);
        assert_eq!(answer.header("server"), Some("X/1"));
        assert_eq!(answer.header("b"), Some("c"));
        assert_eq!(answer.json().unwrap()["a"], 1);
    }

    #[test]
    fn rejects_incomplete_head() {
        for bytes in [
            "", "HTTP/1.0 200 OK\r\n", "SSH-2.0-x\r\n\r\n", "HTTP/1.0\r\n\r\n", "HTTP/1.0 abc\r\n\r\n",
        ] {
            assert!(Answer::parse(bytes.as_bytes()).is_none(), "{bytes:?}");
        }
    }

    #[test]
    fn address_round_trips() {
        for address in [Address::Unix("/run/a b.sock".into()), Address::Loopback(5000)] {
            assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
        }
        for text in [
            "tcp://127.0.0.1:1", "http://127.0.0.1:x", "http://10.0.0.1:5000", "",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}
