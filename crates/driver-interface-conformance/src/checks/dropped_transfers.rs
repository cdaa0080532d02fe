//! Checks of builds, pushes, exports and imports that are dropped.

use std::time::Duration;

use driver_interface_errors::codes;
use driver_interface_types::{ByteStream, Bytes, ContainerDriver, ImageRef, Operation, PushOptions};
use futures_util::{StreamExt as _, stream};
use tokio::time::sleep;

use super::builds::{finished, long_build};
use super::cancellation::polled;
use super::images::{imported, tar};
use super::volume_transfer::names;
use crate::{Check, CheckResult, Ctx, Need, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "cancellation/build",
        "A dropped build creates no image, and the next build succeeds.",
        run!(build),
    )
    .requires(&[Operation::BuildImage, Operation::GetImage])
    .without_programs()
    .limit(480),
    Check::must(
        "cancellation/push",
        "After a dropped push the next push succeeds.",
        run!(push),
    )
    .requires(&[Operation::PushImage, Operation::ImportImage])
    .needs(&[Need::Registry])
    .limit(480),
    Check::must(
        "cancellation/volume-transfer",
        "After dropped exports and imports, the next ones succeed and the volume can be removed.",
        run!(volume_transfer),
    )
    .requires(&[Operation::ExportVolume, Operation::ImportVolume])
    .without_image()
    .limit(480),
];

async fn build(ctx: Ctx) -> CheckResult {
    let image = ImageRef::new(format!("localhost/{}:1", ctx.name()))?;
    for polls in [1, 2, 4] {
        drop(polled(polls, long_build(&ctx, &image)).await);
    }
    let mut stream = long_build(&ctx, &image).await?;
    let first = finished("the first report", stream.next()).await?.transpose()?;
    ctx.ensure("the build has begun", first.is_some(), &first)?;
    drop(stream);
    // Longer than the build would take.
    sleep(Duration::from_secs(8)).await;
    ctx.equal("the image", ctx.driver().get_image(&image).await?, None)?;
    let stream = long_build(&ctx, &image).await?;
    let done = finished("the next build", stream.finish()).await??;
    ctx.ensure("the image has an id", !done.id.is_empty(), done)
}

async fn push(ctx: Ctx) -> CheckResult {
    let image = imported(&ctx, ctx.registry_image()?.registry()).await?;
    for polls in [1, 2, 4] {
        drop(polled(polls, ctx.driver().push_image(&image, PushOptions::default())).await);
        drop(ctx.driver().push_image(&image, PushOptions::default()).await?);
    }
    let stream = ctx.driver().push_image(&image, PushOptions::default()).await?;
    let done = finished("the push", stream.finish()).await??;
    ctx.ensure("the image has an id", !done.id.is_empty(), done)
}

async fn volume_transfer(ctx: Ctx) -> CheckResult {
    let volume = ctx.driver().create_volume(&ctx.volume()).await?.id;
    let archive: Bytes = tar(&[("file", &[b'x'; 100_000])])?.into();
    ctx.driver()
        .import_volume(&volume, archive.clone().into())
        .await?;
    for (polls, millis) in [(1, 100), (2, 300), (4, 900), (8, 1500)] {
        drop(polled(polls, ctx.driver().export_volume(&volume)).await);
        let mut stream = ctx.driver().export_volume(&volume).await?;
        let piece = finished("the first piece", stream.next()).await?.transpose()?;
        ctx.ensure(
            "the archive has begun",
            piece.is_some(),
            piece.map(|piece| piece.len()),
        )?;
        drop(stream);
        // This archive never ends.
        let endless = stream::iter([Ok(archive.slice(..1024))]).chain(stream::pending());
        let import = ctx.driver().import_volume(&volume, ByteStream::new(endless));
        let dropped = tokio::time::timeout(Duration::from_millis(millis), import).await;
        ctx.ensure("the import was in progress", dropped.is_err(), dropped.is_err())?;
    }
    ctx.driver().import_volume(&volume, archive.into()).await?;
    let exported = ctx.driver().export_volume(&volume).await?;
    let exported = finished("the export", exported.read_all(1 << 20)).await??;
    ctx.equal("the names", names(&exported)?.contains(&"file".to_owned()), true)?;
    ctx.driver().remove_volume(&volume).await?;
    sleep(Duration::from_secs(3)).await;
    let again = ctx.driver().remove_volume(&volume).await;
    ctx.refused("removing it again", again, &[codes::VOLUME_NOT_FOUND])?;
    Ok(())
}
