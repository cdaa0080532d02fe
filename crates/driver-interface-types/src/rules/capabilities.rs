//! The validation rules for Linux capabilities.

use super::text::{nearest, shown};
use super::{Findings, Index, Verdict, codes, refuse};

/// All Linux capabilities (`capabilities(7)`), without the `CAP_` prefix.
pub(crate) const CAPABILITIES: &[&str] = &[
    "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN",
    "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE",
    "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE",
    "NET_BROADCAST", "NET_RAW", "PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN",
    "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM",
];

/// Capabilities that may be added without an exception in the policy, because their effect is limited to the
/// container's own files and processes. The "baseline" of the Kubernetes Pod Security Standards allows the same
/// capabilities. All other capabilities require an exception.
const CONTAINED: &[&str] = &[
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
    "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
];

/// Returns a phrase for messages that says how the capability `name` affects more than the container.
fn reach(name: &str) -> &'static str {
    match name {
        "NET_ADMIN" | "NET_RAW" | "NET_BROADCAST" => {
            "which lets a container take over the address of another container on its network and read its \
             traffic"
        }
        "AUDIT_CONTROL" | "AUDIT_READ" | "BPF" | "DAC_READ_SEARCH" | "MAC_ADMIN" | "MAC_OVERRIDE"
        | "PERFMON" | "SYSLOG" | "SYS_ADMIN" | "SYS_BOOT" | "SYS_MODULE" | "SYS_RAWIO" | "SYS_TIME" => {
            "which makes root in the container equivalent to root on the host"
        }
        _ => "whose effect is not limited to the container",
    }
}

/// The name that stands for all capabilities.
pub(crate) const ALL_CAPABILITIES: &str = "ALL";

/// Checks the capabilities to drop.
pub(crate) fn drop(names: &[String], found: &mut Findings<'_>) {
    each(names, found, |_| Ok(()));
}

/// Checks the capabilities to add. A capability must not be both in `names` and in `dropped`. The name `ALL` is
/// allowed in `dropped`.
pub(crate) fn add(names: &[String], dropped: &[String], found: &mut Findings<'_>) {
    let policy = found.policy;
    each(names, found, |name| {
        if name == ALL_CAPABILITIES {
            let message = "must not be `ALL`: the container would be effectively privileged; add the \
                           capabilities it needs by name";
            return refuse(codes::FORBIDDEN_CAPABILITY, message);
        }
        if !CONTAINED.contains(&name) && !policy.allows_capability(name) {
            let message = format!(
                "must not be `{name}`, {}; to allow it, use \
                 `ValidationPolicy::allow_dangerous_capability(\"{name}\")`",
                reach(name)
            );
            return refuse(codes::FORBIDDEN_CAPABILITY, message);
        }
        if dropped.iter().any(|dropped| dropped == name) {
            return refuse(
                codes::CONTRADICTION,
                format!("must not be both dropped and added: `{name}`"),
            );
        }
        Ok(())
    });
}

/// Records at most one violation per name: the name is unknown, is a duplicate, or violates `own_rule`.
fn each(names: &[String], found: &mut Findings<'_>, own_rule: impl Fn(&str) -> Verdict) {
    let most = CAPABILITIES.len() + 1;
    if names.len() > most {
        let message = format!("must have at most {most} names: there are no more capabilities");
        return found.note("", refuse(codes::TOO_MANY, message));
    }
    for (index, name) in names.iter().enumerate() {
        let verdict = known(name)
            .and_then(|()| unlike_earlier(names, index, name))
            .and_then(|()| own_rule(name));
        found.note(Index(index), verdict);
    }
}

fn unlike_earlier(list: &[String], index: usize, name: &str) -> Verdict {
    if list.iter().take(index).any(|earlier| earlier == name) {
        return refuse(codes::DUPLICATE, format!("must not be a duplicate: `{name}`"));
    }
    Ok(())
}

/// Checks that `name` is `ALL`, or a Linux capability in this interface's form: upper case, without the `CAP_`
/// prefix.
fn known(name: &str) -> Verdict {
    let is_known = |name: &str| name == ALL_CAPABILITIES || CAPABILITIES.contains(&name);
    if is_known(name) {
        return Ok(());
    }
    if name.is_empty() {
        return refuse(codes::EMPTY, "must not be empty");
    }
    let capitals = name.to_ascii_uppercase();
    let plain = capitals.strip_prefix("CAP_").unwrap_or(&capitals);
    let message = if is_known(plain) {
        format!(
            "must be written as `{plain}`, in upper case and without the `CAP_` prefix; got {}",
            shown(name)
        )
    } else if let Some(likely) = nearest(plain, CAPABILITIES.iter().copied()) {
        format!(
            "must be a Linux capability; got {}, did you mean `{likely}`?",
            shown(name)
        )
    } else {
        format!(
            "must be a Linux capability, such as `NET_BIND_SERVICE`; got {}",
            shown(name)
        )
    };
    refuse(codes::UNKNOWN_CAPABILITY, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_sorted_and_unique() {
        assert!(CAPABILITIES.is_sorted_by(|one, next| one < next));
        assert_eq!(CAPABILITIES.len(), 41);
    }

    #[test]
    fn contained_capabilities_are_known() {
        assert!(CONTAINED.is_sorted_by(|one, next| one < next));
        assert!(CONTAINED.iter().all(|name| CAPABILITIES.contains(name)));
    }
}
