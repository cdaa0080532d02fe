//! Applying redirections to the shell's streams.

use super::ast::{Redirect, Target};
use super::state::{Shell, Stop};
use crate::fs::Errno;
use crate::process::{Input, Output};

/// The shell's streams before a redirection. They are restored after the redirected command.
pub(super) struct Streams {
    stdin: Input,
    stdout: Output,
    stderr: Output,
}

impl Shell {
    /// Applies redirections and returns the previous streams. If a file cannot be opened, prints the error and returns
    /// `None`.
    pub(super) async fn redirect(&mut self, redirects: &[Redirect]) -> Result<Option<Streams>, Stop> {
        let process = &self.process;
        let saved = Streams {
            stdin: process.stdin.clone(),
            stdout: process.stdout.clone(),
            stderr: process.stderr.clone(),
        };
        for redirect in redirects {
            if let Err(message) = self.redirect_one(redirect).await? {
                self.restore(saved);
                self.complain(&message).await;
                self.status = 1;
                return Ok(None);
            }
        }
        Ok(Some(saved))
    }

    pub(super) fn restore(&mut self, saved: Streams) {
        self.process.stdin = saved.stdin;
        self.process.stdout = saved.stdout;
        self.process.stderr = saved.stderr;
    }

    async fn redirect_one(&mut self, redirect: &Redirect) -> Result<Result<(), String>, Stop> {
        match &redirect.target {
            Target::Read(word) => {
                let path = self.expand_text(word).await?;
                match self.process.open_input(&path) {
                    Ok(input) => self.process.stdin = input,
                    Err(errno) => {
                        return Ok(Err(format!(
                            "can't open {path}: {}",
                            reason(errno, "no such file")
                        )));
                    }
                }
            }
            Target::Text(word) => {
                let text = self.expand_text(word).await?;
                self.process.stdin = Input::bytes(text.as_bytes());
            }
            Target::Write(word) | Target::Append(word) => {
                let path = self.expand_text(word).await?;
                let append = matches!(redirect.target, Target::Append(_));
                match self.process.open_output(&path, append) {
                    Ok(output) => self.set_output(redirect.fd, output),
                    Err(errno) => {
                        let reason = reason(errno, "nonexistent directory");
                        return Ok(Err(format!("can't create {path}: {reason}")));
                    }
                }
            }
            Target::Same(other) => match (redirect.fd, other) {
                (0, _) | (_, 0) => {}
                (fd, 1) => self.set_output(fd, self.process.stdout.clone()),
                (fd, _) => self.set_output(fd, self.process.stderr.clone()),
            },
            Target::Close if redirect.fd == 0 => self.process.stdin = Input::Null,
            Target::Close => self.set_output(redirect.fd, Output::Null),
        }
        Ok(Ok(()))
    }

    fn set_output(&mut self, fd: u8, output: Output) {
        match fd {
            2 => self.process.stderr = output,
            _ => self.process.stdout = output,
        }
    }
}

/// Returns the message for an error. If the file is missing, returns `missing`, which is the shell's own wording.
fn reason(errno: Errno, missing: &str) -> String {
    match errno {
        Errno::NotFound | Errno::NotADirectory => missing.to_owned(),
        other => other.to_string(),
    }
}
