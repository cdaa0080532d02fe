//! A minimal HTTP/1 client, over a Unix socket, TCP, TLS, SSH or a named pipe.
//!
//! This is the only module that knows the engine's address. It adds the API version, limits how much memory a
//! response may take, distinguishes the engine's own responses from those of a proxy, and counts the requests that
//! may change something on the engine.

mod address;
mod call;
mod demux;
mod error;
mod json;
mod long;
mod pool;
mod query;
#[cfg(feature = "ssh")]
mod ssh;
#[cfg(feature = "tls")]
mod tls;
mod transport;
mod upgrade;
mod upload;

pub(crate) use address::{Address, SshTarget, TlsFiles};
pub(crate) use call::{Answer, Payload, answered};
pub(crate) use demux::{Demux, Frame, Stream};
use error::TransportError;
pub(crate) use error::{EngineError, Refusal};
pub(crate) use json::ObjectStream;
pub(crate) use long::LongBody;
pub(crate) use query::Query;
pub(crate) use transport::Wire;
pub(crate) use upgrade::Duplex;
pub(crate) use upload::UploadError;
