//! The small wire module: one HTTP/1 connection a request, over a unix socket or TCP.
//!
//! bollard's requests go through it too (see `engine`), so there is one place that knows the engine's address,
//! adds the API version and reports each call.

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
pub(crate) use error::{EngineError, Refusal, TransportError};
pub(crate) use json::ObjectStream;
pub(crate) use query::Query;
pub(crate) use transport::{Address, Wire};
pub(crate) use upgrade::Duplex;
pub(crate) use upload::UploadError;
