//! Checks of tagging, saving and pushing images.

use driver_interface_errors::codes;
use driver_interface_types::{
    ContainerDriver, ImageRef, Operation, PullOptions, PullPolicy, PushOptions, PushProgress,
    ReadFileOptions, RegistryCredentials, RemoveOptions, Result as DriverResult,
};

use super::builds::{assert_without_secret, finished};
use super::files::path;
use super::images::{FILE, imported};
use crate::{Check, CheckResult, Ctx, Need, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "images/tag",
        "A tagged image has both names, tagging again succeeds, a name in use moves, and a digest is refused.",
        run!(tag),
    )
    .requires(&[
        Operation::TagImage,
        Operation::ImportImage,
        Operation::RemoveImage,
        Operation::GetImage,
    ])
    .without_image(),
    Check::must(
        "images/save",
        "A saved image can be loaded again under its name, with its files.",
        run!(save),
    )
    .requires(&[
        Operation::SaveImage,
        Operation::LoadImage,
        Operation::ImportImage,
        Operation::RemoveImage,
        Operation::ReadFile,
    ])
    .without_image(),
    Check::must(
        "images/push",
        "A push reports its progress and then the image, which can then be pulled.",
        run!(push),
    )
    .requires(&[
        Operation::PushImage,
        Operation::PullImage,
        Operation::ImportImage,
        Operation::RemoveImage,
        Operation::ReadFile,
    ])
    .needs(&[Need::Registry])
    .limit(480),
    Check::must(
        "images/push-failed",
        "A push to an unreachable registry returns a retryable `ImagePushError`, and a name with a digest is refused.",
        run!(push_failed),
    )
    .requires(&[Operation::PushImage, Operation::ImportImage])
    .without_image()
    .limit(480),
    Check::must(
        "images/push-no-secrets-in-errors",
        "Push errors contain neither the password nor the token.",
        run!(push_secret),
    )
    .requires(&[Operation::PushImage, Operation::ImportImage])
    .without_image()
    .limit(480),
];

/// A registry to which nothing can be pushed, because nothing listens at this address.
const UNREACHABLE: &str = "127.0.0.1:1";

async fn id_of(ctx: &Ctx, image: &ImageRef) -> CheckResult<Option<String>> {
    Ok(ctx.driver().get_image(image).await?.map(|found| found.id))
}

async fn tag(ctx: Ctx) -> CheckResult {
    let (one, other) = (
        imported(&ctx, "localhost").await?,
        imported(&ctx, "localhost").await?,
    );
    let new = ImageRef::new(format!("localhost/{}:new", ctx.name()))?;
    ctx.may_load(&new);
    for _ in 0..2 {
        ctx.driver().tag_image(&one, &new).await?;
        let id = id_of(&ctx, &one).await?;
        ctx.ensure("it keeps its name", id.is_some(), &id)?;
        ctx.equal("the image of the new name", id_of(&ctx, &new).await?, id)?;
    }
    ctx.driver().tag_image(&other, &new).await?;
    let id = id_of(&ctx, &other).await?;
    ctx.equal(
        "the image to which the name moved",
        id_of(&ctx, &new).await?,
        id.clone(),
    )?;
    let first = id_of(&ctx, &one).await?;
    ctx.ensure("the first image stays", first.is_some() && first != id, &first)?;
    ctx.driver().remove_image(&new).await?;
    ctx.equal("the image of the removed name", id_of(&ctx, &new).await?, None)?;
    ctx.equal("the image of the other name", id_of(&ctx, &other).await?, id)?;
    let digest = ImageRef::new(format!("localhost/{}@sha256:{}", ctx.name(), "0".repeat(64)))?;
    let result = ctx.driver().tag_image(&one, &digest).await;
    ctx.refused("a name with a digest", result, &[codes::CONFIGURATION_ERROR])?;
    Ok(())
}

/// Asserts that a container that is created from an [imported] image contains the file of this image.
async fn has_file(ctx: &Ctx, image: &ImageRef) -> CheckResult {
    let mut config = ctx.program(["true"]).pull_policy(PullPolicy::Never);
    config.image = image.to_string();
    let created = ctx.driver().create_container(&config).await?;
    let file = ctx
        .driver()
        .read_file(&created.id, &path(FILE)?, ReadFileOptions::default())
        .await?;
    ctx.equal(
        "its file",
        String::from_utf8_lossy(&file).as_ref(),
        image.as_str(),
    )?;
    ctx.driver()
        .remove_container(&created.id, RemoveOptions::default())
        .await?;
    Ok(())
}

async fn save(ctx: Ctx) -> CheckResult {
    let image = imported(&ctx, "localhost").await?;
    let archive = ctx.driver().save_image(&image).await?;
    let archive = finished("the archive", archive.read_all(64 << 20)).await??;
    ctx.driver().remove_image(&image).await?;
    ctx.may_load(&image);
    let names = ctx.driver().load_image(archive.into()).await?;
    let names: Vec<String> = names.iter().map(ImageRef::canonical).collect();
    ctx.equal("the loaded names", names, vec![image.canonical()])?;
    has_file(&ctx, &image).await
}

async fn pushed(
    ctx: &Ctx,
    image: &ImageRef,
    options: PushOptions,
) -> CheckResult<DriverResult<Vec<PushProgress>>> {
    let push = async { ctx.driver().push_image(image, options).await?.collect_all().await };
    finished("the push", push).await
}

async fn push(ctx: Ctx) -> CheckResult {
    let image = imported(&ctx, ctx.registry_image()?.registry()).await?;
    for _ in 0..2 {
        let reports = pushed(&ctx, &image, PushOptions::default()).await??;
        let done = |report: &&PushProgress| matches!(report, PushProgress::Done(_));
        ctx.equal("number of `Done` items", reports.iter().filter(done).count(), 1)?;
        ctx.ensure(
            "`Done` is the last item",
            reports.last().is_some_and(|last| done(&last)),
            reports.last(),
        )?;
    }
    ctx.driver().remove_image(&image).await?;
    ctx.may_load(&image);
    let pull = async {
        let stream = ctx.driver().pull_image(&image, PullOptions::default()).await?;
        stream.finish().await
    };
    finished("the pull", pull).await??;
    has_file(&ctx, &image).await
}

async fn push_failed(ctx: Ctx) -> CheckResult {
    let image = imported(&ctx, UNREACHABLE).await?;
    let result = pushed(&ctx, &image, PushOptions::default()).await?;
    let error = ctx.refused("an unreachable registry", result, &[codes::IMAGE_PUSH_FAILED])?;
    ctx.equal("retryable", error.is_retryable(), true)?;
    let digest = ImageRef::new(format!("{UNREACHABLE}/{}@sha256:{}", ctx.name(), "0".repeat(64)))?;
    let result = pushed(&ctx, &digest, PushOptions::default()).await?;
    ctx.refused("a name with a digest", result, &[codes::CONFIGURATION_ERROR])?;
    Ok(())
}

async fn push_secret(ctx: Ctx) -> CheckResult {
    const SECRET: &str = "hunter2-marker";
    let image = imported(&ctx, UNREACHABLE).await?;
    for credentials in [
        RegistryCredentials::password("robot", SECRET),
        RegistryCredentials::identity_token(SECRET),
    ] {
        let result = pushed(&ctx, &image, PushOptions::default().credentials(credentials)).await?;
        let error = ctx.refused("the push", result, &[codes::IMAGE_PUSH_FAILED])?;
        assert_without_secret(&ctx, &error, SECRET)?;
    }
    Ok(())
}
