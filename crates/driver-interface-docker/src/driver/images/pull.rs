//! Pulling images with progress, loading them, and listing them.

use std::time::Duration;

use driver_interface_errors::{
    AuthenticationError, DriverError, Effect, Hint, ImageImportError, ImagePullError, Result, TimeoutError,
};
use driver_interface_types::{
    ImageFilter, ImageInfo, ImageRef, LayerProgress, PullOptions, PullProgress, PullStream, TarStream,
};
use driver_interface_validation::{validate_image_name, validate_pull_options};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;
use tokio::time::{Instant, timeout, timeout_at};

use super::access::Access;
use crate::driver::inner::Inner;
use crate::driver::task::located;
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
    until: Instant,
    deadline: Duration,
    done: bool,
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
        while let Some(report) = self
            .unless_stalled(PULL, reports.next::<Report>())
            .await?
            .map_err(failed)?
        {
            if let Some(message) = report.failure() {
                return Err(failed(EngineError::refused(200, message)));
            }
        }
        Ok(())
    }

    pub(in crate::driver) async fn pull_stream(
        self: &Arc<Self>,
        image: &ImageRef,
        options: PullOptions,
    ) -> Result<PullStream> {
        validate_image_name(image)
            .and_then(|()| validate_pull_options(&options))
            .map_err(|error| located(error.into(), PULL))?;
        let deadline = self.deadlines.pull;
        let until = Instant::now() + deadline;
        let begin = self.begin_pull(image, options, until, deadline);
        let pull = match timeout_at(until, begin).await {
            Ok(began) => began.map_err(|error| located(error, PULL))?,
            Err(_) => return Err(located(late(PULL, deadline), PULL)),
        };
        Ok(PullStream::new(stream::try_unfold(pull, |mut pull| async move {
            let step = pull.next().await.map_err(|error| located(error, PULL))?;
            Ok(step.map(|step| (step, pull)))
        })))
    }

    /// Waits for `progress`, the next step of a pull or push: no longer than the stall deadline if the engine reports
    /// progress.
    pub(super) async fn unless_stalled<T>(
        &self,
        operation: &str,
        progress: impl Future<Output = T>,
    ) -> Result<T> {
        if !self.engine.dialect().reports_pull_progress {
            return Ok(progress.await);
        }
        let stall = self.deadlines.pull_stall;
        timeout(stall, progress).await.map_err(|_| late(operation, stall))
    }

    async fn begin_pull(
        self: &Arc<Self>,
        image: &ImageRef,
        options: PullOptions,
        until: Instant,
        deadline: Duration,
    ) -> Result<Pull> {
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
            until,
            deadline,
            done: false,
        })
    }

    /// Returns the error for a failed pull. Like a registry's response, the error does not distinguish between an
    /// image that does not exist and one that the caller may not see.
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
                let text = format!("the registry of `{image}` rejected {}: {message}", access.used);
                AuthenticationError::new(text).with_source(failure).into()
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

impl Pull {
    async fn next(&mut self) -> Result<Option<PullProgress>> {
        if self.done {
            return Ok(None);
        }
        match timeout_at(self.until, self.step()).await {
            Ok(step) => step.map(Some),
            Err(_) => Err(late(PULL, self.deadline)),
        }
    }

    async fn step(&mut self) -> Result<PullProgress> {
        loop {
            let report = self
                .driver
                .unless_stalled(PULL, self.reports.next::<Report>())
                .await?;
            let report = report.map_err(|failure| self.refused(failure))?;
            let Some(report) = report else {
                return self.finished().await;
            };
            let layer = layer_progress(&report);
            if let Some(message) = report.failure() {
                return Err(self.refused(EngineError::refused(200, message)));
            }
            if let Some(progress) = layer {
                return Ok(PullProgress::Layer(progress));
            }
        }
    }

    fn refused(&self, failure: EngineError) -> DriverError {
        self.driver.not_pulled(&self.image, &self.access, failure)
    }

    async fn finished(&mut self) -> Result<PullProgress> {
        self.done = true;
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

/// Returns the progress of a layer that a report contains, if any.
pub(super) fn layer_progress(report: &Report) -> Option<LayerProgress> {
    let detail = report.progress_detail.clone().unwrap_or_default();
    let mut progress = LayerProgress::new(report.id.clone()?, report.status.clone()?);
    progress.current_bytes = detail.current;
    progress.total_bytes = detail.total;
    Some(progress)
}

/// Returns the error for an operation that exceeded its deadline.
pub(super) fn late(operation: &str, deadline: Duration) -> DriverError {
    TimeoutError::new(operation, deadline).into()
}
