use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::{TransportError, effects};

/// How long a TCP connection may carry nothing before it is probed, and how far apart the probes are. A peer that has
/// vanished without a word is then noticed within about a minute and a half.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_PROBES: Duration = Duration::from_secs(10);

/// How much of an answer is held that was not asked for yet, and the longest head of one.
const MAX_BUFFER: usize = 128 * 1024;

/// Where an engine listens.
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

/// The way to one engine. Each request has a connection of its own: none is stale after the engine restarted,
/// and dropping a request closes it.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    address: Arc<Address>,
    prefix: Arc<str>,
}

impl Wire {
    /// A way that does not name an API version yet.
    pub(crate) fn new(address: Address) -> Self {
        Self {
            address: Arc::new(address),
            prefix: Arc::from(""),
        }
    }

    /// The same way, with the API version named in every path, such as `1.41`.
    pub(crate) fn with_version(&self, version: &str) -> Self {
        Self {
            address: self.address.clone(),
            prefix: Arc::from(format!("/v{version}")),
        }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Sends a request and returns as soon as the head of the answer is there. A request that changes something counts
    /// from now on; see [`effects`].
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
        let changes = effects::changes(request.method(), request.uri().path());
        match &*self.address {
            #[cfg(unix)]
            Address::Unix(path) => {
                let stream = tokio::net::UnixStream::connect(path).await.map_err(failed)?;
                over(stream, request, changes).await
            }
            #[cfg(not(unix))]
            Address::Unix(_) => Err(failed(std::io::ErrorKind::Unsupported.into())),
            Address::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(failed)?;
                stream.set_nodelay(true).map_err(failed)?;
                let keepalive = TcpKeepalive::new()
                    .with_time(KEEPALIVE)
                    .with_interval(KEEPALIVE_PROBES);
                // Without it a dead peer is still noticed by the deadlines, only later.
                if let Err(error) = SockRef::from(&stream).set_tcp_keepalive(&keepalive) {
                    tracing::debug!(%error, "no keepalive on the connection");
                }
                over(stream, request, changes).await
            }
        }
    }

    /// The path and query to send: with the API version before them unless they name one themselves.
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
    changes: bool,
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
    // It ends by itself when the answer has been read or dropped, and its error is the body's error too.
    tokio::spawn(async move {
        let _ = connection.with_upgrades().await;
    });
    if changes {
        effects::sent();
    }
    let answer = sender
        .send_request(request)
        .await
        .map_err(TransportError::Exchange)?;
    if changes && answer.status().is_client_error() && is_engines(&answer) {
        effects::refused();
    }
    Ok(answer)
}

/// Whether the engine itself gave an answer, and not something between it and us. Docker and Podman name their API
/// version in every answer, errors included; only the switch of protocols may come without it.
pub(super) fn is_engines<B>(answer: &Response<B>) -> bool {
    answer.status() == StatusCode::SWITCHING_PROTOCOLS || answer.headers().contains_key("api-version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_added_once() {
        let wire = Wire::new(Address::Unix("/x".into())).with_version("1.41");
        let target = |text: &str| wire.target(&text.parse().unwrap()).unwrap().to_string();
        assert_eq!(
            target("http://engine/containers/json?all=1"),
            "/v1.41/containers/json?all=1"
        );
        assert_eq!(target("/v4.0.0/libpod/info"), "/v4.0.0/libpod/info");
        assert_eq!(target("/volumes/v1"), "/v1.41/volumes/v1");
    }
}
