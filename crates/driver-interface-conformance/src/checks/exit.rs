//! Checks of how a container's exit is reported.

use std::time::Duration;

use driver_interface_types::{
    ContainerDriver, ContainerState, ContainerStatus, Guarantee, LogOptions, Operation, RemoveOptions,
    StopOptions, WaitOptions,
};
use tokio::time::sleep;

use crate::{Check, CheckResult, Ctx, SERVE, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "lifecycle/exit/codes",
        "Exit code 0 results in status `stopped`, an error code in `exited`, and the exact code is reported.",
        run!(exit_codes),
    ),
    Check::must(
        "lifecycle/exit/immediate",
        "A process that exits immediately is reported with its exit code, complete output and ordered times.",
        run!(immediate),
    ),
    Check::must(
        "lifecycle/exit/no-restart",
        "A container that exits with an error is not restarted.",
        run!(no_restart),
    ),
    Check::must(
        "lifecycle/exit/killed",
        "A killed container is `stopped` with code 137 and signal 9, and is not reported as out of memory.",
        run!(killed),
    ),
    Check::must(
        "lifecycle/exit/stop-signal-codes",
        "Exit codes 130 and 143, those of the stop signals, result in `stopped` too; adjacent codes are \
         errors.",
        run!(stop_signal_codes),
    ),
    Check::must(
        "lifecycle/exit/out-of-memory",
        "`get_container` and `wait_container` report an out-of-memory kill or leave it unknown, never \
         `false`.",
        run!(out_of_memory),
    )
    .requires(&[Operation::WaitContainer])
    .guarantees(&[Guarantee::Memory]),
    Check::must(
        "lifecycle/state/legal-sequence",
        "From creation to removal, a container passes through the documented statuses in order.",
        run!(legal_sequence),
    ),
    Check::must(
        "lifecycle/state/consistent-across-drivers",
        "After each operation, get and list of a second driver return the same container.",
        run!(consistent_across_drivers),
    ),
];

async fn exit_codes(ctx: Ctx) -> CheckResult {
    for code in [0, 1, 42, 125, 126, 127, 255] {
        let (exited, _) = ctx.finished(&ctx.script(&format!("exit {code}"))).await?;
        let (status, state) = if code == 0 {
            (ContainerStatus::Stopped, ContainerState::Terminated)
        } else {
            (ContainerStatus::Exited, ContainerState::Error)
        };
        let about = format!("code, status and state after `exit {code}`");
        ctx.equal(
            about,
            (exited.exit_code(), exited.status, exited.state),
            (Some(code), status, state),
        )?;
    }
    Ok(())
}

async fn immediate(ctx: Ctx) -> CheckResult {
    for round in 0..5 {
        let (exited, logs) = ctx
            .finished(&ctx.script(&format!("echo {round}; exit 3")))
            .await?;
        ctx.equal("exit code", exited.exit_code(), Some(3))?;
        ctx.equal("output", logs, format!("{round}\n"))?;
        let times = (
            exited.started_at,
            exited.exit.as_ref().map(|exit| exit.finished_at),
        );
        let sensible =
            matches!(times, (Some(start), Some(end)) if end >= start && start >= exited.created_at);
        ctx.ensure(
            "created, started and finished in this order",
            sensible,
            (exited.created_at, times),
        )?;
    }
    Ok(())
}

async fn no_restart(ctx: Ctx) -> CheckResult {
    let (exited, _) = ctx.finished(&ctx.script("echo boot; exit 1")).await?;
    sleep(Duration::from_secs(3)).await;
    let later = ctx.get(&exited.id).await?;
    ctx.equal("status 3 s later", later.status, ContainerStatus::Exited)?;
    ctx.equal("start time", later.started_at, exited.started_at)?;
    let logs = ctx
        .driver()
        .get_container_logs(&exited.id, LogOptions::default())
        .await?;
    ctx.equal("output", logs, "boot\n".to_owned())
}

async fn killed(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::kill())
        .await?;
    let exited = ctx.get(&running.id).await?;
    ctx.equal(
        "status and state",
        (exited.status, exited.state),
        (ContainerStatus::Stopped, ContainerState::Terminated),
    )?;
    let facts = exited.exit.as_ref().map(|exit| (exit.code, exit.signal));
    ctx.equal("code and signal", facts, Some((137, Some(9))))?;
    let oom = exited.exit.and_then(|exit| exit.oom_killed);
    ctx.ensure("it is not reported as out of memory", oom != Some(true), oom)?;
    if !ctx.declares(Operation::WaitContainer) {
        return Ok(());
    }
    let exit = ctx
        .driver()
        .wait_container(&running.id, WaitOptions::default())
        .await?;
    ctx.ensure(
        "a wait does not report it as out of memory",
        exit.oom_killed != Some(true),
        exit,
    )
}

async fn stop_signal_codes(ctx: Ctx) -> CheckResult {
    use ContainerStatus::{Exited, Stopped};
    for (code, status) in [
        (129, Exited),
        (130, Stopped),
        (131, Exited),
        (142, Exited),
        (143, Stopped),
    ] {
        let (exited, _) = ctx.finished(&ctx.script(&format!("exit {code}"))).await?;
        let about = format!("code, status and state after `exit {code}`");
        let facts = (exited.exit_code(), exited.status, exited.state);
        ctx.equal(about, facts, (Some(code), status, status.state()))?;
    }
    Ok(())
}

async fn out_of_memory(ctx: Ctx) -> CheckResult {
    // Engines begin to watch a container's memory usage only shortly after the container's start.
    let allocate_script = "sleep 1; exec dd if=/dev/zero of=/dev/null bs=256M count=1";
    let (exited, _) = ctx.finished(&ctx.script(allocate_script).memory(64)).await?;
    ctx.equal("exit code", exited.exit_code(), Some(137))?;
    let oom = exited.exit.as_ref().and_then(|exit| exit.oom_killed);
    ctx.ensure("`get_container` does not report `false`", oom != Some(false), oom)?;
    let about = "status, given the reported memory state";
    ctx.equal(about, exited.status, ContainerStatus::of_exit(137, oom))?;
    let exit = ctx
        .driver()
        .wait_container(&exited.id, WaitOptions::default())
        .await?;
    ctx.ensure(
        "a wait does not report `false`",
        exit.oom_killed != Some(false),
        &exit,
    )?;
    let known = oom.is_none() || exit.oom_killed == oom;
    ctx.ensure("the wait reports the same as the lookup", known, (oom, exit))
}

async fn legal_sequence(ctx: Ctx) -> CheckResult {
    use ContainerStatus::{Created, Removing, Running, Stopped};
    let created = ctx
        .driver()
        .create_container(&ctx.script("echo hi; sleep 1"))
        .await?;
    let (driver, id) = (ctx.driver().clone(), created.id.clone());
    let watcher = tokio::spawn(async move {
        let mut actual = Vec::new();
        while let Some(now) = driver.get_container(&id).await? {
            if actual.last() != Some(&now.status) {
                actual.push(now.status);
            }
            sleep(Duration::from_millis(30)).await;
        }
        Ok::<_, driver_interface_types::DriverError>(actual)
    });
    ctx.driver().start_container(&created.id).await?;
    ctx.exited(&created.id).await?;
    sleep(Duration::from_millis(300)).await;
    ctx.driver()
        .remove_container(&created.id, RemoveOptions::default())
        .await?;
    let actual = watcher
        .await
        .map_err(|error| crate::Verdict::Broken(error.to_string()))??;
    let order = [Created, Running, Stopped, Removing];
    let positions: Vec<Option<usize>> = actual
        .iter()
        .map(|status| order.iter().position(|known| known == status))
        .collect();
    let legal = positions.iter().all(Option::is_some) && positions.is_sorted();
    ctx.ensure(
        "created, running, stopped and removing, in this order",
        legal,
        &actual,
    )?;
    ctx.ensure(
        "the status `stopped` was observed",
        actual.contains(&Stopped),
        &actual,
    )
}

async fn consistent_across_drivers(ctx: Ctx) -> CheckResult {
    let second = ctx.second_driver().await?;
    let created = ctx
        .driver()
        .create_container(&ctx.script(SERVE).label("a", "b"))
        .await?;
    for step in ["create", "start", "stop", "start", "remove"] {
        match step {
            "start" => drop(ctx.driver().start_container(&created.id).await?),
            "stop" => drop(
                ctx.driver()
                    .stop_container(&created.id, StopOptions::kill())
                    .await?,
            ),
            "remove" => {
                ctx.driver()
                    .remove_container(&created.id, RemoveOptions::force())
                    .await?
            }
            _ => {}
        }
        let here = ctx.driver().get_container(&created.id).await?;
        let there = second.get_container(&created.id).await?;
        let listed = second.list_containers(&ctx.session_filter()).await?;
        ctx.equal(format!("the second driver's view after {step}"), &there, &here)?;
        ctx.equal(
            format!("the list after {step}"),
            listed,
            here.into_iter().collect(),
        )?;
    }
    Ok(())
}
