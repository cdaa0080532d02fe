use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use driver_interface_kit::effects;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::TransportError;

/// How long a TCP connection may be idle before it is probed, and the interval between probes. A peer that
/// vanished silently is thus noticed within about a minute and a half.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_PROBES: Duration = Duration::from_secs(10);

/// How much unread response data is buffered, and the maximum size of the response headers.
const MAX_BUFFER: usize = 128 * 1024;

/// The address of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Unix(PathBuf),
    Tcp { host: String, port: u16 },
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp://{host}:{port}"),
        }
    }
}

/// The connection to one engine. Each request uses a connection of its own, so none is stale after the engine
/// restarts, and dropping a request closes its connection.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    address: Arc<Address>,
    prefix: Arc<str>,
}

impl Wire {
    /// Creates a connection without an API version.
    pub(crate) fn new(address: Address) -> Self {
        Self {
            address: Arc::new(address),
            prefix: Arc::from(""),
        }
    }

    /// Returns the same connection with an API version, such as `1.41`, in every path.
    pub(crate) fn with_version(&self, version: &str) -> Self {
        Self {
            address: self.address.clone(),
            prefix: Arc::from(format!("/v{version}")),
        }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Sends a request and returns as soon as the response headers are received. Counts a request that
    /// changes something; see [`effects`].
    pub(crate) async fn send<B>(&self, mut request: Request<B>) -> Result<Response<Incoming>, TransportError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        *request.uri_mut() = self.target(request.uri())?;
        request
            .headers_mut()
            .entry(HOST)
            .or_insert(HeaderValue::from_static("engine"));
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let started = Instant::now();
        let result = self.exchange(request).await;
        let elapsed = started.elapsed();
        match &result {
            Ok(answer) => {
                tracing::debug!(%method, path, status = answer.status().as_u16(), ?elapsed, "engine call");
            }
            Err(error) => tracing::debug!(%method, path, %error, ?elapsed, "engine call failed"),
        }
        result
    }

    async fn exchange<B>(&self, request: Request<B>) -> Result<Response<Incoming>, TransportError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let failed = |source| TransportError::Connect {
            address: self.address.to_string(),
            source,
        };
        let is_change = is_change(request.method(), request.uri().path());
        match &*self.address {
            #[cfg(unix)]
            Address::Unix(path) => {
                let stream = tokio::net::UnixStream::connect(path).await.map_err(failed)?;
                over(stream, request, is_change).await
            }
            #[cfg(not(unix))]
            Address::Unix(_) => Err(failed(std::io::ErrorKind::Unsupported.into())),
            Address::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(failed)?;
                stream.set_nodelay(true).map_err(failed)?;
                let keepalive = TcpKeepalive::new()
                    .with_time(KEEPALIVE)
                    .with_interval(KEEPALIVE_PROBES);
                // Without it, the deadlines still detect a dead peer, only later.
                if let Err(error) = SockRef::from(&stream).set_tcp_keepalive(&keepalive) {
                    tracing::debug!(%error, "keepalive could not be enabled on the connection");
                }
                over(stream, request, is_change).await
            }
        }
    }

    /// Returns the path and query to send, prefixed with the API version unless they contain one.
    fn target(&self, uri: &Uri) -> Result<Uri, TransportError> {
        let given = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let text = if names_version(given) {
            given.to_owned()
        } else {
            format!("{}{given}", self.prefix)
        };
        Uri::builder()
            .path_and_query(text)
            .build()
            .map_err(TransportError::Request)
    }
}

fn names_version(path: &str) -> bool {
    path.strip_prefix("/v")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

async fn over<S, B>(
    stream: S,
    request: Request<B>,
    is_change: bool,
) -> Result<Response<Incoming>, TransportError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut protocol = hyper::client::conn::http1::Builder::new();
    protocol.max_buf_size(MAX_BUFFER);
    let handshake = protocol.handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(TransportError::Exchange)?;
    // The task ends once the response has been read or dropped. The body also reports the task's error.
    tokio::spawn(async move {
        let _ = connection.with_upgrades().await;
    });
    if is_change {
        effects::request_sent();
    }
    let answer = sender
        .send_request(request)
        .await
        .map_err(TransportError::Exchange)?;
    if is_change && answer.status().is_client_error() && is_engines(&answer) {
        effects::request_refused();
    }
    Ok(answer)
}

/// Returns whether a response is from the engine itself and not from a proxy. Docker and Podman state
/// their API version in every response, errors included; only a protocol switch may lack it.
pub(super) fn is_engines<B>(answer: &Response<B>) -> bool {
    answer.status() == StatusCode::SWITCHING_PROTOCOLS || answer.headers().contains_key("api-version")
}

/// Returns whether a request may change a container, image, volume or network. Waiting, resizing a terminal and
/// preparing a command, which does nothing until it is started, also use `POST`.
fn is_change(method: &Method, path: &str) -> bool {
    let harmless = ["/wait", "/resize", "/exec"];
    !matches!(*method, Method::GET | Method::HEAD) && !harmless.iter().any(|end| path.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_added_once() {
        let wire = Wire::new(Address::Unix("/x".into())).with_version("1.41");
        let target = |text: &str| wire.target(&text.parse().unwrap()).unwrap().to_string();
        assert_eq!(
            target("http://engine/containers/json?all=1"),
            "/v1.41/containers/json?all=1"
        );
        assert_eq!(target("/v4.0.0/libpod/info"), "/v4.0.0/libpod/info");
        assert_eq!(target("/volumes/v1"), "/v1.41/volumes/v1");
    }

    #[test]
    fn detects_mutating_requests() {
        for (method, path, expected) in [
            (Method::GET, "/v1.41/containers/json", false),
            (Method::HEAD, "/v1.41/containers/a/archive", false),
            (Method::POST, "/v1.41/containers/a/wait", false),
            (Method::POST, "/v1.41/containers/a/exec", false),
            (Method::POST, "/v1.41/exec/b/resize", false),
            (Method::POST, "/v1.41/exec/b/start", true),
            (Method::POST, "/v1.41/containers/create", true),
            (Method::PUT, "/v1.41/containers/a/archive", true),
            (Method::DELETE, "/v1.41/networks/n", true),
        ] {
            assert_eq!(is_change(&method, path), expected, "{method} {path}");
        }
    }
}
