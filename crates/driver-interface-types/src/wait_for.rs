//! Knowing that a container is ready.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use driver_interface_errors::{ConfigurationError, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::words::Words;
use crate::{ContainerDriver, ContainerId, ContainerInstance, ExecConfig, LogOptions};

mod early_exit;
mod watch;

pub(crate) use watch::Watch;

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// How long a connection has to last to count: engines' proxies accept one before they know that nobody
/// listens in the container, and close it then.
const PROXY_GRACE: Duration = Duration::from_millis(100);
/// How long one attempt to connect or to get an answer may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// As much of an answer as has its status line.
const STATUS_LINE: usize = 64;

/// What makes a container ready, for [`ContainerDriverExt::wait_for`](crate::ContainerDriverExt::wait_for).
///
/// ```
/// use driver_interface_types::WaitFor;
///
/// assert_eq!(WaitFor::log("ready").to_string(), r#"it wrote "ready""#);
/// assert_eq!(WaitFor::http(8080, "/health").to_string(), "`GET /health` on port 8080 was answered with 200");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitFor {
    /// It has written this text to its output or error.
    Log(String),
    /// Something listens on this TCP port of it. The port is [published](crate::ContainerConfig::ports), or the
    /// container's own address is within reach (as it is on the engine's host, where that is Linux).
    Port(u16),
    /// A `GET` over HTTP of this path on this port is answered with this status. The port as with `Port`.
    Http {
        /// The path with its query, beginning with `/`.
        path: String,
        /// The port inside the container.
        port: u16,
        /// The status.
        status: u16,
    },
    /// This command ends with 0 when it is run in it.
    Exec(Vec<String>),
    /// Its health check passes; without one: it runs.
    Healthy,
    /// It has ended, whatever the exit code.
    Exit,
}

impl WaitFor {
    /// It has written this text.
    pub fn log(text: impl Into<String>) -> Self {
        Self::Log(text.into())
    }

    /// A `GET` of this path is answered with 200.
    pub fn http(port: u16, path: impl Into<String>) -> Self {
        Self::Http {
            path: path.into(),
            port,
            status: 200,
        }
    }

    /// This command ends with 0.
    pub fn exec(argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::Exec(argv.into_iter().map(Into::into).collect())
    }

    fn check(&self) -> Result<()> {
        match self {
            Self::Http { path, .. } if !is_request_target(path) => {
                let message = "must begin with `/` and have no spaces or control characters";
                Err(ConfigurationError::single("waitFor.path", "invalid-character", message).into())
            }
            _ => Ok(()),
        }
    }

    /// What has to happen, to be read after "had not".
    fn awaited(&self) -> String {
        match self {
            Self::Log(text) => format!("written {text:?}"),
            Self::Port(port) => format!("listened on its port {port}"),
            Self::Http { path, port, status } => {
                format!("answered `GET {path}` on port {port} with {status}")
            }
            Self::Exec(argv) => format!("let the command {argv:?} succeed"),
            Self::Healthy => "become healthy".to_owned(),
            Self::Exit => "exited".to_owned(),
        }
    }

    /// Whether it is so now. `now` was read before, so that what a container wrote last is not missed.
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
    /// As it is displayed: without the arguments of a command, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WaitFor({self})")
    }
}

impl fmt::Display for WaitFor {
    /// What has to happen, in the past tense.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(text) => write!(f, "it wrote {text:?}"),
            Self::Port(port) => write!(f, "something listened on its port {port}"),
            Self::Http { path, port, status } => {
                write!(f, "`GET {path}` on port {port} was answered with {status}")
            }
            Self::Exec(argv) => write!(f, "the command {:?} worked in it", Words(argv)),
            Self::Healthy => f.write_str("it was healthy"),
            Self::Exit => f.write_str("it ended"),
        }
    }
}

/// Looks again and again until `wanted` holds, or the container has exited and it cannot hold any more.
pub(crate) async fn wait_ready<D>(
    driver: &D,
    operation: &'static str,
    id: &ContainerId,
    wanted: &WaitFor,
    deadline: Duration,
) -> Result<ContainerInstance>
where
    D: ContainerDriver + ?Sized,
{
    wanted.check()?;
    let watch = Watch::new(driver, operation, id);
    let work = async {
        loop {
            let now = watch.look().await?;
            match wanted.holds(driver, &now).await {
                Ok(true) => return Ok((now, None)),
                Ok(false) => {}
                // It exited between the two calls; the next look tells how.
                Err(error) if error.code() == driver_interface_errors::codes::CONTAINER_NOT_RUNNING => {}
                Err(error) => return Err(error),
            }
            if let Some(exit) = now.exit.clone() {
                return Ok((now, Some(exit)));
            }
            watch.pause().await;
        }
    };
    match watch.within(deadline, &wanted.awaited(), work).await? {
        (now, None) => Ok(now),
        (now, Some(exit)) => Err(watch.exited(&now, &exit, wanted).await),
    }
}

/// Where a port is reached from here: published, or at the container's own address.
fn address(container: &ContainerInstance, port: u16) -> Option<SocketAddr> {
    let own = || {
        let address: IpAddr = container.endpoint.as_ref()?.parse().ok()?;
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
        // It waits for us to speak first.
        Err(_) => true,
        Ok(read) => read.is_ok_and(|length| length > 0),
    }
}

/// The status that a `GET` is answered with; none where there is no answer of HTTP.
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
    fn the_status_of_an_answer_is_read_from_its_first_line() {
        assert_eq!(status_of(b"HTTP/1.1 204 No Content\r\nServer: x"), Some(204));
        assert_eq!(status_of(b"HTTP/1.0 200"), Some(200));
        assert_eq!(status_of(b"SSH-2.0-OpenSSH"), None);
        assert_eq!(status_of(b""), None);
    }

    #[test]
    fn a_path_cannot_smuggle_in_another_request() {
        assert!(is_request_target("/health?full=1"));
        for path in ["", "health", "/a b", "/a\r\nX: y"] {
            assert!(!is_request_target(path), "{path:?}");
        }
    }

    #[tokio::test]
    async fn a_port_that_is_accepted_and_closed_at_once_is_not_ready() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let proxy = tokio::spawn(async move { drop(listener.accept().await) });
        assert!(!listens(address).await);
        proxy.await.unwrap();
    }

    #[tokio::test]
    async fn a_port_on_which_somebody_waits_is_ready() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { listener.accept().await });
        assert!(listens(address).await);
        drop(server.await);
    }
}
