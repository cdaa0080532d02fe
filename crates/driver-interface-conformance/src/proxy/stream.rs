//! One end of a connection, with control over how the connection is closed.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use rustix::net::{RecvFlags, Shutdown, recv, shutdown};
use tokio::io::{Interest, Ready};
use tokio::net::{TcpStream, UnixStream};

/// A connected socket.
///
/// A TCP socket can always reset its connection. A Unix socket resets the connection only if the socket is closed
/// with unread data in its receive buffer. A stream that [may reset](Self::resettable) therefore leaves the last byte
/// in the kernel's receive buffer and reads this byte by peeking.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Socket,
    resettable: bool,
    /// Whether the first byte in the kernel's receive buffer has already been returned by [`read`](Self::read).
    holds_last: AtomicBool,
    reset: AtomicBool,
}

#[derive(Debug)]
enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl From<UnixStream> for Stream {
    fn from(socket: UnixStream) -> Self {
        Self::new(Socket::Unix(socket))
    }
}

impl From<TcpStream> for Stream {
    fn from(socket: TcpStream) -> Self {
        // If this fails, the proxy is only slower.
        let _ = socket.set_nodelay(true);
        Self::new(Socket::Tcp(socket))
    }
}

impl Stream {
    fn new(socket: Socket) -> Self {
        Self {
            socket,
            resettable: false,
            holds_last: AtomicBool::new(false),
            reset: AtomicBool::new(false),
        }
    }

    /// Makes it possible to [reset](Self::reset) the connection at any time after the first byte has arrived.
    pub(super) fn resettable(mut self) -> Self {
        self.resettable = matches!(self.socket, Socket::Unix(_));
        self
    }

    /// Reads the available bytes. If no byte is available, waits for at least one byte. Returns 0 if the peer sends
    /// no more data.
    pub(super) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let ready = self.ready(Interest::READABLE).await?;
            match self.try_io(Interest::READABLE, || self.receive(buffer)) {
                // The byte that is left in the kernel hides the end of the stream after it.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.resettable && ready.is_read_closed() {
                        return Ok(0);
                    }
                }
                result => return result,
            }
        }
    }

    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.resettable {
            return Ok(recv(self, buffer, RecvFlags::empty())?.0);
        }
        let held = usize::from(self.holds_last.load(Ordering::Relaxed));
        let mut seen = vec![0; buffer.len().saturating_add(held)];
        let (available, _) = recv(self, &mut seen[..], RecvFlags::PEEK)?;
        let Some(new) = seen.get(held..available).filter(|new| !new.is_empty()) else {
            return if available == 0 {
                Ok(0)
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            };
        };
        let count = new.len();
        if let Some(target) = buffer.get_mut(..count) {
            target.copy_from_slice(new);
        }
        self.discard(available.saturating_sub(1))?;
        self.holds_last.store(true, Ordering::Relaxed);
        Ok(count)
    }

    /// Removes the first `count` bytes from the kernel's receive buffer. The buffer must contain at least `count`
    /// bytes.
    fn discard(&self, count: usize) -> io::Result<()> {
        let mut rest = vec![0; count];
        let mut rest = rest.as_mut_slice();
        while !rest.is_empty() {
            let (taken, _) = recv(self, &mut *rest, RecvFlags::DONTWAIT)?;
            if taken == 0 {
                break;
            }
            rest = rest.get_mut(taken..).unwrap_or_default();
        }
        Ok(())
    }

    pub(super) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.ready(Interest::WRITABLE).await?;
            let written = match &self.socket {
                Socket::Unix(socket) => socket.try_write(bytes),
                Socket::Tcp(socket) => socket.try_write(bytes),
            };
            match written {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Closes the connection for writing. The peer can still send.
    pub(super) fn finish(&self) {
        // This fails if the peer has disconnected. It needs no end of the stream anymore.
        let _ = shutdown(self, Shutdown::Write);
    }

    /// Discards the data that the peer sends. On a Unix socket, returns when the peer has closed the connection. On
    /// TCP, returns when the peer sends no more data.
    pub(super) async fn ignore(&self) {
        let mut discarded = vec![0; 16 * 1024];
        while matches!(self.read(&mut discarded).await, Ok(1..)) {}
        if let Socket::Tcp(_) = self.socket {
            return;
        }
        loop {
            match self.ready(Interest::WRITABLE).await {
                Ok(ready) if !ready.is_write_closed() => {}
                _ => return,
            }
            // This clears the write readiness, so that the next event is the close.
            let _ = self.try_io::<()>(Interest::WRITABLE, || Err(io::ErrorKind::WouldBlock.into()));
        }
    }

    /// Closes the connection. The peer receives the data already sent, and then sees a reset (`ECONNRESET`).
    pub(super) fn reset(self) {
        self.reset.store(true, Ordering::Relaxed);
        if let Socket::Tcp(_) = self.socket {
            // This fails only if the peer has already closed the connection.
            let _ = set_socket_linger(&self, Some(Duration::ZERO));
        }
    }

    async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        match &self.socket {
            Socket::Unix(socket) => socket.ready(interest).await,
            Socket::Tcp(socket) => socket.ready(interest).await,
        }
    }

    fn try_io<T>(&self, interest: Interest, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match &self.socket {
            Socket::Unix(socket) => socket.try_io(interest, work),
            Socket::Tcp(socket) => socket.try_io(interest, work),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Unix(socket) => socket.as_fd(),
            Socket::Tcp(socket) => socket.as_fd(),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            return;
        }
        // Data that was not read would turn a clean close into a reset.
        let mut rest = vec![0; 16 * 1024];
        while matches!(recv(&*self, &mut rest[..], RecvFlags::DONTWAIT), Ok((1.., _))) {}
    }
}
