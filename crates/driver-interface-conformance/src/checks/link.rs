//! Checks of connections to the engine that break, stall, slow down or lose responses.

use std::time::Duration;

use driver_interface_errors::Effect;
use driver_interface_types::{
    ContainerDriver, ContainerFilter, ContainerInstance, ContainerPath, ContainerStatus, DriverError,
    ExecConfig, ExecOutcome, ExecOutput, LogStreamOptions, Operation, ReadFileOptions, RemoveOptions,
    ResourceFilter, SecurityOptions, Signal, StopOptions, WriteFile,
};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout};

use crate::ctx::Link;
use crate::proxy::{Answer, Break, Endpoint, Fault, Injected, Position, Rule, When};
use crate::{Check, CheckResult, Ctx, Failure, Need, SERVE, Verdict, run};

const NEEDS: &[Need] = &[Need::Image, Need::Link];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "link/lost-response-has-unknown-effect",
        "If the response to an applied change is lost or replaced by an error page, the error never reports \
         `NotApplied`.",
        run!(lost_responses),
    )
    .because("a caller repeats an operation that is reported as not applied")
    .needs(NEEDS)
    .limit(480),
    Check::must(
        "link/stalled-connection-times-out",
        "A call to an engine that stops responding fails soon after its deadline.",
        run!(stalled),
    )
    .needs(NEEDS),
    Check::must(
        "link/refused-connection-is-an-error",
        "A call to an unreachable engine returns a retryable error, and a change is reported as not applied.",
        run!(refused),
    )
    .needs(NEEDS),
    Check::must(
        "link/cut-exec-is-incomplete",
        "A command whose connection is cut while it runs is never reported as complete.",
        run!(cut_exec),
    )
    .requires(&[Operation::Exec])
    .needs(NEEDS),
    Check::must(
        "link/cut-exec-stream-is-an-error",
        "The output of an exec session whose connection is cut is complete or ends with an error.",
        run!(cut_exec_stream),
    )
    .requires(&[Operation::ExecStream])
    .needs(NEEDS),
    Check::must(
        "link/slow-exec-is-complete",
        "Output over a slow connection is complete, including output that arrives after the command exited.",
        run!(slow_exec),
    )
    .requires(&[Operation::Exec])
    .needs(NEEDS),
    Check::must(
        "link/cut-log-stream-is-incomplete",
        "A log stream whose connection is cut resumes without a gap or ends with an error.",
        run!(cut_log_stream),
    )
    .requires(&[Operation::StreamContainerLogs])
    .needs(NEEDS),
    Check::must(
        "link/cut-file-is-an-error",
        "A cut file transfer returns an error, not a shorter file.",
        run!(cut_file),
    )
    .requires(&[
        Operation::ReadFile,
        Operation::ReadFileStream,
        Operation::WriteFile,
    ])
    .needs(NEEDS),
];

/// The deadline of each call of a driver that connects through the proxy.
const DEADLINE: Duration = Duration::from_secs(5);
/// The maximum time from the deadline of a call to the return of the call. A call may consist of several requests,
/// and the host may be slow.
const MARGIN: Duration = Duration::from_secs(15);
/// Patterns for the requests that change the engine's state. The patterns recognize such requests by the HTTP method.
const CHANGES: [&str; 4] = ["POST *", "PUT *", "PATCH *", "DELETE *"];

/// Connects a driver through a proxy that injects `fault` into every request.
async fn faulty(ctx: &Ctx, fault: Fault) -> CheckResult<(Link, Injected)> {
    let link = ctx.link(DEADLINE).await?;
    let rule = link.proxy.inject(Rule::any().fault(fault));
    Ok((link, rule))
}

fn assert_injected(ctx: &Ctx, rule: &Injected) -> CheckResult {
    ctx.ensure("the fault was injected", rule.hits() > 0, rule.hits())
}

/// Returns the faults in which the engine acts on a request, but the driver does not get the engine's response.
fn response_losses() -> [Fault; 4] {
    let page = Answer::new(502)
        .header("Content-Type", "text/html")
        .body("<html>Bad gateway</html>");
    [
        Fault::Answer(When::AfterEffect, page),
        Fault::Answer(When::AfterEffect, Answer::new(504).body("upstream timed out")),
        Fault::Break(Position::BeforeResponse, Break::Fin),
        Fault::Break(Position::BeforeResponse, Break::Reset),
    ]
}

/// Asserts that a call reports its effect correctly. `applied` states whether the engine has applied the change that
/// the call requested.
fn assert_effect<T>(
    ctx: &Ctx,
    operation: &str,
    fault: &Fault,
    result: Result<T, DriverError>,
    applied: bool,
) -> CheckResult {
    let about = format!("{operation}, {fault}");
    match result {
        Ok(_) => ctx.ensure(
            format!("{about}: reported as applied, and applied"),
            applied,
            applied,
        ),
        Err(error) => ctx.ensure(
            format!("{about}: reported as not applied, and not applied"),
            error.effect() != Effect::NotApplied || !applied,
            error,
        ),
    }
}

async fn lost_responses(ctx: Ctx) -> CheckResult {
    let mut hits = 0;
    for fault in response_losses() {
        let link = ctx.link(DEADLINE).await?;
        let rules = CHANGES.map(|pattern| link.proxy.inject(Rule::on(pattern).fault(fault.clone())));
        changes(&ctx, &link, &fault).await?;
        hits += rules.iter().map(|rule| rule.hits()).sum::<usize>();
    }
    ctx.ensure("the faults were injected", hits > 0, hits)
}

/// Makes every kind of change over the faulty connection `link`, and verifies the effect of each change over a
/// working connection.
async fn changes(ctx: &Ctx, link: &Link, fault: &Fault) -> CheckResult {
    let (sound, broken) = (ctx.driver(), &link.driver);
    let config = ctx.script(SERVE);
    let created = broken.create_container(&config).await;
    let listed = sound.list_containers(&ctx.session_filter()).await?;
    let there = listed
        .iter()
        .any(|container| Some(&container.name) == config.name.as_ref());
    assert_effect(ctx, "create_container", fault, created, there)?;

    let created = sound.create_container(&ctx.script(SERVE)).await?;
    let started = broken.start_container(&created.id).await;
    let runs = status(ctx, &created).await? == ContainerStatus::Running;
    assert_effect(ctx, "start_container", fault, started, runs)?;

    if ctx.declares(Operation::KillContainer) {
        let running = ctx.ready(&ctx.script(SERVE)).await?;
        let killed = broken.kill_container(&running.id, Signal::KILL).await;
        // An engine may respond before the process has exited.
        let dead = ctx.exited(&running.id).await.is_ok();
        assert_effect(ctx, "kill_container", fault, killed, dead)?;
    }

    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let stopped = broken.stop_container(&running.id, StopOptions::kill()).await;
    let ended = status(ctx, &running).await? != ContainerStatus::Running;
    assert_effect(ctx, "stop_container", fault, stopped, ended)?;

    let created = sound.create_container(&ctx.script("true")).await?;
    let removed = broken.remove_container(&created.id, RemoveOptions::force()).await;
    let gone = sound.get_container(&created.id).await?.is_none();
    assert_effect(ctx, "remove_container", fault, removed, gone)?;

    if ctx.declares(Operation::ListVolumes) {
        let config = ctx.volume();
        let created = broken.create_volume(&config).await;
        let listed = sound.list_volumes(&ResourceFilter::default()).await?;
        let there = listed.iter().any(|volume| volume.name == config.name);
        assert_effect(ctx, "create_volume", fault, created, there)?;

        let created = sound.create_volume(&ctx.volume()).await?;
        let removed = broken.remove_volume(&created.id).await;
        let listed = sound.list_volumes(&ResourceFilter::default()).await?;
        let gone = !listed.iter().any(|volume| volume.id == created.id);
        assert_effect(ctx, "remove_volume", fault, removed, gone)?;
    }
    Ok(())
}

async fn status(ctx: &Ctx, container: &ContainerInstance) -> CheckResult<ContainerStatus> {
    Ok(ctx.get(&container.id).await?.status)
}

async fn stalled(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let (link, rule) = faulty(&ctx, Fault::Break(Position::AfterRequest, Break::Silence)).await?;
    let most = DEADLINE + MARGIN;
    macro_rules! fails_in_time {
        ($($call:ident($($argument:expr),*)),+ $(,)?) => {$(
            let began = Instant::now();
            let ended = timeout(most * 2, link.driver.$call($($argument),*)).await;
            ctx.took(stringify!($call), began, Duration::ZERO, most)?;
            let failed = matches!(&ended, Ok(Err(_)));
            ctx.ensure(concat!(stringify!($call), " fails"), failed, ended.map(|_| ()))?;
        )+};
    }
    fails_in_time!(
        get_container(&running.id),
        list_containers(&ContainerFilter::default()),
        stop_container(&running.id, StopOptions::kill()),
    );
    assert_injected(&ctx, &rule)
}

async fn refused(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script(SERVE)).await?;
    let link = ctx.link(DEADLINE).await?;
    link.proxy.set_endpoint(Endpoint::Refused).map_err(broken)?;
    link.proxy.break_all(Break::Fin);
    let read = link.driver.get_container(&created.id).await;
    ctx.ensure(
        "a read is a retryable error",
        read.as_ref().is_err_and(DriverError::is_retryable),
        read,
    )?;
    let change = link.driver.start_container(&created.id).await;
    ctx.ensure(
        "a change is a retryable error and is not applied",
        change
            .as_ref()
            .is_err_and(|error| error.is_retryable() && error.effect() == Effect::NotApplied),
        change,
    )?;
    let now = ctx.get(&created.id).await?;
    ctx.equal("status", now.status, ContainerStatus::Created)
}

/// A script that prints one line immediately and another line 20 s later. The connection breaks between the two
/// lines.
const PRINTING_SCRIPT: &str = "echo ran > /tmp/ran; echo begun; sleep 20; echo done; exit 7";
const CUT_AFTER: Duration = Duration::from_secs(2);

async fn cut_exec(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    for how in [Break::Fin, Break::Reset] {
        let (link, rule) = faulty(&ctx, Fault::Break(Position::After(CUT_AFTER), how)).await?;
        let done = link
            .driver
            .exec(&running.id, ExecConfig::shell(PRINTING_SCRIPT))
            .await;
        let is_complete = |output: &ExecOutput| {
            output.outcome == ExecOutcome::Exited(7) && output.stdout_text() == "begun\ndone\n"
        };
        match done {
            Ok(output) => ctx.ensure(
                format!("{how}: the output is complete or marked as truncated"),
                output.truncated || is_complete(&output),
                output,
            )?,
            Err(error) => {
                // The fault may hit an earlier request of the same call.
                let probe = ctx
                    .driver()
                    .exec(&running.id, ExecConfig::shell("rm /tmp/ran"))
                    .await?;
                ctx.ensure(
                    format!("{how}: a command that ran is not reported as not run"),
                    error.effect() != Effect::NotApplied || !probe.success(),
                    error,
                )?;
            }
        }
        assert_injected(&ctx, &rule)?;
    }
    Ok(())
}

async fn cut_exec_stream(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    for how in [Break::Fin, Break::Reset] {
        let (link, rule) = faulty(&ctx, Fault::Break(Position::After(CUT_AFTER), how)).await?;
        let opened = link
            .driver
            .exec_stream(&running.id, ExecConfig::shell(PRINTING_SCRIPT))
            .await;
        // An error is correct: it does not claim that the output is complete. The fault may hit an earlier request.
        if let Ok(mut session) = opened {
            let mut output = Vec::new();
            let read = session.stdout.read_to_end(&mut output).await;
            ctx.ensure(
                format!("{how}: the output is complete or ends with an error"),
                read.is_err() || output == b"begun\ndone\n",
                (&read, String::from_utf8_lossy(&output)),
            )?;
        }
        assert_injected(&ctx, &rule)?;
    }
    Ok(())
}

async fn slow_exec(ctx: Ctx) -> CheckResult {
    const BYTES: usize = 150_000;
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    let (link, rule) = faulty(&ctx, Fault::Throttle(50_000)).await?;
    let config = ExecConfig::shell(format!("head -c {BYTES} /dev/zero; exit 3"));
    let done = link.driver.exec(&running.id, config).await?;
    ctx.equal(
        "length, outcome and truncation",
        (done.stdout.len(), done.outcome, done.truncated),
        (BYTES, ExecOutcome::Exited(3), false),
    )?;
    assert_injected(&ctx, &rule)
}

async fn cut_log_stream(ctx: Ctx) -> CheckResult {
    const LINES: usize = 60;
    let script = format!(
        "echo ready; i=1; while [ $i -le {LINES} ]; do echo line $i; i=$((i + 1)); busybox usleep 500000; done"
    );
    let all: String = std::iter::once("ready\n".to_owned())
        .chain((1..=LINES).map(|line| format!("line {line}\n")))
        .collect();
    for how in [Break::Fin, Break::Reset] {
        let running = ctx.ready(&ctx.script(&script)).await?;
        let (link, rule) = faulty(&ctx, Fault::Break(Position::After(CUT_AFTER), how)).await?;
        let options = LogStreamOptions::default().follow(true);
        let opened = link.driver.stream_container_logs(&running.id, options).await;
        let (mut actual, mut failed) = (Vec::new(), opened.is_err());
        if let Ok(mut chunks) = opened {
            while let Some(chunk) = chunks.next().await {
                match chunk {
                    Ok(chunk) => actual.extend_from_slice(&chunk.bytes),
                    Err(_) => failed = true,
                }
            }
        }
        let actual = String::from_utf8_lossy(&actual).into_owned();
        ctx.ensure(
            format!("{how}: the stream is complete or ends with an error"),
            failed || actual == all,
            actual,
        )?;
        assert_injected(&ctx, &rule)?;
    }
    Ok(())
}

async fn cut_file(ctx: Ctx) -> CheckResult {
    const BYTES: usize = 400_000;
    let security = SecurityOptions::default().read_only(false);
    let running = ctx.ready(&ctx.script(SERVE).security(security)).await?;
    let path = ContainerPath::new("/tmp/big").map_err(Verdict::from)?;
    let content = vec![b'x'; BYTES];
    ctx.driver()
        .write_file(&running.id, &path, WriteFile::new(content))
        .await?;
    for how in [Break::Fin, Break::Reset] {
        let (link, rule) = faulty(&ctx, Fault::Break(Position::AfterBytes(100_000), how)).await?;
        let read = link
            .driver
            .read_file(&running.id, &path, ReadFileOptions::default())
            .await;
        let right = read.as_ref().map_or(true, |bytes| bytes.len() == BYTES);
        ctx.ensure(
            format!("{how}: the file is complete or an error"),
            right,
            read.map(|bytes| bytes.len()),
        )?;
        assert_injected(&ctx, &rule)?;
    }
    Ok(())
}

fn broken(error: std::io::Error) -> Failure {
    Failure::new("the fault proxy", "to work", error.to_string())
}
