//! Pulling, importing and removing images.

use bytes::{Bytes, BytesMut};
use driver_interface_errors::{
    DriverError, Hint, ImageImportError, ImageNotFoundError, ImageRemoveError, Result,
};
use driver_interface_types::{ContainerConfig, ImageFilter, ImageInfo, ImageRef, PullPolicy, TarStream};
use std::time::Duration;

use super::answer::Refusal;
use super::pull::pull_refused;
use super::{Call, MockDriver};
use crate::Operation;
use crate::engine::read_images;
use crate::fs::{Tree, read_tar};
use crate::profile::Kind;
use driver_interface_validation::validate_image_name;

impl<K: Kind> MockDriver<K> {
    /// Pulls an image if the config's pull policy requires it. Fails if the image is missing and must not be pulled.
    pub(super) async fn ensure_image(&self, image: &ImageRef, config: &ContainerConfig) -> Result<()> {
        let is_there = self.core.engine.state().images.get(image).is_some();
        match config.pull_policy {
            _ if image.is_id() => is_there.then_some(()).ok_or_else(|| no_such_image::<K>(image)),
            PullPolicy::Never if is_there => Ok(()),
            PullPolicy::Never => Err(no_such_image::<K>(image).with_hint(Hint::PullForbidden)),
            PullPolicy::Missing if is_there => Ok(()),
            _ => self.pull(image).await,
        }
    }

    /// Pulls an image with simulated latency.
    async fn pull(&self, image: &ImageRef) -> Result<()> {
        self.simulate_latency(Duration::ZERO).await;
        let mut state = self.core.engine.state();
        state
            .images
            .pull(image, None)
            .map_err(|refusal| pull_refused::<K>(image, refusal))
    }

    pub(super) async fn images(&self, filter: &ImageFilter) -> Result<Vec<ImageInfo>> {
        let work = async {
            let mut found = self.core.engine.state().images.infos();
            found.retain(|image| filter.matches(image));
            Ok(found)
        };
        self.call(Call::new(Operation::ListImages), || Ok(()), work).await
    }

    pub(super) async fn find_image(&self, image: &ImageRef) -> Result<Option<ImageInfo>> {
        let work = async { Ok(self.core.engine.state().images.info(image)) };
        self.call(Call::new(Operation::GetImage).on(image), || Ok(()), work)
            .await
    }

    pub(super) async fn load(&self, archive: TarStream) -> Result<Vec<ImageRef>> {
        let work = async {
            let found = read_images(&collected(archive).await?).map_err(|problem| {
                ImageImportError::new("archive", format!("it cannot be loaded: {problem}"))
                    .with_retryable(false)
                    .with_source(Refusal::BadArchive("invalid archive").answer::<K>())
            })?;
            let mut state = self.core.engine.state();
            let mut names = Vec::new();
            for (own, image) in found {
                state.images.load(&own, &image);
                names.extend(own);
            }
            Ok(names)
        };
        self.call(Call::new(Operation::LoadImage), || Ok(()), work).await
    }

    pub(super) async fn import(&self, image: &ImageRef, root: TarStream) -> Result<()> {
        let work = async {
            let root = collected(root).await?;
            let mut tree = Tree::default();
            read_tar(&mut tree, &root).map_err(|problem| {
                ImageImportError::new(image.as_str(), format!("the archive cannot be read: {problem}"))
                    .with_retryable(false)
                    .with_source(Refusal::BadArchive(problem).answer::<K>())
            })?;
            self.core
                .engine
                .state()
                .images
                .import(image, self.namespace().clone(), tree);
            Ok(())
        };
        let check = || Ok(validate_image_name(image)?);
        self.call(Call::new(Operation::ImportImage).on(image), check, work)
            .await
    }

    pub(super) async fn drop_image(&self, image: &ImageRef) -> Result<()> {
        let work = async {
            let mut state = self.core.engine.state();
            let found = state
                .images
                .get(image)
                .filter(|found| found.importer.as_ref() == Some(self.namespace()));
            let Some(number) = found.map(|found| found.number) else {
                return Err(no_such_image::<K>(image));
            };
            let is_last_name = state.images.all().filter(|image| image.number == number).count() == 1;
            if let Some(user) = state
                .containers
                .values()
                .find(|container| is_last_name && container.image == number)
            {
                let answer = Refusal::ImageInUse {
                    image: image.canonical(),
                    by: user.id.to_string(),
                }
                .answer::<K>();
                let message = format!("container `{}` uses it, so it is not removed", user.name);
                return Err(ImageRemoveError::new(image.as_str(), message)
                    .with_hint(Hint::InUse)
                    .with_source(answer)
                    .into());
            }
            state.images.remove(image);
            Ok(())
        };
        self.call(Call::new(Operation::RemoveImage).on(image), || Ok(()), work)
            .await
    }
}

pub(super) fn no_such_image<K: Kind>(image: &ImageRef) -> DriverError {
    ImageNotFoundError::new(image.as_str())
        .with_hint(Hint::ImageUnavailable)
        .with_source(Refusal::NoSuchImage(image.canonical()).answer::<K>())
        .into()
}

/// Reads an archive stream to its end and returns its content.
pub(super) async fn collected(mut archive: TarStream) -> Result<Bytes> {
    let mut all = BytesMut::new();
    while let Some(piece) = archive.next().await {
        all.extend_from_slice(&piece?);
    }
    Ok(all.freeze())
}
