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
use tokio::time::{Instant, sleep};

use crate::Target;

/// How long a check's clean-up may take.
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

    /// Removes everything noted, the latest first and containers before what they use. Returns what could
    /// not be removed.
    pub(crate) async fn clean_up(&self, target: &dyn Target) -> Vec<String> {
        let entries = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).in_order;
        let end = Instant::now() + DEADLINE;
        let mut leaks = Vec::new();
        for round in 0..3 {
            for entry in entries
                .iter()
                .rev()
                .filter(|entry| round_of(&entry.made) == round)
            {
                match tokio::time::timeout_at(end, entry.remove(target)).await {
                    Ok(None) => {}
                    Ok(Some(error)) => leaks.push(format!("{}: {error}", entry.made.describe())),
                    Err(_) => leaks.push(format!(
                        "{}: not removed within {DEADLINE:?}",
                        entry.made.describe()
                    )),
                }
            }
        }
        leaks
    }
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
    /// `None` when it is gone. A name that is no valid id was refused by every driver, so nothing has it.
    async fn remove(&self, target: &dyn Target) -> Option<DriverError> {
        let mut last = None;
        // What a check left in the middle of a change may refuse once: an engine is still at it.
        for attempt in 0_u32..4 {
            if attempt > 0 {
                sleep(Duration::from_millis(250) * attempt).await;
            }
            match self.try_remove(target).await {
                Ok(()) => return None,
                Err(error) if error.is_not_found() => return None,
                Err(error) => last = Some(error),
            }
        }
        last
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
        for container in self.driver.list_containers(&filter).await? {
            match self
                .driver
                .remove_container(&container.id, RemoveOptions::force())
                .await
            {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}
