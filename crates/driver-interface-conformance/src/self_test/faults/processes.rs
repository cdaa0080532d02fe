//! Faults in main processes and terminals.

use driver_interface_types::{ContainerDriver as _, TtySize};

use crate::self_test::Fault;
use crate::self_test::mutation::Mutation::{Command, Config, ExecStream};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "first-process-behind-init",
        "An init process is added although the config has none.",
        &[Config(|config| config.init = Some(true))],
        &[
            "lifecycle/first-process/outlives-the-stop-signal",
            "lifecycle/first-process/cannot-kill-itself",
        ],
    ),
    Fault::new(
        "first-process-without-init",
        "The configured init process is missing.",
        &[Config(|config| config.init = Some(false))],
        &[
            "lifecycle/first-process/init-lets-signals-end-it",
            "lifecycle/first-process/cannot-kill-itself",
        ],
    ),
    Fault::new(
        "stop-signal-is-another",
        "A stop sends a different signal than the configured one.",
        &[Config(|config| {
            config.stop_signal = Some(driver_interface_types::Signal::USR2)
        })],
        &[
            "lifecycle/first-process/handles-the-stop-signal",
            "lifecycle/first-process/init-lets-signals-end-it",
        ],
    ),
    Fault::new(
        "tty-input-lost",
        "The input of a command with a terminal is only an end of file.",
        &[Command(|config| {
            if config.tty.is_some() {
                config.stdin = config.stdin.take().map(|_| bytes::Bytes::new());
            }
        })],
        &["exec/tty-stdin", "exec/tty-stdin-ends", "exec-stream/tty-stdin"],
    ),
    Fault::new(
        "tty-input-in-whole-lines",
        "A newline is added to the input of a command with a terminal.",
        &[Command(|config| {
            if config.tty.is_some() {
                config.stdin = config
                    .stdin
                    .take()
                    .map(|input| [&input[..], b"\n"].concat().into());
            }
        })],
        &["exec/tty-stdin-ends"],
    ),
    Fault::new(
        "tty-size-lost",
        "Every terminal has the same size.",
        &[Command(|config| {
            config.tty = config.tty.map(|_| TtySize::default())
        })],
        &["exec/tty-stdin"],
    ),
    Fault::new(
        "tty-is-a-pipe",
        "A session with a terminal gets a pipe.",
        &[ExecStream(|inside, id, mut config| {
            config.tty = None;
            inside.driver.exec_stream(id, config)
        })],
        &[
            "exec-stream/tty-stdin",
            "exec-stream/tty-stdin-ends",
            "exec-stream/tty-interrupt",
        ],
    ),
];
