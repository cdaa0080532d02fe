//! Checks of exporting and importing volumes.

use driver_interface_errors::codes;
use driver_interface_types::tar::{TarPart, TarReader};
use driver_interface_types::{
    Bytes, ConfigFeature, ContainerConfig, ContainerDriver, Operation, Property, SecurityOptions, VolumeId,
    VolumeMount, VolumeOwner,
};

use super::builds::finished;
use super::images::{failing, tar};
use crate::{Check, CheckResult, Ctx, Verdict, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "volumes/export-import",
        "The exported content of a volume in use is imported into another volume with modes and links, and owners if \
         the driver declares them; other files and the volume's directory stay as they are.",
        run!(export_import),
    )
    .requires(&[Operation::ExportVolume, Operation::ImportVolume])
    .config(&[ConfigFeature::VolumeOwner])
    .limit(480),
    Check::must(
        "volumes/export-empty",
        "An empty volume is exported and imported, keeps its owner, and can be removed at once.",
        run!(export_empty),
    )
    .requires(&[Operation::ExportVolume, Operation::ImportVolume])
    .config(&[ConfigFeature::VolumeOwner]),
    Check::must(
        "volumes/import-invalid",
        "Importing data that is not an archive returns `FileSystemError`, a failing stream fails the import, and the \
         volume remains usable.",
        run!(import_invalid),
    )
    .requires(&[Operation::ImportVolume, Operation::ExportVolume])
    .without_image(),
];

/// Returns the names of the entries of an archive, without `./` and trailing slashes.
pub(super) fn names(archive: &Bytes) -> CheckResult<Vec<String>> {
    let mut reader = TarReader::default();
    reader.push(archive);
    let mut names = Vec::new();
    loop {
        match reader.next() {
            Ok(None) => return Ok(names),
            Ok(Some(TarPart::Entry(entry))) => {
                names.push(
                    entry
                        .name
                        .trim_start_matches("./")
                        .trim_end_matches('/')
                        .to_owned(),
                );
            }
            Ok(Some(TarPart::Data(_))) => {}
            Err(problem) => return Err(Verdict::Broken(format!("the archive is corrupt: {problem}"))),
        }
    }
}

/// Builds the config of a container that runs `script` as the user `user`, with the volume `volume` mounted at
/// `/data`.
fn with_volume(ctx: &Ctx, user: VolumeOwner, volume: &VolumeId, script: &str) -> ContainerConfig {
    let security = SecurityOptions::default().user(user.to_string()).read_only(false);
    ctx.script(script)
        .security(security)
        .mount(VolumeMount::volume(volume.as_str(), "/data"))
}

async fn exported(ctx: &Ctx, volume: &VolumeId) -> CheckResult<Bytes> {
    let archive = ctx.driver().export_volume(volume).await?;
    Ok(finished("the export", archive.read_all(16 << 20)).await??)
}

async fn export_import(ctx: Ctx) -> CheckResult {
    let from = ctx.driver().create_volume(&ctx.volume()).await?;
    let to = ctx.driver().create_volume(&ctx.volume()).await?;
    let write = "cd /data; mkdir dir; chmod 750 dir; echo content > dir/file; chmod 640 dir/file; \
                 ln -s dir/file link; echo ready; sleep 600";
    ctx.ready(&with_volume(&ctx, VolumeOwner::DEFAULT, &from.id, write))
        .await?;
    let old = "echo old > /data/other; echo old > /data/link";
    ctx.finished(&with_volume(&ctx, VolumeOwner::DEFAULT, &to.id, old))
        .await?;
    let owners = ctx.declares(Property::ArchiveOwners);
    let reader = if owners {
        VolumeOwner::DEFAULT
    } else {
        VolumeOwner::ROOT
    };
    for _ in 0..2 {
        let archive = exported(&ctx, &from.id).await?;
        ctx.driver().import_volume(&to.id, archive.into()).await?;
        let read = "cd /data; stat -c '%a %u:%g' . dir dir/file; cat dir/file; readlink link; cat link other";
        let (_, logs) = ctx.finished(&with_volume(&ctx, reader, &to.id, read)).await?;
        let expected =
            format!("755 1000:1000\n750 {reader}\n640 {reader}\ncontent\ndir/file\ncontent\nold\n");
        ctx.equal("the volume's content", logs, expected)?;
    }
    Ok(())
}

async fn export_empty(ctx: Ctx) -> CheckResult {
    const OTHER: VolumeOwner = VolumeOwner::new(4321, 1234);
    let from = ctx.driver().create_volume(&ctx.volume().owner(OTHER)).await?;
    let to = ctx.driver().create_volume(&ctx.volume().owner(OTHER)).await?;
    let archive = exported(&ctx, &from.id).await?;
    let found = names(&archive)?;
    ctx.ensure(
        "it has no files",
        found.iter().all(|name| matches!(name.as_str(), "" | ".")),
        &found,
    )?;
    ctx.driver().import_volume(&to.id, archive.into()).await?;
    for volume in [&from.id, &to.id] {
        let show = "stat -c '%u:%g %a' /data; ls -A /data";
        let (exited, logs) = ctx.finished(&with_volume(&ctx, OTHER, volume, show)).await?;
        ctx.equal("owner, permissions and content", logs.as_str(), "4321:1234 755\n")?;
        let options = driver_interface_types::RemoveOptions::default();
        ctx.driver().remove_container(&exited.id, options).await?;
        exported(&ctx, volume).await?;
        ctx.driver().remove_volume(volume).await?;
    }
    Ok(())
}

async fn import_invalid(ctx: Ctx) -> CheckResult {
    let volume = ctx.driver().create_volume(&ctx.volume()).await?.id;
    let archive: Bytes = tar(&[("file", &[b'x'; 4096])])?.into();
    for (about, archive, code) in [
        (
            "data that is not an archive",
            vec![b'x'; 10_000].into(),
            codes::FILE_SYSTEM_ERROR,
        ),
        (
            "a truncated archive",
            archive.slice(..1024).into(),
            codes::FILE_SYSTEM_ERROR,
        ),
        (
            "a stream that fails",
            failing(archive.slice(..1024)),
            codes::INTERNAL_ERROR,
        ),
    ] {
        let result = finished(about, ctx.driver().import_volume(&volume, archive)).await?;
        ctx.refused(about, result, &[code])?;
    }
    ctx.driver().import_volume(&volume, archive.into()).await?;
    let found = names(&exported(&ctx, &volume).await?)?;
    ctx.ensure(
        "the next import works",
        found.contains(&"file".to_owned()),
        &found,
    )?;
    ctx.driver().remove_volume(&volume).await?;
    Ok(())
}
