//! What the suite runs against.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use driver_interface_errors::UnsupportedError;
use driver_interface_types::{ContainerDriver, ImageRef, Namespace, Result};

/// Makes drivers for one engine. Where connecting is all there is to say, [`target_fn`] makes one from a function.
#[async_trait]
pub trait Target: Send + Sync {
    /// Names the target in reports and on the command line, such as `docker:` or `mock-local:`.
    fn uri(&self) -> String;

    /// Makes a driver. It is called many times: checks use a second driver to see what another process would,
    /// and drivers of other namespaces. All of them must reach the same engine.
    ///
    /// # Errors
    /// Whatever the driver says when it cannot reach its engine; the target is then reported as not run.
    async fn connect(&self, namespace: &Namespace) -> Result<Arc<dyn ContainerDriver>>;

    /// Makes objects on the engine that no driver of this interface made, through another client. Each check that needs
    /// some asks for one of its own. Without it the checks that a driver leaves them alone are skipped.
    fn bystanders(&self) -> Option<Arc<dyn Bystanders>> {
        None
    }

    /// An image that a registry within the engine's reach has, for the checks of pulling. Without one they are
    /// not run. It is still on the engine after the run.
    fn registry_image(&self) -> Option<ImageRef> {
        None
    }

    /// Removes an image from the engine, whoever brought it there: those that a driver loads belong to the engine,
    /// and no driver removes them. One that is not there is fine. Without it the loaded images of a run (a few
    /// kilobytes each, under `localhost/conf-…`) stay.
    ///
    /// # Errors
    /// What the engine says, in any words.
    async fn forget_image(&self, image: &ImageRef) -> std::result::Result<(), String> {
        let _ = image;
        Ok(())
    }

    /// Where the engine listens: `unix:///path` or `tcp://host:port`. Together with [`connect_at`](Self::connect_at) it lets
    /// the suite put a [fault proxy](crate::proxy) between the driver and its engine, which must talk HTTP/1.1 there.
    /// Without it the checks of broken connections are not run.
    fn engine_address(&self) -> Option<String> {
        None
    }

    /// Connects a driver to the same engine at another address, a proxy's. Its deadline for
    /// each call is `deadline`; connecting may take longer.
    ///
    /// # Errors
    /// What the driver returns when it cannot reach its engine.
    async fn connect_at(
        &self,
        address: &str,
        namespace: &Namespace,
        deadline: Duration,
    ) -> Result<Arc<dyn ContainerDriver>> {
        let _ = (address, namespace, deadline);
        Err(UnsupportedError::new("connect", "the target connects to no other address").into())
    }

    /// By how much the longest times that checks allow are multiplied: above 1 for a slow engine.
    fn time_scale(&self) -> f64 {
        1.0
    }
}

/// A target whose drivers a function makes, with nothing more to say about the engine.
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

/// Makes and looks after objects that are none of the driver's business, through the engine's own API.
#[async_trait]
pub trait Bystanders: Send + Sync {
    /// Makes a container of `image` with these labels, running if it can be, and returns its id.
    ///
    /// # Errors
    /// What the engine says, in any words.
    async fn add_container(&self, name: &str, image: &str, labels: &[(&str, &str)])
    -> Result<String, String>;

    /// Makes a volume.
    ///
    /// # Errors
    /// What the engine says, in any words.
    async fn add_volume(&self, name: &str) -> Result<(), String>;

    /// Makes a network.
    ///
    /// # Errors
    /// What the engine says, in any words.
    async fn add_network(&self, name: &str) -> Result<(), String>;

    /// What has become of everything added, one line each: its kind, its name, and its state. Two calls with
    /// nothing in between answer the same.
    ///
    /// # Errors
    /// What the engine says, in any words.
    async fn inventory(&self) -> Result<Vec<String>, String>;

    /// Removes everything added. After a check it is called whatever became of the check, and again where it fails; what
    /// is gone already is fine.
    ///
    /// # Errors
    /// What the engine says, in any words.
    async fn remove_all(&self) -> Result<(), String>;
}
