//! The security options of a container.

use serde::{Deserialize, Serialize};

#[cfg(feature = "schema")]
use crate::rules::{self, json, many, one};

/// The security options of a container. The defaults are the safest options: a read-only root file system, no new
/// privileges, no Linux capabilities, and the user `1000:1000`. The defaults suit programs that need no special
/// privileges. Images that start as root need `SecurityOptions::compatible()`.
///
/// | | [`hardened`](Self::hardened), the default | [`compatible`](Self::compatible) |
/// |---|---|---|
/// | for | programs that need no special privileges | images that start as root, such as most database and web server images |
/// | root file system | read-only | writable |
/// | user | `1000:1000` | the user that the image sets |
/// | Linux capabilities | none | [`COMPATIBLE_CAPABILITIES`](Self::COMPATIBLE_CAPABILITIES) |
/// | processes can gain privileges (setuid) | no | no |
///
/// ```
/// use driver_interface_types::SecurityOptions;
///
/// let security = SecurityOptions::default().user("33:33").add_capability("NET_BIND_SERVICE");
/// assert!(security.read_only && security.no_new_privileges);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(feature = "schema", garde(context(rules::RuleContext)))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SecurityOptions {
    /// Whether the root file system is read-only. If it is, `/tmp` is still writable, because it is a tmpfs mount of
    /// [`TMP_SIZE_MIB`](Self::TMP_SIZE_MIB) MiB.
    #[cfg_attr(feature = "schema", garde(skip))]
    pub read_only: bool,
    /// Whether processes are prevented from gaining privileges that their parent process does not have. If `true`,
    /// setuid bits have no effect.
    #[cfg_attr(feature = "schema", garde(skip))]
    pub no_new_privileges: bool,
    /// The user of the main process: `uid`, `uid:gid`, or a name from the image. Numeric ids work with any image.
    /// `None` (`null` in JSON) means the user that the image sets, which is root for most images. If a JSON object
    /// does not have this field, the default `1000:1000` is used.
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::user)))), schemars(regex(pattern = json::USER)))]
    pub user: Option<String>,
    /// The Linux capabilities to drop and to add.
    #[cfg_attr(feature = "schema", garde(dive))]
    pub capabilities: LinuxCapabilities,
    /// The seccomp profile, as JSON text. If `None`, the engine's default profile is used. A container cannot run
    /// without a seccomp filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::seccomp_profile)))))]
    pub seccomp_profile: Option<String>,
    /// The name of an AppArmor profile that is loaded on the host. If `None`, the engine's default profile is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", garde(inner(custom(one(rules::apparmor_profile)))))]
    pub apparmor_profile: Option<String>,
}

/// The Linux capabilities to drop and to add, without the `CAP_` prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, garde::Validate))]
#[cfg_attr(feature = "schema", garde(context(rules::RuleContext)))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LinuxCapabilities {
    /// The capabilities to drop. `ALL`, the default, drops every capability.
    #[cfg_attr(feature = "schema", garde(custom(many(rules::drop))), schemars(transform = json::dropped))]
    pub drop: Vec<String>,
    /// The capabilities to add after those in `drop` have been dropped, such as `NET_BIND_SERVICE`. Capabilities that
    /// affect more than the container, such as `SYS_ADMIN`, `NET_ADMIN` and `NET_RAW`, are rejected unless the driver's
    /// policy allows them.
    #[cfg_attr(feature = "schema", garde(custom(many(|add: &Vec<String>, found| rules::add(add, &self.drop, found)))), schemars(transform = json::added))]
    pub add: Vec<String>,
}

impl Default for SecurityOptions {
    fn default() -> Self {
        Self {
            read_only: true,
            no_new_privileges: true,
            user: Some(Self::DEFAULT_USER.to_owned()),
            capabilities: LinuxCapabilities::default(),
            seccomp_profile: None,
            apparmor_profile: None,
        }
    }
}

impl Default for LinuxCapabilities {
    fn default() -> Self {
        Self {
            drop: vec!["ALL".to_owned()],
            add: Vec::new(),
        }
    }
}

impl SecurityOptions {
    /// The size in MiB of the writable `/tmp` of a container whose root file system is read-only.
    pub const TMP_SIZE_MIB: u64 = 64;
    /// The user of the main process if the config does not set a user.
    pub const DEFAULT_USER: &str = "1000:1000";
    /// The Linux capabilities that [`compatible`](Self::compatible) adds. They suffice for an entrypoint that starts
    /// as root, prepares the directories of a service, and then runs the service as another user.
    ///
    /// | capability | effect if the capability is missing |
    /// |---|---|
    /// | `CHOWN` | the entrypoint cannot change the owner of directories to the service's user |
    /// | `DAC_OVERRIDE` | root cannot enter a private directory of the service's user, such as a database's data directory |
    /// | `FOWNER` | root cannot change the mode of a directory of the service's user |
    /// | `KILL` | processes that run as root, such as an init program, cannot send signals to the service's processes; a stop ends with a kill |
    /// | `NET_BIND_SERVICE` | ports below 1024 cannot be bound on Podman |
    /// | `SETGID`, `SETUID` | root cannot continue as the service's user |
    pub const COMPATIBLE_CAPABILITIES: &[&str] = &[
        "CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID",
    ];

    /// Returns the safest options, which are the default: a read-only root file system with a writable `/tmp`, no
    /// capabilities, no new privileges, and the user [`DEFAULT_USER`](Self::DEFAULT_USER).
    ///
    /// An image that starts as root can often run with these options too. Set [`user`](Self::user) to the user of the
    /// image's service. Mount a volume or a tmpfs mount at each directory to which the service writes.
    ///
    /// ```
    /// use driver_interface_types::SecurityOptions;
    ///
    /// assert_eq!(SecurityOptions::hardened(), SecurityOptions::default());
    /// ```
    #[must_use]
    pub fn hardened() -> Self {
        Self::default()
    }

    /// Returns options for an image that starts as root: a writable root file system, the user that the image sets,
    /// and a few capabilities. With these capabilities, the image's entrypoint can change the owners of files and
    /// continue as another user.
    ///
    /// Processes still cannot gain privileges. The programs `gosu`, `su-exec` and `setpriv` work, because they only
    /// give up privileges. `sudo` and other setuid programs need
    /// [`no_new_privileges(false)`](Self::no_new_privileges).
    ///
    /// ```
    /// use driver_interface_types::{ContainerConfig, SecurityOptions};
    ///
    /// let config = ContainerConfig::new("session-1", "postgres:17")
    ///     .env("POSTGRES_PASSWORD", "secret")
    ///     .security(SecurityOptions::compatible());
    /// assert_eq!(config.security.user, None);
    /// assert!(!config.security.read_only && config.security.no_new_privileges);
    /// assert!(config.security.capabilities.add.contains(&"SETUID".to_owned()));
    /// ```
    #[must_use]
    pub fn compatible() -> Self {
        Self {
            read_only: false,
            user: None,
            capabilities: LinuxCapabilities::new(["ALL"], Self::COMPATIBLE_CAPABILITIES.iter().copied()),
            ..Self::default()
        }
    }

    crate::setters! {
        /// Sets whether the root file system is read-only.
        read_only(self, yes: bool) { self.read_only = yes; }
        /// Sets whether processes are prevented from gaining privileges.
        no_new_privileges(self, yes: bool) { self.no_new_privileges = yes; }
        /// Sets the user of the main process: `uid`, `uid:gid`, or a name from the image. If `user` is a `uid`
        /// without a group, the group is the user's group in the image's `/etc/passwd`. If the user is not listed
        /// there, the group is 0.
        user(self, user: impl Into<String>) { self.user = Some(user.into()); }
        /// Sets the user of the main process to the user that the image sets, which is root for most images.
        image_user(self) { self.user = None; }
    }

    /// Returns the user id and the group id in `user`. An id is `None` if `user` contains a name instead, or does not
    /// contain that part.
    ///
    /// ```
    /// use driver_interface_types::SecurityOptions;
    ///
    /// assert_eq!(SecurityOptions::default().user_ids(), (Some(1000), Some(1000)));
    /// assert_eq!(SecurityOptions::default().user("www-data:33").user_ids(), (None, Some(33)));
    /// ```
    pub fn user_ids(&self) -> (Option<u32>, Option<u32>) {
        let user = self.user.as_deref().unwrap_or_default();
        let (user, group) = user.split_once(':').unwrap_or((user, ""));
        (user.parse().ok(), group.parse().ok())
    }

    crate::setters! {
        /// Adds `name` to the list of capabilities to drop.
        drop_capability(self, name: impl Into<String>) { self.capabilities.drop.push(name.into()); }
        /// Adds the capability `name`, such as `NET_BIND_SERVICE`, to the container. Capabilities that affect more
        /// than the container are rejected unless the driver's policy allows them.
        add_capability(self, name: impl Into<String>) { self.capabilities.add.push(name.into()); }
        /// Sets the capabilities to drop and to add.
        capabilities(self, capabilities: LinuxCapabilities) { self.capabilities = capabilities; }
        /// Sets the seccomp profile, as JSON text.
        seccomp_profile(self, json: impl Into<String>) { self.seccomp_profile = Some(json.into()); }
        /// Sets the AppArmor profile, by the name under which it is loaded on the host.
        apparmor_profile(self, name: impl Into<String>) { self.apparmor_profile = Some(name.into()); }
    }
}

impl LinuxCapabilities {
    /// Creates the set of capabilities to drop and to add. The names have no `CAP_` prefix.
    pub fn new(
        drop: impl IntoIterator<Item = impl Into<String>>,
        add: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            drop: drop.into_iter().map(Into::into).collect(),
            add: add.into_iter().map(Into::into).collect(),
        }
    }
}
