use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use driver_interface_kit::effects;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::pool::{Outgoing, Pool, Sender};
#[cfg(feature = "ssh")]
use super::ssh::Ssh;
#[cfg(feature = "tls")]
use super::tls::Tls;
use super::{Address, EngineError, TransportError};

/// How long a TCP connection may be idle before it is probed. If the peer has vanished silently, the probes detect
/// this within minutes.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_PROBES: Duration = Duration::from_secs(10);

/// The maximum number of bytes of unread response data to buffer. This also limits the size of the response headers.
const MAX_BUFFER: usize = 128 * 1024;

/// The header by which a response of the engine itself is recognised. A proxy's response lacks it.
pub(super) const ENGINES_HEADER: &str = "api-version";

/// An HTTP client for one engine. If the caller drops a request, or a response before its end, the client closes the
/// connection.
///
/// If the engine is on this host, only requests that read reuse an idle connection. They can be sent again if the
/// engine has closed that connection in the meantime. If the engine is remote, all requests reuse idle connections,
/// because a new connection takes several round trips.
#[derive(Clone)]
pub(crate) struct Wire {
    address: Arc<Address>,
    link: Link,
    pool: Pool,
    prefix: Arc<str>,
}

/// The data that a connection needs besides the address.
#[derive(Clone)]
enum Link {
    Plain,
    #[cfg(feature = "tls")]
    Tls(Tls),
    #[cfg(feature = "ssh")]
    Ssh(Arc<Ssh>),
}

impl Link {
    fn to(address: &Address) -> io::Result<Self> {
        match address {
            Address::Unix(_) | Address::Pipe(_) | Address::Tcp { tls: None, .. } => Ok(Self::Plain),
            #[cfg(feature = "tls")]
            Address::Tcp { tls: Some(files), .. } => Tls::load(files).map(Self::Tls),
            #[cfg(not(feature = "tls"))]
            Address::Tcp { tls: Some(_), .. } => Err(io::ErrorKind::Unsupported.into()),
            #[cfg(feature = "ssh")]
            Address::Ssh(target) => Ssh::new(target.clone()).map(|ssh| Self::Ssh(Arc::new(ssh))),
            #[cfg(not(feature = "ssh"))]
            Address::Ssh(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wire").field(&self.address).finish()
    }
}

impl Wire {
    /// Creates a client that sends no API version. Loads the TLS certificates if the address needs them, but does not
    /// connect.
    pub(crate) fn new(address: Address) -> Result<Self, EngineError> {
        let link = Link::to(&address).map_err(|source| EngineError::Unreachable {
            address: address.to_string(),
            source,
        })?;
        Ok(Self {
            pool: Pool::default(),
            address: Arc::new(address),
            link,
            prefix: Arc::from(""),
        })
    }

    /// Returns a client for the same engine that adds an API version, such as `1.41`, to every path without one.
    pub(crate) fn with_version(&self, version: &str) -> Self {
        Self {
            prefix: Arc::from(format!("/v{version}")),
            ..self.clone()
        }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Sends a request and returns as soon as the response headers are received. A request that may change something
    /// is recorded in [`effects`], so that a later error does not claim that nothing was changed.
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
        let mut request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let is_change = is_change(request.method(), request.uri().path());
        let reuses = self.reuses(request.method());
        while let Some(mut sender) = reuses.then(|| self.pool.take()).flatten() {
            if is_change {
                effects::request_sent();
            }
            let again = repeatable(&request);
            let mut failed = match sender.try_send_request(request).await {
                Ok(answer) => return Ok(self.answered(answer, sender, is_change, reuses)),
                Err(failed) => failed,
            };
            // The engine may have closed the connection meanwhile.
            request = match (failed.take_message(), again) {
                (Some(unsent), _) => {
                    if is_change {
                        effects::request_refused();
                    }
                    unsent
                }
                (None, Some(read)) => read,
                (None, None) => return Err(TransportError::Exchange(failed.into_error())),
            };
        }
        let (mut sender, connection) = self.connect().await?;
        if is_change {
            effects::request_sent();
        }
        match sender.send_request(request).await {
            Ok(answer) => Ok(self.answered(answer, sender, is_change, reuses)),
            // The connection ended before the request was sent, and only the connection knows why.
            Err(error) if error.is_canceled() => {
                let cause = connection.await.ok().and_then(Result::err);
                Err(TransportError::Exchange(cause.unwrap_or(error)))
            }
            Err(error) => Err(TransportError::Exchange(error)),
        }
    }

    fn answered(
        &self,
        answer: Response<Incoming>,
        sender: Sender,
        is_change: bool,
        keeps: bool,
    ) -> Response<Incoming> {
        if is_change && answer.status().is_client_error() && is_engines(&answer) {
            effects::request_refused();
        }
        if keeps {
            self.pool.keep(sender);
        }
        answer
    }

    /// Returns whether a request with this method may use an idle connection from the pool, and return its connection
    /// to the pool.
    fn reuses(&self, method: &Method) -> bool {
        !self.address.is_local() || matches!(*method, Method::GET | Method::HEAD)
    }

    async fn connect(&self) -> Result<(Sender, Connected), TransportError> {
        let failed = |source| TransportError::Connect {
            address: self.address.to_string(),
            source,
        };
        match &*self.address {
            #[cfg(unix)]
            Address::Unix(path) => over(tokio::net::UnixStream::connect(path).await.map_err(failed)?).await,
            #[cfg(windows)]
            Address::Pipe(name) => over(pipe(name).await.map_err(failed)?).await,
            Address::Tcp { host, port, .. } => {
                let stream = tcp(host, *port).await.map_err(failed)?;
                match &self.link {
                    #[cfg(feature = "tls")]
                    Link::Tls(tls) => over(tls.connect(stream, host).await.map_err(failed)?).await,
                    _ => over(stream).await,
                }
            }
            #[cfg(feature = "ssh")]
            Address::Ssh(_) => match &self.link {
                Link::Ssh(ssh) => over(ssh.connect().await.map_err(failed)?).await,
                _ => Err(failed(io::ErrorKind::Unsupported.into())),
            },
            #[allow(
                unreachable_patterns,
                reason = "with every feature, only the other platform's kind is left"
            )]
            _ => Err(failed(io::ErrorKind::Unsupported.into())),
        }
    }

    /// Returns `path`, prefixed with the API version unless `path` already contains a version.
    pub(super) fn versioned(&self, path: &str) -> String {
        if names_version(path) {
            path.to_owned()
        } else {
            format!("{}{path}", self.prefix)
        }
    }

    /// Returns the path and query to send, prefixed with the API version unless they already contain a version.
    fn target(&self, uri: &Uri) -> Result<Uri, TransportError> {
        let given = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        Uri::builder()
            .path_and_query(self.versioned(given))
            .build()
            .map_err(TransportError::Request)
    }
}

async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE_PROBES);
    // Without keepalive, the deadlines still detect a dead peer, only later.
    if let Err(error) = SockRef::from(&stream).set_tcp_keepalive(&keepalive) {
        tracing::debug!(%error, "keepalive could not be enabled on the connection");
    }
    Ok(stream)
}

/// Opens a named pipe. While all instances of the pipe are busy, tries again until the call's deadline.
#[cfg(windows)]
async fn pipe(name: &str) -> io::Result<tokio::net::windows::named_pipe::NamedPipeClient> {
    use tokio::net::windows::named_pipe::ClientOptions;

    const BUSY: i32 = 231;
    const PAUSE: Duration = Duration::from_millis(50);
    loop {
        match ClientOptions::new().open(name.replace('/', "\\")) {
            Err(error) if error.raw_os_error() == Some(BUSY) => tokio::time::sleep(PAUSE).await,
            opened => return opened,
        }
    }
}

/// Returns a copy of a request to send again, or `None` if the request does more than read.
fn repeatable(request: &Request<Outgoing>) -> Option<Request<Outgoing>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let mut copy = Request::new(Empty::new().map_err(Into::into).boxed_unsync());
    request.method().clone_into(copy.method_mut());
    request.uri().clone_into(copy.uri_mut());
    request.headers().clone_into(copy.headers_mut());
    Some(copy)
}

fn names_version(path: &str) -> bool {
    path.strip_prefix("/v")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// The task that drives a connection.
type Connected = JoinHandle<hyper::Result<()>>;

/// Begins to speak HTTP on a connection.
async fn over<S>(stream: S) -> Result<(Sender, Connected), TransportError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut protocol = hyper::client::conn::http1::Builder::new();
    protocol.max_buf_size(MAX_BUFFER);
    let handshake = protocol.handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(TransportError::Exchange)?;
    // The task ends with the connection. The body of the response also reports the task's error.
    Ok((sender, tokio::spawn(connection.with_upgrades())))
}

/// Returns whether a response is from the engine itself and not from a proxy. Docker and Podman send their API
/// version in every response, even in errors. Only a protocol switch may lack the API version.
pub(super) fn is_engines<B>(answer: &Response<B>) -> bool {
    answer.status() == StatusCode::SWITCHING_PROTOCOLS || answer.headers().contains_key(ENGINES_HEADER)
}

/// Returns whether a request may change a container, image, volume or network. Some `POST` requests change nothing:
/// waiting, resizing a terminal, and preparing a command without starting it.
fn is_change(method: &Method, path: &str) -> bool {
    let harmless = ["/wait", "/resize", "/exec"];
    !matches!(*method, Method::GET | Method::HEAD) && !harmless.iter().any(|end| path.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_added_once() {
        let wire = Wire::new(Address::Unix("/x".into()))
            .unwrap()
            .with_version("1.41");
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

    /// Starts a server that accepts one connection after the other. `serves(n)` returns how many requests the server
    /// answers on connection `n`, and whether it reads one more request before it closes that connection. Returns the
    /// server's address, and the number of connections accepted so far.
    async fn engine(
        serves: impl Fn(usize) -> (usize, bool) + Send + 'static,
    ) -> (Address, Arc<std::sync::atomic::AtomicUsize>) {
        use std::sync::atomic::{AtomicUsize, Ordering};
        use tokio::io::{AsyncReadExt, AsyncWriteExt};

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answers, reads_more) = serves(count.fetch_add(1, Ordering::SeqCst));
                let mut head = vec![0; 8192];
                for _ in 0..answers {
                    assert_ne!(stream.read(&mut head).await.unwrap(), 0);
                    let answer = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK";
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
                if reads_more {
                    let _ = stream.read(&mut head).await;
                }
            }
        });
        let host = "127.0.0.1".to_owned();
        (
            Address::Tcp {
                host,
                port,
                tls: None,
            },
            connections,
        )
    }

    async fn request(wire: &Wire, method: Method) -> Result<(), TransportError> {
        let request = Request::builder().method(method).uri("/containers/a/start");
        let answer = wire.send(request.body(Empty::<Bytes>::new()).unwrap()).await?;
        answer.into_body().collect().await.unwrap();
        // The connection is kept by another task.
        while wire.pool.len() == 0 {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    #[tokio::test]
    async fn remote_connections_are_kept_and_changes_on_them_count() {
        let (address, connections) = engine(|_| (usize::MAX, false)).await;
        let wire = Wire::new(address).unwrap();
        request(&wire, Method::GET).await.unwrap();
        let counted = effects::track(async {
            request(&wire, Method::POST).await.unwrap();
            Ok(effects::may_have_changed())
        });
        assert!(counted.await.unwrap());
        assert_eq!(connections.load(std::sync::atomic::Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn read_on_a_closing_connection_is_sent_again_and_a_change_is_not() {
        // The first connection closes when it receives its second request.
        for (method, succeeds) in [(Method::GET, true), (Method::POST, false)] {
            let (address, _) = engine(|n| if n == 0 { (1, true) } else { (usize::MAX, false) }).await;
            let wire = Wire::new(address).unwrap();
            request(&wire, Method::GET).await.unwrap();
            let outcome = effects::track(async {
                let sent = request(&wire, method.clone()).await;
                Ok((sent.is_ok(), effects::may_have_changed()))
            });
            assert_eq!(outcome.await.unwrap(), (succeeds, !succeeds), "{method}");
        }
    }
}
