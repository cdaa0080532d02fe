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
        "Exit code 0 is `stopped`, any other is `exited` and an error; the exact code is reported.",
        run!(exit_codes),
    ),
    Check::must(
        "lifecycle/exit/instant",
        "A process that exits immediately is reported with its exit code, complete output and plausible times.",
        run!(instant),
    ),
    Check::must(
        "lifecycle/exit/no-restart",
        "A container that failed is not restarted.",
        run!(no_restart),
    ),
    Check::must(
        "lifecycle/exit/killed",
        "A killed container is `stopped` with code 137 and signal 9, and is not reported as out of memory.",
        run!(killed),
    ),
    Check::must(
        "lifecycle/exit/stop-codes",
        "The exit codes of the stop signals, 130 and 143, are `stopped` too; adjacent codes are errors.",
        run!(stop_codes),
    ),
    Check::must(
        "lifecycle/exit/out-of-memory",
        "Neither `get_container` nor a wait denies that a container was killed because it ran out of memory.",
        run!(out_of_memory),
    )
    .requires(&[Operation::WaitContainer])
    .guarantees(&[Guarantee::Memory]),
    Check::must(
        "lifecycle/state/legal-sequence",
        "From creation to removal, a container has the documented statuses in order.",
        run!(legal_sequence),
    ),
    Check::must(
        "lifecycle/state/observers-agree",
        "After each operation a second driver sees the same container, in get and in list.",
        run!(observers_agree),
    ),
];

async fn exit_codes(ctx: Ctx) -> CheckResult {
    for code in [0, 1, 42, 126, 255] {
        let (ended, _) = ctx.finished(&ctx.script(&format!("exit {code}"))).await?;
        let (status, state) = if code == 0 {
            (ContainerStatus::Stopped, ContainerState::Terminated)
        } else {
            (ContainerStatus::Exited, ContainerState::Error)
        };
        let about = format!("code, status and state after `exit {code}`");
        ctx.equal(
            about,
            (ended.exit_code(), ended.status, ended.state),
            (Some(code), status, state),
        )?;
    }
    Ok(())
}

async fn instant(ctx: Ctx) -> CheckResult {
    for round in 0..5 {
        let (ended, logs) = ctx
            .finished(&ctx.script(&format!("echo {round}; exit 3")))
            .await?;
        ctx.equal("exit code", ended.exit_code(), Some(3))?;
        ctx.equal("output", logs, format!("{round}\n"))?;
        let times = (ended.started_at, ended.exit.as_ref().map(|exit| exit.finished_at));
        let sensible = matches!(times, (Some(start), Some(end)) if end >= start && start >= ended.created_at);
        ctx.ensure(
            "created, started and finished in this order",
            sensible,
            (ended.created_at, times),
        )?;
    }
    Ok(())
}

async fn no_restart(ctx: Ctx) -> CheckResult {
    let (ended, _) = ctx.finished(&ctx.script("echo boot; exit 1")).await?;
    sleep(Duration::from_secs(3)).await;
    let later = ctx.get(&ended.id).await?;
    ctx.equal("status 3 s later", later.status, ContainerStatus::Exited)?;
    ctx.equal("start time", later.started_at, ended.started_at)?;
    let logs = ctx
        .driver()
        .get_container_logs(&ended.id, LogOptions::default())
        .await?;
    ctx.equal("output", logs, "boot\n".to_owned())
}

async fn killed(ctx: Ctx) -> CheckResult {
    let running = ctx.ready(&ctx.script(SERVE)).await?;
    ctx.driver()
        .stop_container(&running.id, StopOptions::kill())
        .await?;
    let ended = ctx.get(&running.id).await?;
    ctx.equal(
        "status and state",
        (ended.status, ended.state),
        (ContainerStatus::Stopped, ContainerState::Terminated),
    )?;
    let facts = ended.exit.as_ref().map(|exit| (exit.code, exit.signal));
    ctx.equal("code and signal", facts, Some((137, Some(9))))?;
    let oom = ended.exit.and_then(|exit| exit.oom_killed);
    ctx.ensure("nothing says that memory ran out", oom != Some(true), oom)?;
    if !ctx.declares(Operation::WaitContainer) {
        return Ok(());
    }
    let exit = ctx
        .driver()
        .wait_container(&running.id, WaitOptions::default())
        .await?;
    ctx.ensure("nor does a wait", exit.oom_killed != Some(true), exit)
}

async fn stop_codes(ctx: Ctx) -> CheckResult {
    use ContainerStatus::{Exited, Stopped};
    for (code, status) in [
        (129, Exited),
        (130, Stopped),
        (131, Exited),
        (142, Exited),
        (143, Stopped),
    ] {
        let (ended, _) = ctx.finished(&ctx.script(&format!("exit {code}"))).await?;
        let about = format!("code, status and state after `exit {code}`");
        let facts = (ended.exit_code(), ended.status, ended.state);
        ctx.equal(about, facts, (Some(code), status, status.state()))?;
    }
    Ok(())
}

async fn out_of_memory(ctx: Ctx) -> CheckResult {
    // Engines start to watch a container's memory only shortly after its start.
    let hungry = "sleep 1; exec dd if=/dev/zero of=/dev/null bs=256M count=1";
    let (ended, _) = ctx.finished(&ctx.script(hungry).memory(64)).await?;
    ctx.equal("exit code", ended.exit_code(), Some(137))?;
    let oom = ended.exit.as_ref().and_then(|exit| exit.oom_killed);
    ctx.ensure("a lookup does not deny it", oom != Some(false), oom)?;
    let about = "status, given what the lookup says";
    ctx.equal(about, ended.status, ContainerStatus::of_exit(137, oom))?;
    let exit = ctx
        .driver()
        .wait_container(&ended.id, WaitOptions::default())
        .await?;
    ctx.ensure("a wait does not deny it", exit.oom_killed != Some(false), &exit)?;
    let known = oom.is_none() || exit.oom_killed == oom;
    ctx.ensure("and knows what the lookup knows", known, (oom, exit))
}

async fn legal_sequence(ctx: Ctx) -> CheckResult {
    use ContainerStatus::{Created, Removing, Running, Stopped};
    let made = ctx
        .driver()
        .create_container(&ctx.script("echo hi; sleep 1"))
        .await?;
    let (driver, id) = (ctx.driver().clone(), made.id.clone());
    let watcher = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(now) = driver.get_container(&id).await? {
            if seen.last() != Some(&now.status) {
                seen.push(now.status);
            }
            sleep(Duration::from_millis(30)).await;
        }
        Ok::<_, driver_interface_types::DriverError>(seen)
    });
    ctx.driver().start_container(&made.id).await?;
    ctx.ended(&made.id).await?;
    sleep(Duration::from_millis(300)).await;
    ctx.driver()
        .remove_container(&made.id, RemoveOptions::default())
        .await?;
    let seen = watcher
        .await
        .map_err(|error| crate::Verdict::Broken(error.to_string()))??;
    let order = [Created, Running, Stopped, Removing];
    let places: Vec<Option<usize>> = seen
        .iter()
        .map(|status| order.iter().position(|known| known == status))
        .collect();
    let legal = places.iter().all(Option::is_some) && places.is_sorted();
    ctx.ensure(
        "created, running, stopped and removing, in this order",
        legal,
        &seen,
    )?;
    ctx.ensure("it was seen stopped", seen.contains(&Stopped), &seen)
}

async fn observers_agree(ctx: Ctx) -> CheckResult {
    let second = ctx.second_driver().await?;
    let made = ctx
        .driver()
        .create_container(&ctx.script(SERVE).label("a", "b"))
        .await?;
    for step in ["create", "start", "stop", "start", "remove"] {
        match step {
            "start" => drop(ctx.driver().start_container(&made.id).await?),
            "stop" => drop(ctx.driver().stop_container(&made.id, StopOptions::kill()).await?),
            "remove" => {
                ctx.driver()
                    .remove_container(&made.id, RemoveOptions::force())
                    .await?
            }
            _ => {}
        }
        let here = ctx.driver().get_container(&made.id).await?;
        let there = second.get_container(&made.id).await?;
        let listed = second.list_containers(&ctx.own()).await?;
        ctx.equal(format!("the second driver's view after {step}"), &there, &here)?;
        ctx.equal(
            format!("the list after {step}"),
            listed,
            here.into_iter().collect(),
        )?;
    }
    Ok(())
}
