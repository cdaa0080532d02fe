//! Files that only a container's own programs reach: those in its memory, where the engine sees what lies below.
//!
//! A shell of the container's passes them on, with the programs of its image. Its output begins with a line that
//! says how it went, and content ends with a mark, so that content that was cut short is never taken for whole.

mod read;
mod write;

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use driver_interface_errors::{
    DriverError, FileSystemError, FileSystemErrorKind as Kind, Hint, Result, UnsupportedError,
};
use driver_interface_types::ExecConfig;
use tokio::io::{WriteHalf, split};
use tokio::time::timeout;

use super::exec::{Begun, Input, Tree, begin};
use super::inner::{Inner, unique};
use super::place::{Asked, cut, unread};
use crate::engine::ExecReader;
use crate::translate::file_error;
use crate::wire::{Duplex, EngineError, Stream};

/// Who may do most in a container.
const ROOT: &str = "0:0";
/// More of what a program complains about is not kept.
const MAX_COMPLAINT: usize = 4 * 1024;

/// What every script begins with: words to answer with, looks at a path that may be out of reach, and a walk along
/// links, also to where nothing is.
const PRELUDE: &str = r#"
mark=$1 target=$2
umask 022
say() { echo "$mark $1"; exit 0; }
needs() { command -v "$1" > /dev/null || say "tool $1"; }
reach() {
  above=${1%/*}
  while [ -n "$above" ] && [ ! -e "$above" ]; do above=${above%/*}; done
  if [ ! -d "${above:-/}" ]; then say none; fi
}
look() {
  if [ -e "$1" ]; then return 0; fi
  reach "$1"
  if [ -x "${above:-/}" ]; then say nothing; fi
  say denied
}
follow() {
  links=0
  while [ -L "$target" ]; do
    needs readlink
    links=$((links + 1))
    if [ "$links" -gt 40 ]; then say loop; fi
    led=$(readlink -n "$target" && echo .) || say denied
    led=${led%.}
    case $led in /*) target=$led;; *) target=${target%/*}/$led;; esac
  done
}
"#;

/// A script that runs in a container, and what it says.
struct Inside {
    reader: ExecReader,
    tree: Tree,
    mark: String,
    /// What came and was not passed on yet.
    held: BytesMut,
    complaint: Vec<u8>,
    operation: &'static str,
    /// The path as the caller knows it.
    path: String,
    user: String,
}

/// A script to run.
struct Script<'a> {
    asked: Asked<'a>,
    user: &'a str,
    text: &'static str,
    args: &'a [&'a str],
}

impl Inside {
    /// Starts a script. Dropping it ends what it runs, unless it ends by itself with its input.
    async fn open(
        inner: &Arc<Inner>,
        script: &Script<'_>,
        input: Input,
    ) -> Result<(Self, WriteHalf<Duplex>)> {
        let mark = unique();
        let text = format!("{PRELUDE}{}", script.text);
        let words = ["sh", "-c", &text, "sh", &mark];
        let config = ExecConfig::new(words.iter().chain(script.args).copied())
            .env("LC_ALL", "C")
            .working_dir("/")
            .user(script.user);
        let Begun { io, tree } = begin(
            inner,
            script.asked.operation,
            script.asked.container,
            &config,
            input,
        )
        .await?;
        let (half, write) = split(io);
        let inside = Self {
            reader: inner.engine.exec_reader(half, false, input == Input::Open),
            tree,
            mark,
            held: BytesMut::new(),
            complaint: Vec::new(),
            operation: script.asked.operation,
            path: script.asked.path.to_owned(),
            user: script.user.to_owned(),
        };
        Ok((inside, write))
    }

    /// Reads more of the output; false at its end.
    async fn more(&mut self) -> Result<bool> {
        let Some(frame) = self.reader.next().await.map_err(cut)? else {
            return Ok(false);
        };
        match frame.stream {
            Stream::Stdout => self.held.extend_from_slice(&frame.data),
            Stream::Stderr => {
                let room = MAX_COMPLAINT.saturating_sub(self.complaint.len());
                self.complaint
                    .extend_from_slice(frame.data.get(..room).unwrap_or(&frame.data));
            }
        }
        Ok(true)
    }

    /// The script's next word about how it gets on.
    async fn word(&mut self) -> Result<String> {
        loop {
            let line = self.held.iter().position(|byte| *byte == b'\n');
            if let Some(line) = line {
                let text = String::from_utf8_lossy(self.held.get(..line).unwrap_or_default()).into_owned();
                if let Some(word) = text.strip_prefix(&self.mark) {
                    self.held.advance(line + 1);
                    return Ok(word.trim_start().to_owned());
                }
            }
            if self.held.len() > MAX_COMPLAINT || !self.more().await? {
                return Err(self.silent().await);
            }
        }
    }

    /// The error for a script that ended without a word.
    async fn silent(&mut self) -> DriverError {
        let ended = match self.tree.ended().await {
            Ok(ended) => ended,
            Err(error) => return error,
        };
        self.tree.disarm();
        match ended.and_then(|ended| ended.failure(&self.held, &self.complaint)) {
            Some(text) => {
                let error = self.tree.not_begun(text).await;
                if error.hint() == Some(Hint::CommandNotFound) {
                    return self.lacks("sh");
                }
                error
            }
            None => cut(EngineError::Broken("the command ended too early".into())),
        }
    }

    /// The next piece of content; none when all of it came.
    async fn content(&mut self, longest: std::time::Duration) -> Result<Option<Bytes>> {
        loop {
            let free = self.held.len().saturating_sub(self.mark.len());
            if free > 0 {
                return Ok(Some(self.held.split_to(free).freeze()));
            }
            let more = timeout(longest, self.more()).await;
            let more = more.map_err(|_| cut(EngineError::Broken("nothing came in time".into())))?;
            if !more? {
                self.tree.disarm();
                if self.held.as_ref() == self.mark.as_bytes() {
                    return Ok(None);
                }
                let why = String::from_utf8_lossy(&self.complaint).trim().to_owned();
                return Err(cut(EngineError::Broken(
                    format!("the content ended too early. {why}").into(),
                )));
            }
        }
    }

    /// The error for a word that is no success.
    fn refused(&self, word: &str) -> DriverError {
        let refuse = |kind, why: &str| unread(&self.path, kind, why).into();
        match word.split_once(' ').unwrap_or((word, "")) {
            ("tool", tool) => return self.lacks(tool),
            ("nothing", _) => return refuse(Kind::NotFound, "there is nothing"),
            ("missing", _) => return refuse(Kind::NotFound, "there is no folder for it"),
            ("none", _) => return refuse(Kind::NotADirectory, "something above it is no folder"),
            ("folder", _) => return refuse(Kind::IsADirectory, "it is a folder"),
            ("nofile", _) => return refuse(Kind::InvalidInput, "it is no file"),
            ("loop", _) => return refuse(Kind::FilesystemLoop, "its links lead nowhere"),
            _ => {}
        }
        let complaint = String::from_utf8_lossy(&self.complaint).trim().to_owned();
        // The programs end their lines with the kernel's words.
        let mut said = complaint
            .lines()
            .filter_map(|line| file_error::of_kernel(line.rsplit(": ").next()?));
        match (said.next(), word) {
            (Some(Kind::PermissionDenied), _) | (None, "denied") => self.denied(),
            // No program took the file's place for a folder's: something above it is one.
            (Some(Kind::AlreadyExists), _) => refuse(Kind::NotADirectory, &complaint),
            (Some(kind @ Kind::ReadOnlyFilesystem), _) => refuse(kind, &complaint),
            (Some(Kind::StorageFull), _) => {
                let error = FileSystemError::new(self.path.as_str(), Kind::StorageFull, complaint);
                error.with_hint(Hint::NoSpaceLeft).into()
            }
            (kind, _) => {
                FileSystemError::new(self.path.as_str(), kind.unwrap_or(Kind::Other), complaint).into()
            }
        }
    }

    fn denied(&self) -> DriverError {
        let text = format!(
            "it is in memory, where a command of the container passes files on, and its user {} may not do it there",
            self.user
        );
        unread(&self.path, Kind::PermissionDenied, text).into()
    }

    fn lacks(&self, tool: &str) -> DriverError {
        let text = format!(
            "`{}` is in memory, where a command of the container passes files on, and its image has no `{tool}`",
            self.path
        );
        UnsupportedError::new(self.operation, text).into()
    }
}
