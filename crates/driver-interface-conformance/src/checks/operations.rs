//! Checks that each declared optional operation works, with one small check for each operation. The other areas check
//! the details.

use std::time::Duration;

use driver_interface_types::{
    BuildOptions, Bytes, CommitOptions, ContainerDriver, ContainerId, ContainerStatus, EventFilter,
    EventKind, ExecConfig, ExecOutcome, ExecStatus, ImageFilter, ImageRef, LogStreamOptions,
    NetworkConnectOptions, Operation, PullOptions, PushOptions, ReadFileOptions, Signal, StopOptions,
    WaitOptions, WriteFile,
};
use tokio::io::AsyncReadExt;

use super::builds::finished;
use super::files::path;
use super::images::imported;
use super::volume_transfer::names;
use crate::{Check, CheckResult, Ctx, Need, SERVE, run};

macro_rules! operations {
    ($($id:literal, $call:literal, [$($operation:ident),+], $body:ident;)+) => {
        pub(super) const CHECKS: &[Check] = &[
            $(
                Check::must(
                    concat!("capability/", $id),
                    concat!("If declared, ", $call, "."),
                    run!($body),
                )
                .requires(&[$(Operation::$operation),+]),
            )+
            Check::must(
                "capability/image-load",
                "If declared, `load_image` loads an image and returns its name.",
                run!(image_load),
            )
            .requires(&[Operation::LoadImage])
            .without_image(),
            Check::must(
                "capability/image-pull-stream",
                "If declared, `pull_image` pulls an image.",
                run!(image_pull),
            )
            .requires(&[Operation::PullImage])
            .needs(&[Need::Registry]),
            Check::must(
                "capability/image-tag",
                "If declared, `tag_image` gives an image another name.",
                run!(image_tag),
            )
            .requires(&[Operation::TagImage, Operation::ImportImage, Operation::GetImage])
            .without_image(),
            Check::must(
                "capability/image-push",
                "If declared, `push_image` pushes an image.",
                run!(image_push),
            )
            .requires(&[Operation::PushImage, Operation::ImportImage])
            .needs(&[Need::Registry]),
            Check::must(
                "capability/image-save",
                "If declared, `save_image` packs an image into an archive.",
                run!(image_save),
            )
            .requires(&[Operation::SaveImage, Operation::ImportImage])
            .without_image(),
            Check::must(
                "capability/volume-export",
                "If declared, `export_volume` packs the files that `import_volume` unpacked.",
                run!(volume_export),
            )
            .requires(&[Operation::ExportVolume, Operation::ImportVolume])
            .without_image(),
        ];
    };
}

operations! {
    "container-wait", "`wait_container` returns the exit of a container", [WaitContainer], wait;
    "container-kill", "`kill_container` terminates a container", [KillContainer], kill;
    "container-pause", "`pause_container` and `unpause_container` pause and unpause a container",
        [PauseContainer, UnpauseContainer], pause;
    "container-restart", "`restart_container` restarts a container", [RestartContainer], restart;
    "exec", "`exec` runs a command in a container", [Exec], exec;
    "exec-stream", "`exec_stream` starts an exec session in a container", [ExecStream], exec_stream;
    "exec-detached", "`exec_detached` starts a command, and `exec_status` returns its status",
        [ExecDetached, ExecStatus], exec_detached;
    "attach", "`attach_container` connects to the output of the main process", [AttachContainer], attach;
    "log-stream", "`stream_container_logs` streams the output of a container",
        [StreamContainerLogs], log_stream;
    "file-archive", "`copy_from_container` packs the files that `copy_into_container` unpacked",
        [CopyIntoContainer, CopyFromContainer], file_archive;
    "file-read", "`read_file` and `read_file_stream` read a file of a container",
        [ReadFile, ReadFileStream], file_read;
    "file-write", "`write_file` writes a file that the container sees", [WriteFile], file_write;
    "image-list", "`list_images` includes the test image", [ListImages], image_list;
    "image-inspect", "`get_image` returns the test image", [GetImage], image_inspect;
    "container-stats", "`container_stats` returns the stats of a container", [ContainerStats], stats;
    "container-stats-stream", "`stream_container_stats` streams the stats of a container",
        [StreamContainerStats], stats_stream;
    "events", "`events` reports the creation of a container", [Events], events;
    "volume-inspect", "`get_volume` returns a volume", [GetVolume], volume_inspect;
    "network-inspect", "`get_network` returns a network", [GetNetwork], network_inspect;
    "network-connect", "`connect_network` and `disconnect_network` connect and disconnect a container",
        [ConnectNetwork, DisconnectNetwork], network_connect;
    "network-cleanup", "`remove_idle_networks` keeps a network that is in use",
        [RemoveIdleNetworks], network_cleanup;
    "plan", "`plan` accepts a valid config", [Plan], plan;
    "image-build", "`build_image` builds an image", [BuildImage], image_build;
    "container-commit", "`commit_container` creates an image from a container", [CommitContainer], commit;
}

async fn serving(ctx: &Ctx) -> CheckResult<ContainerId> {
    Ok(ctx.ready(&ctx.script(SERVE)).await?.id)
}

async fn wait(ctx: Ctx) -> CheckResult {
    let (exited, _) = ctx.finished(&ctx.script("exit 3")).await?;
    let exit = ctx
        .driver()
        .wait_container(&exited.id, WaitOptions::default())
        .await?;
    ctx.equal("exit code", exit.code, 3)
}

async fn kill(ctx: Ctx) -> CheckResult {
    let id = serving(&ctx).await?;
    ctx.driver().kill_container(&id, Signal::KILL).await?;
    ctx.equal("exit code", ctx.exited(&id).await?.exit_code(), Some(137))
}

async fn pause(ctx: Ctx) -> CheckResult {
    let id = serving(&ctx).await?;
    ctx.driver().pause_container(&id).await?;
    ctx.equal("status", ctx.get(&id).await?.status, ContainerStatus::Paused)?;
    ctx.driver().unpause_container(&id).await?;
    ctx.equal("status", ctx.get(&id).await?.status, ContainerStatus::Running)
}

async fn restart(ctx: Ctx) -> CheckResult {
    let id = serving(&ctx).await?;
    let before = ctx.get(&id).await?.started_at;
    ctx.driver().restart_container(&id, StopOptions::kill()).await?;
    let after = ctx.get(&id).await?.started_at;
    ctx.ensure("the start time is new", after > before, (before, after))
}

async fn exec(ctx: Ctx) -> CheckResult {
    let id = serving(&ctx).await?;
    let done = ctx.driver().exec(&id, ExecConfig::new(["echo", "hello"])).await?;
    ctx.equal("outcome", done.outcome, ExecOutcome::Exited(0))?;
    ctx.equal("output", done.stdout_text().as_ref(), "hello\n")
}

async fn exec_stream(ctx: Ctx) -> CheckResult {
    let id = serving(&ctx).await?;
    let mut session = ctx
        .driver()
        .exec_stream(&id, ExecConfig::new(["echo", "hello"]))
        .await?;
    let mut output = String::new();
    let read = ctx
        .completes("the output", session.stdout.read_to_string(&mut output))
        .await?;
    ctx.ensure("the output is read", read.is_ok(), &read)?;
    ctx.equal("output", output.as_str(), "hello\n")?;
    ctx.equal("outcome", session.wait().await?, ExecOutcome::Exited(0))
}

async fn exec_detached(ctx: Ctx) -> CheckResult {
    let id = serving(&ctx).await?;
    let exec = ctx
        .driver()
        .exec_detached(&id, ExecConfig::new(["sleep", "600"]))
        .await?;
    let status = ctx.driver().exec_status(&id, &exec).await?;
    ctx.equal("it runs", status.as_ref().map(ExecStatus::is_running), Some(true))
}

async fn attach(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script("echo hello")).await?;
    let mut session = ctx.driver().attach_container(&created.id).await?;
    ctx.driver().start_container(&created.id).await?;
    let mut output = String::new();
    let read = ctx
        .completes("the output", session.stdout.read_to_string(&mut output))
        .await?;
    ctx.ensure("the output is read", read.is_ok(), &read)?;
    ctx.equal("output", output.as_str(), "hello\n")
}

async fn log_stream(ctx: Ctx) -> CheckResult {
    let (exited, _) = ctx.finished(&ctx.script("echo hello")).await?;
    let stream = ctx
        .driver()
        .stream_container_logs(&exited.id, LogStreamOptions::default())
        .await?;
    let chunks = ctx.completes("the stream", stream.collect_all()).await??;
    let text: String = chunks.iter().map(|chunk| chunk.text()).collect();
    ctx.equal("its output", text.as_str(), "hello\n")
}

async fn file_archive(ctx: Ctx) -> CheckResult {
    let config = super::files::writable(&ctx, "true");
    let created = ctx.driver().create_container(&config).await?;
    let passwd = path("/etc/passwd")?;
    let packed = ctx.driver().copy_from_container(&created.id, &passwd).await?;
    ctx.driver()
        .copy_into_container(&created.id, &path("/home")?, packed)
        .await?;
    let copy = ctx
        .driver()
        .copy_from_container(&created.id, &path("/home/passwd")?)
        .await?;
    let copy = ctx.completes("the archive", copy.collect_all()).await??.concat();
    let original = ctx
        .driver()
        .copy_from_container(&created.id, &passwd)
        .await?
        .collect_all()
        .await?
        .concat();
    ctx.ensure("the archive is not empty", original.len() >= 512, original.len())?;
    ctx.equal("the length of the copy", copy.len(), original.len())
}

async fn file_read(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script("true")).await?;
    let at = path("/etc/passwd")?;
    let whole = ctx
        .driver()
        .read_file(&created.id, &at, ReadFileOptions::default())
        .await?;
    ctx.ensure(
        "the file has the user",
        String::from_utf8_lossy(&whole).contains("root"),
        whole.len(),
    )?;
    let stream = ctx.driver().read_file_stream(&created.id, &at).await?;
    ctx.equal("the file as a stream", stream.read_all(1024 * 1024).await?, whole)
}

async fn file_write(ctx: Ctx) -> CheckResult {
    let config = super::files::writable(&ctx, "cat /home/file");
    let created = ctx.driver().create_container(&config).await?;
    ctx.driver()
        .write_file(&created.id, &path("/home/file")?, WriteFile::new("written\n"))
        .await?;
    ctx.driver().start_container(&created.id).await?;
    ctx.printed(&created.id, "written").await?;
    ctx.equal("exit code", ctx.exited(&created.id).await?.exit_code(), Some(0))
}

async fn image_list(ctx: Ctx) -> CheckResult {
    let image = ImageRef::new(ctx.image())?;
    let all = ctx.driver().list_images(&ImageFilter::default()).await?;
    let only = ImageFilter::default().reference(image);
    let named = all.iter().filter(|image| only.matches(image)).count();
    ctx.equal("images of that name", named, 1)
}

async fn image_inspect(ctx: Ctx) -> CheckResult {
    let found = ctx.driver().get_image(&ImageRef::new(ctx.image())?).await?;
    ctx.ensure(
        "it is found",
        found.is_some_and(|image| !image.id.is_empty()),
        ctx.image(),
    )
}

async fn stats(ctx: Ctx) -> CheckResult {
    let id = serving(&ctx).await?;
    let stats = ctx.driver().container_stats(&id).await?;
    ctx.ensure("it has processes", stats.pids >= 1, stats)
}

async fn stats_stream(ctx: Ctx) -> CheckResult {
    let id = serving(&ctx).await?;
    let mut stream = ctx.driver().stream_container_stats(&id).await?;
    for _ in 0..2 {
        let next = ctx.completes("a measurement", stream.next()).await?.transpose()?;
        let pids = next.as_ref().map(|stats| stats.pids);
        ctx.ensure("it has processes", pids >= Some(1), next)?;
    }
    Ok(())
}

async fn events(ctx: Ctx) -> CheckResult {
    let filter = EventFilter::default().session(ctx.session().clone());
    let mut stream = ctx.driver().events(&filter).await?;
    let created = ctx.driver().create_container(&ctx.script("true")).await?;
    let event = ctx.completes("an event", stream.next()).await?.transpose()?;
    let actual = event.map(|event| (event.kind(), event.container_id().cloned()));
    ctx.equal("the event", actual, Some((EventKind::Created, Some(created.id))))
}

async fn volume_inspect(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_volume(&ctx.volume()).await?;
    ctx.equal(
        "the lookup",
        ctx.driver().get_volume(&created.id).await?,
        Some(created.clone()),
    )
}

async fn network_inspect(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_network(&ctx.network()).await?;
    ctx.equal(
        "the lookup",
        ctx.driver().get_network(&created.id).await?,
        Some(created.clone()),
    )
}

async fn network_connect(ctx: Ctx) -> CheckResult {
    let id = serving(&ctx).await?;
    let network = ctx.driver().create_network(&ctx.network()).await?;
    let options = NetworkConnectOptions::default();
    ctx.driver().connect_network(&network.id, &id, options).await?;
    let attached = ctx.driver().remove_network(&network.id).await;
    ctx.ensure("a network in use is not removed", attached.is_err(), &attached)?;
    ctx.driver().disconnect_network(&network.id, &id).await?;
    ctx.driver().remove_network(&network.id).await?;
    ctx.equal(
        "the container",
        ctx.get(&id).await?.status,
        ContainerStatus::Running,
    )
}

async fn network_cleanup(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    ctx.driver().remove_idle_networks().await?;
    ctx.equal("the container", ctx.get(&running.id).await?, running)
}

async fn plan(ctx: Ctx) -> CheckResult {
    let plan = ctx.driver().plan(&ctx.script("true")).await?;
    ctx.ensure("it is accepted", plan.is_accepted(), &plan.refusals)
}

async fn image_load(ctx: Ctx) -> CheckResult {
    let saved = super::images::saved(&ctx, "capability")?;
    let names = ctx.driver().load_image(saved.archive.into()).await?;
    let names: Vec<String> = names.iter().map(ImageRef::canonical).collect();
    ctx.equal("the names", names, vec![saved.reference.canonical()])
}

async fn image_pull(ctx: Ctx) -> CheckResult {
    let image = ctx.registry_image()?;
    let stream = ctx.driver().pull_image(&image, PullOptions::default()).await?;
    let limit = Duration::from_secs(60);
    let done = tokio::time::timeout(limit, stream.finish()).await;
    let done = done
        .map_err(|_| crate::Failure::new("the pull", format!("to end within {limit:?}"), "it continues"))??;
    ctx.ensure("the image has an id", !done.id.is_empty(), done)
}

async fn image_build(ctx: Ctx) -> CheckResult {
    let image = ImageRef::new(format!("localhost/{}:1", ctx.name()))?;
    let options = BuildOptions::from_dockerfile(format!("FROM {}\nLABEL built=yes\n", ctx.image()));
    let stream = ctx
        .driver()
        .build_image(&image, Bytes::new().into(), options)
        .await?;
    let built = finished("the build", stream.finish()).await??;
    ctx.equal(
        "its label",
        built.labels.get("built").map(String::as_str),
        Some("yes"),
    )
}

async fn image_tag(ctx: Ctx) -> CheckResult {
    let image = imported(&ctx, "localhost").await?;
    let new = ImageRef::new(format!("localhost/{}:new", ctx.name()))?;
    ctx.may_load(&new);
    ctx.driver().tag_image(&image, &new).await?;
    let ids = [
        ctx.driver().get_image(&image).await?.map(|found| found.id),
        ctx.driver().get_image(&new).await?.map(|found| found.id),
    ];
    let [one, other] = &ids;
    ctx.ensure("both names are of one image", one.is_some() && one == other, &ids)
}

async fn image_push(ctx: Ctx) -> CheckResult {
    let image = imported(&ctx, ctx.registry_image()?.registry()).await?;
    let stream = ctx.driver().push_image(&image, PushOptions::default()).await?;
    let pushed = finished("the push", stream.finish()).await??;
    ctx.ensure("the image has an id", !pushed.id.is_empty(), pushed)
}

async fn image_save(ctx: Ctx) -> CheckResult {
    let image = imported(&ctx, "localhost").await?;
    let archive = ctx.driver().save_image(&image).await?;
    let archive = finished("the archive", archive.read_all(16 << 20)).await??;
    ctx.ensure("it is not empty", archive.len() > 1024, archive.len())
}

async fn commit(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script("true")).await?;
    let image = ImageRef::new(format!("localhost/{}:1", ctx.name()))?;
    let committed = ctx
        .driver()
        .commit_container(&created.id, &image, CommitOptions::default())
        .await?;
    ctx.ensure("the image has an id", !committed.id.is_empty(), committed)
}

async fn volume_export(ctx: Ctx) -> CheckResult {
    let volume = ctx.driver().create_volume(&ctx.volume()).await?;
    let archive = super::images::tar(&[("directory/file", b"content")])?;
    ctx.driver().import_volume(&volume.id, archive.into()).await?;
    let exported = ctx.driver().export_volume(&volume.id).await?;
    let exported = finished("the export", exported.read_all(1 << 20)).await??;
    let found = names(&exported)?;
    ctx.ensure(
        "it has the file",
        found.contains(&"directory/file".to_owned()),
        &found,
    )
}
