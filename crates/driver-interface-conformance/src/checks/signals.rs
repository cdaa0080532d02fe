//! Checks of sending signals to a container's main process.

use std::time::Duration;

use driver_interface_errors::{Effect, codes};
use driver_interface_types::{
    ContainerDriver, ContainerState, ContainerStatus, LogOptions, Operation, Signal,
};
use tokio::time::sleep;

use crate::{Check, CheckResult, Ctx, IGNORES_STOP_SIGNAL, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "kill/terminates",
        "A signal that is not handled terminates the process, with the matching exit code and status.",
        run!(terminates),
    )
    .requires(&[Operation::KillContainer]),
    Check::must(
        "kill/signal-delivered",
        "The process receives exactly the given signal, once per call, and continues if it handles it.",
        run!(signal_delivered),
    )
    .requires(&[Operation::KillContainer]),
    Check::must(
        "kill/not-running",
        "A signal to a container that is not running returns a non-retryable `ContainerNotRunningError` and \
         starts nothing.",
        run!(not_running),
    )
    .requires(&[Operation::KillContainer]),
    Check::must(
        "kill/paused",
        "A paused container accepts `SIGKILL`, which terminates it, and refuses every other signal.",
        run!(paused),
    )
    .requires(&[
        Operation::KillContainer,
        Operation::PauseContainer,
        Operation::UnpauseContainer,
    ]),
];

async fn terminates(ctx: Ctx) -> CheckResult {
    for (signal, status) in [
        (Signal::KILL, ContainerStatus::Stopped),
        (Signal::TERM, ContainerStatus::Stopped),
        (Signal::USR1, ContainerStatus::Exited),
    ] {
        // The process with PID 1 ignores signals that it does not handle. The script therefore handles the signal, and
        // exits with the code that a shell would report for it.
        let code = signal.exit_code();
        let script = match signal {
            Signal::KILL => IGNORES_STOP_SIGNAL.to_owned(),
            _ => {
                format!("trap 'exit {code}' TERM USR1; echo ready; while true; do sleep 600 & wait $!; done")
            }
        };
        let running = ctx.ready(&ctx.script(&script)).await?;
        ctx.driver().kill_container(&running.id, signal).await?;
        let exited = ctx.exited(&running.id).await?;
        ctx.equal(
            format!("exit code and status after {signal}"),
            (exited.exit_code(), exited.status),
            (Some(code), status),
        )?;
    }
    Ok(())
}

async fn signal_delivered(ctx: Ctx) -> CheckResult {
    let script = "trap 'echo hup' HUP; trap 'echo usr1' USR1; trap 'echo usr2' USR2; trap 'echo term' TERM; \
                  echo ready; while true; do sleep 600 & wait $!; done";
    let running = ctx.ready(&ctx.script(script)).await?;
    let mut expected = "ready\n".to_owned();
    for (signal, name) in [
        (Signal::HUP, "hup"),
        (Signal::USR2, "usr2"),
        (Signal::TERM, "term"),
        (Signal::USR1, "usr1"),
        (Signal::HUP, "hup"),
    ] {
        ctx.driver().kill_container(&running.id, signal).await?;
        expected.push_str(name);
        expected.push('\n');
        let about = format!("output of the process after {signal}");
        ctx.eventually(&about, Duration::from_secs(20), || async {
            let logs = ctx
                .driver()
                .get_container_logs(&running.id, LogOptions::default())
                .await?;
            Ok(if logs == expected {
                Ok(())
            } else {
                Err(format!("{logs:?}"))
            })
        })
        .await?;
    }
    sleep(Duration::from_secs(1)).await;
    let logs = ctx
        .driver()
        .get_container_logs(&running.id, LogOptions::default())
        .await?;
    ctx.equal("its complete output", logs, expected)?;
    let now = ctx.get(&running.id).await?;
    ctx.equal(
        "status and start time",
        (now.status, now.started_at),
        (ContainerStatus::Running, running.started_at),
    )
}

async fn not_running(ctx: Ctx) -> CheckResult {
    let created = ctx.driver().create_container(&ctx.script(SERVE)).await?;
    let (exited, _) = ctx.finished(&ctx.script("exit 3")).await?;
    for before in [&created, &exited] {
        let before = ctx.get(&before.id).await?;
        for signal in [Signal::TERM, Signal::KILL] {
            let about = format!("{signal} to a container that is {}", before.status);
            let result = ctx.driver().kill_container(&before.id, signal).await;
            let error = ctx.refused(&about, result, &[codes::CONTAINER_NOT_RUNNING])?;
            ctx.equal(format!("retryable ({about})"), error.is_retryable(), false)?;
            ctx.equal(format!("effect ({about})"), error.effect(), Effect::NotApplied)?;
        }
        ctx.equal("the container", &ctx.get(&before.id).await?, &before)?;
    }
    Ok(())
}

async fn paused(ctx: Ctx) -> CheckResult {
    let script = "trap 'exit 5' TERM HUP; echo ready; while true; do sleep 600 & wait $!; done";
    let running = ctx.ready(&ctx.script(script)).await?;
    ctx.driver().pause_container(&running.id).await?;
    for signal in [Signal::TERM, Signal::HUP] {
        let result = ctx.driver().kill_container(&running.id, signal).await;
        let error = ctx.refused(format!("{signal}"), result, &[codes::CONTAINER_NOT_RUNNING])?;
        ctx.equal("effect", error.effect(), Effect::NotApplied)?;
    }
    ctx.equal(
        "status",
        ctx.get(&running.id).await?.status,
        ContainerStatus::Paused,
    )?;
    ctx.driver().kill_container(&running.id, Signal::KILL).await?;
    let exited = ctx.exited(&running.id).await?;
    ctx.equal(
        "exit code and state",
        (exited.exit_code(), exited.state),
        (Some(137), ContainerState::Terminated),
    )
}
