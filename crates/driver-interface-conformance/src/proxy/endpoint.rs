//! The socket at which a proxy listens, and what can happen to it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;

use super::relay::{Relay, serve};
use super::stream::Stream;

/// What has become of the socket at which a proxy listens. Connections that exist go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// It is there and answered.
    Listening,
    /// It is there, and connections are refused.
    Refused,
    /// There is no socket; on TCP, connections are refused.
    Removed,
    /// A plain file is in its place; on TCP, connections are refused.
    NotASocket,
    /// Another socket is in its place, as after a restart of the engine; on TCP, at the same port.
    Replaced,
    /// It is there, and connections are made and never answered.
    Deaf,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Listening => "the socket as it should be",
            Self::Refused => "connections refused",
            Self::Removed => "no socket",
            Self::NotASocket => "a file in place of the socket",
            Self::Replaced => "another socket in its place",
            Self::Deaf => "connections never answered",
        })
    }
}

/// Asks for another state of the socket, and says what to call when it has come about.
pub(super) type Command = (Endpoint, Box<dyn FnOnce(io::Result<()>) + Send>);

/// Where a proxy listens.
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
                // Of an earlier one; if it cannot be removed, binding says why.
                let _ = std::fs::remove_file(path);
                UnixListener::bind(path).map(Self::Unix)
            }
            Address::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
        }
    }

    pub(super) fn address(&self, asked: &Address) -> io::Result<Address> {
        match self {
            Self::Unix(_) => Ok(asked.clone()),
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

/// Accepts connections until nobody can give commands any more.
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
                deaf = endpoint == Endpoint::Deaf;
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

async fn change(listener: &mut Option<Listener>, address: &Address, wanted: Endpoint) -> io::Result<()> {
    match wanted {
        Endpoint::Listening | Endpoint::Deaf if listener.is_some() => return Ok(()),
        // The socket's file outlives its listener.
        Endpoint::Refused if listener.is_some() => {
            *listener = None;
            return Ok(());
        }
        _ => *listener = None,
    }
    match wanted {
        Endpoint::Listening | Endpoint::Deaf | Endpoint::Replaced => {
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
