//! Reading container logs, as a text or as a stream. The same reader serves both.

mod get;
mod read;
mod stream;

pub(super) use get::get;
pub(super) use stream::stream;
