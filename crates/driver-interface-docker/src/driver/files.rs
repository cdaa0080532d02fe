//! Reading and writing files of containers, through the engine or from inside a running container.

mod archive;
mod content;
mod inside;
mod location;

pub(super) use archive::{checked, complete, pieces, transfer};
