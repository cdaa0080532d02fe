//! Checks of tmpfs mounts: access, mode, owner and options.

use driver_interface_errors::{Effect, codes};
use driver_interface_types::{ConfigFeature, ContainerDriver, LogOptions, TmpfsMount};

use crate::{Check, CheckResult, Ctx, Failure, run};

const NEEDS: &[ConfigFeature] = &[ConfigFeature::TmpfsMount];

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "setup/tmpfs-over-image-directory",
        "A tmpfs mount over a root-owned directory is empty and writable for the container's user.",
        run!(over_image_directory),
    )
    .because("runtimes apply the mode of the directory below the mount, and some copy its content")
    .config(NEEDS),
    Check::must(
        "setup/tmpfs-options",
        "A tmpfs mount has the configured mode, owner and options, or the creation returns \
         `UnsupportedError`.",
        run!(options),
    )
    .config(NEEDS),
];

async fn over_image_directory(ctx: Ctx) -> CheckResult {
    // In the suite's own image, the first directory contains a file, which the mount hides.
    for (target, user) in [("/opt", "1000:1000"), ("/home", "4321")] {
        let script = format!("ls -A {target}; touch {target}/x && echo written");
        let mut config = ctx.script(&script).tmpfs(target, 4);
        config.security.user = Some(user.to_owned());
        let (_, logs) = ctx.finished(&config).await?;
        ctx.equal(format!("{target} as {user}"), logs.as_str(), "written\n")?;
    }
    Ok(())
}

/// Returns the mode, owner and options of a mount, as seen by a process in the container. Returns `None` if the
/// driver does not support the mount.
async fn actual(ctx: &Ctx, mount: TmpfsMount) -> CheckResult<Option<(String, Vec<String>)>> {
    let target = mount.target.clone();
    let script = format!("stat -c '%a %u:%g' {target}; grep ' {target} ' /proc/mounts");
    let created = match ctx
        .driver()
        .create_container(&ctx.script(&script).tmpfs_mount(mount))
        .await
    {
        Ok(created) => created,
        refused => {
            let error = ctx.refused("the tmpfs mount", refused, &[codes::UNSUPPORTED_OPERATION])?;
            ctx.equal("retryable", error.is_retryable(), false)?;
            ctx.equal("effect", error.effect(), Effect::NotApplied)?;
            return Ok(None);
        }
    };
    ctx.driver().start_container(&created.id).await?;
    ctx.exited(&created.id).await?;
    let logs = ctx
        .driver()
        .get_container_logs(&created.id, LogOptions::default())
        .await?;
    let mut lines = logs.lines();
    let (Some(stat), Some(mounted)) = (lines.next(), lines.next()) else {
        return Err(Failure::new("output of the script", "two lines", logs).into());
    };
    let options = mounted.split(' ').nth(3).unwrap_or_default();
    Ok(Some((
        stat.to_owned(),
        options.split(',').map(str::to_owned).collect(),
    )))
}

async fn options(ctx: Ctx) -> CheckResult {
    let at = |target: &str| TmpfsMount::new(target, 4);
    let private = at("/scratch").mode(0o750).uid(1000).gid(1000).exec(false);
    let Some((stat, flags)) = actual(&ctx, private).await? else {
        return Err(Failure::new(
            "a mode and the container's own user",
            "to be honoured",
            "a refusal",
        )
        .into());
    };
    let has = |flags: &[String], flag: &str| flags.iter().any(|one| one == flag);
    ctx.equal("mode and owner", stat.as_str(), "750 1000:1000")?;
    for flag in ["rw", "nosuid", "nodev", "noexec"] {
        ctx.ensure(format!("it is mounted `{flag}`"), has(&flags, flag), &flags)?;
    }
    if let Some((_, flags)) = actual(&ctx, at("/scratch").suid(true).dev(true)).await? {
        for flag in ["nosuid", "nodev", "noexec"] {
            ctx.ensure(format!("it is not mounted `{flag}`"), !has(&flags, flag), &flags)?;
        }
    }
    for (about, mount, expected) in [
        (
            "a different mode than the image's directory",
            at("/opt").mode(0o700),
            "700 1000:1000",
        ),
        (
            "another user",
            at("/scratch").uid(4321).gid(1234).mode(0o755),
            "755 4321:1234",
        ),
    ] {
        if let Some((stat, _)) = actual(&ctx, mount).await? {
            ctx.equal(about, stat.as_str(), expected)?;
        }
    }
    Ok(())
}
