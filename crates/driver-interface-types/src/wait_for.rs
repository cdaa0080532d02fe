//! Readiness conditions for containers.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use driver_interface_errors::{ConfigurationError, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::words::Words;
use crate::{
    ContainerDriver, ContainerId, ContainerInstance, ExecConfig, IntoCommand, LogOptions, Operation,
};

mod early_exit;
mod log;
mod watch;

pub(crate) use watch::Watch;

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// How long a connection must stay open to show that a process listens. An engine's proxy accepts a connection before
/// the proxy knows whether a process in the container listens. If no process listens, the proxy closes the
/// connection.
const PROXY_GRACE: Duration = Duration::from_millis(100);
/// The maximum duration of one attempt to connect or to get a response.
const ATTEMPT: Duration = Duration::from_secs(5);
/// The number of bytes of an HTTP response that are read: enough for the status code.
const STATUS_LINE: usize = 64;

/// A readiness condition for [`ContainerDriverExt::wait_for`](crate::ContainerDriverExt::wait_for).
///
/// ```
/// use driver_interface_types::WaitFor;
///
/// assert_eq!(WaitFor::log("ready").to_string(), r#"it wrote "ready""#);
/// assert_eq!(WaitFor::http(8080, "/health").to_string(), "`GET /health` on port 8080 returned 200");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitFor {
    /// The container has written this text to its standard output or error.
    Log(String),
    /// A process listens on this TCP port of the container. The port must be
    /// [published](crate::ContainerConfig::ports), or the container's own address must be reachable from this
    /// process. On Linux, the address is reachable from the engine's host.
    Port(u16),
    /// An HTTP `GET` of `path` on `port` returns `status`. The port must be reachable as described for
    /// [`Port`](Self::Port).
    Http {
        /// The path with its query, starting with `/`.
        path: String,
        /// The port inside the container.
        port: u16,
        /// The expected HTTP status code.
        status: u16,
    },
    /// This command exits with code 0 when it is run in the container.
    Exec(Vec<String>),
    /// The container's health check passes. If the container has no health check, the condition is that the container
    /// is running.
    Healthy,
    /// The container has exited, with any exit code.
    Exit,
}

impl WaitFor {
    /// Creates the condition that the container has written `text`.
    pub fn log(text: impl Into<String>) -> Self {
        Self::Log(text.into())
    }

    /// Creates the condition that a `GET` of `path` on `port` returns HTTP status 200.
    pub fn http(port: u16, path: impl Into<String>) -> Self {
        Self::Http {
            path: path.into(),
            port,
            status: 200,
        }
    }

    /// Creates the condition that the command `argv` exits with code 0 when it is run in the container.
    pub fn exec(argv: impl IntoCommand) -> Self {
        Self::Exec(argv.into_command())
    }

    fn check(&self) -> Result<()> {
        match self {
            Self::Http { path, .. } if !is_request_target(path) => {
                let message = "must start with `/` and contain no spaces or control characters";
                Err(ConfigurationError::single("waitFor.path", "invalid-character", message).into())
            }
            _ => Ok(()),
        }
    }

    /// Returns the condition as a phrase that follows "had not" in a message, such as "become healthy".
    pub(crate) fn awaited(&self) -> String {
        match self {
            Self::Log(text) => format!("written {text:?}"),
            Self::Port(port) => format!("opened port {port}"),
            Self::Http { path, port, status } => {
                format!("returned {status} for `GET {path}` on port {port}")
            }
            Self::Exec(argv) => format!("passed the command {:?}", Words(argv)),
            Self::Healthy => "become healthy".to_owned(),
            Self::Exit => "exited".to_owned(),
        }
    }

    /// Returns whether the condition holds. `now` is the container's state, which the caller has read before this
    /// call. Therefore the log is already complete if `now` contains an exit.
    async fn holds<D>(&self, driver: &D, now: &ContainerInstance) -> Result<bool>
    where
        D: ContainerDriver + ?Sized,
    {
        let runs = now.status == crate::ContainerStatus::Running;
        match self {
            Self::Log(text) => {
                let logs = driver.get_container_logs(&now.id, LogOptions::default()).await?;
                Ok(logs.contains(text))
            }
            Self::Exit => Ok(now.exit.is_some()),
            _ if !runs => Ok(false),
            Self::Port(port) => Ok(match address(now, *port) {
                Some(address) => listens(address).await,
                None => false,
            }),
            Self::Http { path, port, status } => Ok(match address(now, *port) {
                Some(address) => answer(address, path).await == Some(*status),
                None => false,
            }),
            Self::Exec(argv) => Ok(driver.exec(&now.id, ExecConfig::new(argv)).await?.success()),
            Self::Healthy => driver.is_container_healthy(&now.id).await,
        }
    }
}

impl fmt::Debug for WaitFor {
    /// Writes the `Display` form, which omits the arguments of a command because they may contain secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WaitFor({self})")
    }
}

impl fmt::Display for WaitFor {
    /// Writes the condition as a phrase in the past tense, such as "it was healthy".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(text) => write!(f, "it wrote {text:?}"),
            Self::Port(port) => write!(f, "port {port} was open"),
            Self::Http { path, port, status } => {
                write!(f, "`GET {path}` on port {port} returned {status}")
            }
            Self::Exec(argv) => write!(f, "the command {:?} succeeded", Words(argv)),
            Self::Healthy => f.write_str("it was healthy"),
            Self::Exit => f.write_str("it exited"),
        }
    }
}

/// Waits until `condition` holds. Follows the container's log if the condition is a text in the log, and otherwise polls
/// the container.
///
/// # Errors
/// Returns an error if the container exits before the condition holds, or if the condition does not hold at `deadline`.
pub(crate) async fn wait_ready<D>(
    driver: &D,
    operation: &'static str,
    id: &ContainerId,
    condition: &WaitFor,
    deadline: Duration,
) -> Result<ContainerInstance>
where
    D: ContainerDriver + ?Sized,
{
    condition.check()?;
    let watch = Watch::new(driver, operation, id);
    let follows = driver.capabilities().supports(Operation::StreamContainerLogs);
    let work = async {
        if let (WaitFor::Log(text), true) = (condition, follows) {
            return log::text_or_exit(driver, &watch, text).await;
        }
        loop {
            let now = watch.poll().await?;
            match condition.holds(driver, &now).await {
                Ok(true) => return Ok((now, None)),
                Ok(false) => {}
                // The container exited between the poll and the check; the next poll reports how.
                Err(error) if error.code() == driver_interface_errors::codes::CONTAINER_NOT_RUNNING => {}
                Err(error) => return Err(error),
            }
            if let Some(exit) = now.exit.clone() {
                return Ok((now, Some(exit)));
            }
            watch.pause().await;
        }
    };
    match watch.within(deadline, &condition.awaited(), work).await? {
        (now, None) => Ok(now),
        (now, Some(exit)) => Err(watch.exited(&now, &exit, condition).await),
    }
}

/// Returns the address at which this process tries to reach `port`: the published address or, if the port is not
/// published, the container's own address.
fn address(container: &ContainerInstance, port: u16) -> Option<SocketAddr> {
    let own = || {
        let address = container.ip_address?;
        Some(SocketAddr::new(address, port))
    };
    container.endpoint(port).or_else(own)
}

async fn connect(address: SocketAddr) -> Option<TcpStream> {
    timeout(ATTEMPT, TcpStream::connect(address)).await.ok()?.ok()
}

async fn listens(address: SocketAddr) -> bool {
    let Some(mut stream) = connect(address).await else {
        return false;
    };
    let mut byte = [0];
    match timeout(PROXY_GRACE, stream.read(&mut byte)).await {
        // The server waits for the client to send first.
        Err(_) => true,
        Ok(read) => read.is_ok_and(|length| length > 0),
    }
}

/// Returns the HTTP status of the response to a `GET` of `path`. Returns `None` if there is no HTTP response.
async fn answer(address: SocketAddr, path: &str) -> Option<u16> {
    let mut stream = connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let exchange = async {
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut head = Vec::new();
        stream
            .take(STATUS_LINE as u64)
            .read_to_end(&mut head)
            .await
            .ok()?;
        status_of(&head)
    };
    timeout(ATTEMPT, exchange).await.ok()?
}

fn status_of(head: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(head);
    let mut words = text.lines().next()?.split(' ');
    words.next().filter(|word| word.starts_with("HTTP/1."))?;
    words.next()?.parse().ok()
}

fn is_request_target(path: &str) -> bool {
    path.starts_with('/') && path.chars().all(|c| c.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_status_from_the_first_line() {
        assert_eq!(status_of(b"HTTP/1.1 204 No Content\r\nServer: x"), Some(204));
        assert_eq!(status_of(b"HTTP/1.0 200"), Some(200));
        assert_eq!(status_of(b"SSH-2.0-OpenSSH"), None);
        assert_eq!(status_of(b""), None);
    }

    #[test]
    fn path_cannot_inject_a_request() {
        assert!(is_request_target("/health?full=1"));
        for path in ["", "health", "/a b", "/a\r\nX: y"] {
            assert!(!is_request_target(path), "{path:?}");
        }
    }

    #[tokio::test]
    async fn immediately_closed_port_is_not_ready() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let proxy = tokio::spawn(async move { drop(listener.accept().await) });
        assert!(!listens(address).await);
        proxy.await.unwrap();
    }

    #[tokio::test]
    async fn listening_port_is_ready() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { listener.accept().await });
        assert!(listens(address).await);
        drop(server.await);
    }
}
