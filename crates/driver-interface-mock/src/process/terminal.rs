//! Terminals, which process typed input like Linux's line discipline.

use std::sync::Mutex;

use bytes::Bytes;
use driver_interface_types::TtySize;
use tokio::sync::mpsc;

use super::{Client, Input, Signal, keyboard};
use crate::sync::lock;

const INTERRUPT: u8 = 0x03;
const END_OF_FILE: u8 = 0x04;
const START: u8 = 0x11;
const STOP: u8 = 0x13;
const ERASE_LINE: u8 = 0x15;
const ERASE_WORD: u8 = 0x17;
const SUSPEND: u8 = 0x1a;
const QUIT: u8 = 0x1c;
const ERASE: u8 = 0x7f;
/// The maximum number of bytes in a line. Further bytes are dropped, except for the line feed.
const LONGEST_LINE: usize = 4095;

/// The terminal of a process and its descendants.
#[derive(Debug)]
pub(crate) struct Terminal {
    state: Mutex<State>,
    /// A sender of typed input. It exists as long as the terminal, so that programs never see a hangup.
    keys: mpsc::Sender<Bytes>,
    input: Input,
}

#[derive(Debug)]
struct State {
    size: TtySize,
    modes: Modes,
    /// The line that is being typed and that programs cannot read yet.
    line: Vec<u8>,
}

/// The modes of a terminal that `stty` can change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Modes {
    /// Whether typed input is echoed to the client.
    pub(crate) echo: bool,
    /// Whether a line can be edited, and becomes readable only once it is complete.
    pub(crate) canonical: bool,
    /// Whether keys such as Ctrl-C send signals.
    pub(crate) signals: bool,
    /// Whether a carriage return is read as a line feed.
    pub(crate) maps_returns: bool,
    /// Whether a line feed in the output becomes a carriage return and a line feed.
    pub(crate) processes_output: bool,
}

impl Modes {
    pub(crate) const COOKED: Self = Self {
        echo: true,
        canonical: true,
        signals: true,
        maps_returns: true,
        processes_output: true,
    };
    /// The modes in which bytes are not processed. The value of `echo` is not used, because `stty raw` does not
    /// change the terminal's echo.
    pub(crate) const RAW: Self = Self {
        echo: true,
        canonical: false,
        signals: false,
        maps_returns: false,
        processes_output: false,
    };
}

/// The effects of typing some input.
#[derive(Debug, Default)]
struct Typed {
    shown: Vec<u8>,
    /// The chunks that programs can now read. An empty chunk means end of file.
    read: Vec<Bytes>,
    signals: Vec<Signal>,
}

impl Terminal {
    pub(crate) fn new(size: TtySize) -> Self {
        let (keys, input) = keyboard();
        let state = State {
            size,
            modes: Modes::COOKED,
            line: Vec::new(),
        };
        Self {
            state: Mutex::new(state),
            keys,
            input,
        }
    }

    /// Returns the input for processes on this terminal.
    pub(crate) fn input(&self) -> Input {
        self.input.clone()
    }

    pub(crate) fn size(&self) -> TtySize {
        lock(&self.state).size
    }

    pub(crate) fn resize(&self, size: TtySize) {
        lock(&self.state).size = size;
    }

    pub(crate) fn modes(&self) -> Modes {
        lock(&self.state).modes
    }

    pub(crate) fn change_modes(&self, change: impl FnOnce(&mut Modes)) {
        change(&mut lock(&self.state).modes);
    }

    /// Types `bytes`: writes their echo to `screen`, calls `signal` for keys such as Ctrl-C, and passes the input to
    /// programs. Waits while too much earlier input is unread.
    pub(crate) async fn type_in(&self, bytes: &[u8], screen: &Client, signal: impl Fn(Signal)) {
        let typed = lock(&self.state).take(bytes);
        screen.write(&typed.shown).await;
        typed.signals.into_iter().for_each(signal);
        for piece in typed.read {
            // The terminal itself holds a receiver, so the channel stays open.
            let _ = self.keys.send(piece).await;
        }
    }

    /// Types end of file. If a line has been begun, types end of file twice, because the first end of file only
    /// flushes the line.
    pub(crate) async fn end(&self, screen: &Client) {
        let in_line = !lock(&self.state).line.is_empty();
        let keys: &[u8] = if in_line {
            &[END_OF_FILE, END_OF_FILE]
        } else {
            &[END_OF_FILE]
        };
        self.type_in(keys, screen, |_| ()).await;
    }
}

impl State {
    fn take(&mut self, bytes: &[u8]) -> Typed {
        let mut typed = Typed::default();
        for byte in bytes {
            match *byte {
                b'\r' if self.modes.maps_returns => self.press(b'\n', &mut typed),
                byte => self.press(byte, &mut typed),
            }
        }
        if !self.modes.canonical && !self.line.is_empty() {
            typed.read.push(std::mem::take(&mut self.line).into());
        }
        if !self.modes.echo {
            typed.shown.clear();
        }
        typed
    }

    fn press(&mut self, key: u8, typed: &mut Typed) {
        let signal = match key {
            INTERRUPT => Some(Signal::Int),
            QUIT => Some(Signal::Quit),
            SUSPEND => Some(Signal::Tstp),
            _ => None,
        };
        if let Some(signal) = signal.filter(|_| self.modes.signals) {
            // Discards what was typed but not yet read or echoed.
            self.line.clear();
            typed.shown.clear();
            show(key, &mut typed.shown);
            typed.signals.push(signal);
            return;
        }
        if !self.modes.canonical {
            match key {
                b'\n' => typed.shown.extend(b"^J"),
                key => show(key, &mut typed.shown),
            }
            self.line.push(key);
            return;
        }
        match key {
            START | STOP => {}
            END_OF_FILE => typed.read.push(std::mem::take(&mut self.line).into()),
            ERASE => self.erase(typed),
            ERASE_LINE => {
                while !self.line.is_empty() {
                    self.erase(typed);
                }
            }
            ERASE_WORD => {
                while self.line.last().is_some_and(|last| !last.is_ascii_alphanumeric()) {
                    self.erase(typed);
                }
                while self.line.last().is_some_and(u8::is_ascii_alphanumeric) {
                    self.erase(typed);
                }
            }
            b'\n' => {
                typed.shown.push(key);
                self.line.push(key);
                typed.read.push(std::mem::take(&mut self.line).into());
            }
            key => {
                show(key, &mut typed.shown);
                if self.line.len() < LONGEST_LINE {
                    self.line.push(key);
                }
            }
        }
    }

    fn erase(&mut self, typed: &mut Typed) {
        let Some(erased) = self.line.pop() else {
            return;
        };
        let mut shown = Vec::new();
        show(erased, &mut shown);
        for _ in shown {
            typed.shown.extend_from_slice(b"\x08 \x08");
        }
    }
}

/// Adds the echo of a key to `shown`. As on real terminals, control characters are shown as `^` and a letter.
fn show(key: u8, shown: &mut Vec<u8>) {
    match key {
        b'\t' | b'\n' => shown.push(key),
        0..0x20 | 0x7f => shown.extend([b'^', key ^ 0x40]),
        key => shown.push(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the echo, the lines read and the signals sent after typing `bytes` on a new terminal.
    fn typed(bytes: &[u8]) -> (String, Vec<String>, Vec<Signal>) {
        let mut state = State {
            size: TtySize::default(),
            modes: Modes::COOKED,
            line: Vec::new(),
        };
        let typed = state.take(bytes);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let read = typed.read.iter().map(|piece| text(piece)).collect();
        (text(&typed.shown), read, typed.signals)
    }

    #[test]
    fn only_complete_lines_are_read() {
        assert_eq!(typed(b"hi"), ("hi".to_owned(), vec![], vec![]));
        let lines = ["a\n", "b\n", "\n"].map(str::to_owned).to_vec();
        assert_eq!(typed(b"a\rb\r\n"), ("a\nb\n\n".to_owned(), lines, vec![]));
    }

    #[test]
    fn eof_flushes_a_partial_line_or_ends_input() {
        assert_eq!(typed(b"\x04").1, [""]);
        assert_eq!(typed(b"x\x04").1, ["x"]);
        assert_eq!(typed(b"x\x04\x04").1, ["x", ""]);
    }

    #[test]
    fn lines_are_edited_before_they_are_read() {
        let (shown, read, _) = typed(b"ab\x7fc\x15xyz\x17w\n");
        assert_eq!(read, ["w\n"]);
        let erase = |count: usize| "\x08 \x08".repeat(count);
        assert_eq!(shown, format!("ab{}c{}xyz{}w\n", erase(1), erase(2), erase(3)));
        assert_eq!(typed(b"one two\x17three\n").1, ["one three\n"]);
        assert_eq!(typed(b"\x7f\x15\x17\n").0, "\n");
    }

    #[test]
    fn control_characters_echo_in_caret_notation() {
        let (shown, read, _) = typed(b"a\tb\x01c\x1bz\n");
        assert_eq!(
            (shown.as_str(), read),
            ("a\tb^Ac^[z\n", vec!["a\tb\x01c\x1bz\n".to_owned()])
        );
    }

    #[test]
    fn signal_keys_discard_the_line() {
        let (shown, read, signals) = typed(b"par\x03");
        assert_eq!(
            (shown.as_str(), read.len(), signals),
            ("^C", 0, vec![Signal::Int])
        );
        assert_eq!(typed(b"\x1c\x1a").2, [Signal::Quit, Signal::Tstp]);
    }

    #[test]
    fn overlong_line_keeps_start_and_end() {
        let line = [&[b'x'; 5000][..], b"\n"].concat();
        let (shown, read, _) = typed(&line);
        assert_eq!((shown.len(), read[0].len()), (5001, 4096));
        assert!(read[0].ends_with("x\n"));
    }
}
