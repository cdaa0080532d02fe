//! Tagging, saving, pushing and committing images.

use std::time::Duration;

use driver_interface_errors::{
    AuthenticationError, ConfigurationError, DriverError, Effect, Hint, ImagePushError, Result,
};
use driver_interface_types::{
    CommitOptions, ContainerId, ImageInfo, ImageRef, LayerProgress, PushOptions, PushProgress, PushStream,
    TarStream,
};
use driver_interface_validation::{validate_commit_options, validate_new_image};
use futures_util::stream;

use super::answer::Refusal;
use super::containers::no_such_container;
use super::images::no_such_image;
use super::{Call, MockDriver};
use crate::Operation;
use crate::engine::{Container, Image, Instruction, PullRefusal, State, change_setting, saved};
use crate::profile::Kind;
use crate::sync::lock;

/// The statuses that a push reports for a layer, one after the other.
const STEPS: [&str; 3] = ["Preparing", "Pushing", "Pushed"];

/// A push in progress.
struct Push<K> {
    driver: MockDriver<K>,
    image: ImageRef,
    step: usize,
    is_over: bool,
}

impl<K: Kind> MockDriver<K> {
    pub(super) async fn tag(&self, image: &ImageRef, new: &ImageRef) -> Result<()> {
        let work = async {
            match self.core.engine.state().images.tag(image, new) {
                true => Ok(()),
                false => Err(no_such_image::<K>(image)),
            }
        };
        let call = Call::new(Operation::TagImage).on(image).summary(new);
        self.call(call, || Ok(validate_new_image(new)?), work).await
    }

    pub(super) async fn save(&self, image: &ImageRef) -> Result<TarStream> {
        let work = async {
            let state = self.core.engine.state();
            let found = state.images.get(image).ok_or_else(|| no_such_image::<K>(image))?;
            Ok(TarStream::of_items(saved(found, image)))
        };
        self.call(Call::new(Operation::SaveImage).on(image), || Ok(()), work)
            .await
    }

    pub(super) async fn push_stream(&self, image: &ImageRef, options: PushOptions) -> Result<PushStream> {
        let work = async {
            let state = self.core.engine.state();
            if state.images.get(image).is_none() {
                return Err(no_such_image::<K>(image));
            }
            let allowed = state.images.check_push(image, options.credentials.as_ref());
            allowed.map_err(|refusal| push_refused::<K>(image, refusal))?;
            let push = Push {
                driver: self.clone(),
                image: image.clone(),
                step: 0,
                is_over: false,
            };
            Ok(PushStream::new(stream::try_unfold(push, |mut push| async move {
                let step = push.next().await?;
                Ok(step.map(|step| (step, push)))
            })))
        };
        let who = if options.credentials.is_some() {
            "with credentials"
        } else {
            ""
        };
        let call = Call::new(Operation::PushImage).on(image).summary(who);
        self.call(call, || Ok(validate_new_image(image)?), work).await
    }

    pub(super) async fn commit_image(
        &self,
        id: &ContainerId,
        image: &ImageRef,
        options: CommitOptions,
    ) -> Result<ImageInfo> {
        let check = || {
            validate_commit_options(&options)?;
            Ok(validate_new_image(image)?)
        };
        let work = async {
            let mut state = self.core.engine.state();
            let container = state
                .container(self.namespace(), id)
                .ok_or_else(|| no_such_container(id))?;
            let mut committed = image_of(&state, container, image);
            committed.importer = Some(self.namespace().clone());
            committed.created_at = Some(self.core.engine.now());
            for text in &options.changes {
                let env = committed.env.clone();
                let instruction = Instruction::parse(text);
                let changed =
                    instruction.and_then(|instruction| change_setting(&mut committed, &instruction, &env));
                changed
                    .map_err(|problem| ConfigurationError::single("changes", "refused-by-engine", problem))?;
            }
            state.images.keep(committed);
            state.images.info(image).ok_or_else(|| no_such_image::<K>(image))
        };
        let call = Call::new(Operation::CommitContainer).on(id).summary(image);
        self.call(call, check, work).await
    }
}

/// Returns an image with the files and settings of a container.
fn image_of(state: &State, container: &Container, name: &ImageRef) -> Image {
    let root = lock(&container.root).clone();
    let base = state.images.all().find(|image| image.number == container.image);
    let size = root.size();
    let mut image = match base {
        Some(base) => Image {
            reference: name.clone(),
            digest: None,
            size,
            root,
            ..base.clone()
        },
        None => Image::new(name.clone(), root),
    };
    let config = &container.config;
    if let Some(entrypoint) = &config.entrypoint {
        image.entrypoint.clone_from(entrypoint);
    }
    if config.entrypoint.is_some() || !config.command.is_empty() {
        image.command.clone_from(&config.command);
    }
    image.env.extend(container.env.clone());
    image.env.extend(config.env.clone());
    image.labels.extend(container.labels.clone());
    image.working_dir.clone_from(&container.working_dir);
    image.user = Some(container.user().to_owned());
    image
}

impl<K: Kind> Push<K> {
    async fn next(&mut self) -> Result<Option<PushProgress>> {
        if self.is_over {
            return Ok(None);
        }
        if let Some(status) = STEPS.get(self.step) {
            self.step += 1;
            return Ok(Some(PushProgress::Layer(LayerProgress::new(
                "5a1d0c6f3e27", *status,
            ))));
        }
        self.is_over = true;
        self.driver.simulate_latency(Duration::ZERO).await;
        self.driver.reach_engine()?;
        let pushed = self.driver.core.engine.state().images.push(&self.image);
        match pushed {
            Some(image) => Ok(Some(PushProgress::Done(image))),
            None => Err(no_such_image::<K>(&self.image).with_effect(Effect::NotApplied)),
        }
    }
}

fn push_refused<K: Kind>(image: &ImageRef, refusal: PullRefusal) -> DriverError {
    match refusal {
        PullRefusal::WrongCredentials => {
            let message = format!("registry `{}` rejected the credentials", image.registry());
            AuthenticationError::new(message).into()
        }
        PullRefusal::Unreachable => ImagePushError::new(image.as_str(), "connection refused")
            .with_hint(Hint::RegistryUnreachable)
            .into(),
        PullRefusal::Denied | PullRefusal::Missing => ImagePushError::new(image.as_str(), "access is denied")
            .with_hint(Hint::ImageUnavailable)
            .with_source(Refusal::PullDenied(image.canonical()).answer::<K>())
            .into(),
    }
}
