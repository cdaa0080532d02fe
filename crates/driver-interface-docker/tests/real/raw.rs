//! Direct access to the engine's API, to observe and to act as another program.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use serde_json::Value;

/// A client of one engine's socket.
#[derive(Clone, Debug)]
pub(crate) struct Raw {
    socket: PathBuf,
}

impl Raw {
    pub(crate) fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
        }
    }

    /// Sends a request. A response that is not JSON becomes `Null`.
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        write!(
            stream,
            "{method} /v1.41{path} HTTP/1.0\r\nHost: engine\r\nContent-Type: application/json\r\nX-Registry-Auth: e30=\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let split = answer
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8_lossy(&answer[..split]).into_owned();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (
            status,
            serde_json::from_slice(&answer[split + 4..]).unwrap_or(Value::Null),
        )
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.call("GET", path, None).1
    }

    /// Pushes an image to a registry without TLS, then removes the local tag.
    pub(crate) fn push(&self, image: &str, repository: &str, tag: &str) {
        let (status, answer) = self.call(
            "POST",
            &format!("/images/{image}/tag?repo={repository}&tag={tag}"),
            None,
        );
        assert_eq!(status, 201, "{answer}");
        let push = format!("/images/{repository}/push?tag={tag}&tlsVerify=false");
        let (status, answer) = self.call("POST", &push, None);
        assert_eq!(status, 200, "{answer}");
        self.untag(&format!("{repository}:{tag}"));
    }

    pub(crate) fn untag(&self, image: &str) {
        let (status, answer) = self.call("DELETE", &format!("/images/{image}"), None);
        assert_eq!(status, 200, "{answer}");
    }

    /// Returns the HTTP status of inspecting an image.
    pub(crate) fn image(&self, image: &str) -> u16 {
        self.call("GET", &format!("/images/{image}/json"), None).0
    }

    /// Returns all resources of a namespace and its volume helpers, as `kind name`.
    pub(crate) fn left(&self, namespace: &str) -> Vec<String> {
        let labelled =
            |label| format!("%7B%22label%22%3A%5B%22io.driver-interface.{label}%3D{namespace}%22%5D%7D");
        let filters = labelled("namespace");
        let names = |value: &Value, kind: &str, key: &str| -> Vec<String> {
            let all = value.as_array().cloned().unwrap_or_default();
            all.iter().map(|entry| format!("{kind} {}", entry[key])).collect()
        };
        let mut left = names(
            &self.get(&format!("/containers/json?all=1&filters={filters}")),
            "container",
            "Names",
        );
        left.extend(names(
            &self.get(&format!("/volumes?filters={filters}"))["Volumes"],
            "volume",
            "Name",
        ));
        left.extend(names(
            &self.get(&format!("/networks?filters={filters}")),
            "network",
            "Name",
        ));
        let filters = labelled("helper-of");
        left.extend(names(
            &self.get(&format!("/containers/json?all=1&filters={filters}")),
            "helper",
            "Names",
        ));
        left.extend(names(
            &self.get(&format!("/images/json?filters={filters}")),
            "helper image",
            "Id",
        ));
        left
    }
}
