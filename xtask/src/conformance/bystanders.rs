//! Objects of other programs on a real engine, made through its own API and past every driver.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use driver_interface::ImageRef;
use driver_interface_conformance::Bystanders;
use serde_json::{Value, json};

/// How long one answer of the engine may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The most that is read of an answer.
const MAX_ANSWER: u64 = 4 << 20;

/// Talks HTTP/1.0 to an engine's socket: the answer ends with the connection, and is never chunked.
pub(super) struct EngineBystanders {
    socket: PathBuf,
    made: Mutex<Vec<Made>>,
}

#[derive(Clone)]
enum Made {
    Container(String),
    Volume(String),
    Network(String),
}

impl Made {
    /// Where the engine tells of it.
    fn path(&self) -> String {
        match self {
            Self::Container(id) => format!("/containers/{id}"),
            Self::Volume(name) => format!("/volumes/{name}"),
            Self::Network(id) => format!("/networks/{id}"),
        }
    }

    /// What must stay as it is, of all the engine tells.
    fn facts(&self, answer: &Value) -> String {
        let fields: &[&str] = match self {
            Self::Container(_) => &[
                "/Id",
                "/Name",
                "/State/Status",
                "/State/StartedAt",
                "/Config/Labels",
            ],
            Self::Volume(_) => &["/Name", "/CreatedAt", "/Labels"],
            Self::Network(_) => &["/Id", "/Name", "/Labels"],
        };
        let values = fields
            .iter()
            .map(|field| answer.pointer(field).unwrap_or(&Value::Null).to_string());
        values.collect::<Vec<_>>().join(" ")
    }
}

impl EngineBystanders {
    /// For an engine at a Unix socket; other engines have none.
    pub(super) fn at(endpoint: &str) -> Option<Arc<Self>> {
        let socket = PathBuf::from(endpoint.strip_prefix("unix://")?);
        Some(Arc::new(Self {
            socket,
            made: Mutex::default(),
        }))
    }

    /// Removes an image, unless a container uses it. One that is not there is fine.
    pub(super) async fn forget_image(&self, image: &ImageRef) -> Result<(), String> {
        match self.request("DELETE", format!("/images/{image}"), None).await {
            Err(problem) if !problem.contains(": 404 ") => Err(problem),
            _ => Ok(()),
        }
    }

    /// Removes everything with this in its name, whoever made it: containers, volumes, networks and images. Returns what
    /// it was.
    pub(super) async fn remove_named(&self, part: &str) -> Result<Vec<String>, String> {
        let mut removed = Vec::new();
        for (what, list, options) in [
            ("containers", "/containers/json?all=1", "?force=1&v=1"),
            ("volumes", "/volumes", ""),
            ("networks", "/networks", ""),
            ("images", "/images/json", ""),
        ] {
            let answer = self.request("GET", list.to_owned(), None).await?;
            for name in names(&answer, what).iter().filter(|name| name.contains(part)) {
                let name = name.trim_start_matches('/');
                self.request("DELETE", format!("/{what}/{name}{options}"), None)
                    .await?;
                removed.push(format!("{} {name}", what.trim_end_matches('s')));
            }
        }
        Ok(removed)
    }

    fn made(&self) -> Vec<Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, made: Made) {
        self.made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(made);
    }

    async fn request(
        &self,
        method: &'static str,
        path: String,
        body: Option<Value>,
    ) -> Result<Value, String> {
        let socket = self.socket.clone();
        let work = move || exchange(&socket, method, &path, body.as_ref());
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| error.to_string())?
    }
}

/// The names in the engine's answer to a question for all it has of one kind.
fn names(answer: &Value, what: &str) -> Vec<String> {
    let (list, field) = match what {
        "containers" => (Some(answer), "Names"),
        "volumes" => (answer.get("Volumes"), "Name"),
        "images" => (Some(answer), "RepoTags"),
        _ => (Some(answer), "Name"),
    };
    let objects = list.and_then(Value::as_array).into_iter().flatten();
    let values = objects.filter_map(|object| object.get(field));
    let names = values.flat_map(|value| match value {
        Value::Array(several) => several.iter().collect(),
        one => vec![one],
    });
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn exchange(socket: &PathBuf, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
    let failed = |error: std::io::Error| format!("{method} {path}: {error}");
    let mut stream = UnixStream::connect(socket).map_err(failed)?;
    stream.set_read_timeout(Some(TIMEOUT)).map_err(failed)?;
    stream.set_write_timeout(Some(TIMEOUT)).map_err(failed)?;
    let body = body.map(Value::to_string).unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: engine\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .map_err(failed)?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer).map_err(failed)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| format!("{method} {path}: no HTTP"))?;
    let status: u16 = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    if !(200..400).contains(&status) {
        return Err(format!("{method} {path}: {status} {}", body.trim()));
    }
    Ok(serde_json::from_str(body).unwrap_or(Value::Null))
}

#[async_trait]
impl Bystanders for EngineBystanders {
    async fn add_container(
        &self,
        name: &str,
        image: &str,
        labels: &[(&str, &str)],
    ) -> Result<String, String> {
        let labels: serde_json::Map<String, Value> = labels
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Value::from(*value)))
            .collect();
        let body = json!({ "Image": image, "Cmd": ["sleep", "600"], "Labels": labels });
        let made = self
            .request("POST", format!("/containers/create?name={name}"), Some(body))
            .await?;
        let id = made
            .get("Id")
            .and_then(Value::as_str)
            .ok_or("the engine gave no id")?
            .to_owned();
        self.remember(Made::Container(id.clone()));
        self.request("POST", format!("/containers/{id}/start"), None)
            .await?;
        Ok(id)
    }

    async fn add_volume(&self, name: &str) -> Result<(), String> {
        self.request(
            "POST",
            "/volumes/create".to_owned(),
            Some(json!({ "Name": name })),
        )
        .await?;
        self.remember(Made::Volume(name.to_owned()));
        Ok(())
    }

    async fn add_network(&self, name: &str) -> Result<(), String> {
        let body = json!({ "Name": name, "Internal": true });
        let made = self
            .request("POST", "/networks/create".to_owned(), Some(body))
            .await?;
        let id = made
            .get("Id")
            .and_then(Value::as_str)
            .ok_or("the engine gave no id")?;
        self.remember(Made::Network(id.to_owned()));
        Ok(())
    }

    async fn inventory(&self) -> Result<Vec<String>, String> {
        let mut lines = Vec::new();
        for made in self.made() {
            let path = match &made {
                Made::Container(_) => format!("{}/json", made.path()),
                Made::Volume(_) | Made::Network(_) => made.path(),
            };
            let line = match self.request("GET", path, None).await {
                Ok(answer) => made.facts(&answer),
                // That one is gone is a finding, not a failure to look.
                Err(problem) => problem,
            };
            lines.push(line);
        }
        Ok(lines)
    }

    async fn remove_all(&self) -> Result<(), String> {
        let mut problems = Vec::new();
        for made in self.made().iter().rev() {
            let path = match made {
                Made::Container(_) => format!("{}?force=1&v=1", made.path()),
                Made::Volume(_) | Made::Network(_) => made.path(),
            };
            problems.extend(self.request("DELETE", path, None).await.err());
        }
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems.join("; "))
        }
    }
}
