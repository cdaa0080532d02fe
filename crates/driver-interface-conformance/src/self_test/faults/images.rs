//! Faults in loading and pulling images.

use driver_interface_errors::{
    AuthenticationError, ImageImportError, ImageNotFoundError, ImagePullError, InternalError, codes,
};
use driver_interface_types::{
    ByteStream, ContainerDriver as _, DriverError, ImageFilter, ImageInfo, ImageRef, PullOptions,
    PullProgress, PullStream, RegistryCredentials, Result,
};
use futures_util::FutureExt as _;

use super::streams::{changed, with_errors, without_errors};
use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{GetImage, ImportImage, ListImages, LoadImage, PullImage};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "image-found-only-by-full-name",
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
        "image-ids-without-algorithm",
        "Image ids lack the digest algorithm.",
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
        "missing-image-found",
        "A missing image is found.",
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
        "Getting a missing image returns an error.",
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
        "images-listed-twice",
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
        "untagged-images-listed",
        "Untagged images are listed.",
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
        "images-listed-in-reverse",
        "Images are not listed in the order of their names.",
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
        "A filter by label selects all images.",
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
        "images-ignore-name",
        "A filter by name selects all images.",
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
        "images-label-filter-matches-none",
        "A filter by label selects no images.",
        &[ListImages(|inside, filter| {
            if filter.labels.is_empty() {
                return inside.driver.list_images(filter);
            }
            std::future::ready(Ok(Vec::new())).boxed()
        })],
        &["images/load"],
    ),
    Fault::new(
        "load-returns-no-names",
        "Loading an image does not return its names.",
        &[LoadImage(|inside, archive| {
            async move { inside.driver.load_image(archive).await.map(|_| Vec::new()) }.boxed()
        })],
        &["images/load"],
    ),
    Fault::new(
        "load-swallows-errors",
        "Data that is not a saved image is loaded as an unnamed image.",
        &[LoadImage(|inside, archive| {
            async move {
                match inside.driver.load_image(archive).await {
                    Err(error) if error.code() == codes::IMAGE_IMPORT_FAILED => Ok(Vec::new()),
                    result => result,
                }
            }
            .boxed()
        })],
        &["images/load-invalid"],
    ),
    Fault::new(
        "pull-again-fails",
        "Pulling a present image returns an error.",
        &[PullImage(|inside, image, options| {
            async move {
                if inside.memory.note(image.as_str()) > 0 {
                    return Err(ImagePullError::new(image.as_str(), "it already exists").into());
                }
                inside.driver.pull_image(image, options).await
            }
            .boxed()
        })],
        &["images/pull"],
    ),
    Fault::new(
        "load-reports-invalid-archive",
        "A failing source is reported as an invalid archive.",
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
        &["images/load-invalid"],
    ),
    Fault::new(
        "import-of-partial-data",
        "An import whose source fails creates an image from the partial data.",
        &[ImportImage(|inside, image, mut root| {
            async move {
                let mut received = Vec::new();
                while let Some(Ok(piece)) = root.next().await {
                    received.push(piece);
                }
                inside
                    .driver
                    .import_image(image, ByteStream::of_items(received))
                    .await
            }
            .boxed()
        })],
        &["images/import-invalid"],
    ),
    Fault::new(
        "pull-returns-no-result",
        "A pull ends without returning the image.",
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
        "A failed pull ends without an error.",
        &[PullImage(|inside, image, options| {
            async move { without_errors(inside.driver.pull_image(image, options).await) }.boxed()
        })],
        &["images/pull-missing", "images/no-secrets-in-errors"],
    ),
    Fault::new(
        "pull-errors-are-internal",
        "Every pull error is reported as a defect of the driver.",
        &[PullImage(|inside, image, options| {
            async move {
                let defect = |error: DriverError| InternalError::new(error.message()).into();
                with_errors(inside.driver.pull_image(image, options).await, defect)
            }
            .boxed()
        })],
        &["images/pull-missing"],
    ),
    Fault::new(
        "pull-of-missing-retryable",
        "Pulling an image that the registry does not have is retryable.",
        &[PullImage(|inside, image, options| {
            async move {
                let retryable = |error: DriverError| error.with_retryable(true);
                with_errors(inside.driver.pull_image(image, options).await, retryable)
            }
            .boxed()
        })],
        &["images/pull-missing"],
    ),
    Fault::new(
        "pull-rejects-credentials",
        "A pull fails if it has credentials that are not required.",
        &[PullImage(|inside, image, options| {
            if options.credentials.is_none() {
                return inside.driver.pull_image(image, options);
            }
            let error = ImagePullError::new(image.as_str(), "credentials are not required");
            std::future::ready(Err(error.into())).boxed()
        })],
        &["images/pull-credentials"],
    ),
    Fault::new(
        "pull-keeps-credentials",
        "Credentials are kept for all later pulls, and the registry rejects them.",
        &[PullImage(|inside, image, options| {
            pull_keeps_credentials(inside, image, options).boxed()
        })],
        &["images/pull-credentials"],
    ),
    Fault::new(
        "pull-errors-contain-secrets",
        "Errors of a pull contain its credentials.",
        &[PullImage(|inside, image, options| {
            leak_pull_secrets(inside, image, options).boxed()
        })],
        &["images/no-secrets-in-errors"],
    ),
];

async fn pull_keeps_credentials(
    inside: &Inside,
    image: &ImageRef,
    options: PullOptions,
) -> Result<PullStream> {
    const KEPT: &str = "credentials";
    if options.credentials.is_none() && inside.memory.has(KEPT) {
        return Err(AuthenticationError::new("the registry does not know that user").into());
    }
    if options.credentials.is_some() {
        inside.memory.note(KEPT);
    }
    inside.driver.pull_image(image, options).await
}

async fn leak_pull_secrets(inside: &Inside, image: &ImageRef, options: PullOptions) -> Result<PullStream> {
    let secret = secret_of(options.credentials.as_ref());
    let reported = {
        let image = image.clone();
        move |error: DriverError| {
            let message = format!("{} with {secret:?}", error.message());
            DriverError::from(ImagePullError::new(image.as_str(), message))
        }
    };
    with_errors(inside.driver.pull_image(image, options).await, reported)
}

/// Returns the secret in the credentials, or an empty string if there is none.
pub(super) fn secret_of(credentials: Option<&RegistryCredentials>) -> String {
    match credentials {
        Some(RegistryCredentials::Password { password, .. }) => password.clone(),
        Some(RegistryCredentials::IdentityToken(token)) => token.clone(),
        _ => String::new(),
    }
}
