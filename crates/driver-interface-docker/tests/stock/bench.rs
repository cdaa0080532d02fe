//! An image that is built once and loaded onto each engine for the duration of a test.

use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use driver_interface_types::{
    ContainerConfig, ContainerDriver, ContainerDriverExt, ContainerId, CreationPlan, ExecConfig, ImageRef,
    RemoveOptions, SessionId, StopOptions, StopOutcome, VolumeConfig, VolumeOwner, WaitFor,
};
use futures_util::FutureExt;

use super::image::Recipe;
use crate::real::engine::{Bench, absent, on_each};

const READY: Duration = Duration::from_secs(60);

/// An engine with the image.
pub(super) struct Stock {
    bench: Arc<Bench>,
    pub(super) session: SessionId,
    pub(super) image: String,
}

/// Runs a test with an image on each engine.
pub(super) fn on_each_with<F: Future<Output = ()>>(
    name: &str,
    recipe: &'static Recipe,
    test: impl Fn(Arc<Stock>) -> F,
) {
    on_each(name, async |bench| {
        let engine = if bench.is_podman() { "podman" } else { "docker" };
        let built = match recipe.built() {
            Ok(built) => built,
            Err(reason) => return absent(name, engine, &format!("its image cannot be built: {reason}")),
        };
        let image = format!("localhost/stock-{}:1", bench.namespace);
        let loaded = bench.driver.load_image(built.saved(&image).into()).await.unwrap();
        assert_eq!(loaded, [ImageRef::new(image.as_str()).unwrap()]);
        let stock = Arc::new(Stock {
            session: SessionId::new("s1").unwrap(),
            image: image.clone(),
            bench: bench.clone(),
        });
        let result = AssertUnwindSafe(test(stock)).catch_unwind().await;
        // An engine does not remove an image that a container uses.
        bench.clear().await;
        bench.raw.untag(&image);
        if let Err(panic) = result {
            resume_unwind(panic);
        }
    });
}

impl Stock {
    pub(super) async fn plan(&self, config: &ContainerConfig) -> CreationPlan {
        self.bench.driver.plan(config).await.unwrap()
    }

    /// Creates a volume for a service that runs as this user.
    pub(super) async fn volume(&self, name: &str, owner: VolumeOwner) -> String {
        let config = VolumeConfig::new(format!("{}-{name}", self.bench.namespace)).owner(owner);
        self.bench.driver.create_volume(&config).await.unwrap().name
    }

    /// Starts a container and waits until it is ready. Prints its logs if it never is.
    pub(super) async fn running(&self, config: &ContainerConfig, ready: &WaitFor) -> ContainerId {
        let plan = self.plan(config).await;
        assert_eq!((plan.refusals, plan.advice), (Vec::new(), Vec::new()));
        let driver = &self.bench.driver;
        let id = driver.create_container(config).await.unwrap().id;
        driver.start_container(&id).await.unwrap();
        if let Err(error) = driver.wait_for(&id, ready, READY).await {
            let logs = driver.get_container_logs(&id, Default::default()).await.unwrap();
            panic!("{error}\n{logs}");
        }
        id
    }

    /// Runs to its exit and returns the exit code and the logs.
    pub(super) async fn exited(&self, config: &ContainerConfig) -> (i64, String) {
        let driver = &self.bench.driver;
        let exited = self.bench.ended(config).await;
        let logs = driver.get_container_logs(&exited.id, Default::default()).await;
        (exited.exit.unwrap().code, logs.unwrap())
    }

    /// Runs a command in the container and returns what it prints.
    pub(super) async fn exec(&self, id: &ContainerId, exec: ExecConfig) -> String {
        let output = self.bench.driver.exec(id, exec).await.unwrap();
        let (stdout, stderr) = (output.stdout_text(), output.stderr_text());
        assert!(output.success(), "{:?}: {stdout}{stderr}", output.outcome);
        stdout.trim().to_owned()
    }

    /// Requests a page through the published port.
    pub(super) async fn page(&self, id: &ContainerId) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};

        let container = self.bench.driver.get_container(id).await.unwrap().unwrap();
        let address = container.endpoint(80).unwrap();
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Stops the container, which must exit by itself and without an error, and removes it.
    pub(super) async fn stopped(&self, id: &ContainerId) {
        let driver = &self.bench.driver;
        let stop = StopOptions::graceful(Duration::from_secs(20));
        assert_eq!(
            driver.stop_container(id, stop).await.unwrap(),
            StopOutcome::Stopped
        );
        let exit = driver.get_container(id).await.unwrap().unwrap().exit.unwrap();
        assert_eq!(exit.code, 0, "{exit:?}");
        driver
            .remove_container(id, RemoveOptions::default())
            .await
            .unwrap();
    }
}
