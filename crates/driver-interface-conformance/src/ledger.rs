//! What a check has made, or may have made: noted before the call, so that a call that was dropped or whose
//! answer was lost is cleaned up after as well.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use driver_interface_errors::InternalError;
use driver_interface_types::{
    ContainerDriver, ContainerFilter, ContainerId, DriverError, ImageRef, NetworkId, RemoveOptions,
    SessionId, VolumeId,
};
use futures_util::future::join_all;
use tokio::time::sleep;

use crate::{Bystanders, Target, guard};

/// How long the removal of one thing may take.
const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Made {
    Container(String),
    Volume(String),
    Network(String),
    Image(String),
    /// One that was loaded, which is the engine's and no driver's to remove.
    LoadedImage(ImageRef),
    /// All containers of a session: those whose name the driver made up are found no other way.
    Session(String),
}

#[derive(Clone)]
struct Entry {
    driver: Arc<dyn ContainerDriver>,
    made: Made,
}

#[derive(Default)]
pub(crate) struct Ledger(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    /// What is noted already, by driver.
    known: HashSet<(usize, Made)>,
    in_order: Vec<Entry>,
    /// Who made objects of other programs for the check, if it had any made.
    bystanders: Option<Arc<dyn Bystanders>>,
}

impl Ledger {
    pub(crate) fn note(&self, driver: &Arc<dyn ContainerDriver>, made: Made) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Two drivers of one check may each make something of one name, in different namespaces.
        let whose = Arc::as_ptr(driver).cast::<()>() as usize;
        if entries.known.insert((whose, made.clone())) {
            entries.in_order.push(Entry {
                driver: Arc::clone(driver),
                made,
            });
        }
    }

    /// Who makes objects of other programs for the check: the same each time, so that what was made is removed.
    pub(crate) fn bystanders(&self, target: &dyn Target) -> Option<Arc<dyn Bystanders>> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.bystanders.is_none() {
            entries.bystanders = target.bystanders();
        }
        entries.bystanders.clone()
    }

    /// Removes everything noted, the latest first and containers before what they use, at once as far as that goes: what
    /// cannot be removed holds nothing else up. Returns what that was.
    pub(crate) async fn clean_up(&self, target: &Arc<dyn Target>) -> Vec<String> {
        let noted = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut leaks = Vec::new();
        for round in 0..3 {
            let entries = noted.in_order.iter().rev();
            let due = entries.filter(|entry| round_of(&entry.made) == round);
            let left = join_all(due.map(|entry| entry.clean_up(Arc::clone(target)))).await;
            leaks.extend(left.into_iter().flatten());
        }
        if let Some(bystanders) = noted.bystanders {
            let removal = guard::call(
                DEADLINE,
                async move { repeatedly(|| bystanders.remove_all()).await },
            );
            let problem = removal.await.unwrap_or_else(|lost| Some(lost.to_string()));
            leaks.extend(problem.map(|problem| format!("objects of other programs: {problem}")));
        }
        leaks
    }
}

/// Tries until it is done. What a check left in the middle of a change may refuse once: an engine is still at it.
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

fn round_of(made: &Made) -> u8 {
    match made {
        Made::Container(_) => 0,
        Made::Session(_) => 1,
        Made::Volume(_) | Made::Network(_) | Made::Image(_) | Made::LoadedImage(_) => 2,
    }
}

impl Made {
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
    /// What is left of it, and why; none when it is gone.
    async fn clean_up(&self, target: Arc<dyn Target>) -> Option<String> {
        let entry = self.clone();
        let problem = match guard::call(DEADLINE, async move { entry.remove(&*target).await }).await {
            Ok(None) => return None,
            Ok(Some(error)) => error.to_string(),
            Err(lost) => lost.to_string(),
        };
        Some(format!("{}: {problem}", self.made.describe()))
    }

    /// `None` when it is gone. A name that is no valid id was refused by every driver, so nothing has it.
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
        match &self.made {
            Made::Container(name) => match ContainerId::new(name.as_str()) {
                Ok(id) => self.driver.remove_container(&id, RemoveOptions::force()).await,
                Err(_) => Ok(()),
            },
            Made::Volume(name) => match VolumeId::new(name.as_str()) {
                Ok(id) => self.driver.remove_volume(&id).await,
                Err(_) => Ok(()),
            },
            Made::Network(name) => match NetworkId::new(name.as_str()) {
                Ok(id) => self.driver.remove_network(&id).await,
                Err(_) => Ok(()),
            },
            Made::Image(name) => match ImageRef::new(name.as_str()) {
                Ok(image) => self.driver.remove_image(&image).await,
                Err(_) => Ok(()),
            },
            Made::LoadedImage(image) => {
                let failed = |message: String| DriverError::from(InternalError::new(message));
                target.forget_image(image).await.map_err(failed)
            }
            Made::Session(name) => match SessionId::new(name.as_str()) {
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
            // The others are removed all the same.
            failed = removed.err().filter(|error| !error.is_not_found()).or(failed);
        }
        failed.map_or(Ok(()), Err)
    }
}
