//! Tmpfs mounts in the engine's format.

use driver_interface_types::{ContainerConfig, SecurityOptions, TmpfsMount};

use super::container::{TMP, own_tmp};
use super::path_stat::PathStat;
use crate::dialect::Dialect;

/// Returns all tmpfs mounts of a container: the config's, and the driver's own.
pub(crate) fn all(config: &ContainerConfig) -> Vec<TmpfsMount> {
    let own = own_tmp(config).then(|| TmpfsMount::new(TMP, SecurityOptions::TMP_SIZE_MIB));
    config.tmpfs.iter().cloned().chain(own).collect()
}

/// Returns the options of a tmpfs mount in the syntax of `mount`.
///
/// If the config sets no owner and no mode, the container's user can write to the mount. For this, the container's
/// user is the owner of the mount, because the mode may not suffice: runtimes may give the mount the mode of the
/// image's directory at that path (see [`keeps_mode`]). They never give it that directory's owner.
pub(crate) fn options(mount: &TmpfsMount, security: &SecurityOptions, dialect: &Dialect) -> String {
    let flag = |yes: bool, name: &str| format!("{}{name}", if yes { "" } else { "no" });
    let mut options = vec![
        "rw".to_owned(),
        flag(mount.exec, "exec"),
        flag(mount.suid, "suid"),
        flag(mount.dev, "dev"),
        format!("mode={:o}", mount.mode.unwrap_or(TmpfsMount::DEFAULT_MODE)),
        format!("size={}m", mount.size),
    ];
    if dialect.numeric_tmpfs_owner {
        let (uid, gid) = owner(mount, security);
        options.extend(uid.map(|uid| format!("uid={uid}")));
        options.extend(gid.map(|gid| format!("gid={gid}")));
    } else {
        options.extend(["U".to_owned(), "notmpcopyup".to_owned()]);
    }
    options.join(",")
}

/// Returns the numeric owner and the numeric group of a mount. A value is `None` if its number is not known.
fn owner(mount: &TmpfsMount, security: &SecurityOptions) -> (Option<u32>, Option<u32>) {
    let (uid, gid) = security.user_ids();
    (mount.uid.or(uid), mount.gid.or(gid))
}

/// Returns the first field of a mount that the engine does not support, and the reason. Returns `None` if the engine
/// supports all fields.
pub(crate) fn unsupported(
    mount: &TmpfsMount,
    security: &SecurityOptions,
    dialect: &Dialect,
) -> Option<(&'static str, String)> {
    let (uid, gid) = security.user_ids();
    let differs = |requested: Option<u32>, of_user: Option<u32>| requested.is_some() && requested != of_user;
    let field = match dialect.numeric_tmpfs_owner {
        false if differs(mount.uid, uid) => "uid",
        false if differs(mount.gid, gid) => "gid",
        _ => return None,
    };
    let why = "Podman assigns tmpfs mounts only to the container's user and group; omit it, or set \
               `security.user` to the same number";
    Some((field, why.to_owned()))
}

/// Assumes that the runtime gives `mount` the mode of `below`, the image's directory at the mount point. Returns the
/// reason why this mode is unsuitable, or `None` if it is suitable.
pub(crate) fn unsupported_reason(
    mount: &TmpfsMount,
    security: &SecurityOptions,
    dialect: &Dialect,
    below: &PathStat,
) -> Option<String> {
    let has = below.permissions();
    match mount.mode {
        Some(required) if required != has => {
            Some(format!("it would have mode {has:o} instead of {required:o}"))
        }
        Some(_) => None,
        None => {
            // On Podman the mount belongs to the user, on Docker only if that user's number is known.
            let (uid, gid) = security.user_ids();
            let (own, group) = owner(mount, security);
            let writable = |bits: u32| has & bits == bits;
            let owned = !dialect.numeric_tmpfs_owner || (own.is_some() && own == uid);
            let shared = group.is_some() && group == gid;
            let can = match (owned, shared) {
                (true, _) => writable(0o300),
                (false, true) => writable(0o030),
                (false, false) => writable(0o003),
            };
            (!can).then(|| {
                format!("it would have mode {has:o}, which does not let the container's user write to it")
            })
        }
    }
}

/// Returns whether the OCI runtime gives a tmpfs mount the mode of the image's directory at that path instead of the
/// requested mode. Versions of runc before 1.1.8 do this. `runtime` is the version from the engine's `/version`:
/// `1.1.5+ds1`, or on Podman `runc version 1.1.5+ds1` followed by more lines.
pub(crate) fn keeps_mode(runtime: &str) -> bool {
    let text = runtime.strip_prefix("runc version ").unwrap_or(runtime);
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let mut numbers = text
        .get(..end)
        .unwrap_or_default()
        .split('.')
        .map(str::parse::<u32>);
    let mut next = || numbers.next().and_then(Result::ok);
    next().is_some_and(|major| (major, next().unwrap_or(0), next().unwrap_or(0)) < (1, 1, 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below(mode: u32) -> PathStat {
        // In Go's format, which has the sticky bit elsewhere than `chmod`.
        let sticky = if mode & 0o1000 == 0 { 0 } else { 1 << 20 };
        serde_json::from_str(&format!(
            r#"{{"mode":{}}}"#,
            (1_u32 << 31) | sticky | (mode & 0o777)
        ))
        .unwrap()
    }

    #[test]
    fn mount_belongs_to_the_user_by_default() {
        let mount = TmpfsMount::new("/run", 16);
        let as_user = |user: &str, dialect| options(&mount, &SecurityOptions::default().user(user), dialect);
        let common = "rw,exec,nosuid,nodev,mode=1777,size=16m";
        for (user, owner) in [
            ("1000:1000", ",uid=1000,gid=1000"),
            ("33", ",uid=33"),
            ("www-data:7", ",gid=7"),
            ("www-data", ""),
        ] {
            assert_eq!(as_user(user, Dialect::DOCKER), format!("{common}{owner}"));
            assert_eq!(as_user(user, Dialect::PODMAN), format!("{common},U,notmpcopyup"));
        }
    }

    #[test]
    fn mode_owner_and_flags_are_sent_or_unsupported() {
        let mount = TmpfsMount::new("/run", 1)
            .mode(0o750)
            .uid(7)
            .gid(8)
            .exec(false)
            .suid(true)
            .dev(true);
        let security = SecurityOptions::default();
        assert_eq!(
            options(&mount, &security, Dialect::DOCKER),
            "rw,noexec,suid,dev,mode=750,size=1m,uid=7,gid=8"
        );
        let lacks = |mount: &TmpfsMount, user: &str, dialect| {
            unsupported(mount, &SecurityOptions::default().user(user), dialect).map(|(field, _)| field)
        };
        assert_eq!(lacks(&mount, "1000:1000", Dialect::DOCKER), None);
        assert_eq!(lacks(&mount, "1000:1000", Dialect::PODMAN), Some("uid"));
        assert_eq!(lacks(&mount, "7", Dialect::PODMAN), Some("gid"));
        assert_eq!(lacks(&mount, "7:8", Dialect::PODMAN), None);
    }

    #[test]
    fn unsupported_directory_mode_is_reported() {
        let unsupported_reason = |mount: TmpfsMount, user: &str, dialect, mode| {
            unsupported_reason(
                &mount,
                &SecurityOptions::default().user(user),
                dialect,
                &below(mode),
            )
            .is_some()
        };
        let plain = || TmpfsMount::new("/data", 1);
        for (user, dialect, mode, expected) in [
            ("1000:1000", Dialect::DOCKER, 0o755, false),
            ("1000:1000", Dialect::DOCKER, 0o1777, false),
            ("1000:1000", Dialect::DOCKER, 0o555, true),
            ("0:0", Dialect::DOCKER, 0o700, false),
            ("www-data", Dialect::DOCKER, 0o755, true),
            ("www-data", Dialect::DOCKER, 0o1777, false),
            ("www-data", Dialect::PODMAN, 0o755, false),
            ("www-data:7", Dialect::DOCKER, 0o775, false),
        ] {
            assert_eq!(
                unsupported_reason(plain(), user, dialect, mode),
                expected,
                "{user} {} {mode:o}",
                dialect.product
            );
        }
        let user = "1000:1000";
        assert!(unsupported_reason(
            plain().mode(0o700),
            user,
            Dialect::DOCKER,
            0o755
        ));
        assert!(!unsupported_reason(
            plain().mode(0o1777),
            user,
            Dialect::DOCKER,
            0o1777
        ));
        assert!(
            unsupported_reason(plain().uid(7), user, Dialect::DOCKER, 0o700),
            "the user does not own it"
        );
    }

    #[test]
    fn detects_runc_that_keeps_directory_mode() {
        for (runtime, expected) in [
            ("1.1.5+ds1", true),
            ("1.0.0-rc10", true),
            ("1.1.7", true),
            ("1.1.8", false),
            ("1.1.12", false),
            ("1.3.4-0ubuntu1", false),
            ("2.0", false),
            ("", false),
            ("crun version 1.8", false),
            ("runc version 1.1.5+ds1\ncommit: 1.1.5", true),
            ("runc version 1.2.0\ncommit: x", false),
        ] {
            assert_eq!(keeps_mode(runtime), expected, "{runtime}");
        }
    }
}
