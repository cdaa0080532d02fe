//! Connections over SSH: the system's `ssh` runs `docker system dial-stdio` on the engine's host, as the `docker` command
//! does. The user's keys, agent, known hosts and `~/.ssh/config` apply.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll, ready};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::SshTarget;

/// How long, in seconds, `ssh` keeps its connection open for the next request.
const PERSIST: u32 = 30;
/// How long, in seconds, an idle connection may be silent before `ssh` probes it, and how many probes may fail.
const KEEPALIVE: u32 = 15;
const KEEPALIVE_PROBES: u32 = 3;
/// The maximum length of `ssh`'s error output that is kept.
const MAX_ERROR_TEXT: u64 = 4 * 1024;

/// A host reached by `ssh`. Its requests share one SSH connection where the system's `ssh` can do that.
#[derive(Debug)]
pub(super) struct Ssh {
    target: SshTarget,
    /// Contains the socket by which requests find the shared connection. Only this user can access it.
    #[cfg(unix)]
    control: tempfile::TempDir,
}

impl Ssh {
    pub(super) fn new(target: SshTarget) -> io::Result<Self> {
        Ok(Self {
            target,
            // The path of a socket may have about 100 characters only.
            #[cfg(unix)]
            control: tempfile::Builder::new().prefix("ssh-").tempdir_in("/tmp")?,
        })
    }

    pub(super) fn connect(&self) -> io::Result<SshStream> {
        let mut child = Command::new("ssh")
            .args(self.arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("`ssh` cannot be run: {error}")))?;
        match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
            (Some(input), Some(output), Some(errors)) => Ok(SshStream {
                input: Some(input),
                output,
                process: Process::Running(Some(Box::new((child, errors)))),
            }),
            _ => Err(io::Error::other("`ssh` has no standard streams")),
        }
    }

    /// Returns the arguments of `ssh`. Of two equal options it uses the first.
    fn arguments(&self) -> Vec<String> {
        let SshTarget {
            user,
            host,
            port,
            socket,
            podman,
            options,
        } = &self.target;
        let mut arguments = options.clone();
        // A program must not wait for its user to type a password.
        let mut set = |option: String| arguments.extend(["-o".to_owned(), option]);
        set("BatchMode=yes".to_owned());
        set(format!("ConnectTimeout={PERSIST}"));
        set(format!("ServerAliveInterval={KEEPALIVE}"));
        set(format!("ServerAliveCountMax={KEEPALIVE_PROBES}"));
        #[cfg(unix)]
        {
            set("ControlMaster=auto".to_owned());
            set(format!("ControlPath={}/%C", self.control.path().display()));
            set(format!("ControlPersist={PERSIST}"));
        }
        arguments.push("-T".to_owned());
        if let Some(user) = user {
            arguments.extend(["-l".to_owned(), user.clone()]);
        }
        if let Some(port) = port {
            arguments.extend(["-p".to_owned(), port.to_string()]);
        }
        arguments.extend(["--".to_owned(), host.clone()]);
        let (program, option) = if *podman {
            ("podman", "--url")
        } else {
            ("docker", "--host")
        };
        arguments.push(program.to_owned());
        arguments.extend(socket.iter().map(|path| format!("{option}=unix://{path}")));
        arguments.extend(["system".to_owned(), "dial-stdio".to_owned()]);
        arguments
    }
}

/// A connection to the engine through one `ssh` process, which is killed when the connection is dropped.
///
/// The end of the output is an error unless `ssh` reports success: a lost connection must not look like the end of a
/// response.
pub(super) struct SshStream {
    /// `None` after it was shut down.
    input: Option<ChildStdin>,
    output: ChildStdout,
    process: Process,
}

enum Process {
    Running(Option<Box<(Child, ChildStderr)>>),
    Ending(BoxFuture<'static, io::Result<()>>),
    Ended,
}

impl SshStream {
    /// Waits for the process, and returns the error with which it ended.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Process::Running(process) = &mut self.process {
            self.process = match process.take() {
                Some(process) => Process::Ending(ended(*process).boxed()),
                None => Process::Ended,
            };
        }
        let Process::Ending(end) = &mut self.process else {
            return Poll::Ready(Ok(()));
        };
        let result = ready!(end.poll_unpin(context));
        self.process = Process::Ended;
        Poll::Ready(result)
    }

    /// Replaces the error of a write to a process that has ended by the reason for its end.
    fn poll_written<T>(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match ready!(result) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                Poll::Ready(Err(ready!(self.poll_end(context)).err().unwrap_or(error)))
            }
            other => Poll::Ready(other),
        }
    }
}

async fn ended((mut child, errors): (Child, ChildStderr)) -> io::Result<()> {
    let mut text = Vec::new();
    errors.take(MAX_ERROR_TEXT).read_to_end(&mut text).await?;
    let status = child.wait().await?;
    if status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    Err(io::Error::new(
        io::ErrorKind::ConnectionAborted,
        format!("`ssh` failed ({status}): {}", lines.join("; ")),
    ))
}

impl AsyncRead for SshStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.output).poll_read(context, buffer))?;
        if buffer.filled().len() > before || buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        self.poll_end(context)
    }
}

impl AsyncWrite for SshStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(input) = &mut self.input else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let result = Pin::new(input).poll_write(context, data);
        self.poll_written(context, result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(input) = &mut self.input else {
            return Poll::Ready(Ok(()));
        };
        let result = Pin::new(input).poll_flush(context);
        self.poll_written(context, result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(context))?;
        self.input = None;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_what_the_docker_command_runs() {
        let mut target = SshTarget {
            user: Some("me".to_owned()),
            host: "build".to_owned(),
            port: Some(2222),
            socket: None,
            podman: false,
            options: vec!["-F".to_owned(), "/etc/ssh".to_owned()],
        };
        let ends = |target: &SshTarget| {
            let arguments = Ssh::new(target.clone()).unwrap().arguments();
            assert_eq!(arguments[..2], ["-F", "/etc/ssh"]);
            let at = arguments.iter().position(|argument| argument == "-T").unwrap();
            arguments[at..].join(" ")
        };
        assert_eq!(
            ends(&target),
            "-T -l me -p 2222 -- build docker system dial-stdio"
        );
        (target.user, target.port) = (None, None);
        target.socket = Some("/run/d.sock".to_owned());
        assert_eq!(
            ends(&target),
            "-T -- build docker --host=unix:///run/d.sock system dial-stdio"
        );
        target.podman = true;
        assert_eq!(
            ends(&target),
            "-T -- build podman --url=unix:///run/d.sock system dial-stdio"
        );
    }
}
