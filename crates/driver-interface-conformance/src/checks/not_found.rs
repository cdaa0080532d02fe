//! Checks of every operation on a resource that does not exist: one check per operation.

use std::time::Duration;

use driver_interface_errors::{Effect, codes};
use driver_interface_types::{
    Capability, ContainerDriver, ContainerId, ContainerPath, DriverError, ExecConfig, ExecId, ImageRef,
    LogOptions, LogStreamOptions, NetworkConnectOptions, NetworkId, ReadFileOptions, RemoveOptions, Signal,
    StopOptions, VolumeId, WaitOptions, WriteFile,
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
    Wait,
    Kill,
    Pause,
    Unpause,
    Restart,
    Exec,
    ExecStream,
    ExecDetached,
    ExecStatus,
    StreamLogs,
    CopyInto,
    CopyFrom,
    ReadFile,
    ReadFileStream,
    WriteFile,
    Stats,
    StreamStats,
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
                "errors/not-found/get-volume",
                "`get_volume` of what does not exist is `None`, never an error.",
                |ctx| Box::pin(get_volume_answers_none(ctx)),
            )
            .without_image()
            .requires(&[Capability::VolumeInspect]),
            Check::must(
                "errors/not-found/get-network",
                "`get_network` of what does not exist is `None`, never an error.",
                |ctx| Box::pin(get_network_answers_none(ctx)),
            )
            .without_image()
            .requires(&[Capability::NetworkInspect]),
            Check::must(
                "errors/not-found/connect-network",
                "`connect_network` names what does not exist, network or container, and changes nothing.",
                |ctx| Box::pin(connection_refuses(ctx, true)),
            )
            .requires(&[Capability::NetworkConnect]),
            Check::must(
                "errors/not-found/disconnect-network",
                "`disconnect_network` names what does not exist, network or container.",
                |ctx| Box::pin(connection_refuses(ctx, false)),
            )
            .requires(&[Capability::NetworkConnect]),
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
    "wait-container", Wait, "`wait_container`", "ContainerNotFoundError", ContainerWait;
    "kill-container", Kill, "`kill_container`", "ContainerNotFoundError", ContainerKill;
    "pause-container", Pause, "`pause_container`", "ContainerNotFoundError", ContainerPause;
    "unpause-container", Unpause, "`unpause_container`", "ContainerNotFoundError", ContainerPause;
    "restart-container", Restart, "`restart_container`", "ContainerNotFoundError", ContainerRestart;
    "exec", Exec, "`exec`", "ContainerNotFoundError", Exec;
    "exec-stream", ExecStream, "`exec_stream`", "ContainerNotFoundError", ExecStream;
    "exec-detached", ExecDetached, "`exec_detached`", "ContainerNotFoundError", ExecDetached;
    "exec-status", ExecStatus, "`exec_status`", "ContainerNotFoundError", ExecDetached;
    "stream-container-logs", StreamLogs, "`stream_container_logs`", "ContainerNotFoundError", LogStream;
    "copy-into-container", CopyInto, "`copy_into_container`", "ContainerNotFoundError", FileArchive;
    "copy-from-container", CopyFrom, "`copy_from_container`", "ContainerNotFoundError", FileArchive;
    "read-file", ReadFile, "`read_file`", "ContainerNotFoundError", FileRead;
    "read-file-stream", ReadFileStream, "`read_file_stream`", "ContainerNotFoundError", FileRead;
    "write-file", WriteFile, "`write_file`", "ContainerNotFoundError", FileWrite;
    "container-stats", Stats, "`container_stats`", "ContainerNotFoundError", ContainerStats;
    "stream-container-stats", StreamStats, "`stream_container_stats`", "ContainerNotFoundError", ContainerStatsStream;
}

/// Returns names that no resource has. Some look like ids: full ones, short ones, and hex digits that engines
/// match as prefixes.
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

/// Returns the error of the call, and the code it must have.
async fn provoke(
    ctx: &Ctx,
    operation: Operation,
    id: &str,
) -> CheckResult<(Option<DriverError>, &'static str)> {
    Ok(match operation {
        Operation::RemoveVolume => (
            ctx.driver().remove_volume(&VolumeId::new(id)?).await.err(),
            codes::VOLUME_NOT_FOUND,
        ),
        Operation::RemoveNetwork => (
            ctx.driver().remove_network(&NetworkId::new(id)?).await.err(),
            codes::NETWORK_NOT_FOUND,
        ),
        Operation::RemoveImage => {
            let image = ImageRef::new(format!("localhost/{id}:1"))?;
            (
                ctx.driver().remove_image(&image).await.err(),
                codes::IMAGE_NOT_FOUND,
            )
        }
        _ => (
            of_container(ctx, operation, &ContainerId::new(id)?).await?,
            codes::CONTAINER_NOT_FOUND,
        ),
    })
}

async fn of_container(ctx: &Ctx, operation: Operation, id: &ContainerId) -> CheckResult<Option<DriverError>> {
    let driver = ctx.driver();
    let file = ContainerPath::new("/etc/passwd")?;
    let command = || ExecConfig::new(["true"]);
    let longest = WaitOptions::at_most(Duration::from_secs(20));
    Ok(match operation {
        Operation::Start => driver.start_container(id).await.err(),
        Operation::Stop => driver.stop_container(id, StopOptions::default()).await.err(),
        Operation::StopByForce => driver.stop_container(id, StopOptions::kill()).await.err(),
        Operation::Remove => driver.remove_container(id, RemoveOptions::default()).await.err(),
        Operation::RemoveByForce => driver.remove_container(id, RemoveOptions::force()).await.err(),
        Operation::Logs => driver.get_container_logs(id, LogOptions::default()).await.err(),
        Operation::IsHealthy => driver.is_container_healthy(id).await.err(),
        Operation::Wait => driver.wait_container(id, longest).await.err(),
        Operation::Kill => driver.kill_container(id, Signal::TERM).await.err(),
        Operation::Pause => driver.pause_container(id).await.err(),
        Operation::Unpause => driver.unpause_container(id).await.err(),
        Operation::Restart => driver.restart_container(id, StopOptions::default()).await.err(),
        Operation::Exec => driver.exec(id, command()).await.err(),
        Operation::ExecStream => driver.exec_stream(id, command()).await.err(),
        Operation::ExecDetached => driver.exec_detached(id, command()).await.err(),
        Operation::ExecStatus => driver.exec_status(id, &ExecId::new(ctx.name())?).await.err(),
        Operation::StreamLogs => driver
            .stream_container_logs(id, LogStreamOptions::default())
            .await
            .err(),
        Operation::CopyInto => driver
            .copy_into_container(id, &file.parent(), vec![0; 1024].into())
            .await
            .err(),
        Operation::CopyFrom => driver.copy_from_container(id, &file).await.err(),
        Operation::ReadFile => driver
            .read_file(id, &file, ReadFileOptions::default())
            .await
            .err(),
        Operation::ReadFileStream => driver.read_file_stream(id, &file).await.err(),
        Operation::WriteFile => driver.write_file(id, &file, WriteFile::new("x")).await.err(),
        Operation::Stats => driver.container_stats(id).await.err(),
        Operation::StreamStats => driver.stream_container_stats(id).await.err(),
        Operation::RemoveVolume | Operation::RemoveNetwork | Operation::RemoveImage => None,
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

async fn get_volume_answers_none(ctx: Ctx) -> CheckResult {
    for id in nobody(&ctx) {
        let found = ctx.driver().get_volume(&VolumeId::new(&id)?).await?;
        ctx.equal(format!("get of {id}"), found, None)?;
    }
    Ok(())
}

async fn get_network_answers_none(ctx: Ctx) -> CheckResult {
    for id in nobody(&ctx) {
        let found = ctx.driver().get_network(&NetworkId::new(&id)?).await?;
        ctx.equal(format!("get of {id}"), found, None)?;
    }
    Ok(())
}

async fn connection_refuses(ctx: Ctx, connect: bool) -> CheckResult {
    let container = ctx.driver().create_container(&ctx.script("true")).await?;
    let network = ctx.driver().create_network(&ctx.network()).await?;
    for name in nobody(&ctx) {
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
