//! The targets against which the suite runs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driver_interface_errors::UnsupportedError;
use driver_interface_types::{ContainerDriver, ImageRef, Namespace, Result};

/// An engine, and how to connect drivers to it. [`target_fn`] creates a target from a function that connects a
/// driver. Such a target has none of the optional features.
#[async_trait]
pub trait Target: Send + Sync {
    /// Returns the name of the target in reports and on the command line, such as `docker:` or `mock-local:`.
    fn uri(&self) -> String;

    /// Connects a driver in the namespace `namespace`. The suite calls this method many times. Some checks need a
    /// second driver, to observe what another process would observe. Some checks need a driver in another namespace.
    /// All drivers must reach the same engine.
    ///
    /// # Errors
    /// The driver's error if it cannot reach its engine. The target is then reported as not run.
    async fn connect(&self, namespace: &Namespace) -> Result<Arc<dyn ContainerDriver>>;

    /// Returns a client that creates unmanaged resources on the engine without the driver. The suite calls this
    /// method for each check that needs a client. If this method returns `None`, the checks on unmanaged resources
    /// are skipped.
    fn unmanaged_resources(&self) -> Option<Arc<dyn UnmanagedResources>> {
        None
    }

    /// Returns an image in a registry that the engine can reach. If this method returns `None`, the checks that pull
    /// an image are not run. The image stays on the engine after the run.
    fn registry_image(&self) -> Option<ImageRef> {
        None
    }

    /// Removes an image from the engine, no matter who added it. The suite calls this method for loaded images. Such
    /// images belong to the engine, so no driver removes them. A missing image is not an error.
    ///
    /// By default, this method does nothing. Loaded images then stay on the engine: a few kilobytes each, under
    /// `localhost/conf-…`.
    ///
    /// # Errors
    /// The engine's error, as free text.
    async fn forget_image(&self, image: &ImageRef) -> std::result::Result<(), String> {
        let _ = image;
        Ok(())
    }

    /// Returns the address of the engine: `unix:///path` or `tcp://host:port`. The engine must accept HTTP/1.1 at
    /// this address. The suite uses the address and [`connect_at`](Self::connect_at) to put a [fault
    /// proxy](crate::proxy) between the driver and the engine. If this method returns `None`, the checks of broken
    /// connections are skipped.
    fn engine_address(&self) -> Option<String> {
        None
    }

    /// Connects a driver to the engine through the proxy at `address`. `deadline` is the deadline of each call of the
    /// driver. The connection itself may take longer.
    ///
    /// # Errors
    /// The driver's error if it cannot reach its engine.
    async fn connect_at(
        &self,
        address: &str,
        namespace: &Namespace,
        deadline: Duration,
    ) -> Result<Arc<dyn ContainerDriver>> {
        let _ = (address, namespace, deadline);
        Err(UnsupportedError::new("connect", "the target connects to no other address").into())
    }

    /// Returns the factor by which the suite multiplies its time limits. Use a factor above 1 for a slow engine.
    fn time_scale(&self) -> f64 {
        1.0
    }
}

/// Creates a target without optional features. The function `connect` connects the target's drivers.
///
/// ```
/// use driver_interface_conformance::{Options, Silent, TestImage, run, target_fn};
/// use driver_interface_mock::{MockDockerDriver, MockEngine};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), driver_interface_conformance::RunError> {
/// let engine = MockEngine::new();
/// let target = target_fn("acme:", move |namespace| {
///     let driver = MockDockerDriver::builder().engine(&engine).namespace(namespace).build();
///     async { Ok(driver) }
/// });
/// let mut options = Options::new(TestImage::simulated());
/// options.selection.areas = vec!["keys".to_owned()];
/// let report = run(std::sync::Arc::new(target), &options, std::sync::Arc::new(Silent)).await?;
/// assert_eq!((report.uri.as_str(), report.summary.must_failed), ("acme:", 0));
/// # Ok(())
/// # }
/// ```
pub fn target_fn<C, F, D>(uri: impl Into<String>, connect: C) -> impl Target + 'static
where
    C: Fn(Namespace) -> F + Send + Sync + 'static,
    F: Future<Output = Result<D>> + Send + 'static,
    D: ContainerDriver,
{
    TargetFn {
        uri: uri.into(),
        connect,
    }
}

struct TargetFn<C> {
    uri: String,
    connect: C,
}

#[async_trait]
impl<C, F, D> Target for TargetFn<C>
where
    C: Fn(Namespace) -> F + Send + Sync + 'static,
    F: Future<Output = Result<D>> + Send + 'static,
    D: ContainerDriver,
{
    fn uri(&self) -> String {
        self.uri.clone()
    }

    async fn connect(&self, namespace: &Namespace) -> Result<Arc<dyn ContainerDriver>> {
        Ok(Arc::new((self.connect)(namespace.clone()).await?))
    }
}

/// A client that creates and inspects unmanaged resources directly through the engine's API.
#[async_trait]
pub trait UnmanagedResources: Send + Sync {
    /// Creates a container from `image` with these labels, starts it if possible, and returns its id.
    ///
    /// # Errors
    /// The engine's error, as free text.
    async fn add_container(&self, name: &str, image: &str, labels: &[(&str, &str)])
    -> Result<String, String>;

    /// Creates a volume with this name.
    ///
    /// # Errors
    /// The engine's error, as free text.
    async fn add_volume(&self, name: &str) -> Result<(), String>;

    /// Creates a network with this name.
    ///
    /// # Errors
    /// The engine's error, as free text.
    async fn add_network(&self, name: &str) -> Result<(), String>;

    /// Returns the current state of every resource that this client has added. Each line contains the kind, name and
    /// state of one resource. If nothing changes between two calls, both calls return the same lines.
    ///
    /// # Errors
    /// The engine's error, as free text.
    async fn inventory(&self) -> Result<Vec<String>, String>;

    /// Removes every resource that this client has added. The suite calls this method after each check, whatever the
    /// check's outcome. If the method fails, the suite calls it again. A resource that no longer exists is not an
    /// error.
    ///
    /// # Errors
    /// The engine's error, as free text.
    async fn remove_all(&self) -> Result<(), String>;
}
