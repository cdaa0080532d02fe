//! Checks of security options. The checks read `/proc` inside the container and do not rely on the engine's reports.

use driver_interface_types::{ContainerDriver, Guarantee, ImageRef, Operation, Property, SecurityOptions};

use crate::{Check, CheckResult, Ctx, Failure, Verdict, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "security/capabilities-dropped",
        "By default a process has no Linux capability in any of the five sets, as root or not.",
        run!(capabilities),
    )
    .guarantees(&[Guarantee::Capabilities])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "security/capability-added",
        "A process has exactly the capabilities that the config adds.",
        run!(capability_added),
    )
    .guarantees(&[Guarantee::Capabilities])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "security/no-new-privileges",
        "By default no process can gain privileges.",
        run!(no_new_privileges),
    )
    .guarantees(&[Guarantee::NoNewPrivileges])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "security/seccomp",
        "System calls are filtered by seccomp.",
        run!(seccomp),
    )
    .guarantees(&[Guarantee::Seccomp])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "security/user",
        "The main process runs as the configured user, by default 1000:1000, without supplementary groups.",
        run!(user),
    )
    .guarantees(&[Guarantee::User])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "security/compatible-preset",
        "With `SecurityOptions::compatible()`, the image's user runs with exactly the preset's \
         capabilities, cannot gain privileges, and can write to the root file system.",
        run!(compatible),
    )
    .requires(&[Operation::GetImage])
    .guarantees(&[Guarantee::User, Guarantee::Capabilities])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "security/read-only-root",
        "By default only /tmp is writable.",
        run!(read_only_root),
    )
    .guarantees(&[Guarantee::ReadOnly])
    .properties(&[Property::RealProcesses]),
    Check::must(
        "security/no-host-mounts",
        "Neither the engine's socket nor a host directory is mounted.",
        run!(no_host_mounts),
    )
    .properties(&[Property::RealProcesses]),
    Check::must(
        "security/process-isolation",
        "A container sees only its own processes.",
        run!(process_isolation),
    )
    .properties(&[Property::RealProcesses]),
    Check::should(
        "security/kernel-interfaces-masked",
        "Kernel settings are read-only, and kernel memory cannot be read.",
        run!(masked),
    )
    .properties(&[Property::RealProcesses]),
];

/// Runs a process with the security options `security`, and returns the values of `keys` from its `/proc/self/status`.
async fn status(ctx: &Ctx, security: SecurityOptions, keys: &[&str]) -> CheckResult<Vec<String>> {
    let (_, printed) = ctx
        .finished(&ctx.program(["cat", "/proc/self/status"]).security(security))
        .await?;
    keys.iter()
        .map(|key| {
            let value = printed
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            let missing = || {
                Failure::new(
                    format!("{key} in /proc/self/status"),
                    "to be present",
                    printed.clone(),
                )
                .into()
            };
            value
                .map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "))
                .ok_or_else(missing)
        })
        .collect()
}

const SETS: [&str; 5] = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
const NO_CAPABILITIES: &str = "0000000000000000";

async fn capabilities(ctx: Ctx) -> CheckResult {
    for user in ["1000:1000", "0:0"] {
        let sets = status(&ctx, SecurityOptions::default().user(user), &SETS).await?;
        ctx.equal(
            format!("the five sets as {user}"),
            sets,
            vec![NO_CAPABILITIES.to_owned(); 5],
        )?;
    }
    Ok(())
}

async fn capability_added(ctx: Ctx) -> CheckResult {
    const NET_BIND_SERVICE: &str = "0000000000000400";
    let security = SecurityOptions::default()
        .user("0:0")
        .add_capability("NET_BIND_SERVICE");
    let sets = status(&ctx, security, &["CapPrm", "CapEff", "CapBnd"]).await?;
    ctx.equal(
        "permitted, effective and bounding set",
        sets,
        vec![NET_BIND_SERVICE.to_owned(); 3],
    )
}

async fn no_new_privileges(ctx: Ctx) -> CheckResult {
    let on = status(&ctx, SecurityOptions::default(), &["NoNewPrivs"]).await?;
    ctx.equal("NoNewPrivs by default", on, vec!["1".to_owned()])?;
    let off = status(
        &ctx,
        SecurityOptions::default().no_new_privileges(false),
        &["NoNewPrivs"],
    )
    .await?;
    ctx.equal("NoNewPrivs of the control", off, vec!["0".to_owned()])
}

async fn seccomp(ctx: Ctx) -> CheckResult {
    let mode = status(&ctx, SecurityOptions::default(), &["Seccomp"]).await?;
    ctx.equal("Seccomp (2 is a filter)", mode, vec!["2".to_owned()])
}

async fn user(ctx: Ctx) -> CheckResult {
    let ids = status(&ctx, SecurityOptions::default(), &["Uid", "Gid", "Groups"]).await?;
    let expected = ["1000 1000 1000 1000", "1000 1000 1000 1000"];
    ctx.equal(
        "uid and gid by default",
        ids.iter().take(2).map(String::as_str).collect(),
        expected.to_vec(),
    )?;
    let groups = ids.get(2).map(String::as_str).unwrap_or_default();
    ctx.ensure("no other group", groups.is_empty() || groups == "1000", groups)?;
    let ids = status(
        &ctx,
        SecurityOptions::default().user("4321:1234"),
        &["Uid", "Gid"],
    )
    .await?;
    ctx.equal(
        "uid and gid as configured",
        ids,
        vec!["4321 4321 4321 4321".to_owned(), "1234 1234 1234 1234".to_owned()],
    )
}

async fn compatible(ctx: Ctx) -> CheckResult {
    // The bits of CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID and NET_BIND_SERVICE.
    const CAPABILITIES: &str = "00000000000004eb";
    let image = ctx.driver().get_image(&ImageRef::new(ctx.image())?).await?;
    if !image.is_some_and(|image| image.starts_as_root()) {
        let reason = "the test image has a default user without capabilities";
        return Err(Verdict::NotApplicable(reason.to_owned()));
    }
    let security = SecurityOptions::compatible();
    let keys = ["Uid", "CapPrm", "CapEff", "CapBnd", "NoNewPrivs"];
    let found = status(&ctx, security.clone(), &keys).await?;
    let expected = ["0 0 0 0", CAPABILITIES, CAPABILITIES, CAPABILITIES, "1"];
    ctx.equal(
        "its user and privileges",
        found.iter().map(String::as_str).collect(),
        expected.to_vec(),
    )?;
    let script = ctx.script("touch /etc/probe && echo written").security(security);
    let (_, logs) = ctx.finished(&script).await?;
    ctx.equal("writing to the root file system", logs.as_str(), "written\n")
}

async fn read_only_root(ctx: Ctx) -> CheckResult {
    let script = "for d in / /bin /etc /home /root /usr /var /tmp; do if touch $d/probe 2>/dev/null; then echo $d; fi; done";
    let root = SecurityOptions::default().user("0:0");
    let (_, logs) = ctx.finished(&ctx.script(script).security(root.clone())).await?;
    ctx.equal("directories that root can write to", logs, "/tmp\n".to_owned())?;
    let (_, logs) = ctx
        .finished(&ctx.script(script).security(root.read_only(false)))
        .await?;
    ctx.ensure(
        "the control with a writable root writes elsewhere",
        logs.lines().any(|line| line == "/etc"),
        logs,
    )
}

async fn no_host_mounts(ctx: Ctx) -> CheckResult {
    let script = "cat /proc/self/mountinfo; echo files; ls /run /run/* /var/run/* 2>/dev/null";
    let (_, printed) = ctx.finished(&ctx.script(script)).await?;
    let Some((mounts, files)) = printed.split_once("files\n") else {
        return Err(Failure::new("output of the script", "mounts and files", printed).into());
    };
    ctx.ensure(
        "the root is mounted",
        mounts.lines().any(|mount| mount_point(mount) == "/"),
        mounts,
    )?;
    for mount in mounts.lines() {
        let point = mount_point(mount);
        let below = ["/proc/", "/sys/", "/dev/"]
            .iter()
            .any(|kernel| point.starts_with(kernel));
        ctx.ensure(
            format!("{point} is a known mount"),
            KNOWN_MOUNTS.contains(&point) || below,
            mount,
        )?;
    }
    for text in [mounts, files] {
        ctx.ensure("no engine socket exists", !text.contains(".sock"), text)?;
    }
    Ok(())
}

/// The mount points that any container may have: files and empty tmpfs mounts that engines add, and kernel file
/// systems.
const KNOWN_MOUNTS: &[&str] = &[
    "/", "/proc", "/sys", "/dev", "/tmp", "/run", "/var/tmp", "/etc/hosts", "/etc/hostname",
    "/etc/resolv.conf", "/etc/mtab", "/run/.containerenv", "/run/secrets", "/run/podman-init",
    "/sbin/docker-init", "/catatonit",
];

fn mount_point(mount: &str) -> &str {
    mount.split(' ').nth(4).unwrap_or_default()
}

async fn process_isolation(ctx: Ctx) -> CheckResult {
    let (_, logs) = ctx
        .finished(&ctx.script("sleep 3 & ls /proc | grep -c '^[0-9]' ; wait"))
        .await?;
    let count: usize = logs.trim().parse().unwrap_or(usize::MAX);
    // The processes are the shell, the sleep and two processes of the pipe, and possibly an init process.
    ctx.ensure("two to six processes", (2..=6).contains(&count), logs)
}

async fn masked(ctx: Ctx) -> CheckResult {
    let script = "if echo 1 2>/dev/null > /proc/sys/kernel/domainname; then echo settings; fi; if head -c 1 /proc/kcore 2>/dev/null | grep -q .; then echo memory; fi; for f in /sys/firmware/*; do if [ -e $f ]; then echo firmware; fi; done";
    let (exited, logs) = ctx
        .finished(
            &ctx.script(script)
                .security(SecurityOptions::default().user("0:0")),
        )
        .await?;
    ctx.equal("accessible kernel interfaces", logs, String::new())?;
    ctx.ensure(
        "the script ran until it exited",
        exited.exit_code().is_some_and(|code| code < 2),
        exited.exit_code(),
    )
}
