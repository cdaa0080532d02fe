//! What every operation says about something that does not exist: one check an operation.

use driver_interface_errors::{Effect, codes};
use driver_interface_types::{
    Capability, ContainerDriver, ContainerId, DriverError, ImageRef, LogOptions, NetworkId, RemoveOptions,
    StopOptions, VolumeId,
};

use crate::{Check, CheckResult, Ctx, Failure};

#[derive(Clone, Copy, Debug)]
enum Operation {
    Start,
    Stop,
    StopByForce,
    Remove,
    RemoveByForce,
    Logs,
    IsHealthy,
    RemoveVolume,
    RemoveNetwork,
    RemoveImage,
}

macro_rules! not_found {
    ($($id:literal, $operation:ident, $call:literal, $error:literal $(, $capability:ident)?;)+) => {
        pub(super) const CHECKS: &[Check] = &[
            $(
                Check::must(
                    concat!("errors/not-found/", $id),
                    concat!($call, " of what does not exist is `", $error, "`, not retryable, and names it."),
                    |ctx| Box::pin(refuses(ctx, Operation::$operation)),
                )
                .without_image()
                .requires(&[$(Capability::$capability)?]),
            )+
            Check::must(
                "errors/not-found/get-container",
                "`get_container` of what does not exist is `None`, never an error.",
                |ctx| Box::pin(get_answers_none(ctx)),
            )
            .without_image(),
        ];
    };
}

not_found! {
    "start-container", Start, "`start_container`", "ContainerNotFoundError";
    "stop-container", Stop, "`stop_container`", "ContainerNotFoundError";
    "stop-container-by-force", StopByForce, "`stop_container` by force", "ContainerNotFoundError";
    "remove-container", Remove, "`remove_container`", "ContainerNotFoundError";
    "remove-container-by-force", RemoveByForce, "`remove_container` by force", "ContainerNotFoundError";
    "get-container-logs", Logs, "`get_container_logs`", "ContainerNotFoundError";
    "is-container-healthy", IsHealthy, "`is_container_healthy`", "ContainerNotFoundError";
    "remove-volume", RemoveVolume, "`remove_volume`", "VolumeNotFoundError";
    "remove-network", RemoveNetwork, "`remove_network`", "NetworkNotFoundError";
    "remove-image", RemoveImage, "`remove_image`", "ImageNotFoundError", ImageRemove;
}

/// Names that nothing has, also ones that look like ids: whole ones, short ones, and hex digits engines match by.
fn nobody(ctx: &Ctx) -> Vec<String> {
    vec![
        ctx.name(),
        "deadbeef".repeat(8),
        "deadbeefcafe".to_owned(),
        "ab".to_owned(),
    ]
}

async fn refuses(ctx: Ctx, operation: Operation) -> CheckResult {
    for id in nobody(&ctx) {
        let (error, code) = provoke(&ctx, operation, &id).await?;
        let about = format!("{operation:?} of {id}");
        let Some(error) = error else {
            return Err(Failure::new(about, code, "success").into());
        };
        ctx.equal(&about, error.code(), code)?;
        ctx.equal(format!("retryable ({about})"), error.is_retryable(), false)?;
        ctx.equal(format!("effect ({about})"), error.effect(), Effect::NotApplied)?;
        ctx.ensure(
            format!("the message names it ({about})"),
            error.message().contains(&id),
            error.message(),
        )?;
    }
    Ok(())
}

async fn provoke(
    ctx: &Ctx,
    operation: Operation,
    id: &str,
) -> CheckResult<(Option<DriverError>, &'static str)> {
    let driver = ctx.driver();
    let container = ContainerId::new(id)?;
    Ok(match operation {
        Operation::Start => (
            driver.start_container(&container).await.err(),
            codes::CONTAINER_NOT_FOUND,
        ),
        Operation::Stop => (
            driver
                .stop_container(&container, StopOptions::default())
                .await
                .err(),
            codes::CONTAINER_NOT_FOUND,
        ),
        Operation::StopByForce => (
            driver.stop_container(&container, StopOptions::kill()).await.err(),
            codes::CONTAINER_NOT_FOUND,
        ),
        Operation::Remove => (
            driver
                .remove_container(&container, RemoveOptions::default())
                .await
                .err(),
            codes::CONTAINER_NOT_FOUND,
        ),
        Operation::RemoveByForce => (
            driver
                .remove_container(&container, RemoveOptions::force())
                .await
                .err(),
            codes::CONTAINER_NOT_FOUND,
        ),
        Operation::Logs => (
            driver
                .get_container_logs(&container, LogOptions::default())
                .await
                .err(),
            codes::CONTAINER_NOT_FOUND,
        ),
        Operation::IsHealthy => (
            driver.is_container_healthy(&container).await.err(),
            codes::CONTAINER_NOT_FOUND,
        ),
        Operation::RemoveVolume => (
            driver.remove_volume(&VolumeId::new(id)?).await.err(),
            codes::VOLUME_NOT_FOUND,
        ),
        Operation::RemoveNetwork => (
            driver.remove_network(&NetworkId::new(id)?).await.err(),
            codes::NETWORK_NOT_FOUND,
        ),
        Operation::RemoveImage => {
            let image = ImageRef::new(format!("localhost/{id}:1"))?;
            (driver.remove_image(&image).await.err(), codes::IMAGE_NOT_FOUND)
        }
    })
}

async fn get_answers_none(ctx: Ctx) -> CheckResult {
    for id in nobody(&ctx) {
        ctx.equal(
            format!("get of {id}"),
            ctx.driver().get_container(&ContainerId::new(id)?).await?,
            None,
        )?;
    }
    Ok(())
}
