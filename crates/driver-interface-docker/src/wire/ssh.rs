//! Connections over SSH: the system's `ssh` runs `docker system dial-stdio` on the engine's host, as the `docker`
//! command does. The user's keys, agent, known hosts and `~/.ssh/config` apply.
//!
//! Each connection to the engine is a session of a shared SSH connection, the master. By default, a server allows ten
//! sessions per connection, and drops new clients at random while ten clients are authenticating. Therefore the
//! driver starts masters one after the other, and each master carries few sessions. A master ends with this process,
//! because the master's remote command reads from a pipe that this process holds. Masters are started on the drivers'
//! own runtime, because one caller's stalled runtime must not delay other callers.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use driver_interface_kit::background;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use super::SshTarget;

/// How many sessions a master carries besides its own. The number is below the server's limit of ten, because the
/// server still counts sessions that are closing.
const SESSIONS: usize = 7;
/// How long, in seconds, `ssh` tries to connect.
const CONNECT_TIMEOUT: u32 = 30;
/// How long, in seconds, a connection may be silent before `ssh` probes it.
const KEEPALIVE: u32 = 15;
const KEEPALIVE_PROBES: u32 = 3;
/// The maximum number of bytes of `ssh`'s error output to keep.
const MAX_ERROR_TEXT: u64 = 4 * 1024;
/// How long the start of a master may take, including the login.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// The text that the local `ssh` prints once a master is connected. The remote command cannot print it instead,
/// because a server can be configured to run another command.
const READY: &str = "driver-interface-ready";
/// The beginning of the name of a directory for sockets. The process id follows in the name.
const CONTROL: &str = "di-ssh-";

/// A host reached by `ssh`.
#[derive(Debug)]
pub(super) struct Ssh {
    target: SshTarget,
    /// The directory with the sockets of the masters. Only this user can access the directory.
    control: tempfile::TempDir,
    masters: Mutex<Masters>,
}

#[derive(Debug, Default)]
struct Masters {
    running: Vec<Master>,
    started: usize,
}

/// A shared SSH connection. Dropping a `Master` closes the connection.
#[derive(Debug)]
struct Master {
    process: Child,
    /// The input of the remote command, which exits when its input is closed.
    _input: ChildStdin,
    /// The output of `ssh`. Kept open, because `ssh` exits when it cannot write its output.
    _output: ChildStdout,
    socket: String,
    free: Arc<Semaphore>,
}

impl Ssh {
    pub(super) fn new(target: SshTarget) -> io::Result<Self> {
        // The path of a socket may only have about 100 characters.
        let place = if cfg!(unix) {
            PathBuf::from("/tmp")
        } else {
            std::env::temp_dir()
        };
        remove_abandoned(&place);
        let prefix = format!("{CONTROL}{}-", std::process::id());
        Ok(Self {
            target,
            control: tempfile::Builder::new().prefix(&prefix).tempdir_in(place)?,
            masters: Mutex::default(),
        })
    }

    pub(super) async fn connect(self: &Arc<Self>) -> io::Result<SshStream> {
        let shared = if cfg!(unix) {
            Some(Arc::clone(self).shared().await?)
        } else {
            None
        };
        let socket = shared.as_ref().map(|(socket, _)| socket.as_str());
        let arguments = self.arguments(false, socket, &self.dial());
        let (child, input, output, errors) = spawn(arguments)?;
        Ok(SshStream {
            input: Some(input),
            output,
            process: Process::Running(Some(Box::new((child, errors)))),
            _session: shared.map(|(_, session)| session),
        })
    }

    /// Returns the socket of a master, and the permit for one session. Dropping the future also cancels the start of
    /// a master.
    async fn shared(self: Arc<Self>) -> io::Result<(String, OwnedSemaphorePermit)> {
        let (mut answer, answered) = oneshot::channel();
        background::spawn(async move {
            let found = tokio::select! {
                found = timeout(START_DEADLINE, self.session()) => found,
                () = answer.closed() => return,
            };
            let late = || io::Error::new(io::ErrorKind::TimedOut, "`ssh` did not connect within 60 s");
            let _ = answer.send(found.unwrap_or_else(|_| Err(late())));
        });
        answered.await.map_err(io::Error::other)?
    }

    /// Returns the socket of a master, and the permit for one session. Starts a master if no running master has a
    /// free session.
    async fn session(&self) -> io::Result<(String, OwnedSemaphorePermit)> {
        let mut masters = self.masters.lock().await;
        let mut spare = 0;
        masters.running.retain_mut(|master| {
            let is_idle = master.free.available_permits() == SESSIONS;
            spare += usize::from(is_idle);
            // A master also ends when its connection breaks. One idle master is enough.
            (!is_idle || spare == 1) && matches!(master.process.try_wait(), Ok(None))
        });
        let free = masters.running.iter().find_map(|master| {
            let session = Arc::clone(&master.free).try_acquire_owned().ok()?;
            Some((master.socket.clone(), session))
        });
        if let Some(found) = free {
            return Ok(found);
        }
        masters.started += 1;
        let socket = format!("{}/{}", self.control.path().display(), masters.started);
        let (process, input, mut output, errors) =
            spawn(self.arguments(true, Some(&socket), &["cat".to_owned()]))?;
        let mut printed = Vec::new();
        while !printed.ends_with(READY.as_bytes()) {
            let mut byte = [0];
            if output.read(&mut byte).await? == 0 {
                ended((process, errors)).await?;
                return Err(io::Error::other("`ssh` ended without connecting"));
            }
            printed.extend(byte);
        }
        let free = Arc::new(Semaphore::new(SESSIONS));
        let session = Arc::clone(&free).try_acquire_owned().map_err(io::Error::other)?;
        masters.running.push(Master {
            process,
            _input: input,
            _output: output,
            socket: socket.clone(),
            free,
        });
        Ok((socket, session))
    }

    /// Returns the remote command that connects to the engine.
    fn dial(&self) -> Vec<String> {
        let (program, option) = if self.target.podman {
            ("podman", "--url")
        } else {
            ("docker", "--host")
        };
        let socket = self
            .target
            .socket
            .iter()
            .map(|path| format!("{option}=unix://{path}"));
        std::iter::once(program.to_owned())
            .chain(socket)
            .chain(["system".to_owned(), "dial-stdio".to_owned()])
            .collect()
    }

    /// Returns the arguments of `ssh`. If an option is given twice, `ssh` uses the first value.
    fn arguments(&self, master: bool, socket: Option<&str>, command: &[String]) -> Vec<String> {
        let mut arguments = self.target.options.clone();
        let mut set = |option: String| arguments.extend(["-o".to_owned(), option]);
        // A program must not wait for its user to type a password.
        set("BatchMode=yes".to_owned());
        set(format!("ConnectTimeout={CONNECT_TIMEOUT}"));
        set(format!("ServerAliveInterval={KEEPALIVE}"));
        set(format!("ServerAliveCountMax={KEEPALIVE_PROBES}"));
        if let Some(socket) = socket {
            set(format!("ControlMaster={}", if master { "yes" } else { "no" }));
            set(format!("ControlPath={socket}"));
            set("ControlPersist=no".to_owned());
        }
        if master {
            set("PermitLocalCommand=yes".to_owned());
            set(format!("LocalCommand=printf {READY}"));
        }
        arguments.push("-T".to_owned());
        if let Some(user) = &self.target.user {
            arguments.extend(["-l".to_owned(), user.clone()]);
        }
        if let Some(port) = self.target.port {
            arguments.extend(["-p".to_owned(), port.to_string()]);
        }
        arguments.extend(["--".to_owned(), self.target.host.clone()]);
        arguments.extend_from_slice(command);
        arguments
    }
}

/// Removes the socket directories of processes that exited without dropping their drivers.
fn remove_abandoned(place: &Path) {
    if !Path::new("/proc/self").exists() {
        return;
    }
    for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|name| name.strip_prefix(CONTROL)?.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn spawn(arguments: Vec<String>) -> io::Result<(Child, ChildStdin, ChildStdout, ChildStderr)> {
    let mut child = Command::new("ssh")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("`ssh` cannot be run: {error}")))?;
    match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
        (Some(input), Some(output), Some(errors)) => Ok((child, input, output, errors)),
        _ => Err(io::Error::other("`ssh` has no standard streams")),
    }
}

/// A connection to the engine through one `ssh` process. Dropping the connection kills the process.
///
/// The end of the output is an error unless `ssh` reports success: a lost connection must not look like the end of a
/// response.
pub(super) struct SshStream {
    /// The input of the `ssh` process, or `None` after the input was shut down.
    input: Option<ChildStdin>,
    output: ChildStdout,
    process: Process,
    _session: Option<OwnedSemaphorePermit>,
}

enum Process {
    Running(Option<Box<(Child, ChildStderr)>>),
    Ending(BoxFuture<'static, io::Result<()>>),
    Ended,
}

impl SshStream {
    /// Waits for the process to exit. Returns an error with the reason if the process failed.
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

    /// Replaces the error of a write that failed because the process has exited. The new error contains the reason
    /// for the exit.
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
            let ssh = Ssh::new(target.clone()).unwrap();
            let arguments = ssh.arguments(false, None, &ssh.dial());
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
