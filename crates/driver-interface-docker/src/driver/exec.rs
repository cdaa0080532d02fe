//! Executing commands in containers.

mod attach;
mod begin;
mod detached;
mod input;
mod kill;
mod outcome;
mod output;
mod run;
mod sessions;
mod stream;

pub(super) use attach::attach;
pub(super) use begin::{Input, StartedExec, begin};
pub(super) use detached::{detached, status};
pub(super) use kill::Tree;
pub(super) use run::exec;
pub(super) use sessions::Sessions;
pub(super) use stream::exec_stream;
