//! The socket on which a proxy listens, and the faults of this socket.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;

use super::relay::{Relay, serve};
use super::stream::Stream;

/// The state of the socket on which a proxy listens. A change of the state does not affect existing connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// The socket exists and accepts connections.
    Listening,
    /// The socket exists, but connections are refused.
    Refused,
    /// The socket does not exist; on TCP, connections are refused.
    Removed,
    /// A regular file is in the socket's place; on TCP, connections are refused.
    NotASocket,
    /// A new socket has replaced the original one, as after a restart of the engine. On TCP, the new socket has the
    /// same port.
    Replaced,
    /// The socket exists and clients can connect, but the proxy never serves these connections.
    Unresponsive,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listening => "the normal socket",
            Self::Refused => "connections refused",
            Self::Removed => "no socket",
            Self::NotASocket => "a file in place of the socket",
            Self::Replaced => "another socket in its place",
            Self::Unresponsive => "connections never served",
        })
    }
}

/// A requested state of the socket, and a function. After the change of the state, the function is called with the
/// result.
pub(super) type Command = (Endpoint, Box<dyn FnOnce(io::Result<()>) + Send>);

/// The address on which a proxy listens.
#[derive(Clone, Debug)]
pub(super) enum Address {
    Unix(PathBuf),
    Tcp(std::net::SocketAddr),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

pub(super) enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Listener {
    pub(super) async fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Unix(path) => {
                // A stale socket file may exist. If it cannot be removed, binding fails with the reason.
                let _ = std::fs::remove_file(path);
                UnixListener::bind(path).map(Self::Unix)
            }
            Address::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
        }
    }

    pub(super) fn address(&self, requested: &Address) -> io::Result<Address> {
        match self {
            Self::Unix(_) => Ok(requested.clone()),
            Self::Tcp(listener) => listener.local_addr().map(Address::Tcp),
        }
    }

    async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Unix(listener) => listener.accept().await.map(|(socket, _)| socket.into()),
            Self::Tcp(listener) => listener.accept().await.map(|(socket, _)| socket.into()),
        }
    }
}

/// Accepts connections until the channel `commands` is closed. Each command received from that channel changes the
/// state of the listening socket.
pub(super) async fn listen(
    listener: Listener,
    address: Address,
    relay: Arc<Relay>,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let mut listener = Some(listener);
    let mut deaf = false;
    loop {
        tokio::select! {
            command = commands.recv() => {
                let Some((endpoint, done)) = command else { break };
                deaf = endpoint == Endpoint::Unresponsive;
                let changed = change(&mut listener, &address, endpoint).await;
                done(changed);
            }
            accepted = accept(listener.as_ref().filter(|_| !deaf)) => {
                if let Ok(client) = accepted {
                    tokio::spawn(serve(relay.clone(), client.resettable()));
                }
            }
        }
    }
    if let Address::Unix(path) = address {
        let _ = std::fs::remove_file(path);
    }
}

async fn accept(listener: Option<&Listener>) -> io::Result<Stream> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

async fn change(listener: &mut Option<Listener>, address: &Address, condition: Endpoint) -> io::Result<()> {
    match condition {
        Endpoint::Listening | Endpoint::Unresponsive if listener.is_some() => return Ok(()),
        // Dropping the listener does not remove the socket file.
        Endpoint::Refused if listener.is_some() => {
            *listener = None;
            return Ok(());
        }
        _ => *listener = None,
    }
    match condition {
        Endpoint::Listening | Endpoint::Unresponsive | Endpoint::Replaced => {
            *listener = Some(Listener::bind(address).await?);
        }
        Endpoint::Refused => drop(Listener::bind(address).await?),
        Endpoint::Removed => remove(address)?,
        Endpoint::NotASocket => {
            remove(address)?;
            if let Address::Unix(path) = address {
                std::fs::write(path, "no socket\n")?;
            }
        }
    }
    Ok(())
}

fn remove(address: &Address) -> io::Result<()> {
    let Address::Unix(path) = address else {
        return Ok(());
    };
    match std::fs::remove_file(path as &Path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
