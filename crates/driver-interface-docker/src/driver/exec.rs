//! Running commands in containers.

mod begin;
mod kill;
mod outcome;
mod run;

pub(super) use run::exec;
