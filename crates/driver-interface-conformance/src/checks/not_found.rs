//! Checks of every operation on a resource that does not exist: one check per operation.

use driver_interface_errors::{Effect, codes};
use driver_interface_types::{
    ContainerDriver, ContainerId, DriverError, NetworkConnectOptions, NetworkId, Operation, RemoveOptions,
    StopOptions, VolumeId,
};

use crate::{Check, CheckResult, Ctx, Failure};

macro_rules! not_found {
    ($($id:literal, $operation:ident, $call:literal, $error:literal;)+) => {
        pub(super) const CHECKS: &[Check] = &[
            $(
                Check::must(
                    concat!("errors/not-found/", $id),
                    concat!($call, " of a missing resource is `", $error, "`, not retryable, and names it."),
                    |ctx| Box::pin(refuses(ctx, Operation::$operation)),
                )
                .without_image()
                .requires(&[Operation::$operation]),
            )+
            Check::must(
                "errors/not-found/stop-container-by-force",
                "`stop_container` with force of a missing container is `ContainerNotFoundError`, not \
                 retryable, and names it.",
                |ctx| Box::pin(refuses_force(ctx, Operation::StopContainer)),
            )
            .without_image(),
            Check::must(
                "errors/not-found/remove-container-by-force",
                "`remove_container` with force of a missing container is `ContainerNotFoundError`, not \
                 retryable, and names it.",
                |ctx| Box::pin(refuses_force(ctx, Operation::RemoveContainer)),
            )
            .without_image(),
            Check::must(
                "errors/not-found/get-volume",
                "`get_volume` of a missing volume is `None`, never an error.",
                |ctx| Box::pin(get_volume_answers_none(ctx)),
            )
            .without_image()
            .requires(&[Operation::GetVolume]),
            Check::must(
                "errors/not-found/get-network",
                "`get_network` of a missing network is `None`, never an error.",
                |ctx| Box::pin(get_network_answers_none(ctx)),
            )
            .without_image()
            .requires(&[Operation::GetNetwork]),
            Check::must(
                "errors/not-found/connect-network",
                "`connect_network` names the missing network or container and has no effect.",
                |ctx| Box::pin(connection_refuses(ctx, true)),
            )
            .requires(&[Operation::ConnectNetwork, Operation::DisconnectNetwork]),
            Check::must(
                "errors/not-found/disconnect-network",
                "`disconnect_network` names the missing network or container.",
                |ctx| Box::pin(connection_refuses(ctx, false)),
            )
            .requires(&[Operation::ConnectNetwork, Operation::DisconnectNetwork]),
            Check::must(
                "errors/not-found/get-container",
                "`get_container` of a missing container is `None`, never an error.",
                |ctx| Box::pin(get_answers_none(ctx)),
            )
            .without_image(),
        ];
    };
}

not_found! {
    "start-container", StartContainer, "`start_container`", "ContainerNotFoundError";
    "stop-container", StopContainer, "`stop_container`", "ContainerNotFoundError";
    "remove-container", RemoveContainer, "`remove_container`", "ContainerNotFoundError";
    "get-container-logs", GetContainerLogs, "`get_container_logs`", "ContainerNotFoundError";
    "is-container-healthy", IsContainerHealthy, "`is_container_healthy`", "ContainerNotFoundError";
    "remove-volume", RemoveVolume, "`remove_volume`", "VolumeNotFoundError";
    "remove-network", RemoveNetwork, "`remove_network`", "NetworkNotFoundError";
    "remove-image", RemoveImage, "`remove_image`", "ImageNotFoundError";
    "wait-container", WaitContainer, "`wait_container`", "ContainerNotFoundError";
    "kill-container", KillContainer, "`kill_container`", "ContainerNotFoundError";
    "pause-container", PauseContainer, "`pause_container`", "ContainerNotFoundError";
    "unpause-container", UnpauseContainer, "`unpause_container`", "ContainerNotFoundError";
    "restart-container", RestartContainer, "`restart_container`", "ContainerNotFoundError";
    "exec", Exec, "`exec`", "ContainerNotFoundError";
    "exec-stream", ExecStream, "`exec_stream`", "ContainerNotFoundError";
    "exec-detached", ExecDetached, "`exec_detached`", "ContainerNotFoundError";
    "exec-status", ExecStatus, "`exec_status`", "ContainerNotFoundError";
    "stream-container-logs", StreamContainerLogs, "`stream_container_logs`", "ContainerNotFoundError";
    "copy-into-container", CopyIntoContainer, "`copy_into_container`", "ContainerNotFoundError";
    "copy-from-container", CopyFromContainer, "`copy_from_container`", "ContainerNotFoundError";
    "read-file", ReadFile, "`read_file`", "ContainerNotFoundError";
    "read-file-stream", ReadFileStream, "`read_file_stream`", "ContainerNotFoundError";
    "write-file", WriteFile, "`write_file`", "ContainerNotFoundError";
    "container-stats", ContainerStats, "`container_stats`", "ContainerNotFoundError";
    "stream-container-stats", StreamContainerStats, "`stream_container_stats`", "ContainerNotFoundError";
}

/// Returns names that no resource has. Some look like ids: full ones, short ones, and hex digits that engines
/// match as prefixes.
fn unknown_names(ctx: &Ctx) -> Vec<String> {
    vec![
        ctx.name(),
        "deadbeef".repeat(8),
        "deadbeefcafe".to_owned(),
        "ab".to_owned(),
    ]
}

async fn refuses(ctx: Ctx, operation: Operation) -> CheckResult {
    for name in unknown_names(&ctx) {
        let error = crate::call(ctx.driver(), operation, &name).await.err();
        names_missing(&ctx, operation, &name, error)?;
    }
    Ok(())
}

async fn refuses_force(ctx: Ctx, operation: Operation) -> CheckResult {
    let driver = ctx.driver();
    for name in unknown_names(&ctx) {
        let id = ContainerId::new(&name)?;
        let error = match operation {
            Operation::StopContainer => driver.stop_container(&id, StopOptions::kill()).await.err(),
            _ => driver.remove_container(&id, RemoveOptions::force()).await.err(),
        };
        names_missing(&ctx, operation, &name, error)?;
    }
    Ok(())
}

fn names_missing(ctx: &Ctx, operation: Operation, name: &str, error: Option<DriverError>) -> CheckResult {
    let code = match operation {
        Operation::RemoveVolume => codes::VOLUME_NOT_FOUND,
        Operation::RemoveNetwork => codes::NETWORK_NOT_FOUND,
        Operation::RemoveImage => codes::IMAGE_NOT_FOUND,
        _ => codes::CONTAINER_NOT_FOUND,
    };
    let about = format!("{operation} of {name}");
    let Some(error) = error else {
        return Err(Failure::new(about, code, "success").into());
    };
    ctx.equal(&about, error.code(), code)?;
    ctx.equal(format!("retryable ({about})"), error.is_retryable(), false)?;
    ctx.equal(format!("effect ({about})"), error.effect(), Effect::NotApplied)?;
    ctx.ensure(
        format!("the message names it ({about})"),
        error.message().contains(name),
        error.message(),
    )
}

async fn get_answers_none(ctx: Ctx) -> CheckResult {
    for id in unknown_names(&ctx) {
        ctx.equal(
            format!("get of {id}"),
            ctx.driver().get_container(&ContainerId::new(id)?).await?,
            None,
        )?;
    }
    Ok(())
}

async fn get_volume_answers_none(ctx: Ctx) -> CheckResult {
    for id in unknown_names(&ctx) {
        let found = ctx.driver().get_volume(&VolumeId::new(&id)?).await?;
        ctx.equal(format!("get of {id}"), found, None)?;
    }
    Ok(())
}

async fn get_network_answers_none(ctx: Ctx) -> CheckResult {
    for id in unknown_names(&ctx) {
        let found = ctx.driver().get_network(&NetworkId::new(&id)?).await?;
        ctx.equal(format!("get of {id}"), found, None)?;
    }
    Ok(())
}

async fn connection_refuses(ctx: Ctx, connect: bool) -> CheckResult {
    let container = ctx.driver().create_container(&ctx.script("true")).await?;
    let network = ctx.driver().create_network(&ctx.network()).await?;
    for name in unknown_names(&ctx) {
        let (no_container, no_network) = (ContainerId::new(&name)?, NetworkId::new(&name)?);
        for (network, container, code) in [
            (&no_network, &container.id, codes::NETWORK_NOT_FOUND),
            (&network.id, &no_container, codes::CONTAINER_NOT_FOUND),
        ] {
            let options = NetworkConnectOptions::default();
            let result = match connect {
                true => ctx.driver().connect_network(network, container, options).await,
                false => ctx.driver().disconnect_network(network, container).await,
            };
            let about = format!("{container} and {network}");
            let error = ctx.refused(&about, result, &[code])?;
            ctx.equal(format!("retryable ({about})"), error.is_retryable(), false)?;
            ctx.equal(format!("effect ({about})"), error.effect(), Effect::NotApplied)?;
            ctx.ensure(
                format!("the message names it ({about})"),
                error.message().contains(&name),
                error.message(),
            )?;
        }
    }
    Ok(())
}
