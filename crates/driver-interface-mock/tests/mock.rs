//! Tests of the simulated engine and its drivers. They are one program, because each program would compile the drivers
//! again.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

mod mock {
    mod creation;
    mod exec;
    mod files;
    mod first_process;
    mod growth;
    mod images;
    mod life;
    mod lifecycle;
    mod log_stream;
    mod logs;
    mod model;
    mod processes;
    mod programs;
    mod resources;
    mod run;
    mod setup;
    mod shell;
    mod stopping;
    mod support;
    mod terminal;
    mod test_aids;
    mod threads;
}
