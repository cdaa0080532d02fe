//! Tagging, saving and pushing images.

use std::sync::Arc;

use driver_interface_errors::{DriverError, Effect, ImageNotFoundError, ImagePushError, Result};
use driver_interface_types::{ImageRef, PushOptions, PushProgress, PushStream, TarStream};
use driver_interface_validation::validate_new_image;

use super::access::Access;
use super::progress::{Steps, stream_of};
use crate::driver::files::{complete, pieces};
use crate::driver::inner::Inner;
use crate::translate::errors::{self, Cause, Operation, cause};
use crate::translate::image::engine_name;
use crate::wire::{EngineError, ObjectStream};

const PUSH: &str = "push_image";

/// A push in progress.
struct Push {
    driver: Arc<Inner>,
    image: ImageRef,
    reports: ObjectStream,
    access: Access,
}

impl Inner {
    pub(in crate::driver) async fn tag_image(self: Arc<Self>, image: ImageRef, new: ImageRef) -> Result<()> {
        validate_new_image(&new)?;
        let tagged = self.engine.tag_image(&engine_name(image.as_str()), &new).await;
        tagged.map_err(|failure| self.error(Operation::TagImage, image.as_str(), failure))
    }

    pub(in crate::driver) async fn save_image(&self, image: &ImageRef) -> Result<TarStream> {
        let saved = self
            .engine
            .save_image(&engine_name(image.as_str()), self.deadlines.transfer)
            .await;
        let download =
            saved.map_err(|failure| self.error(Operation::InspectImage, image.as_str(), failure))?;
        Ok(complete(pieces(download), String::new(), None))
    }

    pub(in crate::driver) async fn push_stream(
        self: &Arc<Self>,
        image: &ImageRef,
        options: PushOptions,
    ) -> Result<PushStream> {
        stream_of(self.deadlines.pull, self.begin_push(image, options)).await
    }

    async fn begin_push(self: &Arc<Self>, image: &ImageRef, options: PushOptions) -> Result<Push> {
        validate_new_image(image)?;
        // Docker reports a missing image like a registry's error.
        if self.find_image(image).await?.is_none() {
            return Err(ImageNotFoundError::new(image.as_str()).into());
        }
        let (auth, access) = self.auth(image, options.credentials.as_ref()).await?;
        let begun = self.unless_stalled(PUSH, self.engine.push_image(image, auth));
        let reports = begun
            .await?
            .map_err(|failure| self.not_pushed(image, &access, failure))?;
        Ok(Push {
            driver: Arc::clone(self),
            image: image.clone(),
            reports,
            access,
        })
    }

    fn not_pushed(&self, image: &ImageRef, access: &Access, failure: EngineError) -> DriverError {
        let refused = errors::is_refusal(Operation::PushImage, &failure);
        let error = match &failure {
            EngineError::Refused(refusal)
                if access.authorised && cause(Operation::PushImage, refusal) == Cause::AccessDenied =>
            {
                access.rejected(image, failure)
            }
            EngineError::Refused(refusal) if cause(Operation::PushImage, refusal) == Cause::AccessDenied => {
                let text = format!("{}; the push used {}", refusal.message, access.used);
                ImagePushError::new(image.as_str(), text)
                    .with_hint(driver_interface_errors::Hint::ImageUnavailable)
                    .with_source(failure)
                    .into()
            }
            _ => self.error(Operation::PushImage, image.as_str(), failure),
        };
        if refused {
            error
        } else {
            error.with_effect(Effect::Unknown)
        }
    }
}

impl Steps for Push {
    const OPERATION: &'static str = PUSH;
    type Progress = PushProgress;

    async fn step(&mut self) -> Result<PushProgress> {
        let failed = |failure| self.driver.not_pushed(&self.image, &self.access, failure);
        match self.driver.next_layer(PUSH, &mut self.reports, failed).await? {
            Some(layer) => Ok(PushProgress::Layer(layer)),
            None => self.finished().await,
        }
    }

    fn is_last(step: &PushProgress) -> bool {
        matches!(step, PushProgress::Done(_))
    }
}

impl Push {
    async fn finished(&self) -> Result<PushProgress> {
        // The push is over and may have succeeded, even if this inspection fails.
        let found = self.driver.get_image(&self.image).await;
        match found.map_err(|error| error.with_effect(Effect::Unknown))? {
            Some(image) => Ok(PushProgress::Done(image)),
            None => {
                let error = ImagePushError::new(
                    self.image.as_str(),
                    "the push completed, but the engine no longer has the image",
                );
                Err(error.with_effect(Effect::Unknown).into())
            }
        }
    }
}
