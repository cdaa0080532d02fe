//! Checks that an overwritten file contains nothing of its old content.

use driver_interface_types::{ContainerDriver, ContainerId, Operation, WriteFile};

use super::files::{path, read, writable};
use crate::{Check, CheckResult, Ctx, SERVE, Verdict, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "files/overwritten",
        "A file that overwrites another has its own length, permissions and owner, including default ones.",
        run!(written),
    )
    .requires(&[
        Operation::ReadFile,
        Operation::ReadFileStream,
        Operation::WriteFile,
        Operation::Exec,
    ]),
    Check::must(
        "files/overwritten-by-archive",
        "An unpacked file that overwrites another has its own length, permissions and owner.",
        run!(unpacked),
    )
    .requires(&[
        Operation::CopyIntoContainer,
        Operation::CopyFromContainer,
        Operation::Exec,
    ]),
];

/// A version of a file: its content, permissions and owner. The owner is `None` if the write sets no owner.
type Version = (&'static str, u32, Option<(u32, u32)>);

/// The versions of a file. Each version is written over the previous version. Some owner ids do not fit into 16 bits
/// or seven octal digits.
const VERSIONS: &[Version] = &[
    ("a long first content\n", 0o751, Some((12, 34))),
    ("short", 0o600, Some((70_000, 3_000_000))),
    ("", 0o4711, Some((1, 2_000_000_000))),
    ("with defaults", WriteFile::DEFAULT_MODE, None),
    ("x", 0o1407, Some((0, 5))),
];

/// Asserts that the file at `at` has the permissions, owner and length of `version`. If `version` has no owner, the
/// file must belong to root, which is the container's user.
async fn assert_version(ctx: &Ctx, id: &ContainerId, at: &str, version: &Version) -> CheckResult {
    let (content, mode, owner) = version;
    let (uid, gid) = owner.unwrap_or((0, 0));
    let actual = ctx.output_of(id, &format!("stat -c '%a %u:%g %s' {at}")).await?;
    let expected = format!("{mode:o} {uid}:{gid} {}\n", content.len());
    ctx.equal(format!("permissions, owner and length of {at}"), actual, expected)
}

async fn written(ctx: Ctx) -> CheckResult {
    let write = async |id: &ContainerId, at: &str, version: &Version| -> CheckResult {
        let (content, mode, owner) = *version;
        let mut file = WriteFile::new(content).mode(mode);
        if let Some((uid, gid)) = owner {
            file = file.owner(uid, gid);
        }
        ctx.driver().write_file(id, &path(at)?, file).await?;
        let actual = read(&ctx, id, at).await?;
        ctx.equal(
            format!("the content of {at}"),
            actual.as_ref(),
            content.as_bytes(),
        )
    };
    let id = ctx.driver().create_container(&writable(&ctx, SERVE)).await?.id;
    for version in VERSIONS {
        write(&id, "/home/before", version).await?;
    }
    ctx.driver().start_container(&id).await?;
    ctx.printed(&id, "ready").await?;
    if let Some(last) = VERSIONS.last() {
        assert_version(&ctx, &id, "/home/before", last).await?;
    }
    for version in VERSIONS {
        write(&id, "/home/while", version).await?;
        assert_version(&ctx, &id, "/home/while", version).await?;
    }
    // Some engines write to a tmpfs through a process that may not change the owner of a file, so no owner is given.
    for (content, mode, _) in VERSIONS {
        let own = (*content, *mode, None);
        write(&id, "/tmp/file", &own).await?;
        assert_version(&ctx, &id, "/tmp/file", &own).await?;
    }
    Ok(())
}

async fn unpacked(ctx: Ctx) -> CheckResult {
    let id = ctx.ready(&writable(&ctx, SERVE)).await?.id;
    for version in VERSIONS {
        let (content, mode, owner) = *version;
        let (uid, gid) = owner.unwrap_or((0, 0));
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_uid(uid.into());
        header.set_gid(gid.into());
        header.set_size(content.len() as u64);
        let mut archive = tar::Builder::new(Vec::new());
        let broken =
            |error: std::io::Error| Verdict::Broken(format!("an archive could not be created: {error}"));
        archive
            .append_data(&mut header, "file", content.as_bytes())
            .map_err(broken)?;
        let archive = archive.into_inner().map_err(broken)?;
        ctx.driver()
            .copy_into_container(&id, &path("/home")?, archive.into())
            .await?;
        assert_version(&ctx, &id, "/home/file", version).await?;
    }
    Ok(())
}
