//! Faults in loading and pulling images.

use driver_interface_errors::{
    AuthenticationError, ImageImportError, ImageNotFoundError, ImagePullError, InternalError, codes,
};
use driver_interface_types::{
    ByteStream, ContainerDriver as _, DriverError, ImageFilter, ImageInfo, ImageRef, PullOptions,
    PullProgress, PullStream, RegistryCredentials, Result,
};
use futures_util::{FutureExt as _, StreamExt as _};

use super::streams::changed;
use crate::self_test::Fault;
use crate::self_test::sabotage::Inside;
use crate::self_test::sabotage::Sabotage::{GetImage, ImportImage, ListImages, LoadImage, PullImage};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "image-found-by-its-whole-name-alone",
        "An image is not found by a name without its tag.",
        &[GetImage(|inside, image| {
            if image.as_str().ends_with(image.tag().unwrap_or_default()) {
                return inside.driver.get_image(image);
            }
            std::future::ready(Ok(None)).boxed()
        })],
        &["images/get"],
    ),
    Fault::new(
        "image-ids-lose-their-kind",
        "Ids come without the name of their digest.",
        &[GetImage(|inside, image| {
            async move {
                let found = inside.driver.get_image(image).await?;
                Ok(found.map(|mut found| {
                    found.id = found.id.rsplit(':').next().unwrap_or_default().to_owned();
                    found
                }))
            }
            .boxed()
        })],
        &["images/get"],
    ),
    Fault::new(
        "image-is-always-there",
        "An image that the engine does not have is found.",
        &[GetImage(|inside, image| {
            async move {
                let found = inside.driver.get_image(image).await?;
                Ok(found.or_else(|| Some(ImageInfo::new("sha256:0", 0))))
            }
            .boxed()
        })],
        &["images/get-missing", "images/pull-missing"],
    ),
    Fault::new(
        "image-missing-is-an-error",
        "Looking up an image that the engine does not have fails.",
        &[GetImage(|inside, image| {
            async move {
                let found = inside.driver.get_image(image).await?;
                let missing = || ImageNotFoundError::new(image.as_str()).into();
                found.ok_or_else(missing).map(Some)
            }
            .boxed()
        })],
        &["images/get-missing", "images/pull-missing"],
    ),
    Fault::new(
        "images-are-listed-twice",
        "Each image is listed twice.",
        &[ListImages(|inside, filter| {
            async move {
                let images = inside.driver.list_images(filter).await?;
                Ok(images
                    .into_iter()
                    .flat_map(|image| [image.clone(), image])
                    .collect())
            }
            .boxed()
        })],
        &["images/list", "images/list-filter"],
    ),
    Fault::new(
        "images-without-a-name-are-listed",
        "What is left of images that have lost their names is listed.",
        &[ListImages(|inside, filter| {
            async move {
                let mut images = inside.driver.list_images(filter).await?;
                images.extend(filter.reference.is_none().then(|| ImageInfo::new("sha256:0", 0)));
                Ok(images)
            }
            .boxed()
        })],
        &["images/list"],
    ),
    Fault::new(
        "images-are-listed-backwards",
        "Images are listed in another order than that of their names.",
        &[ListImages(|inside, filter| {
            async move {
                let mut images = inside.driver.list_images(filter).await?;
                images.reverse();
                Ok(images)
            }
            .boxed()
        })],
        &["images/list"],
    ),
    Fault::new(
        "images-ignore-labels",
        "A filter by label lets everything through.",
        &[ListImages(|inside, filter| {
            async move {
                let mut filter = filter.clone();
                filter.labels.clear();
                inside.driver.list_images(&filter).await
            }
            .boxed()
        })],
        &["images/list-filter"],
    ),
    Fault::new(
        "images-have-no-filter",
        "All images are listed, whichever are asked for.",
        &[ListImages(|inside, _| {
            async move { inside.driver.list_images(&ImageFilter::default()).await }.boxed()
        })],
        &["images/list-filter"],
    ),
    Fault::new(
        "image-labels-lost",
        "Images have no labels.",
        &[GetImage(|inside, image| {
            async move {
                let found = inside.driver.get_image(image).await?;
                Ok(found.map(|mut found| {
                    found.labels.clear();
                    found
                }))
            }
            .boxed()
        })],
        &["images/load"],
    ),
    Fault::new(
        "images-of-a-label-are-none",
        "A filter by label lets nothing through.",
        &[ListImages(|inside, filter| {
            if filter.labels.is_empty() {
                return inside.driver.list_images(filter);
            }
            std::future::ready(Ok(Vec::new())).boxed()
        })],
        &["images/load"],
    ),
    Fault::new(
        "load-names-nothing",
        "The names under which an image was loaded are not told.",
        &[LoadImage(|inside, archive| {
            async move { inside.driver.load_image(archive).await.map(|_| Vec::new()) }.boxed()
        })],
        &["images/load"],
    ),
    Fault::new(
        "load-swallows-errors",
        "What is no saved image is loaded as one without a name.",
        &[LoadImage(|inside, archive| {
            async move {
                match inside.driver.load_image(archive).await {
                    Err(error) if error.code() == codes::IMAGE_IMPORT_FAILED => Ok(Vec::new()),
                    result => result,
                }
            }
            .boxed()
        })],
        &["images/load-broken"],
    ),
    Fault::new(
        "pull-again-fails",
        "Pulling what is there already is an error.",
        &[PullImage(|inside, image, options| {
            async move {
                if inside.memory.note(image.as_str()) > 0 {
                    return Err(ImagePullError::new(image.as_str(), "it is there already").into());
                }
                inside.driver.pull_image(image, options).await
            }
            .boxed()
        })],
        &["images/pull"],
    ),
    Fault::new(
        "load-blames-the-archive",
        "A source that fails is told as an archive that is none.",
        &[LoadImage(|inside, archive| {
            async move {
                let blamed = |error: DriverError| match error.code() {
                    codes::INTERNAL_ERROR => ImageImportError::new("archive", error.message()).into(),
                    _ => error,
                };
                inside.driver.load_image(archive).await.map_err(blamed)
            }
            .boxed()
        })],
        &["images/load-broken"],
    ),
    Fault::new(
        "import-of-what-arrived",
        "An import whose source fails makes an image of what arrived.",
        &[ImportImage(|inside, image, mut root| {
            async move {
                let mut arrived = Vec::new();
                while let Some(Ok(piece)) = root.next().await {
                    arrived.push(piece);
                }
                inside
                    .driver
                    .import_image(image, ByteStream::of_items(arrived))
                    .await
            }
            .boxed()
        })],
        &["images/import-broken"],
    ),
    Fault::new(
        "pull-tells-no-result",
        "A pull ends without the image.",
        &[PullImage(|inside, image, options| {
            async move {
                let steps = inside.driver.pull_image(image, options).await?;
                Ok(changed(steps, |step| {
                    Some(step).filter(|step| !matches!(step, PullProgress::Done(_)))
                }))
            }
            .boxed()
        })],
        &["images/pull", "images/pull-credentials", "cancellation/pull"],
    ),
    Fault::new(
        "pull-swallows-errors",
        "A pull that fails ends as if nothing were wrong.",
        &[PullImage(|inside, image, options| {
            async move {
                match inside.driver.pull_image(image, options).await {
                    Ok(steps) => Ok(PullStream::new(
                        steps.take_while(|step| std::future::ready(step.is_ok())),
                    )),
                    Err(_) => Ok(PullStream::of_items([])),
                }
            }
            .boxed()
        })],
        &["images/pull-missing", "images/pull-secret-stays-secret"],
    ),
    Fault::new(
        "pull-errors-are-internal",
        "Whatever goes wrong with a pull is a defect of the driver.",
        &[PullImage(|inside, image, options| {
            async move {
                let defect = |error: DriverError| InternalError::new(error.message()).into();
                let steps = inside.driver.pull_image(image, options).await.map_err(defect)?;
                Ok(PullStream::new(steps.map(move |step| step.map_err(defect))))
            }
            .boxed()
        })],
        &["images/pull-missing"],
    ),
    Fault::new(
        "pull-of-nothing-is-retryable",
        "A pull of what a registry does not have is to be tried again.",
        &[PullImage(|inside, image, options| {
            async move {
                let again = |error: DriverError| error.with_retryable(true);
                let steps = inside.driver.pull_image(image, options).await.map_err(again)?;
                Ok(PullStream::new(steps.map(move |step| step.map_err(again))))
            }
            .boxed()
        })],
        &["images/pull-missing"],
    ),
    Fault::new(
        "pull-takes-no-credentials",
        "A pull with credentials that nobody asks for fails.",
        &[PullImage(|inside, image, options| {
            if options.credentials.is_none() {
                return inside.driver.pull_image(image, options);
            }
            let error = ImagePullError::new(image.as_str(), "credentials were not asked for");
            std::future::ready(Err(error.into())).boxed()
        })],
        &["images/pull-credentials"],
    ),
    Fault::new(
        "pull-keeps-credentials",
        "Credentials are used for every pull from then on, and a registry does not know them.",
        &[PullImage(|inside, image, options| {
            pull_keeps_credentials(inside, image, options).boxed()
        })],
        &["images/pull-credentials"],
    ),
    Fault::new(
        "pull-errors-tell-secrets",
        "An error of a pull tells the credentials.",
        &[PullImage(|inside, image, options| {
            pull_tells_secrets(inside, image, options).boxed()
        })],
        &["images/pull-secret-stays-secret"],
    ),
];

async fn pull_keeps_credentials(
    inside: &Inside,
    image: &ImageRef,
    options: PullOptions,
) -> Result<PullStream> {
    const KEPT: &str = "credentials";
    if options.credentials.is_none() && inside.memory.has(KEPT) {
        return Err(AuthenticationError::new("the registry knows nobody of that name").into());
    }
    if options.credentials.is_some() {
        inside.memory.note(KEPT);
    }
    inside.driver.pull_image(image, options).await
}

async fn pull_tells_secrets(inside: &Inside, image: &ImageRef, options: PullOptions) -> Result<PullStream> {
    let secret = match &options.credentials {
        Some(RegistryCredentials::Password { password, .. }) => password.clone(),
        Some(RegistryCredentials::IdentityToken(token)) => token.clone(),
        _ => String::new(),
    };
    let told = {
        let image = image.clone();
        move |error: DriverError| {
            let message = format!("{} with {secret:?}", error.message());
            DriverError::from(ImagePullError::new(image.as_str(), message))
        }
    };
    let steps = inside.driver.pull_image(image, options).await.map_err(&told)?;
    Ok(PullStream::new(steps.map(move |step| step.map_err(&told))))
}
