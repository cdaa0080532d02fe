//! Checks of each operation on a resource that does not exist, with one check for each operation.

use driver_interface_errors::{Effect, codes};
use driver_interface_types::{
    ContainerDriver, ContainerId, DriverError, NetworkConnectOptions, NetworkId, Operation, RemoveOptions,
    StopOptions, VolumeId,
};

use crate::{Check, CheckResult, Ctx, Failure};

macro_rules! not_found {
    ($($id:literal, $operation:ident, $call:literal, $resource:literal, $error:literal;)+) => {
        pub(super) const CHECKS: &[Check] = &[
            $(
                Check::must(
                    concat!("errors/not-found/", $id),
                    concat!(
                        $call,
                        " on a missing ",
                        $resource,
                        " returns a non-retryable `",
                        $error,
                        "NotFoundError` that names it."
                    ),
                    |ctx| Box::pin(returns_not_found(ctx, Operation::$operation)),
                )
                .without_image()
                .requires(&[Operation::$operation]),
            )+
            Check::must(
                "errors/not-found/stop-container-by-force",
                "`stop_container` with force on a missing container returns a non-retryable \
                 `ContainerNotFoundError` that names it.",
                |ctx| Box::pin(forced_returns_not_found(ctx, Operation::StopContainer)),
            )
            .without_image(),
            Check::must(
                "errors/not-found/remove-container-by-force",
                "`remove_container` with force on a missing container returns a non-retryable \
                 `ContainerNotFoundError` that names it.",
                |ctx| Box::pin(forced_returns_not_found(ctx, Operation::RemoveContainer)),
            )
            .without_image(),
            Check::must(
                "errors/not-found/get-volume",
                "`get_volume` returns `None` for a missing volume, never an error.",
                |ctx| Box::pin(get_volume_returns_none(ctx)),
            )
            .without_image()
            .requires(&[Operation::GetVolume]),
            Check::must(
                "errors/not-found/get-network",
                "`get_network` returns `None` for a missing network, never an error.",
                |ctx| Box::pin(get_network_returns_none(ctx)),
            )
            .without_image()
            .requires(&[Operation::GetNetwork]),
            Check::must(
                "errors/not-found/connect-network",
                "`connect_network` returns an error that names the missing network or container, and has no \
                 effect.",
                |ctx| Box::pin(connection_returns_not_found(ctx, true)),
            )
            .requires(&[Operation::ConnectNetwork, Operation::DisconnectNetwork]),
            Check::must(
                "errors/not-found/disconnect-network",
                "`disconnect_network` returns an error that names the missing network or container.",
                |ctx| Box::pin(connection_returns_not_found(ctx, false)),
            )
            .requires(&[Operation::ConnectNetwork, Operation::DisconnectNetwork]),
            Check::must(
                "errors/not-found/get-container",
                "`get_container` returns `None` for a missing container, never an error.",
                |ctx| Box::pin(get_container_returns_none(ctx)),
            )
            .without_image(),
        ];
    };
}

not_found! {
    "start-container", StartContainer, "`start_container`", "container", "Container";
    "stop-container", StopContainer, "`stop_container`", "container", "Container";
    "remove-container", RemoveContainer, "`remove_container`", "container", "Container";
    "get-container-logs", GetContainerLogs, "`get_container_logs`", "container", "Container";
    "is-container-healthy", IsContainerHealthy, "`is_container_healthy`", "container", "Container";
    "remove-volume", RemoveVolume, "`remove_volume`", "volume", "Volume";
    "remove-network", RemoveNetwork, "`remove_network`", "network", "Network";
    "remove-image", RemoveImage, "`remove_image`", "image", "Image";
    "wait-container", WaitContainer, "`wait_container`", "container", "Container";
    "kill-container", KillContainer, "`kill_container`", "container", "Container";
    "pause-container", PauseContainer, "`pause_container`", "container", "Container";
    "unpause-container", UnpauseContainer, "`unpause_container`", "container", "Container";
    "restart-container", RestartContainer, "`restart_container`", "container", "Container";
    "exec", Exec, "`exec`", "container", "Container";
    "exec-stream", ExecStream, "`exec_stream`", "container", "Container";
    "exec-detached", ExecDetached, "`exec_detached`", "container", "Container";
    "attach-container", AttachContainer, "`attach_container`", "container", "Container";
    "exec-status", ExecStatus, "`exec_status`", "container", "Container";
    "stream-container-logs", StreamContainerLogs, "`stream_container_logs`", "container", "Container";
    "copy-into-container", CopyIntoContainer, "`copy_into_container`", "container", "Container";
    "copy-from-container", CopyFromContainer, "`copy_from_container`", "container", "Container";
    "read-file", ReadFile, "`read_file`", "container", "Container";
    "read-file-stream", ReadFileStream, "`read_file_stream`", "container", "Container";
    "write-file", WriteFile, "`write_file`", "container", "Container";
    "container-stats", ContainerStats, "`container_stats`", "container", "Container";
    "stream-container-stats", StreamContainerStats, "`stream_container_stats`", "container", "Container";
    "tag-image", TagImage, "`tag_image`", "image", "Image";
    "push-image", PushImage, "`push_image`", "image", "Image";
    "save-image", SaveImage, "`save_image`", "image", "Image";
    "commit-container", CommitContainer, "`commit_container`", "container", "Container";
    "export-volume", ExportVolume, "`export_volume`", "volume", "Volume";
    "import-volume", ImportVolume, "`import_volume`", "volume", "Volume";
}

/// Returns names that no resource has. Some of the names look like full or short ids. One name consists of two hex
/// digits, which engines treat as the prefix of an id.
fn unknown_names(ctx: &Ctx) -> Vec<String> {
    vec![
        ctx.name(),
        "deadbeef".repeat(8),
        "deadbeefcafe".to_owned(),
        "ab".to_owned(),
    ]
}

async fn returns_not_found(ctx: Ctx, operation: Operation) -> CheckResult {
    for name in unknown_names(&ctx) {
        let error = crate::call(ctx.driver(), operation, &name).await.err();
        assert_not_found(&ctx, operation, &name, error)?;
    }
    Ok(())
}

async fn forced_returns_not_found(ctx: Ctx, operation: Operation) -> CheckResult {
    let driver = ctx.driver();
    for name in unknown_names(&ctx) {
        let id = ContainerId::new(&name)?;
        let error = match operation {
            Operation::StopContainer => driver.stop_container(&id, StopOptions::kill()).await.err(),
            _ => driver.remove_container(&id, RemoveOptions::force()).await.err(),
        };
        assert_not_found(&ctx, operation, &name, error)?;
    }
    Ok(())
}

fn assert_not_found(ctx: &Ctx, operation: Operation, name: &str, error: Option<DriverError>) -> CheckResult {
    let code = match operation {
        Operation::RemoveVolume | Operation::ExportVolume | Operation::ImportVolume => {
            codes::VOLUME_NOT_FOUND
        }
        Operation::RemoveNetwork => codes::NETWORK_NOT_FOUND,
        Operation::RemoveImage | Operation::TagImage | Operation::PushImage | Operation::SaveImage => {
            codes::IMAGE_NOT_FOUND
        }
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

async fn get_container_returns_none(ctx: Ctx) -> CheckResult {
    for id in unknown_names(&ctx) {
        ctx.equal(
            format!("get of {id}"),
            ctx.driver().get_container(&ContainerId::new(id)?).await?,
            None,
        )?;
    }
    Ok(())
}

async fn get_volume_returns_none(ctx: Ctx) -> CheckResult {
    for id in unknown_names(&ctx) {
        let found = ctx.driver().get_volume(&VolumeId::new(&id)?).await?;
        ctx.equal(format!("get of {id}"), found, None)?;
    }
    Ok(())
}

async fn get_network_returns_none(ctx: Ctx) -> CheckResult {
    for id in unknown_names(&ctx) {
        let found = ctx.driver().get_network(&NetworkId::new(&id)?).await?;
        ctx.equal(format!("get of {id}"), found, None)?;
    }
    Ok(())
}

async fn connection_returns_not_found(ctx: Ctx, connect: bool) -> CheckResult {
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
