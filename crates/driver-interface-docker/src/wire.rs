//! A minimal HTTP client: one HTTP/1 connection per request, over a Unix socket or TCP.
//!
//! This is the only module that knows the engine's address. It adds the API version, limits how much memory a
//! response may take, distinguishes the engine's own responses from those of a proxy, and counts the changes
//! that were sent.

mod call;
mod demux;
mod error;
mod json;
mod query;
mod transport;
mod upgrade;
mod upload;

pub(crate) use call::{Answer, Payload, answered};
pub(crate) use demux::{Demux, Frame, Stream};
use error::TransportError;
pub(crate) use error::{EngineError, Refusal};
pub(crate) use json::ObjectStream;
pub(crate) use query::Query;
pub(crate) use transport::{Address, Wire};
pub(crate) use upgrade::Duplex;
pub(crate) use upload::UploadError;
