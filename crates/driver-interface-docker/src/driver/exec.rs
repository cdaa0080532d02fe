//! Running commands in containers.

mod begin;
mod detached;
mod kill;
mod outcome;
mod run;
mod stream;

pub(super) use begin::{Begun, Input, begin};
pub(super) use detached::{detached, status};
pub(super) use kill::Tree;
pub(super) use run::exec;
pub(super) use stream::exec_stream;
