//! Opening files for a process, including those that the kernel generates, such as `/proc/self/status`.

use driver_interface_types::SecurityOptions;

use super::{FileOutput, Input, MockProcess, Output};
use crate::fs::{Errno, Node};

impl MockProcess {
    /// Opens the file at `path` for reading.
    pub(crate) fn open_input(&self, path: &str) -> Result<Input, Errno> {
        let path = self.path(path);
        match path.as_str() {
            "/dev/null" => Ok(Input::Null),
            "/dev/zero" | "/dev/full" => Ok(Input::Zero),
            "/dev/random" | "/dev/urandom" => Ok(Input::random(u64::from(self.pid()) << 20 | 0x9E37)),
            "/dev/stdin" => Ok(self.stdin.clone()),
            _ => Ok(Input::bytes(&self.read_path(&path)?)),
        }
    }

    /// Opens the file at `path` for writing. Truncates it unless `append` is set.
    pub(crate) fn open_output(&self, path: &str, append: bool) -> Result<Output, Errno> {
        let path = self.path(path);
        match path.as_str() {
            "/dev/null" | "/dev/zero" => Ok(Output::Null),
            "/dev/full" => Ok(Output::Full),
            "/dev/stdout" => Ok(self.stdout.clone()),
            "/dev/stderr" => Ok(self.stderr.clone()),
            _ if path.starts_with("/proc/") || path.starts_with("/sys/") => Err(Errno::NotFound),
            _ => {
                let (tree, location) = self.files.create(&path, !append)?;
                Ok(Output::File(FileOutput::new(tree, location, append)))
            }
        }
    }

    /// Returns the content of the file at an absolute path.
    pub(crate) fn read_path(&self, path: &str) -> Result<Vec<u8>, Errno> {
        if let Some(text) = self.kernel_file(path) {
            return Ok(text.into_bytes());
        }
        Ok(self.files.read(path)?.to_vec())
    }

    pub(crate) fn node(&self, path: &str) -> Option<Node> {
        let path = self.path(path);
        if self.kernel_file(&path).is_some() {
            return Some(Node::File(std::sync::Arc::default()));
        }
        self.files.node(&path)
    }

    fn kernel_file(&self, path: &str) -> Option<String> {
        let pid = self.pid().to_string();
        let rest = path.strip_prefix("/proc/")?;
        match rest
            .strip_prefix("self/")
            .or_else(|| rest.strip_prefix(&pid)?.strip_prefix('/'))
        {
            Some("status") => Some(self.proc_status()),
            Some("cmdline") => Some(self.args.iter().map(|arg| format!("{arg}\0")).collect()),
            Some("comm") => Some(format!("{}\n", self.entry.name())),
            Some("mounts") => Some(self.mount_lines()),
            Some(_) => None,
            None => match rest {
                "mounts" => Some(self.mount_lines()),
                "sys/kernel/hostname" => Some(format!("{}\n", self.host.hostname)),
                _ => {
                    let (other, file) = rest.split_once('/')?;
                    let entry = self.host.find(other.parse().ok()?)?;
                    (file == "comm").then(|| format!("{}\n", entry.name()))
                }
            },
        }
    }

    /// Returns the content of `/proc/self/status` for this user and the security options of the config.
    fn proc_status(&self) -> String {
        let (security, (uid, gid)) = (&self.host.security, self.user());
        let bounding = capability_mask(security);
        let effective = effective_capabilities(security, uid);
        format!(
            "Name:\t{name}\nUmask:\t0022\nState:\tR (running)\nTgid:\t{pid}\nPid:\t{pid}\nPPid:\t{parent}\n\
             Uid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t{gid}\t{gid}\t{gid}\t{gid}\nGroups:\t{gid}\n\
             CapInh:\t{none:016x}\nCapPrm:\t{effective:016x}\nCapEff:\t{effective:016x}\nCapBnd:\t{bounding:016x}\n\
             CapAmb:\t{none:016x}\nNoNewPrivs:\t{nnp}\nSeccomp:\t2\nSeccomp_filters:\t1\n",
            name = self.entry.name(),
            pid = self.pid(),
            parent = self.entry.parent.max(1),
            none = 0,
            nnp = u8::from(security.no_new_privileges),
        )
    }

    fn mount_lines(&self) -> String {
        self.files
            .mounts()
            .map(|mount| {
                let access = if mount.read_only { "ro" } else { "rw" };
                format!("sim {} simfs {access}{} 0 0\n", mount.target, mount.options)
            })
            .collect()
    }
}

/// The names of the capabilities, in the order of their numbers.
const CAPABILITIES: [&str; 41] = [
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL",
    "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON",
    "BPF", "CHECKPOINT_RESTORE",
];
/// The capabilities that engines grant a container by default, as a bit mask.
const DEFAULT_MASK: u64 = 0xa804_25fb;

/// Returns the capabilities that a process of the user `uid` has with these security options, as a bit mask.
pub(super) fn effective_capabilities(security: &SecurityOptions, uid: u32) -> u64 {
    if uid == 0 { capability_mask(security) } else { 0 }
}

/// Returns the bit of the capability `name`, which is given without `CAP_`.
pub(super) fn capability(name: &str) -> u64 {
    let at = CAPABILITIES.iter().position(|known| *known == name);
    at.map_or(0, |at| 1 << at)
}

fn capability_mask(security: &SecurityOptions) -> u64 {
    let bit = |name: &String| {
        let name = name.to_ascii_uppercase();
        match name.strip_prefix("CAP_").unwrap_or(&name) {
            "ALL" => (1 << CAPABILITIES.len()) - 1,
            name => capability(name),
        }
    };
    let drop = security
        .capabilities
        .drop
        .iter()
        .map(bit)
        .fold(0, |all, one| all | one);
    let add = security
        .capabilities
        .add
        .iter()
        .map(bit)
        .fold(0, |all, one| all | one);
    DEFAULT_MASK & !drop | add
}
