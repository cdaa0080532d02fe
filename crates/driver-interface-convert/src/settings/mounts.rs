//! Volumes, bind mounts and tmpfs mounts.

use std::collections::BTreeMap;

use driver_interface_types::{
    MountType, Propagation, SelinuxLabel, TmpfsMount, VolumeConfig, VolumeMount, VolumeOwner,
};

use super::Settings;
use crate::text;

/// The settings of a mount, as in the flag `--mount` and in the long syntax of compose.
#[derive(Default)]
pub(crate) struct MountSettings {
    /// The kind of mount: `bind`, `volume` or `tmpfs`. Mounts of other kinds are not carried over.
    pub(crate) kind: String,
    pub(crate) source: Option<String>,
    pub(crate) target: String,
    pub(crate) read_only: bool,
    pub(crate) subpath: Option<String>,
    pub(crate) no_copy: bool,
    pub(crate) propagation: Option<String>,
    pub(crate) selinux: Option<SelinuxLabel>,
    pub(crate) driver: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) options: BTreeMap<String, String>,
    pub(crate) tmpfs_size: Option<String>,
    pub(crate) tmpfs_mode: Option<u32>,
}

impl Settings<'_> {
    /// Parses a mount of the form `[source:]target[:options]`. Reports any other form as invalid and returns `None`.
    pub(crate) fn short_mount(&mut self, value: &str) -> Option<MountSettings> {
        let parts: Vec<&str> = value.split(':').collect();
        let (source, target, options) = match *parts.as_slice() {
            [target] => (None, target, ""),
            [source, target] if target.starts_with('/') => (Some(source), target, ""),
            [source, target, options] if target.starts_with('/') => (Some(source), target, options),
            _ => {
                let message = "must have the form `source:/path` or `source:/path:options`";
                self.invalid(format!("{message}; got {value:?}"));
                return None;
            }
        };
        let is_path = source.is_some_and(|source| source.starts_with(['/', '.', '~']));
        let mut mount = MountSettings {
            kind: if is_path { "bind" } else { "volume" }.to_owned(),
            source: source.map(str::to_owned),
            target: target.to_owned(),
            ..MountSettings::default()
        };
        for option in options.split(',').filter(|option| !option.is_empty()) {
            match option {
                "ro" => mount.read_only = true,
                "rw" | "consistent" | "cached" | "delegated" => {}
                "z" => mount.selinux = Some(SelinuxLabel::Shared),
                "Z" => mount.selinux = Some(SelinuxLabel::Private),
                "nocopy" => mount.no_copy = true,
                _ if option.ends_with("private")
                    || option.ends_with("slave")
                    || option.ends_with("shared") =>
                {
                    mount.propagation = Some(option.to_owned());
                }
                _ => self.leave(Some(option), "the option is not supported; remove it"),
            }
        }
        Some(mount)
    }

    pub(crate) fn mount(&mut self, mount: MountSettings) {
        if mount.target.is_empty() {
            return self.invalid("must have a target");
        }
        match mount.kind.as_str() {
            "volume" => self.volume(mount),
            "bind" => self.bind(mount),
            "tmpfs" => {
                let mut tmpfs = tmpfs(&mount.target);
                tmpfs.mode = mount.tmpfs_mode;
                if let Some(size) = &mount.tmpfs_size {
                    tmpfs.size = self.mib(size).unwrap_or_default();
                }
                self.config.tmpfs.push(tmpfs);
            }
            kind => {
                let reason =
                    format!("mounts of the type `{kind}` are not supported; copy the files into a volume");
                self.leave(Some(&mount.target), reason);
            }
        }
    }

    fn bind(&mut self, mount: MountSettings) {
        let source = mount.source.unwrap_or_default();
        let Some(path) = self.host_path(&source) else {
            let reason = if source.starts_with('~') {
                "the home directory is not known; set `HOME` with `ConvertOptions::variable`"
            } else {
                "the path is relative; set its directory with `ConvertOptions::directory`"
            };
            return self.leave(Some(&source), reason);
        };
        let mut bind = VolumeMount::bind(path, mount.target).read_only(mount.read_only);
        bind.selinux = mount.selinux;
        if let Some(mode) = &mount.propagation {
            match mode.parse() {
                Ok(Propagation::Private) => {}
                Ok(mode) => bind.propagation = Some(mode),
                Err(_) => {
                    let reason =
                        "mounts are shared with their submounts; use `rprivate`, `rslave` or `rshared`";
                    self.leave(Some(mode), reason);
                }
            }
        }
        self.config.volumes.push(bind);
    }

    /// Returns the absolute path of a bind mount's source, without `.` and `..`. Returns `None` if `source` is
    /// relative to a directory that is not known.
    fn host_path(&self, source: &str) -> Option<String> {
        let path = match source.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                format!("{}{rest}", self.options.value("HOME")?)
            }
            // The home directory of another user.
            Some(_) => return None,
            None if source.starts_with('/') => source.to_owned(),
            None => format!("{}/{source}", self.options.directory.as_deref()?),
        };
        let mut parts = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                _ => parts.push(part),
            }
        }
        Some(format!("/{}", parts.join("/")))
    }

    fn volume(&mut self, mount: MountSettings) {
        let source = mount.source.unwrap_or_default();
        let mut volume = VolumeMount::volume(source.as_str(), mount.target).read_only(mount.read_only);
        volume.subpath = mount.subpath;
        volume.copy = self.options.docker_defaults && !mount.no_copy;
        let mut config = VolumeConfig::new(source);
        config.driver = mount.driver.or_else(|| self.volume_driver.clone());
        config.labels = mount.labels;
        config.options = mount.options;
        self.config.volumes.push(volume);
        // A volume without a name gets one in `finish`, when the container's name is known.
        self.create_volume(config);
    }

    /// Adds a volume to the list of volumes that must exist before the container is created. Does nothing if the list
    /// already contains a volume with the same name.
    fn create_volume(&mut self, config: VolumeConfig) {
        let is_known = self.volumes.iter().any(|other| other.name == config.name);
        if config.name.is_empty() || !is_known {
            self.volumes.push(config);
        }
    }

    /// Gives the anonymous volumes their names, and sets the owners of the volumes.
    pub(super) fn name_volumes(&mut self) {
        let image = self.config.image.rsplit('/').next().unwrap_or_default();
        let image = image.split([':', '@']).next().unwrap_or_default();
        let name = self.config.name.as_deref().unwrap_or(image);
        let prefix = match self.volume_prefix.as_slice() {
            [prefix] => format!("{prefix}-{name}"),
            parts => parts.join("-"),
        };
        let mounts = &mut self.config.volumes;
        let anonymous = mounts
            .iter_mut()
            .filter(|mount| mount.mount_type() == MountType::Volume && mount.source.is_empty());
        let unnamed = self.volumes.iter_mut().filter(|volume| volume.name.is_empty());
        for (mount, volume) in anonymous.zip(unnamed) {
            let path = mount.target.trim_matches('/');
            let name = format!("{prefix}-{path}");
            mount.source = name.replace(|c: char| !c.is_ascii_alphanumeric() && !"_.-".contains(c), "-");
            volume.name.clone_from(&mount.source);
            volume.session_id = Some(self.config.session_id.clone());
        }
        let owner = match (self.options.docker_defaults, self.config.security.user_ids()) {
            (true, _) => Some(VolumeOwner::ROOT),
            (false, (Some(uid), gid)) => Some(VolumeOwner::new(uid, gid.unwrap_or_default())),
            (false, _) => None,
        };
        let plain = self
            .volumes
            .iter_mut()
            .filter(|volume| volume.effective_owner() == Some(VolumeOwner::DEFAULT));
        for volume in plain {
            volume.owner = owner.filter(|owner| *owner != VolumeOwner::DEFAULT);
        }
    }

    /// Adds a tmpfs mount of the form `/path[:options]`.
    pub(crate) fn tmpfs(&mut self, value: &str) {
        let (target, options) = value.split_once(':').unwrap_or((value, ""));
        let mut mount = tmpfs(target);
        for option in options.split(',').filter(|option| !option.is_empty()) {
            match text::key_value(option) {
                ("size", Some(size)) => mount.size = self.mib(size).unwrap_or_default(),
                ("mode", Some(mode)) => mount.mode = self.octal(mode),
                ("uid", Some(id)) => mount.uid = self.valid(text::number(id)),
                ("gid", Some(id)) => mount.gid = self.valid(text::number(id)),
                ("exec", None) => mount.exec = true,
                ("noexec", None) => mount.exec = false,
                ("suid", None) => mount.suid = true,
                ("nosuid", None) => mount.suid = false,
                ("dev", None) => mount.dev = true,
                ("nodev", None) => mount.dev = false,
                ("rw", None) => {}
                _ => self.leave(Some(option), "the option is not supported; remove it"),
            }
        }
        self.config.tmpfs.push(mount);
    }

    pub(crate) fn octal(&mut self, mode: &str) -> Option<u32> {
        let mode = u32::from_str_radix(mode.trim_start_matches("0o"), 8)
            .map_err(|_| format!("must be permissions as an octal number; got {mode:?}"));
        self.valid(mode)
    }
}

/// Returns a tmpfs mount with Docker's defaults. The size is 0 until `finish` sets it to the memory limit.
fn tmpfs(target: &str) -> TmpfsMount {
    TmpfsMount::new(target, 0).exec(false)
}
