//! The driver: thin, over `engine` and `translate`.

mod archive;
mod attach;
mod background;
mod caller;
mod connect;
mod create;
mod default_network;
mod events;
mod exec;
mod files;
mod find;
mod health;
mod image;
mod inner;
mod inside;
mod locks;
mod logs;
mod network;
mod operations;
mod place;
mod plan;
mod pull;
mod read;
mod remove;
mod signal;
mod start;
mod stats;
mod stop;
mod task;
mod volume;
mod wait;

use std::fmt;
use std::sync::Arc;

use driver_interface_errors::Result;
use driver_interface_types::EngineInfo;

use crate::DockerConfig;
use inner::Inner;

/// Runs containers on Docker Engine or Podman.
///
/// A clone is the same driver. What it offers beyond the operations that every driver has depends on the
/// engine; [`capabilities`](driver_interface_types::ContainerDriver::capabilities) says it.
#[derive(Clone)]
pub struct DockerDriver {
    inner: Arc<Inner>,
}

impl DockerDriver {
    /// Finds the engine, agrees with it on an API version, and asks what it can do.
    ///
    /// # Errors
    /// - `NetworkError`: nothing answers where engines were looked for.
    /// - `AuthorizationError`: this user may not open the engine's socket.
    /// - `UnsupportedError`: the engine is too old, or so new that it no longer speaks our API version.
    /// - `ConfigurationError`: the URI asks for Podman, and another engine answers; or the name of the default
    ///   network is none.
    /// - `TimeoutError`: the engine did not answer in time.
    ///
    /// # Cancel safety
    /// Nothing to undo.
    pub async fn connect(config: DockerConfig) -> Result<Self> {
        connect::connect(config).await.map(|inner| Self {
            inner: Arc::new(inner),
        })
    }

    /// Where the engine listens, as a URI: `unix:///var/run/docker.sock`.
    pub fn address(&self) -> String {
        self.inner.engine.wire().address().to_string()
    }

    /// The engine that the driver is connected to.
    pub fn engine_info(&self) -> &EngineInfo {
        &self.inner.info
    }
}

impl fmt::Debug for DockerDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerDriver")
            .field("engine", &self.inner.info)
            .field("address", &self.inner.engine.wire().address())
            .field("namespace", &self.inner.maker.namespace)
            .finish_non_exhaustive()
    }
}
