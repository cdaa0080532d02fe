//! The standard input of main processes.

use std::sync::{Arc, Mutex};

use driver_interface_types::TtySize;

use crate::process::{Input, Output, Terminal, pipe};
use crate::sync::lock;

/// The standard input of a container's next or current run: a terminal or a pipe. Each end of the pipe can be taken
/// only once.
#[derive(Debug)]
pub(crate) struct Stdin {
    /// The terminal, if the container has one. Its size is unknown until a session sets it.
    pub(crate) terminal: Option<Arc<Terminal>>,
    pipe: Mutex<(Option<Output>, Option<Input>)>,
}

impl Stdin {
    /// Creates the input of a run: a terminal if `has_terminal` is set, a pipe if only `is_open` is set, otherwise an
    /// empty input.
    pub(crate) fn new(is_open: bool, has_terminal: bool) -> Self {
        let terminal = has_terminal.then(|| Arc::new(Terminal::new(TtySize { columns: 0, rows: 0 })));
        let ends = match is_open && !has_terminal {
            true => {
                let (write, read) = pipe();
                (Some(write), Some(read))
            }
            false => (None, None),
        };
        Self {
            terminal,
            pipe: Mutex::new(ends),
        }
    }

    /// Returns the writing end of the pipe; `None` if a session has taken it before.
    pub(crate) fn take_writer(&self) -> Option<Output> {
        lock(&self.pipe).0.take()
    }

    /// Returns the input of the main process: the terminal, or the reading end of the pipe. The reading end can be
    /// taken only once; after that, the input is empty.
    pub(crate) fn take_reader(&self) -> Input {
        let pipe = lock(&self.pipe).1.take();
        match &self.terminal {
            Some(terminal) => terminal.input(),
            None => pipe.unwrap_or(Input::Null),
        }
    }
}
