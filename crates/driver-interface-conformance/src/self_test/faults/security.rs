//! Limits and security.

use driver_interface_types::{SecurityOptions, TmpfsMount};

use crate::self_test::Fault;
use crate::self_test::sabotage::Sabotage::Config;

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "memory-unlimited",
        "A container gets all the memory it wants.",
        &[Config(|config| config.resources.memory = 4096)],
        &["limits/memory-holds"],
    ),
    Fault::new(
        "pids-unlimited",
        "A container may have as many processes as it wants.",
        &[Config(|config| config.resources.pids = 10_000)],
        &["limits/pids-hold"],
    ),
    Fault::new(
        "cpu-unlimited",
        "A container gets all the CPU it wants.",
        &[Config(|config| config.resources.cpu = 1.0)],
        &["limits/cpu-holds"],
    ),
    Fault::new(
        "tmp-unbounded",
        "The folder in memory at /tmp is as large as can be.",
        &[Config(|config| {
            config
                .tmpfs
                .push(TmpfsMount::new("/tmp", 16 * SecurityOptions::TMP_SIZE_MIB))
        })],
        &["limits/tmp-is-bounded"],
    ),
    Fault::new(
        "disk-unlimited",
        "A container gets all the disk space it wants.",
        &[Config(|config| config.resources.disk = 10_240)],
        &["limits/disk-holds"],
    ),
    Fault::new(
        "one-capability-kept",
        "A capability that was to be dropped is left.",
        &[Config(|config| {
            config.security.capabilities.add.push("CHOWN".to_owned())
        })],
        &["security/capabilities-dropped", "security/capability-added"],
    ),
    Fault::new(
        "capabilities-not-given-back",
        "A capability that is to be given back is dropped with the others.",
        &[Config(|config| config.security.capabilities.add.clear())],
        &["security/capability-added"],
    ),
    Fault::new(
        "privileges-can-be-gained",
        "Nothing keeps processes from gaining privileges.",
        &[Config(|config| config.security.no_new_privileges = false)],
        &["security/no-new-privileges"],
    ),
    Fault::new(
        "system-calls-unfiltered",
        "The filter of system calls lets everything through.",
        &[Config(|config| {
            config.security.seccomp_profile = Some(r#"{"defaultAction":"SCMP_ACT_ALLOW"}"#.to_owned());
        })],
        &["security/seccomp"],
    ),
    Fault::new(
        "runs-as-root",
        "Every container runs as root.",
        &[Config(|config| config.security.user = "0:0".to_owned())],
        &["security/user"],
    ),
    Fault::new(
        "root-writable",
        "The root file system can be written to.",
        &[Config(|config| config.security.read_only = false)],
        &["security/read-only-root"],
    ),
];
