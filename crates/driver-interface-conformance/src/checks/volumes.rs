//! Checks of volumes.

use std::time::Duration;

use driver_interface_errors::{Effect, Hint, codes};
use driver_interface_types::{
    ConfigFeature, ContainerDriver, Operation, RemoveOptions, SecurityOptions, VolumeConfig, VolumeMount,
};
use tokio::time::sleep;

use crate::{Check, CheckResult, Ctx, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "volumes/round-trip",
        "A volume is returned with its name, session and labels, and can be removed once.",
        run!(round_trip),
    )
    .without_image(),
    Check::must(
        "volumes/name-taken",
        "A second volume with a taken name is refused, not retryable, and the first keeps its labels and \
         data.",
        run!(name_taken),
    )
    .because("engines report success and return the first volume"),
    Check::must(
        "volumes/outlive-containers",
        "The data in a volume survives the removal of the container that wrote it.",
        run!(outlive_containers),
    ),
    Check::must(
        "volumes/shared",
        "Two running containers see each other's writes to one volume.",
        run!(shared),
    ),
    Check::must(
        "volumes/read-only-mount",
        "Writes through a read-only mount fail.",
        run!(read_only),
    ),
    Check::must(
        "volumes/in-use-not-removed",
        "A volume that a container uses, running or not, is not removed until the container is removed.",
        run!(in_use),
    ),
    Check::must(
        "volumes/name-reusable-after-removal",
        "After a volume is removed, its name is free, and a new volume of that name is empty.",
        run!(name_reusable),
    ),
    Check::must(
        "volumes/get",
        "`get_volume` returns a volume as it was created, only in its own namespace.",
        run!(get),
    )
    .requires(&[Operation::GetVolume])
    .without_image(),
];

/// Returns security options with the user root, no capabilities, and a writable root file system. Such a user can
/// write to the directories of any image.
pub(super) fn writable() -> SecurityOptions {
    SecurityOptions::default().user("0:0").read_only(false)
}

/// Returns security options with a user who can write to a new volume: the default user, or root if the engine
/// determines the volume's owner. The root file system is writable, because some drivers reject writable mounts in a
/// container with a read-only root file system.
pub(super) fn volume_user(ctx: &Ctx) -> SecurityOptions {
    match ctx.declares(ConfigFeature::VolumeOwner) {
        true => SecurityOptions::default().read_only(false),
        false => writable(),
    }
}

/// Builds the config of a container that runs `script`, with the volume `volume` mounted at `/data`.
fn with_volume(ctx: &Ctx, volume: &str, script: &str) -> driver_interface_types::ContainerConfig {
    ctx.script(script)
        .security(volume_user(ctx))
        .mount(VolumeMount::volume(volume, "/data"))
}

async fn round_trip(ctx: Ctx) -> CheckResult {
    let config = ctx.volume().label("empty", "").label("team", "größe");
    let created = ctx.driver().create_volume(&config).await?;
    ctx.equal("name", created.name.as_str(), config.name.as_str())?;
    ctx.equal("id", created.id.as_str(), config.name.as_str())?;
    ctx.equal("session", created.session_id.as_ref(), Some(ctx.session()))?;
    ctx.equal("labels", created.labels, config.labels)?;
    ctx.ensure(
        "it names the engine's volume driver",
        !created.driver.is_empty(),
        &created.driver,
    )?;
    let without_session = ctx.driver().create_volume(&VolumeConfig::new(ctx.name())).await?;
    ctx.equal(
        "session of a volume without one",
        without_session.session_id,
        None,
    )?;
    ctx.driver().remove_volume(&created.id).await?;
    let again = ctx.driver().remove_volume(&created.id).await;
    ctx.refused("the second removal", again, &[codes::VOLUME_NOT_FOUND])?;
    Ok(())
}

async fn name_taken(ctx: Ctx) -> CheckResult {
    let first = ctx
        .driver()
        .create_volume(&ctx.volume().label("which", "first"))
        .await?;
    ctx.finished(&with_volume(&ctx, &first.name, "echo kept > /data/file"))
        .await?;
    let again = VolumeConfig::new(&first.name)
        .session(ctx.session().as_str())
        .label("which", "second");
    for driver in [ctx.driver(), &ctx.second_driver().await?] {
        let result = driver.create_volume(&again).await;
        let error = ctx.refused("the second creation", result, &[codes::VOLUME_CREATION_FAILED])?;
        ctx.equal("retryable", error.is_retryable(), false)?;
        ctx.equal("hint", error.hint(), Some(Hint::NameTaken))?;
        ctx.equal("effect", error.effect(), Effect::NotApplied)?;
    }
    let (_, logs) = ctx
        .finished(&with_volume(&ctx, &first.name, "cat /data/file"))
        .await?;
    ctx.equal("the data of the first", logs, "kept\n".to_owned())
}

async fn outlive_containers(ctx: Ctx) -> CheckResult {
    let volume = ctx.driver().create_volume(&ctx.volume()).await?;
    let (first, _) = ctx
        .finished(&with_volume(&ctx, &volume.name, "echo hello > /data/file"))
        .await?;
    ctx.equal("exit code of the writer", first.exit_code(), Some(0))?;
    ctx.driver()
        .remove_container(&first.id, RemoveOptions::default())
        .await?;
    let (_, logs) = ctx
        .finished(&with_volume(&ctx, &volume.name, "cat /data/file"))
        .await?;
    ctx.equal("data read by the second container", logs, "hello\n".to_owned())?;
    // Control: without the volume, there is no such file.
    let (control, _) = ctx
        .finished(&ctx.script("cat /data/file").security(volume_user(&ctx)))
        .await?;
    ctx.ensure(
        "the control without the volume fails",
        control.exit_code() != Some(0),
        control.exit_code(),
    )
}

async fn shared(ctx: Ctx) -> CheckResult {
    let volume = ctx.driver().create_volume(&ctx.volume()).await?;
    let reader = "echo ready; while true; do if [ -f /data/file ]; then cat /data/file; fi; sleep 1; done";
    let reader = ctx.ready(&with_volume(&ctx, &volume.name, reader)).await?;
    let (writer, _) = ctx
        .finished(&with_volume(&ctx, &volume.name, "echo live > /data/file"))
        .await?;
    ctx.equal("exit code of the writer", writer.exit_code(), Some(0))?;
    ctx.printed(&reader.id, "live").await?;
    Ok(())
}

async fn read_only(ctx: Ctx) -> CheckResult {
    let volume = ctx.driver().create_volume(&ctx.volume()).await?;
    let (writer, _) = ctx
        .finished(&with_volume(&ctx, &volume.name, "echo kept > /data/file"))
        .await?;
    ctx.equal(
        "exit code of the control that may write",
        writer.exit_code(),
        Some(0),
    )?;
    let script = "cat /data/file; echo changed > /data/file || echo refused; rm /data/file || echo refused; mkdir /data/new || echo refused";
    let config = ctx
        .script(script)
        .security(volume_user(&ctx))
        .mount(VolumeMount::volume(&volume.name, "/data").read_only(true));
    let created = ctx.driver().create_container(&config).await?;
    ctx.driver().start_container(&created.id).await?;
    ctx.exited(&created.id).await?;
    let logs = ctx
        .driver()
        .get_container_logs(
            &created.id,
            driver_interface_types::LogOptions::default().only_stdout(),
        )
        .await?;
    ctx.equal("its access", logs, "kept\nrefused\nrefused\nrefused\n".to_owned())?;
    let (_, logs) = ctx
        .finished(&with_volume(&ctx, &volume.name, "cat /data/file"))
        .await?;
    ctx.equal("the data", logs, "kept\n".to_owned())
}

async fn in_use(ctx: Ctx) -> CheckResult {
    let volume = ctx.driver().create_volume(&ctx.volume()).await?;
    let container = ctx
        .driver()
        .create_container(&with_volume(&ctx, &volume.name, SERVE))
        .await?;
    for state in ["created", "running", "exited"] {
        match state {
            "running" => drop(ctx.driver().start_container(&container.id).await?),
            "exited" => drop(
                ctx.driver()
                    .stop_container(&container.id, driver_interface_types::StopOptions::kill())
                    .await?,
            ),
            _ => {}
        }
        let result = ctx.driver().remove_volume(&volume.id).await;
        let error = ctx.refused(
            format!("removal while the container is {state}"),
            result,
            &[codes::VOLUME_REMOVE_FAILED],
        )?;
        ctx.equal("hint", error.hint(), Some(Hint::InUse))?;
        ctx.equal("retryable", error.is_retryable(), false)?;
        ctx.equal("effect", error.effect(), Effect::NotApplied)?;
    }
    ctx.driver()
        .remove_container(&container.id, RemoveOptions::default())
        .await?;
    ctx.driver().remove_volume(&volume.id).await?;
    Ok(())
}

async fn name_reusable(ctx: Ctx) -> CheckResult {
    let config = ctx.volume();
    let first = ctx.driver().create_volume(&config).await?;
    let (writer, _) = ctx
        .finished(&with_volume(&ctx, &config.name, "echo old > /data/file"))
        .await?;
    ctx.driver()
        .remove_container(&writer.id, RemoveOptions::default())
        .await?;
    ctx.driver().remove_volume(&first.id).await?;
    sleep(Duration::from_millis(100)).await;
    ctx.driver().create_volume(&config).await?;
    let (_, logs) = ctx.finished(&with_volume(&ctx, &config.name, "ls /data")).await?;
    ctx.equal("content of the new volume", logs, String::new())
}

async fn get(ctx: Ctx) -> CheckResult {
    let config = ctx.volume().label("empty", "").label("team", "größe");
    let created = ctx.driver().create_volume(&config).await?;
    for driver in [ctx.driver(), &ctx.second_driver().await?] {
        ctx.equal(
            "the lookup",
            driver.get_volume(&created.id).await?,
            Some(created.clone()),
        )?;
    }
    let other_namespace = ctx.other_namespace().await?;
    ctx.equal(
        "in another namespace",
        other_namespace.get_volume(&created.id).await?,
        None,
    )?;
    ctx.driver().remove_volume(&created.id).await?;
    ctx.equal(
        "after its removal",
        ctx.driver().get_volume(&created.id).await?,
        None,
    )
}
