//! Checks of dropped calls of optional operations: each call is completed, stopped or rolled back.

use std::time::Duration;

use driver_interface_types::{
    ByteStream, Bytes, ContainerDriver, ContainerStatus, EventFilter, EventKind, ExecConfig, LogOptions,
    LogStreamOptions, Operation, PullOptions, ReadFileOptions, Signal, StopOptions, WaitOptions, WriteFile,
};
use tokio::time::{sleep, timeout};

use super::cancellation::polled;
use super::files::{path, writable};
use crate::inside::heartbeat_script;
use crate::{Check, CheckResult, Ctx, IGNORES_STOP_SIGNAL, Need, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "cancellation/exec",
        "Dropping `exec` kills the command and its children, and no other process.",
        run!(exec),
    )
    .because("engines keep the command running after their client disconnects")
    .requires(&[Operation::Exec]),
    Check::must(
        "cancellation/exec-dropped-at-each-await",
        "A command whose `exec` call is dropped at any of its await points does not keep running.",
        run!(exec_dropped_at_each_await),
    )
    .requires(&[Operation::Exec]),
    Check::must(
        "cancellation/exec-detached",
        "A dropped call starts a detached command once or not at all.",
        run!(exec_detached),
    )
    .requires(&[Operation::ExecDetached, Operation::ExecStatus, Operation::Exec]),
    Check::must(
        "cancellation/wait",
        "Dropping waits affects neither the container nor other waits.",
        run!(wait),
    )
    .requires(&[Operation::WaitContainer]),
    Check::must(
        "cancellation/kill",
        "A dropped call sends the signal once or not at all.",
        run!(kill),
    )
    .requires(&[Operation::KillContainer]),
    Check::must(
        "cancellation/pause",
        "A dropped pause completes or has no effect, and the next calls succeed.",
        run!(pause),
    )
    .requires(&[Operation::PauseContainer, Operation::UnpauseContainer]),
    Check::must(
        "cancellation/restart",
        "A dropped restart kills nothing before its grace period is over.",
        run!(restart),
    )
    .requires(&[Operation::RestartContainer]),
    Check::must(
        "cancellation/log-stream",
        "Dropping log streams affects neither the container nor other readers.",
        run!(log_stream),
    )
    .requires(&[Operation::StreamContainerLogs]),
    Check::must(
        "cancellation/copy",
        "After a dropped copy the container works and the next copy succeeds.",
        run!(copy),
    )
    .requires(&[
        Operation::CopyIntoContainer,
        Operation::CopyFromContainer,
        Operation::ReadFile,
        Operation::ReadFileStream,
    ]),
    Check::must(
        "cancellation/write-file",
        "A dropped write leaves the old file, the new file or part of the new one, and the next write \
         succeeds.",
        run!(write_file),
    )
    .requires(&[
        Operation::WriteFile,
        Operation::ReadFile,
        Operation::ReadFileStream,
    ]),
    Check::must(
        "cancellation/streams",
        "Dropping a hundred streams of stats and events leaves the driver working.",
        run!(streams),
    )
    .requires(&[Operation::StreamContainerStats, Operation::Events]),
    Check::must(
        "cancellation/pull",
        "After a dropped pull the next pull succeeds.",
        run!(pull),
    )
    .requires(&[Operation::PullImage])
    .needs(&[Need::Registry])
    .limit(480),
];

async fn exec(ctx: Ctx) -> CheckResult {
    let main = format!("echo ready; {}", heartbeat_script("/tmp/main"));
    let running = ctx.ready(&ctx.script(&main)).await?;
    let script = format!(
        "({}) & {}",
        heartbeat_script("/tmp/child"),
        heartbeat_script("/tmp/beat")
    );
    let call = ctx.driver().exec(&running.id, ExecConfig::shell(script));
    let dropped = timeout(Duration::from_secs(4), call).await.is_err();
    ctx.ensure("the command was still running", dropped, dropped)?;
    ctx.assert_exits("the command has exited", &running.id, "/tmp/beat")
        .await?;
    ctx.assert_exits("its child has exited", &running.id, "/tmp/child")
        .await?;
    ctx.assert_running("the main process continues", &running.id, "/tmp/main")
        .await
}

async fn exec_dropped_at_each_await(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    for polls in 1..=8 {
        let call = ctx
            .driver()
            .exec(&running.id, ExecConfig::shell(heartbeat_script("/tmp/beat")));
        // The command runs forever, so `polled` may never get to its last poll.
        drop(timeout(Duration::from_secs(2), polled(polls, call)).await);
    }
    for millis in [1, 10, 50, 100, 200, 400, 800] {
        let call = ctx
            .driver()
            .exec(&running.id, ExecConfig::shell(heartbeat_script("/tmp/beat")));
        drop(timeout(Duration::from_millis(millis), call).await);
    }
    // This call is dropped so late that its command has started.
    let call = ctx
        .driver()
        .exec(&running.id, ExecConfig::shell(heartbeat_script("/tmp/beat")));
    drop(timeout(Duration::from_secs(4), call).await);
    ctx.assert_exits("no command keeps running", &running.id, "/tmp/beat")
        .await
}

async fn exec_detached(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let start = |number: usize| ExecConfig::shell(format!("echo {number} >> /tmp/starts"));
    for polls in 1..=8 {
        drop(polled(polls, ctx.driver().exec_detached(&running.id, start(polls))).await);
    }
    sleep(Duration::from_secs(4)).await;
    let began = ctx
        .output_of(&running.id, "touch /tmp/starts; cat /tmp/starts")
        .await?;
    let mut once: Vec<&str> = began.lines().collect();
    once.sort_unstable();
    once.dedup();
    ctx.equal(
        "each command started at most once",
        began.lines().count(),
        once.len(),
    )?;
    ctx.driver().exec_detached(&running.id, start(100)).await?;
    ctx.eventually(
        "the control: a call that is not dropped",
        Duration::from_secs(20),
        || async {
            let now = ctx.output_of(&running.id, "cat /tmp/starts").await?;
            Ok(if now == format!("{began}100\n") {
                Ok(())
            } else {
                Err(now)
            })
        },
    )
    .await
}

async fn wait(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let other = super::wait::waiting(&ctx, &running.id);
    for _ in 0..30 {
        let call = ctx.driver().wait_container(&running.id, WaitOptions::default());
        let dropped = timeout(Duration::from_millis(20), call).await.is_err();
        ctx.ensure("it waits while the container runs", dropped, dropped)?;
    }
    ctx.equal("the container", &ctx.get(&running.id).await?, &running)?;
    ctx.ensure("the other wait continues", !other.is_finished(), "it has exited")?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::kill())
        .await?;
    ctx.equal("exit code", ctx.joined("the other wait", other).await??.code, 137)
}

async fn kill(ctx: Ctx) -> CheckResult {
    let script = "trap 'echo usr1' USR1; echo ready; while true; do sleep 600 & wait $!; done";
    let running = ctx.ready(&ctx.script(script)).await?;
    for polls in 1..=4 {
        drop(polled(polls, ctx.driver().kill_container(&running.id, Signal::USR1)).await);
        sleep(Duration::from_secs(1)).await;
        let logs = ctx
            .driver()
            .get_container_logs(&running.id, LogOptions::default())
            .await?;
        let count = logs.matches("usr1").count();
        ctx.ensure("each call sent the signal at most once", count <= polls, logs)?;
    }
    let now = ctx.get(&running.id).await?;
    ctx.equal("status", now.status, ContainerStatus::Running)
}

async fn pause(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    for polls in [1, 2, 3, 5] {
        drop(polled(polls, ctx.driver().pause_container(&running.id)).await);
        sleep(Duration::from_millis(500)).await;
        let status = ctx.get(&running.id).await?.status;
        let fine = matches!(status, ContainerStatus::Running | ContainerStatus::Paused);
        ctx.ensure("it runs or is paused", fine, status)?;
        ctx.driver().pause_container(&running.id).await?;
        drop(polled(polls, ctx.driver().unpause_container(&running.id)).await);
        sleep(Duration::from_millis(500)).await;
        ctx.driver().unpause_container(&running.id).await?;
        let now = ctx.get(&running.id).await?;
        let actual = (now.status, now.started_at);
        ctx.equal(
            "status and start time",
            actual,
            (ContainerStatus::Running, running.started_at),
        )?;
    }
    Ok(())
}

async fn restart(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(IGNORES_STOP_SIGNAL)).await?;
    let options = StopOptions::kill_after(Duration::from_secs(30));
    let call = ctx.driver().restart_container(&running.id, options);
    let dropped = timeout(Duration::from_millis(500), call).await.is_err();
    ctx.ensure("the restart was still waiting", dropped, dropped)?;
    sleep(Duration::from_secs(3)).await;
    let now = ctx.get(&running.id).await?;
    ctx.equal(
        "status and start time within the grace period",
        (now.status, now.started_at),
        (ContainerStatus::Running, running.started_at),
    )?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::kill())
        .await?;
    ctx.equal("exit code", ctx.get(&running.id).await?.exit_code(), Some(137))
}

async fn log_stream(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let follow = LogStreamOptions::default().follow(true);
    let other = ctx.driver().stream_container_logs(&running.id, follow).await?;
    for number in 0..40 {
        let mut stream = ctx.driver().stream_container_logs(&running.id, follow).await?;
        if number % 2 == 0 {
            let first = ctx
                .completes("the first chunk", stream.next())
                .await?
                .transpose()?;
            ctx.ensure("there is a chunk", first.is_some(), first)?;
        }
    }
    ctx.equal("the container", &ctx.get(&running.id).await?, &running)?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::graceful(Duration::from_secs(20)))
        .await?;
    let chunks = ctx.completes("the other stream", other.collect_all()).await??;
    let text: String = chunks.iter().map(|chunk| chunk.text()).collect();
    ctx.equal("output read by the other session", text.as_str(), "ready\nbye\n")
}

/// Returns an endless stream that yields a chunk every 100 ms.
fn trickle() -> ByteStream {
    ByteStream::new(futures_util::stream::unfold((), |()| async {
        sleep(Duration::from_millis(100)).await;
        Some((Ok(Bytes::from_static(&[0; 4096])), ()))
    }))
}

async fn copy(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&writable(&ctx, SERVE)).await?;
    let (home, passwd) = (path("/home")?, path("/etc/passwd")?);
    let mut header = tar::Header::new_gnu();
    let named = header.set_path("endless");
    ctx.ensure("the suite can name a file", named.is_ok(), named)?;
    header.set_size(1 << 40);
    header.set_mode(0o644);
    header.set_cksum();
    let head = Bytes::copy_from_slice(header.as_bytes());
    for millis in [10, 500, 1500] {
        use futures_util::StreamExt as _;
        let head = futures_util::stream::iter([Ok(head.clone())]);
        let archive = ByteStream::new(head.chain(trickle()));
        let call = ctx.driver().copy_into_container(&running.id, &home, archive);
        let dropped = timeout(Duration::from_millis(millis), call).await.is_err();
        ctx.ensure("the copy was in progress", dropped, dropped)?;
        let mut stream = ctx.driver().copy_from_container(&running.id, &passwd).await?;
        ctx.ensure(
            "the packed archive begins",
            stream.next().await.is_some(),
            "it does not",
        )?;
    }
    let packed = ctx.driver().copy_from_container(&running.id, &passwd).await?;
    ctx.driver()
        .copy_into_container(&running.id, &home, packed)
        .await?;
    let copy = path("/home/passwd")?;
    let actual = ctx
        .driver()
        .read_file(&running.id, &copy, ReadFileOptions::default())
        .await?;
    ctx.ensure(
        "the next copy is complete",
        actual.starts_with(b"root"),
        actual.len(),
    )?;
    ctx.equal(
        "the container",
        ctx.get(&running.id).await?.status,
        ContainerStatus::Running,
    )
}

async fn write_file(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&writable(&ctx, SERVE)).await?;
    let at = path("/home/file")?;
    ctx.driver()
        .write_file(&running.id, &at, WriteFile::new("old"))
        .await?;
    for millis in [1, 50, 500, 1500] {
        let content = driver_interface_types::FileContent::stream(trickle(), 1 << 30);
        let call = ctx.driver().write_file(&running.id, &at, WriteFile::new(content));
        let dropped = timeout(Duration::from_millis(millis), call).await.is_err();
        ctx.ensure("the write was in progress", dropped, dropped)?;
        sleep(Duration::from_millis(500)).await;
        let actual = ctx
            .driver()
            .read_file(&running.id, &at, ReadFileOptions::default())
            .await?;
        let fine = actual == "old" || actual.iter().all(|byte| *byte == 0);
        ctx.ensure(
            "the file is the old one or a part of the new one",
            fine,
            actual.len(),
        )?;
    }
    ctx.driver()
        .write_file(&running.id, &at, WriteFile::new("new"))
        .await?;
    let actual = ctx
        .driver()
        .read_file(&running.id, &at, ReadFileOptions::default())
        .await?;
    ctx.equal("the next write", actual.as_ref(), b"new".as_slice())
}

async fn streams(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    for _ in 0..50 {
        drop(ctx.driver().stream_container_stats(&running.id).await?);
        drop(ctx.driver().events(&EventFilter::default()).await?);
    }
    let mut stream = ctx.driver().stream_container_stats(&running.id).await?;
    let next = ctx.completes("a measurement", stream.next()).await?.transpose()?;
    ctx.ensure("the next stream works", next.is_some(), next)?;
    ctx.equal("the container", &ctx.get(&running.id).await?, &running)?;
    let mut reported = ctx.driver().events(&super::events::own(&ctx)).await?;
    ctx.driver().create_container(&ctx.script("true")).await?;
    let next = super::events::next(&ctx, &mut reported).await?;
    ctx.equal("the next event", next.kind(), EventKind::Created)
}

async fn pull(ctx: Ctx) -> CheckResult {
    let image = ctx.registry_image()?;
    for polls in [1, 2, 4] {
        drop(polled(polls, ctx.driver().pull_image(&image, PullOptions::default())).await);
        drop(ctx.driver().pull_image(&image, PullOptions::default()).await?);
    }
    let stream = ctx.driver().pull_image(&image, PullOptions::default()).await?;
    let done = ctx.completes("the pull", stream.finish()).await??;
    ctx.ensure("the image has an id", !done.id.is_empty(), done)
}
