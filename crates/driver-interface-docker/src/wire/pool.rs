use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use driver_interface_kit::lock;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::client::conn::http1::SendRequest;
use tokio::runtime::{Handle, Id};
use tokio::task::AbortHandle;

/// The body of a request.
pub(super) type Outgoing = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;
pub(super) type Sender = SendRequest<Outgoing>;

/// The maximum number of idle connections to keep.
const MAX_IDLE: usize = 8;
/// How long a connection may be idle before it is closed.
const MAX_AGE: Duration = Duration::from_secs(20);

/// Idle connections to an engine, kept for the next requests.
#[derive(Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    idle: Vec<Idle>,
    /// The task that closes the connections that have been idle for too long. The task is finished if its runtime has
    /// stopped.
    closer: Option<AbortHandle>,
}

struct Idle {
    sender: Sender,
    /// The runtime that drives the connection. Other runtimes must not use the connection, because it stops working
    /// when this runtime stops.
    runtime: Id,
    since: Instant,
}

impl Pool {
    /// Removes and returns the connection of the current runtime that was used last, or `None` if there is no usable
    /// connection.
    pub(super) fn take(&self) -> Option<Sender> {
        let here = Handle::current().id();
        let mut kept = lock(&self.0);
        kept.idle.retain(Idle::is_usable);
        let at = kept.idle.iter().rposition(|one| one.runtime == here)?;
        Some(kept.idle.remove(at).sender)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        lock(&self.0).idle.len()
    }

    /// Keeps a connection once the body of its response has been read to the end. If the pool then has more than
    /// [`MAX_IDLE`] connections, closes the connection that has been idle longest.
    pub(super) fn keep(&self, mut sender: Sender) {
        let pool = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            if sender.ready().await.is_err() {
                return;
            }
            let idle = Idle {
                sender,
                runtime: Handle::current().id(),
                since: Instant::now(),
            };
            let Some(kept) = pool.upgrade() else { return };
            let mut kept = lock(&kept);
            kept.idle.push(idle);
            let excess = kept.idle.len().saturating_sub(MAX_IDLE);
            kept.idle.drain(..excess);
            if kept.closer.as_ref().is_none_or(AbortHandle::is_finished) {
                kept.closer = Some(tokio::spawn(close_old(pool)).abort_handle());
            }
        });
    }
}

/// Closes the connections that have been idle for longer than [`MAX_AGE`], as long as the pool exists.
async fn close_old(pool: Weak<Mutex<Kept>>) {
    loop {
        tokio::time::sleep(MAX_AGE).await;
        let Some(kept) = pool.upgrade() else { return };
        lock(&kept).idle.retain(Idle::is_usable);
    }
}

impl Idle {
    fn is_usable(&self) -> bool {
        !self.sender.is_closed() && self.since.elapsed() < MAX_AGE
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}
