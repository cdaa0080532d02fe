//! Pulling images with progress, loading them, and listing them.

use std::sync::Arc;

use driver_interface_errors::{DriverError, Effect, Hint, ImageImportError, ImagePullError, Result};
use driver_interface_types::{
    ImageFilter, ImageInfo, ImageRef, PullOptions, PullProgress, PullStream, TarStream,
};
use driver_interface_validation::{validate_image_name, validate_pull_options};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::access::Access;
use super::progress::{Steps, stream_of};
use crate::driver::inner::Inner;
use crate::engine::Report;
use crate::translate::errors::{self, Cause, Operation, cause};
use crate::translate::image::{info, loaded, pull_parts};
use crate::wire::{EngineError, ObjectStream};

const PULL: &str = "pull_image";
const LOAD: &str = "load_image";
/// The maximum number of images that a listing inspects concurrently.
const CONCURRENCY: usize = 8;

/// A pull in progress.
struct Pull {
    driver: Arc<Inner>,
    image: ImageRef,
    reports: ObjectStream,
    access: Access,
}

impl Inner {
    /// Pulls an image in order to create a container.
    pub(in crate::driver) async fn pull(&self, image: &ImageRef, platform: Option<&str>) -> Result<()> {
        let (auth, access) = self.auth(image, None).await?;
        let (name, version) = pull_parts(image);
        let failed = |failure: EngineError| match &failure {
            EngineError::Refused(refusal) if cause(Operation::PullImage, refusal) == Cause::AccessDenied => {
                self.pull_error(image, &access, failure)
            }
            _ => self.error(Operation::PullImage, image.as_str(), failure),
        };
        let begun = self.unless_stalled(PULL, self.engine.pull_image(&name, &version, platform, auth));
        let mut reports = begun.await?.map_err(failed)?;
        while self.next_layer(PULL, &mut reports, failed).await?.is_some() {}
        Ok(())
    }

    pub(in crate::driver) async fn pull_stream(
        self: &Arc<Self>,
        image: &ImageRef,
        options: PullOptions,
    ) -> Result<PullStream> {
        stream_of(self.deadlines.pull, self.begin_pull(image, options)).await
    }

    async fn begin_pull(self: &Arc<Self>, image: &ImageRef, options: PullOptions) -> Result<Pull> {
        validate_image_name(image)?;
        validate_pull_options(&options)?;
        let (auth, access) = self.auth(image, options.credentials.as_ref()).await?;
        let (name, version) = pull_parts(image);
        let platform = options.platform.as_deref();
        let begun = self.unless_stalled(PULL, self.engine.pull_image(&name, &version, platform, auth));
        let reports = begun
            .await?
            .map_err(|failure| self.not_pulled(image, &access, failure))?;
        Ok(Pull {
            driver: Arc::clone(self),
            image: image.clone(),
            reports,
            access,
        })
    }

    /// Returns the error for a failed pull. The error does not distinguish between an image that does not exist and
    /// an image that the caller may not see, because a registry's response does not distinguish them.
    fn not_pulled(&self, image: &ImageRef, access: &Access, failure: EngineError) -> DriverError {
        let refused = errors::is_refusal(Operation::PullImage, &failure);
        let error = self.pull_error(image, access, failure);
        if refused {
            error
        } else {
            error.with_effect(Effect::Unknown)
        }
    }

    fn pull_error(&self, image: &ImageRef, access: &Access, failure: EngineError) -> DriverError {
        let EngineError::Refused(refusal) = &failure else {
            return self.error(Operation::PullImage, image.as_str(), failure);
        };
        let message = refusal.message.clone();
        match cause(Operation::PullImage, refusal) {
            Cause::AccessDenied if access.authorised && !message.contains("does not exist") => {
                access.rejected(image, failure)
            }
            Cause::AccessDenied => {
                let text = format!("{message}; the pull used {}", access.used);
                ImagePullError::new(image.as_str(), text)
                    .with_hint(Hint::ImageUnavailable)
                    .with_source(failure)
                    .into()
            }
            Cause::NotFound | Cause::ImageMissing => ImagePullError::new(image.as_str(), message)
                .with_hint(Hint::ImageUnavailable)
                .with_source(failure)
                .into(),
            _ => self.error(Operation::PullImage, image.as_str(), failure),
        }
    }

    pub(in crate::driver) async fn get_image(&self, image: &ImageRef) -> Result<Option<ImageInfo>> {
        let found = self.find_image(image).await?;
        Ok(found.as_ref().map(info))
    }

    pub(in crate::driver) async fn list_images(&self, filter: &ImageFilter) -> Result<Vec<ImageInfo>> {
        let listed = self.engine.list_images().await;
        let listed = listed.map_err(|failure| self.error(Operation::Read, "images", failure))?;
        let looked_up = stream::iter(listed).map(|summary| async move {
            match self.engine.inspect_image(&summary.id).await {
                Ok(record) => Ok(Some(info(&record)).filter(|image| !image.references.is_empty())),
                // The image was removed during the listing.
                Err(EngineError::Refused(refusal)) if refusal.status == 404 => Ok(None),
                Err(failure) => Err(self.error(Operation::Read, &summary.id, failure)),
            }
        });
        let found: Vec<Option<ImageInfo>> = looked_up.buffer_unordered(CONCURRENCY).try_collect().await?;
        let mut found: Vec<ImageInfo> = found.into_iter().flatten().collect();
        found.retain(|image| filter.matches(image));
        found.sort_by(|a, b| {
            let by_name = a.references.first().cmp(&b.references.first());
            by_name.then_with(|| a.id.cmp(&b.id))
        });
        // Podman lists an image once per name.
        found.dedup_by(|a, b| a.id == b.id);
        Ok(found)
    }

    pub(in crate::driver) async fn load_image(&self, archive: TarStream) -> Result<Vec<ImageRef>> {
        let refused = |message: &str| ImageImportError::new(LOAD, message);
        let body = self.engine.load_images(archive).await;
        let body = body.map_err(|error| self.upload_error(LOAD, error))?;
        let mut reported = String::new();
        for report in serde_json::Deserializer::from_slice(&body).into_iter::<Report>() {
            let report = report.map_err(|error| {
                self.error(
                    Operation::ImportImage,
                    LOAD,
                    EngineError::InvalidResponse(error.to_string()),
                )
            })?;
            reported.push_str(report.stream.as_deref().unwrap_or_default());
            if let Some(message) = report.failure() {
                return Err(refused(&message).into());
            }
        }
        if !reported.contains("Loaded image") {
            return Err(refused("the archive contains no image").into());
        }
        Ok(loaded(&reported))
    }
}

impl Steps for Pull {
    const OPERATION: &'static str = PULL;
    type Progress = PullProgress;

    async fn step(&mut self) -> Result<PullProgress> {
        let failed = |failure| self.driver.not_pulled(&self.image, &self.access, failure);
        match self.driver.next_layer(PULL, &mut self.reports, failed).await? {
            Some(layer) => Ok(PullProgress::Layer(layer)),
            None => self.finished().await,
        }
    }

    fn is_last(step: &PullProgress) -> bool {
        matches!(step, PullProgress::Done(_))
    }
}

impl Pull {
    async fn finished(&self) -> Result<PullProgress> {
        // The pull is over and may have succeeded, even if this inspection fails.
        let found = self.driver.get_image(&self.image).await;
        match found.map_err(|error| error.with_effect(Effect::Unknown))? {
            Some(image) => Ok(PullProgress::Done(image)),
            // Another client removed the image right away, or the connection ended before the engine's final report.
            None => Err(ImagePullError::new(
                self.image.as_str(),
                "the pull completed, but the image is not present",
            )
            .with_effect(Effect::Unknown)
            .into()),
        }
    }
}
