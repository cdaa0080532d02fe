//! Checks of resource limits, measured inside the container. Each check also runs a control program that the limit
//! must not affect.

use driver_interface_types::{ContainerDriver, ContainerStatus, Guarantee, Property, SecurityOptions};

use crate::{Check, CheckResult, Ctx, Verdict, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "limits/memory-enforced",
        "A process that exceeds the memory limit is killed; one below it is not.",
        run!(memory),
    )
    .guarantees(&[Guarantee::Memory])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "limits/pids-enforced",
        "The number of live processes never exceeds the limit.",
        run!(pids),
    )
    .guarantees(&[Guarantee::Pids])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "limits/cpu-enforced",
        "A busy process gets no more CPU than its limit.",
        run!(cpu),
    )
    .guarantees(&[Guarantee::Cpu])
    .properties(&[Property::RealProcesses])
    .exclusive(),
    Check::must(
        "limits/tmp-size-limited",
        "The writable /tmp of a read-only container has a size limit.",
        run!(tmp),
    )
    .guarantees(&[Guarantee::ReadOnly])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "limits/disk-enforced",
        "Writes to the container's file system that exceed the disk limit fail.",
        run!(disk),
    )
    .guarantees(&[Guarantee::Disk])
    .properties(&[Property::RealProcesses]),
];

async fn memory(ctx: Ctx) -> CheckResult {
    // `tail` keeps its input until the end. Without a newline, it cannot discard any of it.
    let allocate_script = |mib: u32| {
        format!("dd if=/dev/zero bs=1M count={mib} 2>/dev/null | tail -n 1 | wc -c; echo survived")
    };
    let (exited, logs) = ctx.finished(&ctx.script(&allocate_script(8)).memory(64)).await?;
    ctx.equal(
        "the control that needs less memory",
        (exited.exit_code(), logs.contains("survived")),
        (Some(0), true),
    )?;
    // The container's main process itself exceeds the limit: the shell replaces itself with `dd`.
    let script = "dd if=/dev/zero of=/dev/null bs=256M count=1 2>/dev/null";
    let (exited, _) = ctx
        .finished(&ctx.program(["sh", "-c", &format!("exec {script}")]).memory(64))
        .await?;
    ctx.equal(
        "exit code of a process that needs more",
        exited.exit_code(),
        Some(137),
    )?;
    let oom = exited.exit.as_ref().and_then(|exit| exit.oom_killed);
    ctx.ensure(
        "the instance does not report `false` for out of memory",
        oom != Some(false),
        oom,
    )?;
    ctx.equal(
        "its status, given the engine's record",
        exited.status,
        ContainerStatus::of_exit(137, oom),
    )
}

async fn pids(ctx: Ctx) -> CheckResult {
    let script = "i=0; while [ $i -lt 40 ]; do sleep 5 & i=$((i+1)); done; echo started $i";
    let (_, logs) = ctx.finished(&ctx.script(script).pids(100)).await?;
    ctx.ensure("the control starts all 40", logs.contains("started 40"), &logs)?;
    let (_, logs) = ctx.finished(&ctx.script(script).pids(20)).await?;
    let refused = logs.to_lowercase().contains("fork") || !logs.contains("started 40");
    ctx.ensure("not all 40 start with a limit of 20", refused, logs)
}

/// A script that keeps the CPU busy for four seconds of wall-clock time and prints the CPU time it has used.
const BUSY: &str = "end=$(($(date +%s)+4)); while [ $(date +%s) -lt $end ]; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; done; times";

/// Returns the sum, in seconds, of the CPU times that the shell's builtin `times` prints. The output of `times` has
/// two lines. Each line contains two times, such as `0m1.234s`.
fn cpu_seconds(printed: &str) -> Option<f64> {
    let mut sum = 0.0;
    for word in printed.split_whitespace() {
        let (minutes, rest) = word.split_once('m')?;
        let seconds: f64 = rest.strip_suffix('s')?.parse().ok()?;
        sum += minutes.parse::<f64>().ok()? * 60.0 + seconds;
    }
    Some(sum)
}

async fn cpu(ctx: Ctx) -> CheckResult {
    let (_, control) = ctx.finished(&ctx.script(BUSY).cpu(1.0)).await?;
    let (_, limited) = ctx.finished(&ctx.script(BUSY).cpu(0.1)).await?;
    let (Some(control), Some(limited)) = (cpu_seconds(&control), cpu_seconds(&limited)) else {
        return Err(Verdict::Broken(format!(
            "`times` printed {control:?} and {limited:?}"
        )));
    };
    if control < 1.0 {
        let reason =
            format!("inconclusive: host overloaded; without an effective limit it got {control:.2} s of 4");
        return Err(Verdict::NotApplicable(reason));
    }
    // 0.1 cores for four to five seconds give 0.5 s, plus a margin for the time slice at the end.
    ctx.ensure(
        "0.1 cores get at most 0.8 s of CPU in 4 s",
        limited <= 0.8,
        (limited, control),
    )?;
    ctx.ensure("0.1 cores get at least 0.1 s", limited >= 0.1, (limited, control))
}

async fn tmp(ctx: Ctx) -> CheckResult {
    let most = SecurityOptions::TMP_SIZE_MIB;
    let write = |mib: u64| {
        format!("dd if=/dev/zero of=/tmp/file bs=1M count={mib} 2>/dev/null && echo written || echo refused")
    };
    let (_, logs) = ctx.finished(&ctx.script(&write(most / 2))).await?;
    ctx.equal("the control that writes half of it", logs.as_str(), "written\n")?;
    let (_, logs) = ctx.finished(&ctx.script(&write(most + 16))).await?;
    ctx.equal("writing more than the limit", logs.as_str(), "refused\n")
}

async fn disk(ctx: Ctx) -> CheckResult {
    let write = |mib: u64| {
        format!("dd if=/dev/zero of=/file bs=1M count={mib} 2>/dev/null && echo written || echo refused")
    };
    let config = |mib| {
        ctx.script(&write(mib))
            .security(super::volumes::writable())
            .disk(32)
    };
    let (_, logs) = ctx.finished(&config(8)).await?;
    ctx.equal(
        "the control that writes a quarter of it",
        logs.as_str(),
        "written\n",
    )?;
    let (_, logs) = ctx.finished(&config(80)).await?;
    ctx.equal("writing more than the limit", logs.as_str(), "refused\n")?;
    ctx.equal(
        "declared limit",
        ctx.driver().capabilities().supports(Guarantee::Disk),
        true,
    )
}
