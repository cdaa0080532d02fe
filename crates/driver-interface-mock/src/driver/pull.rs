//! Pulling images with progress reports.

use std::time::Duration;

use driver_interface_errors::{
    AuthenticationError, DriverError, Hint, ImagePullError, Result, UnsupportedError,
};
use driver_interface_types::{
    ImageRef, LayerProgress, PullOptions, PullProgress, PullStream, RegistryCredentials,
};
use driver_interface_validation::{validate_image_name, validate_pull_options};
use futures_util::stream;

use super::answer::Refusal;
use super::images::no_such_image;
use super::{Call, MockDriver};
use crate::Operation;
use crate::engine::PullRefusal;
use crate::profile::Kind;

/// The progress reports of a pull. Each report has the layer, the status, and the number of bytes done.
const STEPS: [(&str, &str, Option<u64>); 6] = [
    ("5a1d0c6f3e27", "Pulling fs layer", None),
    ("c0ffee0badd1", "Pulling fs layer", None),
    ("5a1d0c6f3e27", "Downloading", Some(LAYER_BYTES / 2)),
    ("5a1d0c6f3e27", "Pull complete", Some(LAYER_BYTES)),
    ("c0ffee0badd1", "Downloading", Some(LAYER_BYTES)),
    ("c0ffee0badd1", "Pull complete", Some(LAYER_BYTES)),
];
const LAYER_BYTES: u64 = 2 << 20;

/// A pull in progress.
struct Pull<K> {
    driver: MockDriver<K>,
    image: ImageRef,
    credentials: Option<RegistryCredentials>,
    was_there: bool,
    step: usize,
    ended: bool,
}

impl<K: Kind> MockDriver<K> {
    pub(super) async fn pull_stream(&self, image: &ImageRef, options: PullOptions) -> Result<PullStream> {
        let check = || {
            validate_image_name(image)?;
            validate_pull_options(&options)?;
            match &options.platform {
                None => Ok(()),
                Some(platform) => {
                    let reason = format!("platform `{platform}` cannot be selected");
                    Err(UnsupportedError::new(Operation::PullImage.as_str(), reason).into())
                }
            }
        };
        let work = async {
            let state = self.core.engine.state();
            state
                .images
                .check(image, options.credentials.as_ref())
                .map_err(|refusal| pull_refused::<K>(image, refusal))?;
            let pull = Pull {
                driver: self.clone(),
                image: image.clone(),
                credentials: options.credentials.clone(),
                was_there: state.images.get(image).is_some(),
                step: 0,
                ended: false,
            };
            Ok(PullStream::new(stream::unfold(pull, |mut pull| async {
                let progress = pull.next().await?;
                Some((progress, pull))
            })))
        };
        let who = if options.credentials.is_some() {
            "with credentials"
        } else {
            ""
        };
        let call = Call::new(Operation::PullImage).on(image).summary(who);
        self.call(call, check, work).await
    }
}

impl<K: Kind> Pull<K> {
    async fn next(&mut self) -> Option<Result<PullProgress>> {
        if self.ended {
            return None;
        }
        if self.was_there && self.step == 0 {
            self.step = STEPS.len();
            let layer = LayerProgress::new("5a1d0c6f3e27", "Already exists");
            return Some(Ok(PullProgress::Layer(layer)));
        }
        if let Some((layer, status, done)) = STEPS.get(self.step) {
            self.step += 1;
            let progress = LayerProgress::new(*layer, *status);
            let progress = match done {
                Some(done) => progress.bytes(*done, Some(LAYER_BYTES)),
                None => progress,
            };
            return Some(Ok(PullProgress::Layer(progress)));
        }
        self.ended = true;
        self.driver.simulate_latency(Duration::ZERO).await;
        Some(self.finish())
    }

    fn finish(&self) -> Result<PullProgress> {
        self.driver.reach_engine()?;
        let mut state = self.driver.core.engine.state();
        state
            .images
            .pull(&self.image, self.credentials.as_ref())
            .map_err(|refusal| pull_refused::<K>(&self.image, refusal))?;
        let info = state.images.info(&self.image);
        info.map(PullProgress::Done)
            .ok_or_else(|| no_such_image::<K>(&self.image))
    }
}

/// Converts a registry's refusal to the error that the pull returns.
pub(super) fn pull_refused<K: Kind>(image: &ImageRef, refusal: PullRefusal) -> DriverError {
    match refusal {
        PullRefusal::Missing => no_such_image::<K>(image),
        PullRefusal::Denied => ImagePullError::new(image.as_str(), "access is denied")
            .with_hint(Hint::ImageUnavailable)
            .with_source(Refusal::PullDenied(image.canonical()).answer::<K>())
            .into(),
        PullRefusal::WrongCredentials => {
            let message = format!("registry `{}` rejected the credentials", image.registry());
            AuthenticationError::new(message).into()
        }
        PullRefusal::Unreachable => ImagePullError::new(image.as_str(), "connection refused")
            .with_hint(Hint::RegistryUnreachable)
            .into(),
    }
}
