//! Checks of pulling images.

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_types::{
    ContainerDriver, ImageInfo, ImageRef, Operation, PullOptions, PullProgress, RegistryCredentials,
};
use tokio::time::timeout;

use super::builds::assert_without_secret;
use super::images::usable;
use crate::{Check, CheckResult, Ctx, Failure, Need, run};

/// How long a pull from a registry on this host may take.
const PULL: Duration = Duration::from_secs(80);

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "images/pull",
        "A pull returns the image, which can then be used; pulling it again succeeds.",
        run!(pull),
    )
    .requires(&[Operation::PullImage])
    .needs(&[Need::Registry])
    .limit(480),
    Check::must(
        "images/pull-missing",
        "Pulling a missing image returns `ImagePullError` or `ImageNotFoundError` and creates no image.",
        run!(pull_missing),
    )
    .requires(&[Operation::PullImage])
    .without_image()
    .limit(480),
    Check::must(
        "images/pull-credentials",
        "Credentials that a registry does not require are not kept for the next pull.",
        run!(pull_credentials),
    )
    .requires(&[Operation::PullImage])
    .needs(&[Need::Registry])
    .limit(480),
    Check::must(
        "images/no-secrets-in-errors",
        "Pull errors contain neither the password nor the token.",
        run!(pull_secret),
    )
    .requires(&[Operation::PullImage])
    .without_image()
    .limit(480),
];

async fn pulled(
    ctx: &Ctx,
    image: &ImageRef,
    options: PullOptions,
) -> CheckResult<Result<Vec<PullProgress>, driver_interface_types::DriverError>> {
    let pull = async { ctx.driver().pull_image(image, options).await?.collect_all().await };
    let late = |_| Failure::new("the pull", format!("to end within {PULL:?}"), "it continues").into();
    timeout(PULL, pull).await.map_err(late)
}

fn done(steps: &[PullProgress]) -> Vec<&ImageInfo> {
    let mut found = Vec::new();
    for step in steps {
        if let PullProgress::Done(image) = step {
            found.push(image);
        }
    }
    found
}

async fn pull(ctx: Ctx) -> CheckResult {
    let image = ctx.registry_image()?;
    for _ in 0..2 {
        let steps = pulled(&ctx, &image, PullOptions::default()).await??;
        let found = done(&steps);
        ctx.equal("number of `Done` items", found.len(), 1)?;
        let last = matches!(steps.last(), Some(PullProgress::Done(_)));
        ctx.ensure("no progress follows", last, steps.last())?;
        let named = |info: &&ImageInfo| {
            info.references
                .iter()
                .any(|name| name.canonical() == image.canonical())
        };
        ctx.ensure("the image has the name", found.iter().any(named), &found)?;
        usable(&ctx, &image).await?;
    }
    Ok(())
}

async fn pull_missing(ctx: Ctx) -> CheckResult {
    // There is no registry at this address.
    let image = ImageRef::new(format!("127.0.0.1:1/{}:does-not-exist", ctx.name()))?;
    let result = pulled(&ctx, &image, PullOptions::default()).await?;
    ctx.refused(
        "the pull",
        result,
        &[codes::IMAGE_PULL_FAILED, codes::IMAGE_NOT_FOUND],
    )?;
    if let Ok(known) = ctx.registry_image() {
        let missing = ImageRef::new(format!("{}/{}:does-not-exist", known.registry(), ctx.name()))?;
        let result = pulled(&ctx, &missing, PullOptions::default()).await?;
        let error = ctx.refused(
            "the pull from a reachable registry",
            result,
            &[codes::IMAGE_PULL_FAILED, codes::IMAGE_NOT_FOUND],
        )?;
        ctx.equal("retryable", error.is_retryable(), false)?;
    }
    if ctx.declares(Operation::GetImage) {
        ctx.equal("the image", ctx.driver().get_image(&image).await?, None)?;
    }
    Ok(())
}

async fn pull_credentials(ctx: Ctx) -> CheckResult {
    let image = ctx.registry_image()?;
    let credentials = RegistryCredentials::password("robot", "hunter2-marker");
    let steps = pulled(&ctx, &image, PullOptions::default().credentials(credentials)).await?;
    match steps {
        Ok(steps) => ctx.equal("number of `Done` items", done(&steps).len(), 1)?,
        // A registry that requires no credentials may still reject credentials that it does not know.
        Err(error) => ctx.equal("the refusal", error.code(), codes::AUTHENTICATION_FAILED)?,
    }
    let steps = pulled(&ctx, &image, PullOptions::default()).await??;
    ctx.equal("number of `Done` items of the next pull", done(&steps).len(), 1)
}

async fn pull_secret(ctx: Ctx) -> CheckResult {
    const SECRET: &str = "hunter2-marker";
    let image = ImageRef::new(format!("127.0.0.1:1/{}:does-not-exist", ctx.name()))?;
    for credentials in [
        RegistryCredentials::password("robot", SECRET),
        RegistryCredentials::identity_token(SECRET),
    ] {
        let result = pulled(&ctx, &image, PullOptions::default().credentials(credentials)).await?;
        let Err(error) = result else {
            return Err(Failure::new("the pull", "to be refused", "success").into());
        };
        assert_without_secret(&ctx, &error, SECRET)?;
    }
    Ok(())
}
