//! The driver, a thin layer over the modules `engine` and `translate`.

mod connect;
mod containers;
mod events;
mod exec;
mod files;
mod find;
mod health;
mod images;
mod inner;
mod logs;
mod networks;
mod operations;
mod task;
mod volumes;

use std::fmt;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use driver_interface_errors::Result;
use driver_interface_kit::background;
use driver_interface_types::EngineInfo;
use tokio::runtime::Handle;

use crate::DockerConfig;
use inner::Inner;

/// A driver that runs containers on Docker Engine or Podman.
///
/// All clones of a driver share the same connections to the engine and the same state. The engine determines which
/// optional operations the driver supports; see
/// [`capabilities`](driver_interface_types::ContainerDriver::capabilities).
#[derive(Clone)]
pub struct DockerDriver {
    inner: Arc<Inner>,
    /// Removes the kept default networks when the last clone of the driver is dropped. Background tasks of the driver
    /// may still use `inner` at that time.
    _closer: Arc<Closer>,
}

/// How long the drop of the last clone waits until a thread of the runtime waits for the removal of the kept network. If
/// all threads are busy for longer, the network may stay when the program exits.
const BLOCKING_START: Duration = Duration::from_millis(100);

/// A guard that, when it is dropped, removes the default networks that are kept for later containers.
struct Closer(Arc<Inner>);

impl Drop for Closer {
    fn drop(&mut self) {
        if !self.0.networks.close() {
            return;
        }
        let close = Arc::clone(&self.0).close_networks();
        let (closing, closed) = mpsc::channel::<()>();
        background::spawn(async move {
            close.await;
            drop(closing);
        });
        // The program must not exit during the removal.
        let Ok(runtime) = Handle::try_current() else {
            let _ = closed.recv();
            return;
        };
        // A runtime that shuts down waits for its blocking tasks, but only for those that have started.
        let (starting, started) = mpsc::channel::<()>();
        runtime.spawn_blocking(move || {
            drop(starting);
            closed.recv()
        });
        let _ = started.recv_timeout(BLOCKING_START);
    }
}

impl DockerDriver {
    /// Finds the engine, negotiates an API version, and determines the engine's features.
    ///
    /// # Errors
    /// - `ConnectionError`: no engine responds at any of the addresses.
    /// - `AuthorizationError`: the current user may not open the engine's socket.
    /// - `UnsupportedError`: the engine is too old, or so new that it no longer supports the driver's API
    ///   versions.
    /// - `ConfigurationError`: the URI requires Podman but another engine responds, or the name of the
    ///   default network is invalid.
    /// - `TimeoutError`: the engine did not respond in time.
    ///
    /// # Cancel safety
    /// If the future is dropped, nothing remains on the engine: connecting changes nothing there.
    pub async fn connect(config: DockerConfig) -> Result<Self> {
        let inner = Arc::new(connect::connect(config).await?);
        let _closer = Arc::new(Closer(Arc::clone(&inner)));
        Ok(Self { inner, _closer })
    }

    /// Returns the address of the engine as a URI, such as `unix:///var/run/docker.sock`.
    pub fn address(&self) -> String {
        self.inner.engine.wire().address().to_string()
    }

    /// Returns information about the connected engine.
    pub fn engine_info(&self) -> &EngineInfo {
        &self.inner.info
    }
}

impl fmt::Debug for DockerDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerDriver")
            .field("engine", &self.inner.info)
            .field("address", &self.inner.engine.wire().address())
            .field("namespace", &self.inner.ownership.namespace())
            .finish_non_exhaustive()
    }
}
