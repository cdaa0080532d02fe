//! Unmanaged resources on a real engine. They are created through the engine's own API, not through a driver.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use driver_interface::ImageRef;
use driver_interface_conformance::UnmanagedResources;
use serde_json::{Value, json};

/// How long the engine may take to respond.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The maximum number of bytes in a response. The resource lists of an engine are much shorter.
const MAX_ANSWER: u64 = 64 << 20;

/// An HTTP/1.0 client for an engine on a Unix socket. In HTTP/1.0, a response ends with the connection and is never
/// chunked.
pub(super) struct EngineUnmanagedResources {
    socket: PathBuf,
    /// The resources that the client has created or may have created. Each resource is recorded before the request
    /// that creates it is sent.
    created: Mutex<Vec<CreatedResource>>,
    /// Each request locks this mutex until the response has arrived, even if the caller's future is dropped. Without
    /// the lock, a removal could precede the creation that it must undo.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// A resource that the client has created, with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
enum CreatedResource {
    Container(String),
    Volume(String),
    Network(String),
}

impl CreatedResource {
    /// Returns the API path at which the resource is inspected.
    fn path(&self) -> String {
        match self {
            Self::Container(name) => format!("/containers/{name}"),
            Self::Volume(name) => format!("/volumes/{name}"),
            Self::Network(name) => format!("/networks/{name}"),
        }
    }

    /// Returns the API path at which the resource is removed.
    fn removal(&self) -> String {
        match self {
            Self::Container(_) => format!("{}?force=1&v=1", self.path()),
            Self::Volume(_) | Self::Network(_) => self.path(),
        }
    }

    /// Returns the values of the fields that must not change, as text. `answer` is the response to an inspection of
    /// the resource.
    fn facts(&self, answer: &Value) -> String {
        let fields: &[&str] = match self {
            Self::Container(_) => &[
                "/Id", "/Name", "/State/Status", "/State/StartedAt", "/Config/Labels",
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

impl EngineUnmanagedResources {
    /// Creates a client for the engine at a Unix socket. Returns `None` if `endpoint` is not a Unix socket.
    pub(super) fn at(endpoint: &str) -> Option<Self> {
        Some(Self {
            socket: endpoint.strip_prefix("unix://")?.into(),
            created: Mutex::default(),
            turn: Arc::default(),
        })
    }

    /// Removes an image. Fails if a container uses the image. Succeeds if the image does not exist.
    pub(super) async fn forget_image(&self, image: &ImageRef) -> Result<(), String> {
        self.delete(format!("/images/{image}")).await
    }

    /// Removes all containers, volumes, networks and images whose name contains `part`, no matter who has created
    /// them. Returns the removed resources, and the errors for resources that could not be listed or removed.
    pub(super) async fn remove_named(&self, part: &str) -> (Vec<String>, Vec<String>) {
        let (mut removed, mut problems) = (Vec::new(), Vec::new());
        for (what, list, options) in [
            ("containers", "/containers/json?all=1", "?force=1&v=1"),
            ("volumes", "/volumes", ""),
            ("networks", "/networks", ""),
            ("images", "/images/json", ""),
        ] {
            let answer = match self.request("GET", list.to_owned(), None).await {
                Ok(answer) => answer,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            for name in names(&answer, what).iter().filter(|name| name.contains(part)) {
                let name = name.trim_start_matches('/');
                match self.delete(format!("/{what}/{name}{options}")).await {
                    Ok(()) => removed.push(format!("{} {name}", what.trim_end_matches('s'))),
                    Err(problem) => problems.push(problem),
                }
            }
        }
        (removed, problems)
    }

    /// Deletes the resource at an API path. Succeeds if the resource does not exist.
    async fn delete(&self, path: String) -> Result<(), String> {
        match self.request("DELETE", path, None).await {
            Err(problem) if !problem.contains(": 404 ") => Err(problem),
            _ => Ok(()),
        }
    }

    fn created(&self) -> Vec<CreatedResource> {
        self.created
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn remember(&self, created: CreatedResource) {
        self.created
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(created);
    }

    fn forget(&self, created: &CreatedResource) {
        self.created
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|other| other != created);
    }

    async fn request(
        &self,
        method: &'static str,
        path: String,
        body: Option<Value>,
    ) -> Result<Value, String> {
        let socket = self.socket.clone();
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let work = move || {
            let answer = exchange(&socket, method, &path, body.as_ref());
            drop(turn);
            answer
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| error.to_string())?
    }
}

/// Returns the names in `answer`, the engine's response to a list request.
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
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: engine\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = Vec::new();
    let read = stream.take(MAX_ANSWER).read_to_end(&mut answer).map_err(failed)?;
    if read as u64 == MAX_ANSWER {
        return Err(format!(
            "{method} {path}: the response is longer than {MAX_ANSWER} bytes"
        ));
    }
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
    if body.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(body).map_err(|error| format!("{method} {path}: {error}"))
}

#[async_trait]
impl UnmanagedResources for EngineUnmanagedResources {
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
        self.remember(CreatedResource::Container(name.to_owned()));
        let created = self
            .request("POST", format!("/containers/create?name={name}"), Some(body))
            .await?;
        let id = created
            .get("Id")
            .and_then(Value::as_str)
            .ok_or("the engine returned no id")?
            .to_owned();
        self.request("POST", format!("/containers/{id}/start"), None)
            .await?;
        Ok(id)
    }

    async fn add_volume(&self, name: &str) -> Result<(), String> {
        self.remember(CreatedResource::Volume(name.to_owned()));
        let body = json!({ "Name": name });
        self.request("POST", "/volumes/create".to_owned(), Some(body))
            .await
            .map(drop)
    }

    async fn add_network(&self, name: &str) -> Result<(), String> {
        self.remember(CreatedResource::Network(name.to_owned()));
        let body = json!({ "Name": name, "Internal": true });
        self.request("POST", "/networks/create".to_owned(), Some(body))
            .await
            .map(drop)
    }

    async fn inventory(&self) -> Result<Vec<String>, String> {
        let mut lines = Vec::new();
        for created in self.created() {
            let path = match &created {
                CreatedResource::Container(_) => format!("{}/json", created.path()),
                CreatedResource::Volume(_) | CreatedResource::Network(_) => created.path(),
            };
            let line = match self.request("GET", path, None).await {
                Ok(answer) => created.facts(&answer),
                // A resource that does not exist is a valid state, which its line in the inventory shows.
                Err(problem) => problem,
            };
            lines.push(line);
        }
        Ok(lines)
    }

    async fn remove_all(&self) -> Result<(), String> {
        let mut problems = Vec::new();
        for created in self.created().iter().rev() {
            match self.delete(created.removal()).await {
                Ok(()) => self.forget(created),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems.join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;
    use std::time::Instant;

    use super::*;

    /// Starts a fake engine that sends `answers` one after the other. Before each answer, the engine waits for 50 ms.
    /// Returns a client for the engine, and the thread of the engine. The result of the thread is the first line of
    /// each request.
    fn engine(
        name: &str,
        answers: Vec<Vec<u8>>,
    ) -> (EngineUnmanagedResources, thread::JoinHandle<Vec<String>>) {
        let socket = std::env::temp_dir().join(format!("xtask-{name}-{}.sock", std::process::id()));
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        let unmanaged_resources =
            EngineUnmanagedResources::at(&format!("unix://{}", socket.display())).unwrap();
        let serve = move || {
            let mut requests = Vec::new();
            for answer in answers {
                let Some(mut stream) = accepted(&listener, Duration::from_secs(10)) else {
                    break;
                };
                let mut request = [0; 4096];
                let length = stream.read(&mut request).unwrap();
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                requests.push(request.lines().next().unwrap_or_default().to_owned());
                let early = accepted(&listener, Duration::from_millis(50));
                assert!(early.is_none(), "the one before is not answered yet");
                // This fails if the client has disconnected because it has read enough.
                let _ = stream.write_all(&answer);
            }
            std::fs::remove_file(socket).unwrap();
            requests
        };
        (unmanaged_resources, thread::spawn(serve))
    }

    fn accepted(listener: &UnixListener, max_wait: Duration) -> Option<UnixStream> {
        let end = Instant::now() + max_wait;
        while Instant::now() < end {
            if let Ok((stream, _)) = listener.accept() {
                stream.set_nonblocking(false).unwrap();
                return Some(stream);
            }
            thread::sleep(Duration::from_millis(5));
        }
        None
    }

    fn answer(status: u16, body: &str) -> Vec<u8> {
        format!("HTTP/1.0 {status} Whatever\r\n\r\n{body}").into_bytes()
    }

    #[tokio::test]
    async fn long_response_is_read_and_truncated_is_an_error() {
        let mut list: Vec<Value> = (0..60_000)
            .map(|number| json!({ "Names": [format!("/other-{number}")], "Padding": "x".repeat(80) }))
            .collect();
        list.push(json!({ "Names": ["/conf-1-last"] }));
        let long = Value::from(list).to_string();
        assert!(long.len() > 5 << 20);
        let (unmanaged_resources, requests) = engine(
            "long",
            vec![
                answer(200, &long),
                answer(204, ""),
                answer(200, r#"{"Volumes": [{"Name": "conf-1"#),
                answer(200, "[]"),
                answer(200, "[]"),
            ],
        );
        let (removed, problems) = unmanaged_resources.remove_named("conf-1-").await;
        assert_eq!(removed, ["container conf-1-last"]);
        assert!(
            problems.len() == 1 && problems[0].starts_with("GET /volumes: "),
            "{problems:?}"
        );
        assert_eq!(requests.join().unwrap().len(), 5);
    }

    #[tokio::test]
    async fn oversized_response_is_an_error() {
        let long = "x".repeat(MAX_ANSWER as usize);
        let (unmanaged_resources, requests) = engine("too-long", vec![answer(200, &long)]);
        let problem = unmanaged_resources
            .request("GET", "/volumes".to_owned(), None)
            .await;
        assert!(problem.unwrap_err().contains("is longer than"));
        requests.join().unwrap();
    }

    #[tokio::test]
    async fn failed_removal_is_retried_and_blocks_no_others() {
        let (unmanaged_resources, requests) = engine(
            "removal",
            vec![
                answer(201, r#"{"Name": "a"}"#),
                answer(201, r#"{"Id": "b"}"#),
                answer(500, "busy"),
                answer(404, "gone"),
                answer(204, ""),
            ],
        );
        unmanaged_resources.add_volume("a").await.unwrap();
        unmanaged_resources.add_network("b").await.unwrap();
        assert_eq!(
            unmanaged_resources.remove_all().await,
            Err("DELETE /networks/b: 500 busy".to_owned())
        );
        assert_eq!(unmanaged_resources.remove_all().await, Ok(()));
        assert_eq!(
            unmanaged_resources.remove_all().await,
            Ok(()),
            "nothing is left to ask for"
        );
        let requests = requests.join().unwrap();
        assert_eq!(
            requests[2..],
            [
                "DELETE /networks/b HTTP/1.0", "DELETE /volumes/a HTTP/1.0", "DELETE /networks/b HTTP/1.0"
            ]
        );
    }

    #[tokio::test]
    async fn dropped_creation_is_removed() {
        let (unmanaged_resources, requests) = engine("dropped", vec![answer(201, "{}"), answer(204, "")]);
        let making = tokio::time::timeout(Duration::from_millis(10), unmanaged_resources.add_volume("a"));
        assert!(making.await.is_err());
        assert_eq!(unmanaged_resources.remove_all().await, Ok(()));
        let requests = requests.join().unwrap();
        assert_eq!(
            requests,
            ["POST /volumes/create HTTP/1.0", "DELETE /volumes/a HTTP/1.0"]
        );
    }
}
