//! The destination to which a proxy forwards requests: an engine, or a script in place of an engine.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::{TcpStream, UnixStream};

use super::http::{Inlet, Piece, Splitter};
use super::stream::Stream;
use super::{Answer, Break};

/// A request to which a script responds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The HTTP method, such as `GET`.
    pub method: String,
    /// The path of the request, without the query.
    pub path: String,
    /// The query string of the request; empty if the request has none.
    pub query: String,
    /// The whole body of the request.
    pub body: Bytes,
}

pub(super) type Script = dyn Fn(&Request) -> Answer + Send + Sync;

#[derive(Clone)]
pub(super) enum Engine {
    Unix(PathBuf),
    Tcp(String),
    Script(Arc<Script>),
}

impl Engine {
    /// Parses the URI of an engine: `unix:///path`, `tcp://host:port` or `http://host:port`.
    pub(super) fn parse(uri: &str) -> io::Result<Self> {
        match uri.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(("tcp" | "http", host)) if host.contains(':') => {
                Ok(Self::Tcp(host.trim_end_matches('/').to_owned()))
            }
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("must be unix:///path or tcp://host:port; got {uri}"),
            )),
        }
    }

    pub(super) async fn connect(&self) -> io::Result<Stream> {
        match self {
            Self::Unix(path) => UnixStream::connect(path).await.map(Stream::from),
            Self::Tcp(host) => TcpStream::connect(host.as_str()).await.map(Stream::from),
            Self::Script(script) => {
                let (near, far) = UnixStream::pair()?;
                let script = script.clone();
                tokio::spawn(async move {
                    // This fails if the client has disconnected.
                    let _ = play(&*script, &far.into()).await;
                });
                Ok(near.into())
            }
        }
    }
}

/// Responds to the requests on a connection with the answers of `script`, until the connection ends.
async fn play(script: &Script, stream: &Stream) -> io::Result<()> {
    let mut inlet = Inlet::new(stream);
    while let Some(head) = inlet.head().await? {
        let (method, target) = head.words();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut splitter = Splitter::new(head.request_body());
        let mut body = Vec::new();
        while let Some(piece) = splitter.next(&mut inlet).await? {
            if let Piece::Data(bytes) = piece {
                body.extend_from_slice(&bytes);
            }
        }
        let request = Request {
            path: path.to_owned(),
            query: query.to_owned(),
            body: body.into(),
            method,
        };
        let answer = script(&request);
        answer.send(stream, request.method == "HEAD").await?;
        match answer.end() {
            Break::Silence => {
                stream.ignore().await;
                break;
            }
            Break::HalfClose => stream.finish(),
            // After a delimited response, another request may follow.
            Break::Fin if answer.is_delimited() => {}
            Break::Fin | Break::Reset => break,
        }
    }
    Ok(())
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(host) => write!(f, "tcp://{host}"),
            Self::Script(_) => f.write_str("a script"),
        }
    }
}
