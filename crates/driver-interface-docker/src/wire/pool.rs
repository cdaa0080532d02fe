use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use driver_interface_kit::lock;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::client::conn::http1::SendRequest;
use tokio::runtime::{Handle, Id};

/// The body of a request.
pub(super) type Outgoing = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;
pub(super) type Sender = SendRequest<Outgoing>;

/// How many idle connections are kept, and how long.
const MAX_IDLE: usize = 8;
const MAX_AGE: Duration = Duration::from_secs(20);

/// Idle connections to a remote engine, kept for the next requests.
#[derive(Clone, Default)]
pub(super) struct Pool {
    idle: Arc<Mutex<Vec<Idle>>>,
}

struct Idle {
    sender: Sender,
    /// The runtime that drives the connection. Another one must not use the connection: this one may be stopped.
    runtime: Id,
    since: Instant,
}

impl Pool {
    /// Returns the connection that was used last, unless the engine has closed it.
    pub(super) fn take(&self) -> Option<Sender> {
        let here = Handle::current().id();
        let mut idle = lock(&self.idle);
        idle.retain(Idle::is_usable);
        let at = idle.iter().rposition(|one| one.runtime == here)?;
        Some(idle.remove(at).sender)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        lock(&self.idle).len()
    }

    /// Keeps a connection once its response has been read to the end. Other connections are closed.
    pub(super) fn keep(&self, mut sender: Sender) {
        let pool = Arc::downgrade(&self.idle);
        tokio::spawn(async move {
            if sender.ready().await.is_err() {
                return;
            }
            let idle = Idle {
                sender,
                runtime: Handle::current().id(),
                since: Instant::now(),
            };
            change(&pool, |all| {
                all.push(idle);
                let excess = all.len().saturating_sub(MAX_IDLE);
                all.drain(..excess);
            });
            tokio::time::sleep(MAX_AGE).await;
            change(&pool, |all| all.retain(Idle::is_usable));
        });
    }
}

fn change(pool: &Weak<Mutex<Vec<Idle>>>, work: impl FnOnce(&mut Vec<Idle>)) {
    if let Some(idle) = pool.upgrade() {
        work(&mut lock(&idle));
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
