//! Files on tmpfs mounts. Only the container's own processes can reach these files, because the engine sees the
//! directory underneath the mount.
//!
//! A shell in the container transfers these files, using programs from the container's image. The shell's output
//! begins with a status line. The content ends with a marker, so that the driver detects truncated content.

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

use super::location::{FileRequest, cut, unread};
use crate::driver::exec::{Input, StartedExec, Tree, begin};
use crate::driver::inner::{Inner, unique};
use crate::engine::ExecReader;
use crate::translate::file_error;
use crate::wire::{Duplex, EngineError, Stream};

/// The user and group ids of root, the most privileged user of a container.
const ROOT: &str = "0:0";
/// How many bytes of a script's stderr to keep.
const MAX_ERROR_TEXT: usize = 4 * 1024;

/// The prelude of every script: helpers that report a status, check paths that may be inaccessible, and follow
/// links, including dangling ones.
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

/// A script that runs in a container, and its output.
struct Inside {
    reader: ExecReader,
    tree: Tree,
    mark: String,
    /// Output that was received and not yet forwarded.
    held: BytesMut,
    error_text: Vec<u8>,
    operation: &'static str,
    /// The path as given by the caller.
    path: String,
    user: String,
}

/// A script to run in a container.
struct Script<'a> {
    request: FileRequest<'a>,
    user: &'a str,
    text: &'static str,
    args: &'a [&'a str],
}

impl Inside {
    /// Starts a script. Dropping the returned [`Inside`] kills the script's processes unless its tree is disarmed.
    async fn open(
        inner: &Arc<Inner>,
        script: &Script<'_>,
        input: Input,
    ) -> Result<(Self, WriteHalf<Duplex>)> {
        let mark = unique();
        let text = format!("{PRELUDE}{}", script.text);
        let words = [&["sh", "-c", &text, "sh", &mark], script.args].concat();
        let config = ExecConfig::new(words)
            .env("LC_ALL", "C")
            .working_dir("/")
            .user(script.user);
        let StartedExec { io, tree } = begin(
            inner, script.request.operation, script.request.container, &config, input,
        )
        .await?;
        let (half, write) = split(io);
        let inside = Self {
            reader: inner.engine.exec_reader(half, false, input == Input::Open),
            tree,
            mark,
            held: BytesMut::new(),
            error_text: Vec::new(),
            operation: script.request.operation,
            path: script.request.path.to_owned(),
            user: script.user.to_owned(),
        };
        Ok((inside, write))
    }

    /// Reads the next chunk of the output into the buffers. Returns `false` at the end of the output.
    async fn more(&mut self) -> Result<bool> {
        let Some(frame) = self.reader.next().await.map_err(cut)? else {
            return Ok(false);
        };
        match frame.stream {
            Stream::Stdout => self.held.extend_from_slice(&frame.data),
            Stream::Stderr => {
                let room = MAX_ERROR_TEXT.saturating_sub(self.error_text.len());
                self.error_text
                    .extend_from_slice(frame.data.get(..room).unwrap_or(&frame.data));
            }
        }
        Ok(true)
    }

    /// Reads the script's next status line, and returns the status.
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
            if self.held.len() > MAX_ERROR_TEXT || !self.more().await? {
                return Err(self.silent().await);
            }
        }
    }

    /// Returns the error for a script that exited without a status.
    async fn silent(&mut self) -> DriverError {
        let exited = match self.tree.exited().await {
            Ok(exited) => exited,
            Err(error) => return error,
        };
        self.tree.disarm();
        match exited.and_then(|exited| exited.failure(&self.held, &self.error_text)) {
            Some(text) => {
                let error = self.tree.start_error(text).await;
                if error.hint() == Some(Hint::CommandNotFound) {
                    return self.lacks("sh");
                }
                error
            }
            None => cut(EngineError::Broken("the command ended unexpectedly".into())),
        }
    }

    /// Returns the next chunk of content, or `None` at the end of the content. Fails if no data arrives within the
    /// time `longest`.
    async fn content(&mut self, longest: std::time::Duration) -> Result<Option<Bytes>> {
        loop {
            let free = self.held.len().saturating_sub(self.mark.len());
            if free > 0 {
                return Ok(Some(self.held.split_to(free).freeze()));
            }
            let more = timeout(longest, self.more()).await;
            let more = more.map_err(|_| cut(EngineError::Broken("no data arrived in time".into())))?;
            if !more? {
                self.tree.disarm();
                if self.held.as_ref() == self.mark.as_bytes() {
                    return Ok(None);
                }
                let why = String::from_utf8_lossy(&self.error_text).trim().to_owned();
                return Err(cut(EngineError::Broken(
                    format!("the content is truncated: {why}").into(),
                )));
            }
        }
    }

    /// Returns the error for `word`, a status that does not mean success.
    fn refused(&self, word: &str) -> DriverError {
        let refuse = |kind, why: &str| unread(&self.path, kind, why).into();
        match word.split_once(' ').unwrap_or((word, "")) {
            ("tool", tool) => return self.lacks(tool),
            ("nothing", _) => return refuse(Kind::NotFound, "no such file or directory"),
            ("missing", _) => return refuse(Kind::NotFound, "its parent directory does not exist"),
            ("none", _) => return refuse(Kind::NotADirectory, "a parent of the path is not a directory"),
            ("directory", _) => return refuse(Kind::IsADirectory, "it is a directory"),
            ("nofile", _) => return refuse(Kind::InvalidInput, "it is not a regular file"),
            ("loop", _) => return refuse(Kind::FilesystemLoop, "its symbolic links cannot be resolved"),
            _ => {}
        }
        let error_text = String::from_utf8_lossy(&self.error_text).trim().to_owned();
        // Programs end their messages with the kernel's error text.
        let mut kinds = error_text
            .lines()
            .filter_map(|line| file_error::of_kernel(line.rsplit(": ").next()?));
        match (kinds.next(), word) {
            (Some(Kind::PermissionDenied), _) | (None, "denied") => self.denied(),
            // This error is never about the path itself: it means that one of its parents is a file.
            (Some(Kind::AlreadyExists), _) => refuse(Kind::NotADirectory, &error_text),
            (Some(kind @ Kind::ReadOnlyFilesystem), _) => refuse(kind, &error_text),
            (Some(Kind::StorageFull), _) => {
                let error = FileSystemError::new(self.path.as_str(), Kind::StorageFull, error_text);
                error.with_hint(Hint::NoSpaceLeft).into()
            }
            (kind, _) => {
                FileSystemError::new(self.path.as_str(), kind.unwrap_or(Kind::Other), error_text).into()
            }
        }
    }

    fn denied(&self) -> DriverError {
        let text = format!(
            "it is on a tmpfs mount, where files are accessed by a command in the container, and user {} has \
             no permission",
            self.user
        );
        unread(&self.path, Kind::PermissionDenied, text).into()
    }

    fn lacks(&self, tool: &str) -> DriverError {
        let text = format!(
            "`{}` is on a tmpfs mount, where files are accessed by a command in the container, and the image \
             has no `{tool}`",
            self.path
        );
        UnsupportedError::new(self.operation, text).into()
    }
}
