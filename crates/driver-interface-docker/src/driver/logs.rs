//! Reading what containers print: one reader, for the text of a log and for its stream.

mod get;
mod read;
mod stream;

pub(super) use get::get;
pub(super) use stream::stream;
