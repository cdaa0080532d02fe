//! The input of a command.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncWrite, WriteHalf};

use crate::wire::Duplex;

/// The character that a terminal interprets as end of input at the beginning of a line (Ctrl-D).
const EOT: u8 = 0x04;

/// A writer to the input of a command. Shutting down the writer closes the command's input and leaves the output
/// open.
///
/// If the input is a pipe, the driver half-closes the connection to close the input. If the input is a terminal, a
/// half-closed connection would make Docker detach from the whole command. The driver therefore sends EOT to a
/// terminal. At the beginning of a line, one EOT ends the input. Within a line, the driver sends two, because the
/// first EOT only flushes the line.
pub(super) struct CommandInput {
    write: WriteHalf<Duplex>,
    /// The state needed to end a terminal's input, or `None` if the input is a pipe.
    ending: Option<Ending>,
}

#[derive(Default)]
struct Ending {
    within_line: bool,
    /// The number of EOT characters that must still be sent, or `None` before the shutdown of the input.
    left: Option<usize>,
}

impl CommandInput {
    pub(super) fn new(write: WriteHalf<Duplex>, tty: bool) -> Self {
        Self {
            write,
            ending: tty.then(Ending::default),
        }
    }
}

impl AsyncWrite for CommandInput {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let input = self.get_mut();
        let written = ready!(Pin::new(&mut input.write).poll_write(context, data))?;
        if let Some(ending) = &mut input.ending
            && let Some(last) = data.get(..written).and_then(<[u8]>::last)
        {
            ending.within_line = *last != b'\n';
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().write).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let input = self.get_mut();
        let Some(ending) = &mut input.ending else {
            return Pin::new(&mut input.write).poll_shutdown(context);
        };
        let left = ending.left.get_or_insert(if ending.within_line { 2 } else { 1 });
        while *left > 0 {
            *left -= ready!(Pin::new(&mut input.write).poll_write(context, &[EOT][..]))?;
        }
        Pin::new(&mut input.write).poll_flush(context)
    }
}
