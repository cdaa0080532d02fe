//! The ledger of the resources that a check has created. A resource is recorded before the call that creates it. The
//! suite therefore removes the resource even if this call is dropped or its response is lost.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use driver_interface_errors::InternalError;
use driver_interface_types::{
    ContainerDriver, ContainerDriverExt as _, ContainerFilter, DriverError, ImageRef, RemoveOptions,
    SessionId, VolumeId,
};
use futures_util::future::join_all;
use tokio::time::sleep;

use crate::{Target, UnmanagedResources, guard};

/// The timeout for the removal of one resource.
const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CreatedResource {
    Container(String),
    Volume(String),
    Network(String),
    Image(String),
    /// An image that a check may have loaded into the engine. Loaded images belong to the engine, so the target
    /// removes them, not the driver.
    LoadedImage(ImageRef),
    /// All containers of a session. This entry covers containers with a generated name, which can only be found by
    /// their session.
    Session(String),
}

#[derive(Clone)]
struct Entry {
    driver: Arc<dyn ContainerDriver>,
    created: CreatedResource,
}

#[derive(Default)]
pub(crate) struct Ledger(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    /// The resources recorded so far, each with the memory address of the driver that created it.
    known: HashSet<(usize, CreatedResource)>,
    in_order: Vec<Entry>,
    /// The client that created unmanaged resources for the check; `None` if the check has not used such a client.
    unmanaged_resources: Option<Arc<dyn UnmanagedResources>>,
}

impl Ledger {
    pub(crate) fn record(&self, driver: &Arc<dyn ContainerDriver>, created: CreatedResource) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Two drivers of one check may each create a resource of the same name, in different namespaces.
        let driver_key = Arc::as_ptr(driver).cast::<()>() as usize;
        if entries.known.insert((driver_key, created.clone())) {
            entries.in_order.push(Entry {
                driver: Arc::clone(driver),
                created,
            });
        }
    }

    /// Returns the client for the check's unmanaged resources. Every call returns the same client. All resources that
    /// the client has created can therefore be removed.
    pub(crate) fn unmanaged_resources(&self, target: &dyn Target) -> Option<Arc<dyn UnmanagedResources>> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.unmanaged_resources.is_none() {
            entries.unmanaged_resources = target.unmanaged_resources();
        }
        entries.unmanaged_resources.clone()
    }

    /// Removes every recorded resource. Containers are removed before the resources that they use. Otherwise,
    /// removals run concurrently and start with the latest resource. A failed removal does not delay other removals.
    /// Returns a description of each resource that could not be removed.
    pub(crate) async fn clean_up(&self, target: &Arc<dyn Target>) -> Vec<String> {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut leaks = Vec::new();
        for round in 0..3 {
            let entries = noted.in_order.iter().rev();
            let due = entries.filter(|entry| round_of(&entry.created) == round);
            let left = join_all(due.map(|entry| entry.clean_up(Arc::clone(target)))).await;
            leaks.extend(left.into_iter().flatten());
        }
        if let Some(unmanaged_resources) = noted.unmanaged_resources {
            let removal = guard::call(DEADLINE, async move {
                repeatedly(|| unmanaged_resources.remove_all()).await
            });
            let problem = removal.await.unwrap_or_else(|lost| Some(lost.to_string()));
            leaks.extend(problem.map(|problem| format!("unmanaged resources: {problem}")));
        }
        leaks
    }
}

/// Repeats `attempt` until it succeeds, because a removal can fail while the engine is still changing the resource.
/// Returns `None` on success, or the last error after too many attempts.
async fn repeatedly<E, F: Future<Output = Result<(), E>>>(mut attempt: impl FnMut() -> F) -> Option<E> {
    let mut last = None;
    for pause in [0, 250, 500, 750] {
        sleep(Duration::from_millis(pause)).await;
        match attempt().await {
            Ok(()) => return None,
            Err(error) => last = Some(error),
        }
    }
    last
}

fn round_of(created: &CreatedResource) -> u8 {
    match created {
        CreatedResource::Container(_) => 0,
        CreatedResource::Session(_) => 1,
        CreatedResource::Volume(_)
        | CreatedResource::Network(_)
        | CreatedResource::Image(_)
        | CreatedResource::LoadedImage(_) => 2,
    }
}

impl CreatedResource {
    fn describe(&self) -> String {
        match self {
            Self::Container(name) => format!("container {name}"),
            Self::Volume(name) => format!("volume {name}"),
            Self::Network(name) => format!("network {name}"),
            Self::Image(name) => format!("image {name}"),
            Self::LoadedImage(image) => format!("loaded image {image}"),
            Self::Session(name) => format!("containers of session {name}"),
        }
    }
}

impl Entry {
    /// Removes the resource, with a timeout. Returns `None` on success, otherwise a message that names the resource
    /// and the error.
    async fn clean_up(&self, target: Arc<dyn Target>) -> Option<String> {
        let entry = self.clone();
        let problem = match guard::call(DEADLINE, async move { entry.remove(&*target).await }).await {
            Ok(None) => return None,
            Ok(Some(error)) => error.to_string(),
            Err(lost) => lost.to_string(),
        };
        Some(format!("{}: {problem}", self.created.describe()))
    }

    /// Removes the resource. Returns `None` if the resource no longer exists, otherwise the error of the last
    /// attempt. A resource with an invalid id counts as removed: every driver rejects such an id, so no resource can
    /// have it.
    async fn remove(&self, target: &dyn Target) -> Option<DriverError> {
        let attempt = || async {
            match self.try_remove(target).await {
                Err(error) if !error.is_not_found() => Err(error),
                _ => Ok(()),
            }
        };
        repeatedly(attempt).await
    }

    async fn try_remove(&self, target: &dyn Target) -> Result<(), DriverError> {
        match &self.created {
            CreatedResource::Container(name) => match self.driver.find_container(name).await? {
                Some(found) => {
                    self.driver
                        .remove_container(&found.id, RemoveOptions::force())
                        .await
                }
                None => Ok(()),
            },
            CreatedResource::Volume(name) => match VolumeId::new(name.as_str()) {
                Ok(id) => self.driver.remove_volume(&id).await,
                Err(_) => Ok(()),
            },
            CreatedResource::Network(name) => match self.driver.find_network(name).await? {
                Some(found) => self.driver.remove_network(&found.id).await,
                None => Ok(()),
            },
            CreatedResource::Image(name) => match ImageRef::new(name.as_str()) {
                Ok(image) => self.driver.remove_image(&image).await,
                Err(_) => Ok(()),
            },
            CreatedResource::LoadedImage(image) => {
                let failed = |message: String| DriverError::from(InternalError::new(message));
                target.forget_image(image).await.map_err(failed)
            }
            CreatedResource::Session(name) => match SessionId::new(name.as_str()) {
                Ok(session) => self.remove_containers_of(session).await,
                Err(_) => Ok(()),
            },
        }
    }

    async fn remove_containers_of(&self, session: SessionId) -> Result<(), DriverError> {
        let filter = ContainerFilter::default().session(session);
        let mut failed = None;
        for container in self.driver.list_containers(&filter).await? {
            let removed = self
                .driver
                .remove_container(&container.id, RemoveOptions::force())
                .await;
            // The remaining containers are removed nevertheless.
            failed = removed.err().filter(|error| !error.is_not_found()).or(failed);
        }
        failed.map_or(Ok(()), Err)
    }
}
