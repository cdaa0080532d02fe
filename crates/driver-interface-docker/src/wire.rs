//! The small wire module: one HTTP/1 connection a request, over a unix socket or TCP.
//!
//! It is the one place that knows the engine's address, adds the API version, limits what an answer may take in memory,
//! tells the engine's own answers from those of something in between, and keeps count of the changes that were sent.

mod call;
mod demux;
pub(crate) mod effects;
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
