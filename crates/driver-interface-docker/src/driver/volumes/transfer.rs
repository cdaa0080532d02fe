//! Exporting and importing the content of volumes, through a helper container that is never started.

use std::sync::Arc;

use driver_interface_errors::{Effect, Result, VolumeNotFoundError};
use driver_interface_kit::{background, repeat_until};
use driver_interface_types::{ByteStream, TarStream, VolumeId, VolumeOwner, label};
use futures_util::stream;
use tokio::time::timeout;

use super::owner::{DIRECTORY, MODE, TRIES, helper_operation};
use crate::driver::files::{checked, complete, pieces, transfer};
use crate::driver::inner::{Inner, unique};
use crate::driver::task::{change, read};
use crate::translate::errors::Operation;
use crate::translate::labels;
use crate::translate::tar::{self, Rights};
use crate::wire::{EngineError, UploadError};

const EXPORT: &str = "export_volume";
const IMPORT: &str = "import_volume";

/// A helper container with a volume. Dropping this value removes the container and its image.
struct Helper {
    driver: Arc<Inner>,
    operation: String,
    /// The id of the container, or `None` until the engine has reported the id.
    id: Option<String>,
    owner: Option<VolumeOwner>,
    is_removed: bool,
}

pub(in crate::driver) async fn export(driver: &Arc<Inner>, id: &VolumeId) -> Result<TarStream> {
    let work = Arc::clone(driver).open_volume(id.to_string());
    let helper = change(EXPORT, driver.deadlines.create, work).await;
    // Only the helper may exist, which is removed in the background.
    let helper = helper.map_err(|error| error.with_effect(Effect::NotApplied))?;
    let work = async {
        let path = format!("{DIRECTORY}/.");
        let wait = driver.deadlines.read;
        match driver.engine.get_archive(helper.id(), &path, wait).await {
            Ok(download) => Ok(download),
            Err(failure) => {
                driver.volume(id.as_str()).await?;
                Err(driver.error(Operation::Read, id.as_str(), failure))
            }
        }
    };
    let download = read(EXPORT, driver.deadlines.read, work).await?;
    let start = (complete(pieces(download), String::new(), None), helper);
    Ok(TarStream::new(stream::try_unfold(
        start,
        |(mut archive, helper)| async move {
            match archive.next().await.transpose()? {
                Some(piece) => Ok(Some((piece, (archive, helper)))),
                None => {
                    helper.remove().await;
                    Ok(None)
                }
            }
        },
    )))
}

pub(in crate::driver) async fn import(driver: &Arc<Inner>, id: &VolumeId, archive: TarStream) -> Result<()> {
    let work = Arc::clone(driver).open_volume(id.to_string());
    let helper = change(IMPORT, driver.deadlines.create, work).await?;
    let work = async {
        let root = helper.root().await?;
        let unpacked = helper.unpack(id, checked(id.to_string(), archive)).await;
        let restored = match root {
            Some(root) => helper.unpack(id, root).await,
            None => Ok(()),
        };
        unpacked.and(restored)
    };
    let done = transfer(IMPORT, driver.deadlines.transfer, work).await;
    helper.remove().await;
    done
}

impl Inner {
    /// Creates a helper container with a volume of this namespace.
    async fn open_volume(self: Arc<Self>, volume: String) -> Result<Helper> {
        let before = self.volume(&volume).await?;
        let mut tries = 0;
        let mut helper = loop {
            tries += 1;
            let mut helper = Helper {
                driver: Arc::clone(&self),
                operation: unique(),
                id: None,
                owner: labels::volume_owner(&before.labels),
                is_removed: false,
            };
            match self.create_helper(&volume, &helper.operation, None).await {
                Ok(id) => {
                    helper.id = Some(id);
                    break helper;
                }
                // Another program has removed the helper image, as `docker image prune` does.
                Err(EngineError::Refused(refusal)) if refusal.status == 404 && tries < TRIES => {}
                Err(failure) => return Err(self.error(Operation::WriteFiles, &volume, failure)),
            }
        };
        let now = self.find_volume(&volume).await?;
        if now.is_some_and(|now| now.labels.get(label::OPERATION) == before.labels.get(label::OPERATION)) {
            return Ok(helper);
        }
        // The volume was removed, and the engine has recreated it for the helper.
        helper.discard().await;
        self.remove_own_volume(&volume, &helper_operation(&helper.operation))
            .await;
        Err(VolumeNotFoundError::new(volume).into())
    }
}

impl Helper {
    fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    async fn unpack(&self, volume: &VolumeId, archive: ByteStream) -> Result<()> {
        let driver = &self.driver;
        match driver.engine.put_archive(self.id(), DIRECTORY, archive).await {
            Ok(()) => Ok(()),
            Err(UploadError::Content(error)) => Err(error),
            Err(UploadError::Engine(failure)) => {
                driver.volume(volume.as_str()).await?;
                Err(match failure {
                    EngineError::Refused(refusal) => {
                        driver.file_error(volume.as_str(), volume.as_str(), refusal, true)
                    }
                    failure => driver.error(Operation::WriteFiles, volume.as_str(), failure),
                })
            }
        }
    }

    /// Returns an archive that restores the mode and owner of the volume's directory after an import. Returns `None`
    /// if the engine never changes the mode and owner during an import, or if the owner is unknown.
    async fn root(&self) -> Result<Option<ByteStream>> {
        let engine = &self.driver.engine;
        let Some(owner) = self.owner.filter(|_| engine.dialect().unpacks_root) else {
            return Ok(None);
        };
        let stat = engine.stat_path(self.id(), DIRECTORY).await;
        let stat = stat.map_err(|failure| self.driver.error(Operation::Read, DIRECTORY, failure))?;
        let rights = Rights {
            mode: stat.map_or(MODE, |stat| stat.permissions()),
            uid: owner.uid,
            gid: owner.gid,
        };
        let mut archive = tar::directory(".", rights);
        archive.extend(tar::ending(0));
        Ok(Some(archive.into()))
    }

    /// Removes the helper. If that fails, the helper is removed in the background.
    async fn remove(mut self) {
        self.discard().await;
    }

    async fn discard(&mut self) {
        let removal = self.driver.remove_helpers_of(&self.operation);
        self.is_removed = matches!(timeout(self.driver.deadlines.remove, removal).await, Ok(Ok(_)));
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        if self.is_removed {
            return;
        }
        let (driver, operation) = (Arc::clone(&self.driver), std::mem::take(&mut self.operation));
        let is_created = self.id.is_some();
        background::spawn(async move {
            repeat_until(|| async {
                // Without a response, the engine may still be creating the helper.
                driver.remove_helpers_of(&operation).await.is_ok() && is_created
            })
            .await;
        });
    }
}
