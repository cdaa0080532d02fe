//! Checks of the owners of volumes.

use driver_interface_errors::codes;
use driver_interface_types::{
    ConfigFeature, ContainerConfig, ContainerDriver, Operation, ResourceFilter, SecurityOptions, VolumeId,
    VolumeMount, VolumeOwner,
};

use crate::{Check, CheckResult, Ctx, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "volumes/default-owner",
        "The default user can write to a volume whose config has no owner.",
        run!(default_owner),
    )
    .because("engines create volumes that belong to root")
    .config(&[ConfigFeature::VolumeOwner]),
    Check::must(
        "volumes/owner",
        "The configured owner of a volume can write to it, and the default user cannot. A driver that \
         cannot set owners refuses such a config and creates nothing.",
        run!(owner),
    ),
    Check::must(
        "volumes/owner-reported",
        "A volume is reported with its owner, even after a creation of that name with another owner is \
         refused.",
        run!(owner_reported),
    )
    .config(&[ConfigFeature::VolumeOwner])
    .without_image(),
    Check::must(
        "volumes/owner-kept-on-mount",
        "An empty volume that is mounted over a directory of the image stays empty and keeps its owner.",
        run!(kept_on_mount),
    )
    .because("engines copy the directory's files and owner to an empty volume")
    .config(&[ConfigFeature::VolumeOwner]),
];

/// The owner of volumes in these checks. It is neither root nor the default user.
const OTHER: VolumeOwner = VolumeOwner::new(4321, 1234);

/// A directory that belongs to root in the test image.
const DIRECTORY: &str = "/home";

/// Returns security options with the user `user` and a writable root file system. Some drivers reject writable mounts
/// in a container with a read-only root file system.
fn options(user: VolumeOwner) -> SecurityOptions {
    SecurityOptions::default().user(user.to_string()).read_only(false)
}

/// Builds the config of a container that runs `script` as the user `user`, with the volume `volume` mounted at
/// `/data`.
fn with_volume(ctx: &Ctx, user: VolumeOwner, volume: &VolumeId, script: &str) -> ContainerConfig {
    ctx.script(script)
        .security(options(user))
        .mount(VolumeMount::volume(volume.as_str(), "/data"))
}

async fn default_owner(ctx: Ctx) -> CheckResult {
    let volume = ctx.driver().create_volume(&ctx.volume()).await?;
    ctx.equal("reported owner", volume.owner, Some(VolumeOwner::DEFAULT))?;
    let script = "stat -c '%u:%g %a' /data; echo kept > /data/file; cat /data/file";
    let config = ctx
        .script(script)
        .security(SecurityOptions::default().read_only(false))
        .mount(VolumeMount::volume(&volume.name, "/data"));
    let (_, logs) = ctx.finished(&config).await?;
    ctx.equal(
        "owner, permissions and content",
        logs.as_str(),
        "1000:1000 755\nkept\n",
    )
}

async fn owner(ctx: Ctx) -> CheckResult {
    let config = ctx.volume().owner(OTHER);
    let created = ctx.driver().create_volume(&config).await;
    if !ctx.declares(ConfigFeature::VolumeOwner) {
        ctx.refused("a config with an owner", created, &[codes::UNSUPPORTED_OPERATION])?;
        let left = ctx
            .driver()
            .remove_volume(&VolumeId::new(config.name.as_str())?)
            .await;
        ctx.refused("removing the refused volume", left, &[codes::VOLUME_NOT_FOUND])?;
        return Ok(());
    }
    let volume = created?;
    ctx.equal("reported owner", volume.owner, Some(OTHER))?;
    let write = |word| format!("(echo {word} > /data/{word}) 2>/dev/null || echo refused; ls /data");
    let (_, logs) = ctx
        .finished(&with_volume(
            &ctx,
            VolumeOwner::DEFAULT,
            &volume.id,
            &write("default"),
        ))
        .await?;
    ctx.equal("access of the default user", logs.as_str(), "refused\n")?;
    let script = format!("stat -c '%u:%g' /data; {}", write("own"));
    let (_, logs) = ctx
        .finished(&with_volume(&ctx, OTHER, &volume.id, &script))
        .await?;
    ctx.equal("access of the owner", logs.as_str(), "4321:1234\nown\n")
}

async fn owner_reported(ctx: Ctx) -> CheckResult {
    let config = ctx.volume().owner(OTHER);
    let created = ctx.driver().create_volume(&config).await?;
    let again = ctx.driver().create_volume(&config.owner(VolumeOwner::ROOT)).await;
    ctx.refused("another owner", again, &[codes::VOLUME_CREATION_FAILED])?;
    for driver in [ctx.driver(), &ctx.second_driver().await?] {
        if ctx.declares(Operation::GetVolume) {
            let found = driver.get_volume(&created.id).await?;
            let owner = found.map(|found| found.owner);
            ctx.equal("owner, inspected", owner, Some(Some(OTHER)))?;
        }
        if ctx.declares(Operation::ListVolumes) {
            let filter = ResourceFilter::default().session(ctx.session().clone());
            let listed = driver.list_volumes(&filter).await?;
            let owners: Vec<_> = listed.into_iter().map(|found| found.owner).collect();
            ctx.equal("owners, listed", owners, vec![Some(OTHER)])?;
        }
    }
    ctx.equal("owner, created", created.owner, Some(OTHER))
}

async fn kept_on_mount(ctx: Ctx) -> CheckResult {
    let volume = ctx.driver().create_volume(&ctx.volume().owner(OTHER)).await?;
    let show = |at: &str| format!("stat -c '%u:%g %a' {at}; ls -A {at}");
    let config = ctx.script(&show(DIRECTORY)).security(options(OTHER));
    let (_, logs) = ctx.finished(&config).await?;
    ctx.ensure(
        "the directory of the image belongs to root",
        logs.starts_with("0:0 "),
        &logs,
    )?;
    let over = config
        .name(ctx.name())
        .mount(VolumeMount::volume(&volume.name, DIRECTORY));
    let (_, logs) = ctx.finished(&over).await?;
    ctx.equal("the volume over that directory", logs.as_str(), "4321:1234 755\n")?;
    let (_, logs) = ctx
        .finished(&with_volume(&ctx, OTHER, &volume.id, &show("/data")))
        .await?;
    ctx.equal("the volume elsewhere", logs.as_str(), "4321:1234 755\n")
}
