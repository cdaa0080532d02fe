//! Faults in the main processes of containers, and in terminals.

use driver_interface_types::{ContainerDriver as _, TtySize};

use crate::self_test::Fault;
use crate::self_test::mutation::Mutation::{Command, Config, ExecStream};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "main-process-always-with-init",
        "An init process is added although the config has none.",
        &[Config(|config| config.init = Some(true))],
        &[
            "lifecycle/main-process/unhandled-stop-signal",
            "lifecycle/main-process/kill-self",
        ],
    ),
    Fault::new(
        "main-process-never-with-init",
        "The configured init process is missing.",
        &[Config(|config| config.init = Some(false))],
        &[
            "lifecycle/main-process/init-forwards-default-signals",
            "lifecycle/main-process/kill-self",
        ],
    ),
    Fault::new(
        "wrong-stop-signal",
        "A stop sends a different signal than the configured one.",
        &[Config(|config| {
            config.stop_signal = Some(driver_interface_types::Signal::USR2)
        })],
        &[
            "lifecycle/main-process/handled-stop-signal",
            "lifecycle/main-process/init-forwards-default-signals",
        ],
    ),
    Fault::new(
        "tty-input-lost",
        "A command with a terminal receives end of file instead of its input.",
        &[Command(|config| {
            if config.tty.is_some() {
                config.stdin = config.stdin.take().map(|_| bytes::Bytes::new());
            }
        })],
        &["exec/tty-stdin", "exec/tty-stdin-eof", "exec-stream/tty-stdin"],
    ),
    Fault::new(
        "tty-input-with-added-newline",
        "A newline is added to the input of a command with a terminal.",
        &[Command(|config| {
            if config.tty.is_some() {
                config.stdin = config
                    .stdin
                    .take()
                    .map(|input| [&input[..], b"\n"].concat().into());
            }
        })],
        &["exec/tty-stdin-eof"],
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
        "tty-replaced-with-pipe",
        "A session with a terminal gets a pipe.",
        &[ExecStream(|inside, id, mut config| {
            config.tty = None;
            inside.driver.exec_stream(id, config)
        })],
        &[
            "exec-stream/tty-stdin", "exec-stream/tty-stdin-eof", "exec-stream/tty-interrupt",
        ],
    ),
];
