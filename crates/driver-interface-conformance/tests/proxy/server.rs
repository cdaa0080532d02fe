//! A server that answers the first request of each connection, and a client that reads raw bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use driver_interface_conformance::proxy::{Fault, FaultProxy, Injected, Rule};
use tempfile::TempDir;

pub(crate) const MAX_WAIT: Duration = Duration::from_secs(10);

/// A server that stands in for an engine.
pub(crate) struct Server {
    directory: TempDir,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Server {
    /// Answers each request with these bytes, then closes the connection.
    pub(crate) fn answering(answer: &'static [u8]) -> Self {
        Self::with(move |mut stream| stream.write_all(answer).unwrap_or_default())
    }

    /// Runs `talk` on each connection once the first request has been read.
    pub(crate) fn with(talk: impl Fn(UnixStream) + Send + Sync + 'static) -> Self {
        let directory = TempDir::new().unwrap();
        let listener = UnixListener::bind(directory.path().join("engine.sock")).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, talk) = (requests.clone(), Arc::new(talk));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, talk) = (seen.clone(), talk.clone());
                thread::spawn(move || {
                    stream.set_read_timeout(Some(MAX_WAIT)).unwrap();
                    let request = read_request(&stream);
                    seen.lock().unwrap().push(request);
                    talk(stream);
                });
            }
        });
        Self { directory, requests }
    }

    pub(crate) fn proxy(&self) -> FaultProxy {
        FaultProxy::start(&self.uri()).unwrap()
    }

    pub(crate) fn uri(&self) -> String {
        format!("unix://{}/engine.sock", self.directory.path().display())
    }

    /// Returns the received requests, each with a body of its `Content-Length`.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests
            .iter()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .collect()
    }
}

fn read_request(mut stream: &UnixStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => bytes.push(byte[0]),
            _ => return bytes,
        }
    }
    let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    let length = head
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    let mut got = 0;
    while got < body.len() {
        match stream.read(&mut body[got..]) {
            Ok(0) | Err(_) => break,
            Ok(count) => got += count,
        }
    }
    bytes.extend_from_slice(&body[..got]);
    bytes
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Fin,
    Reset,
    Silence,
}

/// A connection to a proxy.
pub(crate) struct Client(pub UnixStream);

impl Client {
    pub(crate) fn new(proxy: &FaultProxy) -> Self {
        let path = proxy.uri();
        let stream = UnixStream::connect(path.strip_prefix("unix://").unwrap()).unwrap();
        stream.set_read_timeout(Some(MAX_WAIT)).unwrap();
        Self(stream)
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
    }

    /// Reads to the end of the connection. One second without data counts as silence.
    pub(crate) fn rest(&mut self) -> (String, End) {
        let (bytes, end) = self.bytes();
        (String::from_utf8_lossy(&bytes).into_owned(), end)
    }

    pub(crate) fn bytes(&mut self) -> (Vec<u8>, End) {
        self.0.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut all = Vec::new();
        let mut buffer = [0; 64 * 1024];
        loop {
            match self.0.read(&mut buffer) {
                Ok(0) => return (all, End::Fin),
                Ok(count) => all.extend_from_slice(&buffer[..count]),
                Err(error) => match error.kind() {
                    ErrorKind::ConnectionReset => return (all, End::Reset),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return (all, End::Silence),
                    kind => panic!("{kind:?}: {error}"),
                },
            }
        }
    }

    pub(crate) fn finish(&self) {
        self.0.shutdown(Shutdown::Write).unwrap();
    }
}

pub(crate) const GET: &str = "GET /things?all=1 HTTP/1.1\r\nHost: engine\r\n\r\n";
pub(crate) const POST: &str =
    "POST /things/1/start HTTP/1.1\r\nHost: engine\r\nContent-Length: 4\r\n\r\nbody";

/// Sends a request through a proxy with one fault. Returns the response and how the connection ended.
pub(crate) fn requested(server: &Server, request: &str, fault: Fault) -> (String, End) {
    let proxy = server.proxy();
    let rule = proxy.inject(any(fault));
    let result = ask(&proxy, request);
    assert_eq!(
        (rule.matched(), rule.hits()),
        (1, 1),
        "the fault was injected once"
    );
    result
}

pub(crate) fn ask(proxy: &FaultProxy, request: &str) -> (String, End) {
    let mut client = Client::new(proxy);
    client.send(request);
    client.rest()
}

/// Waits until a condition holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !holds() {
        assert!(started.elapsed() < MAX_WAIT, "never: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn hit(rule: &Injected) {
    until("the rule is hit", || rule.hits() > 0);
}

pub(crate) fn any(fault: Fault) -> Rule {
    Rule::any().fault(fault)
}
