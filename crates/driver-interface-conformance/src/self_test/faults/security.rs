//! Faults in resource limits and security options.

use driver_interface_types::{
    ContainerDriver as _, ContainerId, LogOptions, Result, SecurityOptions, TmpfsMount, VolumeMount,
};
use futures_util::FutureExt as _;

use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{Config, GetContainerLogs};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "memory-unlimited",
        "The memory limit is not enforced.",
        &[Config(|config| config.resources.memory = 4096)],
        &["limits/memory-enforced"],
    ),
    Fault::new(
        "pids-unlimited",
        "The process limit is not enforced.",
        &[Config(|config| config.resources.pids = 10_000)],
        &["limits/pids-enforced"],
    ),
    Fault::new(
        "cpu-unlimited",
        "The CPU limit is not enforced.",
        &[Config(|config| config.resources.cpu = 1.0)],
        &["limits/cpu-enforced"],
    ),
    Fault::new(
        "tmp-size-unlimited",
        "The tmpfs mount at /tmp has no size limit.",
        &[Config(|config| {
            config
                .tmpfs
                .push(TmpfsMount::new("/tmp", 16 * SecurityOptions::TMP_SIZE_MIB))
        })],
        &["limits/tmp-size-limited"],
    ),
    Fault::new(
        "disk-unlimited",
        "The disk limit is not enforced.",
        &[Config(|config| config.resources.disk = Some(10_240))],
        &["limits/disk-enforced"],
    ),
    Fault::new(
        "one-capability-not-dropped",
        "One Linux capability is not dropped.",
        &[Config(|config| {
            config.security.capabilities.add.push("CHOWN".to_owned())
        })],
        &["security/capabilities-dropped", "security/capability-added"],
    ),
    Fault::new(
        "added-capabilities-dropped",
        "An added Linux capability is dropped too.",
        &[Config(|config| config.security.capabilities.add.clear())],
        &["security/capability-added"],
    ),
    Fault::new(
        "new-privileges-allowed",
        "Processes can gain privileges.",
        &[Config(|config| config.security.no_new_privileges = false)],
        &["security/no-new-privileges"],
    ),
    Fault::new(
        "seccomp-unconfined",
        "No seccomp filter is set.",
        &[GetContainerLogs(|inside, id, options| {
            unfiltered(inside, id, options).boxed()
        })],
        &["security/seccomp"],
    ),
    Fault::new(
        "runs-as-root",
        "Every container runs as root.",
        &[Config(|config| config.security.user = Some("0:0".to_owned()))],
        &["security/user"],
    ),
    Fault::new(
        "image-user-ignored",
        "A container without a configured user runs as the default user.",
        &[Config(|config| {
            let default = SecurityOptions::DEFAULT_USER.to_owned();
            config.security.user.get_or_insert(default);
        })],
        &["security/compatible-preset"],
    ),
    Fault::new(
        "root-writable",
        "The root file system is writable.",
        &[Config(|config| config.security.read_only = false)],
        &["security/read-only-root"],
    ),
    Fault::new(
        "host-directory-mounted",
        "An unrequested directory of the host is mounted.",
        &[Config(|config| {
            config
                .volumes
                .push(VolumeMount::bind("/srv", "/host").read_only(true))
        })],
        &["security/no-host-mounts"],
    ),
    Fault::new(
        "processes-shared",
        "A container sees processes of other containers.",
        &[Config(|config| {
            let script = r#"for n in 1 2 3 4 5 6; do sleep 30 & done; exec "$@""#;
            let own = config.command.drain(..);
            config.command = ["sh", "-c", script, "sh"]
                .map(str::to_owned)
                .into_iter()
                .chain(own)
                .collect();
        })],
        &["security/process-isolation"],
    ),
    Fault::new(
        "kernel-settings-writable",
        "Kernel settings are writable.",
        &[Config(|config| {
            let args = config.command.iter_mut();
            args.for_each(|arg| *arg = arg.replace("/proc/sys/kernel", "/tmp"));
        })],
        &["security/kernel-interfaces-masked"],
    ),
];

async fn unfiltered(inside: &Inside, id: &ContainerId, options: LogOptions) -> Result<String> {
    let printed = inside.driver.get_container_logs(id, options).await?;
    Ok(printed.replace("Seccomp:\t2", "Seccomp:\t0"))
}
