//! Inspecting, pulling, importing and removing images.

use std::sync::Arc;

use driver_interface_errors::{DriverError, Hint, ImageNotFoundError, Result};
use driver_interface_types::{ImageRef, PullPolicy, TarStream};
use driver_interface_validation::validate_image_name;

use crate::driver::inner::Inner;
use crate::translate::errors::{Cause, Operation, cause};
use crate::translate::image::{engine_name, runs_on};
use crate::translate::labels::IMPORTED_BY;
use crate::translate::records::ImageRecord;
use crate::wire::{EngineError, UploadError};

impl Inner {
    /// Ensures that the engine has the image for the platform. Pulls the image if necessary and if the pull policy
    /// allows it.
    pub(in crate::driver) async fn ensure_image(
        &self,
        image: &ImageRef,
        policy: PullPolicy,
        platform: Option<&str>,
    ) -> Result<()> {
        if (policy != PullPolicy::Always || image.is_id())
            && let Some(found) = self.find_image(image).await?
            && platform.is_none_or(|required| runs_on(&found, required))
        {
            return Ok(());
        }
        if image.is_id() {
            return Err(ImageNotFoundError::new(image.as_str()).into());
        }
        if policy == PullPolicy::Never {
            return Err(ImageNotFoundError::new(image.as_str())
                .with_hint(Hint::PullForbidden)
                .into());
        }
        self.pull(image, platform).await
    }

    pub(in crate::driver) async fn find_image(&self, image: &ImageRef) -> Result<Option<ImageRecord>> {
        const OPERATION: Operation = Operation::InspectImage;
        match self.engine.inspect_image(&engine_name(image.as_str())).await {
            Ok(record) => Ok(Some(record)),
            Err(EngineError::Refused(refusal)) if cause(OPERATION, &refusal) == Cause::NotFound => Ok(None),
            Err(failure) => Err(self.error(OPERATION, image.as_str(), failure)),
        }
    }

    pub(in crate::driver) async fn import_image(
        self: Arc<Self>,
        image: ImageRef,
        root: TarStream,
    ) -> Result<()> {
        validate_image_name(&image)?;
        let before = self.find_image(&image).await?;
        let changes = [format!("LABEL {IMPORTED_BY}={}", self.ownership.namespace())];
        let imported = self
            .engine
            .import_image(Some(&engine_name(image.as_str())), &changes, root)
            .await;
        if let Err(error) = imported {
            self.remove_broken(&image, before.as_ref()).await;
            return Err(self.upload_error(image.as_str(), error));
        }
        if let Some(before) = before.filter(|before| self.has_imported(before)) {
            self.remove_nameless(&before.id).await;
        }
        Ok(())
    }

    /// Removes the image that a failed import left behind, and gives the image's name back to the image that had the
    /// name before. With containerd's image store, Docker creates an image before it unpacks the archive. Docker
    /// keeps that image if unpacking fails.
    async fn remove_broken(&self, image: &ImageRef, before: Option<&ImageRecord>) {
        let now = self.find_image(image).await.ok().flatten();
        let name = engine_name(image.as_str());
        if now.is_some_and(|now| before.is_none_or(|before| before.id != now.id) && self.has_imported(&now))
            && self.engine.remove_image(&name).await.is_ok()
            && let Some(before) = before
        {
            let _ = self.engine.tag_image(&before.id, image).await;
        }
    }

    /// Returns the error of a failed import or load. If the caller's archive ended with an error, returns that error.
    pub(super) fn upload_error(&self, image: &str, error: UploadError) -> DriverError {
        match error {
            UploadError::Content(error) => error,
            UploadError::Engine(failure) => self.error(Operation::ImportImage, image, failure),
        }
    }

    /// Removes the image `id` if it has no name any more, because a newer image has taken the name. The engine keeps
    /// the image if a container uses it.
    pub(super) async fn remove_nameless(&self, id: &str) {
        let now = self.engine.inspect_image(id).await;
        if now.is_ok_and(|now| now.repo_tags.is_empty()) {
            let _ = self.engine.remove_image(id).await;
        }
    }

    pub(in crate::driver) async fn remove_image(self: Arc<Self>, image: ImageRef) -> Result<()> {
        let found = self.find_image(&image).await?;
        if !found.is_some_and(|found| self.has_imported(&found)) {
            return Err(ImageNotFoundError::new(image.as_str()).into());
        }
        let removed = self.engine.remove_image(&engine_name(image.as_str())).await;
        removed.map_err(|failure| self.error(Operation::RemoveImage, image.as_str(), failure))
    }

    /// Returns whether this namespace imported, built or committed the image.
    pub(super) fn has_imported(&self, image: &ImageRecord) -> bool {
        let created_by = image.config.labels.get(IMPORTED_BY);
        created_by.is_some_and(|created_by| created_by == self.ownership.namespace().as_str())
    }
}
