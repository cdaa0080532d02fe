//! Images from Debian's packages: one layer, as `docker save` writes it.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use super::packages::{self, Package};
use crate::real::one_layer::{archive, digest};

/// The recipe of an image: packages and the additions of an official build file.
pub(super) struct Recipe {
    pub(super) packages: &'static [&'static str],
    /// Its service's user: name, uid and gid.
    pub(super) user: (&'static str, u32, u32),
    /// Directories with owner, group and mode.
    pub(super) directories: &'static [(&'static str, u32, u32, u32)],
    pub(super) links: &'static [(&'static str, &'static str)],
    pub(super) files: &'static [(&'static str, &'static str)],
    pub(super) entrypoint: &'static str,
    pub(super) command: &'static [&'static str],
    pub(super) settings: fn() -> Value,
    pub(super) built: OnceLock<Result<Built, String>>,
}

const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// A shell, and `setpriv` to continue as another user.
const BASE: &[&str] = &["busybox-static", "util-linux"];
const APPLETS: &[&str] = &[
    "chmod", "chown", "find", "grep", "id", "mkdir", "rm", "sed", "sh", "touch",
];
/// Directories of a merged `/usr`, which packages still name by their old paths.
const MERGED: &[&str] = &["bin", "lib", "lib64", "sbin"];
const LEFT_OUT: &[&str] = &[
    "usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/lintian",
];

/// A root filesystem, not yet named as an image.
pub(super) struct Built {
    layer: Vec<u8>,
    config: String,
}

impl Recipe {
    /// Builds the image, once in this process.
    pub(super) fn built(&self) -> Result<&Built, &String> {
        self.built.get_or_init(|| self.build()).as_ref()
    }

    fn build(&self) -> Result<Built, String> {
        let packages = packages::download(&[BASE, self.packages].concat())?;
        let layer = self.layer(&packages)?;
        let mut settings = (self.settings)();
        let programs = packages.iter().find_map(postgres_programs).unwrap_or_default();
        let mut env = vec![json!(format!("PATH={SEARCH_PATH}{programs}"))];
        env.extend(settings["Env"].as_array().cloned().unwrap_or_default());
        settings["Env"] = json!(env);
        settings["Entrypoint"] = json!(["/docker-entrypoint.sh"]);
        settings["Cmd"] = json!(self.command);
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let config = json!({
            "architecture": architecture,
            "os": "linux",
            "config": settings,
            "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
        });
        Ok(Built {
            layer,
            config: config.to_string(),
        })
    }

    fn layer(&self, packages: &[Package]) -> Result<Vec<u8>, String> {
        // The first entry of a duplicate path wins, so these precede the packages' entries.
        let mut layer = Layer {
            archive: Builder::new(Vec::new()),
            paths: BTreeSet::new(),
        };
        let (name, uid, gid) = self.user;
        let passwd = format!("root:x:0:0:root:/root:/bin/sh\n{name}:x:{uid}:{gid}::/:/bin/sh\n");
        layer.file("etc/passwd", 0o644, &passwd)?;
        layer.file("etc/group", 0o644, &format!("root:x:0:\n{name}:x:{gid}:\n"))?;
        for (path, uid, gid, mode) in self.directories {
            layer.directory(path, *uid, *gid, *mode)?;
        }
        for (path, target) in self.links {
            layer.link(path, target)?;
        }
        for (path, content) in self.files {
            layer.file(path, 0o644, content)?;
        }
        layer.file("docker-entrypoint.sh", 0o755, self.entrypoint)?;
        layer.common()?;
        for package in packages {
            let files = package.files()?;
            layer
                .unpack(&files)
                .map_err(|error| format!("{}: {error}", package.name))?;
        }
        layer.archive.into_inner().map_err(|error| error.to_string())
    }
}

/// Returns the versioned directory of PostgreSQL's programs, which is appended to the search path.
fn postgres_programs(package: &Package) -> Option<String> {
    let version = package.name.strip_prefix("postgresql-")?;
    let is_version = version.bytes().all(|byte| byte.is_ascii_digit());
    is_version.then(|| format!(":/usr/lib/postgresql/{version}/bin"))
}

impl Built {
    /// Returns the archive of an image of this name.
    pub(super) fn saved(&self, name: &str) -> Vec<u8> {
        let manifest =
            json!([{ "Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"] }]).to_string();
        archive(&[
            ("manifest.json", manifest.as_bytes()),
            ("config.json", self.config.as_bytes()),
            ("layer.tar", &self.layer),
        ])
    }
}

struct Layer {
    archive: Builder<Vec<u8>>,
    paths: BTreeSet<PathBuf>,
}

type Done = Result<(), String>;

impl Layer {
    fn common(&mut self) -> Done {
        for (path, mode) in [
            ("tmp", 0o1777),
            ("root", 0o700),
            ("run", 0o755),
            ("var", 0o755),
            ("usr", 0o755),
        ] {
            self.directory(path, 0, 0, mode)?;
        }
        for path in ["dev", "proc", "sys", "etc", "var/lib", "var/cache", "var/log"] {
            self.directory(path, 0, 0, 0o755)?;
        }
        for path in MERGED {
            self.directory(&format!("usr/{path}"), 0, 0, 0o755)?;
            self.link(path, &format!("usr/{path}"))?;
        }
        self.link("var/run", "/run")?;
        for applet in APPLETS {
            self.link(&format!("usr/bin/{applet}"), "busybox")?;
        }
        Ok(())
    }

    /// Adds the files of a package.
    fn unpack(&mut self, files: &[u8]) -> std::io::Result<()> {
        for entry in tar::Archive::new(files).entries()? {
            let mut entry = entry?;
            let path = merged(&entry.path()?);
            let left_out = LEFT_OUT.iter().any(|directory| path.starts_with(directory));
            if path.as_os_str().is_empty() || left_out || !self.paths.insert(path.clone()) {
                continue;
            }
            let mut header = entry.header().clone();
            match entry.link_name()?.map(|target| target.into_owned()) {
                Some(target) if header.entry_type() == EntryType::Link => {
                    self.archive.append_link(&mut header, path, merged(&target))?;
                }
                Some(target) => self.archive.append_link(&mut header, path, target)?,
                None => {
                    let mut content = Vec::new();
                    entry.read_to_end(&mut content)?;
                    self.archive.append_data(&mut header, path, content.as_slice())?;
                }
            }
        }
        Ok(())
    }

    fn directory(&mut self, path: &str, uid: u32, gid: u32, mode: u32) -> Done {
        let mut header = header(EntryType::Directory, mode, 0);
        header.set_uid(uid.into());
        header.set_gid(gid.into());
        self.add(path, |archive| {
            archive.append_data(&mut header, format!("{path}/"), [].as_slice())
        })
    }

    fn link(&mut self, path: &str, target: &str) -> Done {
        let mut header = header(EntryType::Symlink, 0o777, 0);
        self.add(path, |archive| archive.append_link(&mut header, path, target))
    }

    fn file(&mut self, path: &str, mode: u32, content: &str) -> Done {
        let mut header = header(EntryType::Regular, mode, content.len() as u64);
        self.add(path, |archive| {
            archive.append_data(&mut header, path, content.as_bytes())
        })
    }

    fn add(&mut self, path: &str, append: impl FnOnce(&mut Builder<Vec<u8>>) -> std::io::Result<()>) -> Done {
        if !self.paths.insert(PathBuf::from(path)) {
            return Ok(());
        }
        append(&mut self.archive).map_err(|error| format!("{path}: {error}"))
    }
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

/// Returns the path of a package's file in the image, relative to its root.
fn merged(path: &Path) -> PathBuf {
    let path = path.strip_prefix(".").unwrap_or(path);
    match path.iter().next() {
        Some(first) if MERGED.iter().any(|name| first == *name) => Path::new("usr").join(path),
        _ => path.to_owned(),
    }
}
