//! The sweep finds and removes the resources that a run has left in its namespaces. It also works after the run was
//! killed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use driver_interface_types::{
    Capabilities, ContainerDriver, ContainerFilter, ContainerInstance, DriverError, ImageRef, Namespace,
    Network, Operation, RemoveOptions, ResourceFilter, Result as DriverResult, Volume,
};
use futures_util::future::{join_all, join3};
use futures_util::{StreamExt as _, stream};
use tokio::time::{Instant, sleep};

use crate::outcome::describe;
use crate::{Target, guard, prepare};

/// The maximum time for which the sweep waits until a driver has rolled back dropped creations in the background.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The timeout of each query and removal, so that a driver that hangs does not hang the suite.
const DEADLINE: Duration = Duration::from_secs(60);

/// The number of namespaces that are swept at the same time.
const AT_ONCE: usize = 8;

/// Finds and removes the resources left in these namespaces. Uses a new connection for each namespace. Returns a line
/// for each resource and each problem.
pub(crate) async fn leaks(target: &Arc<dyn Target>, namespaces: &[Namespace]) -> Vec<String> {
    let sweeps = stream::iter(namespaces.to_vec()).map(|namespace| async move {
        let Swept { found, problems } = sweep_one(target, &namespace).await;
        let problems = problems
            .into_iter()
            .map(|problem| format!("namespace {namespace} could not be swept: {problem}"));
        found.into_iter().chain(problems).collect::<Vec<_>>()
    });
    sweeps.buffered(AT_ONCE).collect::<Vec<_>>().await.concat()
}

/// Removes the resources that a killed run has left: everything in the namespaces that the run used, and the run's
/// test image. Returns a line for each resource found.
///
/// [`Target::connect`] gets every namespace that a run uses. Record each namespace before the run uses it, and delete
/// the record when the run has ended. Never sweep the namespaces of a run that is still active: the sweep would
/// remove resources that the run is using.
///
/// # Errors
/// A description of the resources that could not be listed or removed. All other resources are removed. Sweep again
/// when the engine can be reached.
///
/// # Cancel safety
/// If the future is dropped, some resources remain. Sweep again to remove them.
pub async fn sweep(target: Arc<dyn Target>, namespaces: &[Namespace]) -> Result<Vec<String>, String> {
    let sweeps = stream::iter(namespaces.to_vec()).map(|namespace| async {
        let swept = sweep_abandoned(&target, &namespace).await;
        (namespace, swept)
    });
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for (namespace, swept) in sweeps.buffered(AT_ONCE).collect::<Vec<_>>().await {
        found.extend(swept.found);
        let reported = swept.problems.into_iter();
        problems.extend(reported.map(|problem| format!("namespace {namespace}: {problem}")));
    }
    if problems.is_empty() {
        Ok(found)
    } else {
        Err(problems.join("; "))
    }
}

/// The result of sweeping one namespace.
#[derive(Default)]
struct Swept {
    /// A description of each resource found.
    found: Vec<String>,
    problems: Vec<String>,
}

impl Swept {
    fn failed(problem: String) -> Self {
        Self {
            problems: vec![problem],
            ..Self::default()
        }
    }
}

async fn sweep_abandoned(target: &Arc<dyn Target>, namespace: &Namespace) -> Swept {
    let sweeper = match Sweeper::connect(target, namespace).await {
        Ok(sweeper) => sweeper,
        Err(problem) => return Swept::failed(problem),
    };
    let (objects, problems) = sweeper.objects().await;
    let mut swept = Swept {
        found: objects.iter().map(Object::to_string).collect(),
        problems,
    };
    swept.problems.extend(sweeper.remove_all(objects).await);
    match sweeper.remove_idle_networks().await {
        Ok(0) => {}
        Ok(count) => swept.found.push(format!("{count} networks of the driver's own")),
        Err(problem) => swept.problems.push(problem),
    }
    if let Some(image) = prepare::image_of(namespace)
        && sweeper.capabilities.supports(Operation::RemoveImage)
    {
        let image = Object::Image(image);
        let name = image.to_string();
        match sweeper.remove(image).await {
            Removed::Now => swept.found.push(name),
            Removed::Before => {}
            Removed::Not(problem) => swept.problems.push(problem),
        }
    }
    swept
}

async fn sweep_one(target: &Arc<dyn Target>, namespace: &Namespace) -> Swept {
    let sweeper = match Sweeper::connect(target, namespace).await {
        Ok(sweeper) => sweeper,
        Err(problem) => return Swept::failed(problem),
    };
    let end = Instant::now() + MAX_WAIT;
    loop {
        let (objects, problems) = sweeper.objects().await;
        let is_clean = objects.is_empty() && problems.is_empty();
        if is_clean || Instant::now() >= end {
            let found = objects.iter().map(Object::to_string).collect();
            let mut swept = Swept { found, problems };
            swept.problems.extend(sweeper.remove_all(objects).await);
            return swept;
        }
        sleep(Duration::from_millis(250)).await;
    }
}

/// A resource that was found in a namespace.
enum Object {
    Container(Box<ContainerInstance>),
    Volume(Volume),
    Network(Network),
    Image(ImageRef),
}

impl Object {
    async fn remove(&self, driver: &dyn ContainerDriver) -> Result<(), DriverError> {
        match self {
            Self::Container(container) => {
                driver
                    .remove_container(&container.id, RemoveOptions::force())
                    .await
            }
            Self::Volume(volume) => driver.remove_volume(&volume.id).await,
            Self::Network(network) => driver.remove_network(&network.id).await,
            Self::Image(image) => driver.remove_image(image).await,
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container(container) => write!(f, "container {} ({})", container.name, container.status),
            Self::Volume(volume) => write!(f, "volume {}", volume.name),
            Self::Network(network) => write!(f, "network {}", network.name),
            Self::Image(image) => write!(f, "image {image}"),
        }
    }
}

/// The result of an attempt to remove a resource.
enum Removed {
    Now,
    /// The resource had already been removed.
    Before,
    /// The resource still exists, for this reason.
    Not(String),
}

/// A driver with a new connection, in the namespace that is swept.
struct Sweeper {
    driver: Arc<dyn ContainerDriver>,
    capabilities: Capabilities,
}

impl Sweeper {
    async fn connect(target: &Arc<dyn Target>, namespace: &Namespace) -> Result<Self, String> {
        let connected = prepare::connect(target, namespace).await;
        let driver = connected.map_err(|error| describe(&error))?;
        let capabilities = prepare::capabilities(&driver).await;
        Ok(Self {
            capabilities: capabilities.map_err(|lost| format!("reading its capabilities: {lost}"))?,
            driver,
        })
    }

    /// Returns the resources in the namespace, and a message for each kind of resource that could not be listed.
    async fn objects(&self) -> (Vec<Object>, Vec<String>) {
        let (containers, volumes, networks) = join3(
            self.list(None, |driver| async move {
                let all = driver.list_containers(&ContainerFilter::default()).await?;
                Ok(all.into_iter().map(Box::new).map(Object::Container).collect())
            }),
            self.list(Some(Operation::ListVolumes), |driver| async move {
                let all = driver.list_volumes(&ResourceFilter::default()).await?;
                Ok(all.into_iter().map(Object::Volume).collect())
            }),
            self.list(Some(Operation::ListNetworks), |driver| async move {
                let all = driver.list_networks(&ResourceFilter::default()).await?;
                Ok(all.into_iter().map(Object::Network).collect())
            }),
        )
        .await;
        let (mut objects, mut problems) = (Vec::new(), Vec::new());
        for (kind, listed) in [
            ("containers", containers),
            ("volumes", volumes),
            ("networks", networks),
        ] {
            match listed {
                Ok(listed) => objects.extend(listed),
                Err(why) => problems.push(format!("its {kind} could not be listed: {why}")),
            }
        }
        (objects, problems)
    }

    async fn list<F>(
        &self,
        needs: Option<Operation>,
        list: impl FnOnce(Arc<dyn ContainerDriver>) -> F,
    ) -> Result<Vec<Object>, String>
    where
        F: Future<Output = DriverResult<Vec<Object>>> + Send + 'static,
    {
        if needs.is_some_and(|needed| !self.capabilities.supports(needed)) {
            return Ok(Vec::new());
        }
        match guard::call(DEADLINE, list(Arc::clone(&self.driver))).await {
            Ok(listed) => listed.map_err(|error| describe(&error)),
            Err(lost) => Err(lost.to_string()),
        }
    }

    /// Removes the containers first, because they may use the other resources. Then removes the other resources.
    /// Returns a message for each resource that could not be removed.
    async fn remove_all(&self, objects: Vec<Object>) -> Vec<String> {
        let is_container = |object: &Object| matches!(object, Object::Container(_));
        let (containers, others): (Vec<_>, Vec<_>) = objects.into_iter().partition(is_container);
        let mut problems = Vec::new();
        for objects in [containers, others] {
            let removed = join_all(objects.into_iter().map(|object| self.remove(object))).await;
            problems.extend(removed.into_iter().filter_map(|removed| match removed {
                Removed::Now | Removed::Before => None,
                Removed::Not(problem) => Some(problem),
            }));
        }
        problems
    }

    /// Removes internal networks that a killed driver has left behind. Returns their number.
    async fn remove_idle_networks(&self) -> Result<usize, String> {
        if !self.capabilities.supports(Operation::RemoveIdleNetworks) {
            return Ok(0);
        }
        let driver = Arc::clone(&self.driver);
        match guard::call(DEADLINE, async move { driver.remove_idle_networks().await }).await {
            Ok(removed) => removed.map_err(|error| describe(&error)),
            Err(lost) => Err(lost.to_string()),
        }
    }

    async fn remove(&self, object: Object) -> Removed {
        let (driver, name) = (Arc::clone(&self.driver), object.to_string());
        let problem = match guard::call(DEADLINE, async move { object.remove(&*driver).await }).await {
            Ok(Ok(())) => return Removed::Now,
            Ok(Err(error)) if error.is_not_found() => return Removed::Before,
            Ok(Err(error)) => describe(&error),
            Err(lost) => lost.to_string(),
        };
        Removed::Not(format!("{name} could not be removed: {problem}"))
    }
}
