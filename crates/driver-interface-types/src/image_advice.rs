//! Advice about config settings with which an image may not work.

use crate::{ContainerConfig, ImageInfo, SecurityOptions, Warning};

impl ImageInfo {
    /// The code of a warning: the image starts as root, but the config runs the image as the default user, or lacks
    /// settings that a program started as root usually needs.
    pub const STARTS_AS_ROOT: &str = "image-starts-as-root";
    /// The code of a warning: the container's user may be unable to write to a volume that the image declares.
    pub const VOLUME_NOT_WRITABLE: &str = "image-volume-not-writable";

    /// Returns whether the image's own user is root.
    ///
    /// ```
    /// use driver_interface_types::ImageInfo;
    ///
    /// let mut image = ImageInfo::new("sha256:00", 1);
    /// assert!(image.starts_as_root());
    /// image.user = Some("redis".to_owned());
    /// assert!(!image.starts_as_root());
    /// ```
    pub fn starts_as_root(&self) -> bool {
        self.user.as_deref().is_none_or(is_root)
    }

    /// Returns a warning for each reason why the image may not work with `config`. Each warning names the settings
    /// that may help. The warnings may be wrong: only a run of the image shows whether the image needs root, and
    /// where it writes.
    ///
    /// - [`STARTS_AS_ROOT`](Self::STARTS_AS_ROOT): the image's own program starts as root, but the config sets the
    ///   default user, or lacks a capability or the writable root file system of [`SecurityOptions::compatible`].
    /// - [`VOLUME_NOT_WRITABLE`](Self::VOLUME_NOT_WRITABLE): the image declares a volume, but the config has a
    ///   read-only mount at the volume's path. This warning is also returned if the config has no mount at that path,
    ///   and the config's user is neither root nor the image's own user.
    ///
    /// ```
    /// use driver_interface_types::{ContainerConfig, ImageInfo, SecurityOptions};
    ///
    /// let mut image = ImageInfo::new("sha256:00", 1);
    /// image.entrypoint = vec!["docker-entrypoint.sh".to_owned()];
    /// let config = ContainerConfig::new("s1", "redis:7");
    /// let advice = image.advice(&config);
    /// assert_eq!((advice[0].path.as_str(), advice[0].code.as_str()), ("security.user", ImageInfo::STARTS_AS_ROOT));
    /// assert!(image.advice(&config.security(SecurityOptions::compatible())).is_empty());
    /// ```
    pub fn advice(&self, config: &ContainerConfig) -> Vec<Warning> {
        let root = self.root_advice(config);
        let volumes = self
            .volumes
            .iter()
            .filter_map(|path| self.volume_advice(path, config));
        root.into_iter().chain(volumes).collect()
    }

    fn root_advice(&self, config: &ContainerConfig) -> Option<Warning> {
        if !self.starts_as_root() || !self.runs_own_program(config) {
            return None;
        }
        let security = &config.security;
        let (path, problem) = match security.user.as_deref() {
            Some(user) if user == SecurityOptions::DEFAULT_USER => (
                "security.user",
                format!("the config runs it as the default user, `{user}`"),
            ),
            Some(user) if !is_root(user) => return None,
            _ => {
                let missing = missing_capabilities(security);
                if !missing.is_empty() {
                    let names = missing.join("`, `");
                    (
                        "security.capabilities.add",
                        format!("the config does not add `{names}`"),
                    )
                } else if security.read_only {
                    (
                        "security.readOnly",
                        "its root file system is read-only".to_owned(),
                    )
                } else {
                    return None;
                }
            }
        };
        let message = format!(
            "image `{}` starts as root, but {problem}; if it fails, use `SecurityOptions::compatible()`, or set \
             `security.user` to its service's user and mount a volume or a tmpfs mount where it writes",
            config.image
        );
        Some(Warning::new(path, Self::STARTS_AS_ROOT, message))
    }

    /// Returns whether a container with this config runs the image's own program: the image's entrypoint, or the
    /// image's command if the image has no entrypoint.
    fn runs_own_program(&self, config: &ContainerConfig) -> bool {
        config.entrypoint.is_none() && (!self.entrypoint.is_empty() || config.command.is_empty())
    }

    fn volume_advice(&self, path: &str, config: &ContainerConfig) -> Option<Warning> {
        let over = |target: &str| {
            let rest = path.strip_prefix(target.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut mounts = config.volumes.iter().enumerate();
        let (at, problem) = match mounts.rfind(|(_, mount)| over(&mount.target)) {
            Some((index, mount)) if mount.read_only => (
                format!("volumes[{index}].readOnly"),
                "a read-only mount there".to_owned(),
            ),
            Some(_) => return None,
            None if config.tmpfs.iter().any(|mount| over(&mount.target)) => return None,
            None => {
                let user = config.security.user.as_deref()?;
                if is_root(user) || self.user.as_deref() == Some(user) {
                    return None;
                }
                (
                    "volumes".to_owned(),
                    format!("no mount there, and runs as `{user}`"),
                )
            }
        };
        let message = format!(
            "image `{}` declares a volume at `{path}`, but the config has {problem}; if it cannot write there, mount \
             a volume or a tmpfs mount that the user can write to, or use `SecurityOptions::compatible()`",
            config.image
        );
        Some(Warning::new(at, Self::VOLUME_NOT_WRITABLE, message))
    }
}

fn is_root(user: &str) -> bool {
    matches!(user.split(':').next(), Some("" | "0" | "root"))
}

/// Returns the capabilities of [`SecurityOptions::compatible`] that `security` drops and does not add.
fn missing_capabilities(security: &SecurityOptions) -> Vec<&'static str> {
    let (dropped, added) = (&security.capabilities.drop, &security.capabilities.add);
    let has = |list: &[String], name: &str| list.iter().any(|listed| listed == name || listed == "ALL");
    let required = SecurityOptions::COMPATIBLE_CAPABILITIES.iter().copied();
    required
        .filter(|name| has(dropped, name) && !has(added, name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VolumeMount;

    fn image() -> ImageInfo {
        let mut image = ImageInfo::new("sha256:00", 1);
        image.entrypoint = vec!["/entry".to_owned()];
        image.volumes = vec!["/var/lib/db".to_owned()];
        image
    }

    fn found(image: &ImageInfo, config: &ContainerConfig) -> Vec<(String, String)> {
        let advice = image.advice(config).into_iter();
        advice.map(|advice| (advice.path, advice.code)).collect()
    }

    fn config(security: SecurityOptions) -> ContainerConfig {
        ContainerConfig::new("s", "db").security(security)
    }

    #[test]
    fn advises_root_only_where_the_image_needs_it() {
        let paths = |config: &ContainerConfig| -> Vec<String> {
            let mut image = image();
            image.volumes.clear();
            found(&image, config).into_iter().map(|(path, _)| path).collect()
        };
        let hardened = config(SecurityOptions::hardened());
        assert_eq!(paths(&hardened), ["security.user"]);
        assert!(paths(&config(SecurityOptions::compatible())).is_empty());
        assert!(paths(&config(SecurityOptions::hardened().user("999:999"))).is_empty());
        assert!(paths(&hardened.clone().entrypoint(["/bin/sh"])).is_empty());
        let as_root = SecurityOptions::hardened().image_user();
        assert_eq!(paths(&config(as_root)), ["security.capabilities.add"]);
        let read_only = SecurityOptions::compatible().user("root").read_only(true);
        assert_eq!(paths(&config(read_only)), ["security.readOnly"]);
        let mut own_user = image();
        own_user.user = Some("999".to_owned());
        own_user.volumes.clear();
        assert!(found(&own_user, &hardened).is_empty());
        let mut plain = ImageInfo::new("sha256:00", 1);
        plain.command = vec!["sh".to_owned()];
        assert_eq!(found(&plain, &hardened).len(), 1);
        assert!(found(&plain, &hardened.command(["sh", "-c", "true"])).is_empty());
    }

    #[test]
    fn volume_is_writable_via_parent_mount_or_image_user() {
        let image = image();
        let as_user = || config(SecurityOptions::hardened().user("999"));
        let advised = |path: &str| vec![(path.to_owned(), ImageInfo::VOLUME_NOT_WRITABLE.to_owned())];
        assert_eq!(found(&image, &as_user()), advised("volumes"));
        assert_eq!(found(&image, &as_user().tmpfs("/var/li", 1)), advised("volumes"));
        for target in ["/var/lib/db", "/var/lib/", "/var"] {
            assert!(found(&image, &as_user().tmpfs(target, 1)).is_empty(), "{target}");
            let mount = VolumeMount::volume("data", target);
            assert!(
                found(&image, &as_user().mount(mount.clone())).is_empty(),
                "{target}"
            );
            let read_only = as_user().mount(mount.read_only(true));
            assert_eq!(found(&image, &read_only), advised("volumes[0].readOnly"));
        }
        let mut own_user = image;
        own_user.user = Some("999".to_owned());
        assert!(found(&own_user, &as_user()).is_empty());
    }
}
