//! Reading container logs: one reader for both the text of a log and its stream.

mod get;
mod read;
mod stream;

pub(super) use get::get;
pub(super) use stream::stream;
