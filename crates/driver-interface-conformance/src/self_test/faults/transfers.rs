//! Faults in building, committing, tagging, saving and pushing images, and in exporting and importing volumes.

use driver_interface_errors::{Effect, ImageBuildError, ImagePushError, InternalError, codes};
use driver_interface_types::{
    BuildOptions, BuildProgress, BuildStream, ByteStream, ContainerDriver as _, DriverError, ImageRef,
    PushOptions, PushProgress, PushStream, Result, StopOptions, TarStream,
};
use futures_util::FutureExt as _;

use super::calls::detached;
use super::images::secret_of;
use super::streams::{changed, with_errors, without_errors};
use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{
    BuildImage, CommitContainer, ExportVolume, ImportVolume, PushImage, SaveImage, TagImage,
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "build-without-output",
        "A build reports no output.",
        &[BuildImage(|inside, image, context, options| {
            async move {
                let reports = inside.driver.build_image(image, context, options).await?;
                Ok(changed(reports, |report| {
                    Some(report).filter(|report| !matches!(report, BuildProgress::Output(_)))
                }))
            }
            .boxed()
        })],
        &["images/build", "cancellation/build"],
    ),
    Fault::new(
        "build-returns-no-result",
        "A build ends without returning the image.",
        &[BuildImage(|inside, image, context, options| {
            async move {
                let reports = inside.driver.build_image(image, context, options).await?;
                Ok(changed(reports, |report| {
                    Some(report).filter(|report| !matches!(report, BuildProgress::Done(_)))
                }))
            }
            .boxed()
        })],
        &[
            "images/build", "images/build-from-text", "capability/image-build", "cancellation/build",
        ],
    ),
    Fault::new(
        "build-ignores-arguments",
        "A build ignores its arguments.",
        &[BuildImage(|inside, image, context, mut options| {
            options.args.clear();
            inside.driver.build_image(image, context, options)
        })],
        &["images/build-from-text"],
    ),
    Fault::new(
        "build-ignores-target",
        "A build always builds the last stage.",
        &[BuildImage(|inside, image, context, mut options| {
            options.target = None;
            inside.driver.build_image(image, context, options)
        })],
        &["images/build-from-text", "images/build-failed"],
    ),
    Fault::new(
        "build-swallows-errors",
        "A failed build ends without an error.",
        &[BuildImage(|inside, image, context, options| {
            async move { without_errors(inside.driver.build_image(image, context, options).await) }.boxed()
        })],
        &[
            "images/build-failed",
            "images/build-context-fails",
            "images/build-no-secrets-in-errors",
        ],
    ),
    Fault::new(
        "build-errors-have-unknown-effect",
        "A failed build reports an unknown effect.",
        &[BuildImage(|inside, image, context, options| {
            async move {
                let unknown = |error: DriverError| error.with_effect(Effect::Unknown);
                with_errors(inside.driver.build_image(image, context, options).await, unknown)
            }
            .boxed()
        })],
        &["images/build-failed"],
    ),
    Fault::new(
        "build-errors-contain-secrets",
        "Errors of a build contain its arguments and credentials.",
        &[BuildImage(|inside, image, context, options| {
            leak_build_secrets(inside, image, context, options).boxed()
        })],
        &["images/build-no-secrets-in-errors"],
    ),
    Fault::new(
        "build-blames-the-context",
        "A failing context is reported as a failed build.",
        &[BuildImage(|inside, image, context, options| {
            async move {
                let blamed = |error: DriverError| match error.code() {
                    codes::INTERNAL_ERROR => ImageBuildError::new(image.as_str(), error.message()).into(),
                    _ => error,
                };
                inside
                    .driver
                    .build_image(image, context, options)
                    .await
                    .map_err(blamed)
            }
            .boxed()
        })],
        &["images/build-context-fails"],
    ),
    Fault::new(
        "dropped-build-continues",
        "A dropped build still creates its image.",
        &[BuildImage(|inside, image, context, options| {
            let (driver, name) = (std::sync::Arc::clone(&inside.driver), image.clone());
            async move {
                let reports = detached(async move {
                    let stream = driver.build_image(&name, context, options).await?;
                    stream.collect_all().await
                });
                Ok(BuildStream::of_items(reports.await?))
            }
            .boxed()
        })],
        &["cancellation/build"],
    ),
    Fault::new(
        "commit-ignores-changes",
        "A commit ignores the changed settings.",
        &[CommitContainer(|inside, id, image, mut options| {
            options.changes.clear();
            inside.driver.commit_container(id, image, options)
        })],
        &["images/commit", "images/commit-invalid"],
    ),
    Fault::new(
        "commit-stops-container",
        "A commit stops the container.",
        &[CommitContainer(|inside, id, image, options| {
            async move {
                let committed = inside.driver.commit_container(id, image, options).await?;
                inside.driver.stop_container(id, StopOptions::kill()).await?;
                Ok(committed)
            }
            .boxed()
        })],
        &["images/commit"],
    ),
    Fault::new(
        "tag-moves-the-name",
        "Tagging an image removes its first name.",
        &[TagImage(|inside, image, new| {
            async move {
                inside.driver.tag_image(image, new).await?;
                inside.driver.remove_image(image).await
            }
            .boxed()
        })],
        &["images/tag", "capability/image-tag"],
    ),
    Fault::new(
        "tag-keeps-the-name-in-use",
        "A name that is in use does not move.",
        &[TagImage(|inside, image, new| {
            async move {
                match inside.driver.get_image(new).await?.is_some() {
                    true => Ok(()),
                    false => inside.driver.tag_image(image, new).await,
                }
            }
            .boxed()
        })],
        &["images/tag"],
    ),
    Fault::new(
        "saved-image-is-cut",
        "A saved image lacks its end.",
        &[SaveImage(|inside, image| {
            async move {
                let whole = inside.driver.save_image(image).await?.read_all(64 << 20).await?;
                Ok(ByteStream::from(whole.slice(..whole.len() / 3)))
            }
            .boxed()
        })],
        &["images/save"],
    ),
    Fault::new(
        "saved-image-is-empty",
        "A saved image is an empty archive.",
        &[SaveImage(|inside, image| {
            async move {
                inside.driver.save_image(image).await?;
                Ok(ByteStream::from(vec![0; 1024]))
            }
            .boxed()
        })],
        &["images/save", "capability/image-save"],
    ),
    Fault::new(
        "push-uploads-nothing",
        "A push reports success, but uploads nothing.",
        &[PushImage(|inside, image, options| {
            async move {
                match inside.driver.get_image(image).await? {
                    Some(found) => Ok(PushStream::of_items([PushProgress::Done(found)])),
                    None => inside.driver.push_image(image, options).await,
                }
            }
            .boxed()
        })],
        &["images/push", "images/push-failed"],
    ),
    Fault::new(
        "push-swallows-errors",
        "A failed push ends without an error.",
        &[PushImage(|inside, image, options| {
            async move { without_errors(inside.driver.push_image(image, options).await) }.boxed()
        })],
        &["images/push-failed", "images/push-no-secrets-in-errors"],
    ),
    Fault::new(
        "push-errors-contain-secrets",
        "Errors of a push contain its credentials.",
        &[PushImage(|inside, image, options| {
            leak_push_secrets(inside, image, options).boxed()
        })],
        &["images/push-no-secrets-in-errors"],
    ),
    Fault::new(
        "import-unpacks-nothing",
        "An import into a volume unpacks nothing.",
        &[ImportVolume(|inside, id, archive| {
            async move {
                archive.collect_all().await?;
                inside
                    .driver
                    .import_volume(id, ByteStream::from(vec![0; 1024]))
                    .await
            }
            .boxed()
        })],
        &[
            "volumes/export-import", "volumes/import-invalid", "capability/volume-export",
        ],
    ),
    Fault::new(
        "import-swallows-errors",
        "A failed import into a volume succeeds.",
        &[ImportVolume(|inside, id, archive| {
            async move {
                match inside.driver.import_volume(id, archive).await {
                    Err(error) if !error.is_not_found() => Ok(()),
                    result => result,
                }
            }
            .boxed()
        })],
        &["volumes/import-invalid"],
    ),
    Fault::new(
        "export-of-empty-volume-fails",
        "Exporting a volume without files fails.",
        &[ExportVolume(|inside, id| {
            async move {
                let whole = inside.driver.export_volume(id).await?.read_all(16 << 20).await?;
                match whole.len() {
                    0..=2048 => Err(InternalError::new("there is nothing to export").into()),
                    _ => Ok(ByteStream::from(whole)),
                }
            }
            .boxed()
        })],
        &["volumes/export-empty"],
    ),
];

async fn leak_build_secrets(
    inside: &Inside,
    image: &ImageRef,
    context: TarStream,
    options: BuildOptions,
) -> Result<BuildStream> {
    let secrets = format!("{:?}", options.args.values());
    let reported = {
        let image = image.clone();
        move |error: DriverError| {
            let message = format!("{} with {secrets}", error.message());
            DriverError::from(ImageBuildError::new(image.as_str(), message))
        }
    };
    with_errors(inside.driver.build_image(image, context, options).await, reported)
}

async fn leak_push_secrets(inside: &Inside, image: &ImageRef, options: PushOptions) -> Result<PushStream> {
    let secret = secret_of(options.credentials.as_ref());
    let reported = {
        let image = image.clone();
        move |error: DriverError| {
            let message = format!("{} with {secret:?}", error.message());
            DriverError::from(ImagePushError::new(image.as_str(), message))
        }
    };
    with_errors(inside.driver.push_image(image, options).await, reported)
}
