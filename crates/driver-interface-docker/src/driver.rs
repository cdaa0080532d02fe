//! The driver, a thin layer over `engine` and `translate`.

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
use std::sync::Arc;

use driver_interface_errors::Result;
use driver_interface_types::EngineInfo;

use crate::DockerConfig;
use inner::Inner;

/// A driver that runs containers on Docker Engine or Podman.
///
/// Clones share the same driver. Which optional operations the driver supports depends on the engine; see
/// [`capabilities`](driver_interface_types::ContainerDriver::capabilities).
#[derive(Clone)]
pub struct DockerDriver {
    inner: Arc<Inner>,
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
    /// Connecting changes nothing on the engine, so there is nothing to undo.
    pub async fn connect(config: DockerConfig) -> Result<Self> {
        connect::connect(config).await.map(|inner| Self {
            inner: Arc::new(inner),
        })
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
