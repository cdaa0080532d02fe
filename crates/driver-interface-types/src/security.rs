//! What a container's processes may do.

use serde::{Deserialize, Serialize};

/// What a container's processes may do. The default is the safest that still runs any stock image: read-only
/// root file system, no new privileges, every capability dropped, user `1000:1000`.
///
/// ```
/// use driver_interface_types::SecurityOptions;
///
/// let security = SecurityOptions::default().user("33:33").add_capability("NET_BIND_SERVICE");
/// assert!(security.read_only && security.no_new_privileges);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SecurityOptions {
    /// Whether the root file system is read-only. `/tmp` stays writable: a tmpfs of
    /// [`TMP_SIZE_MIB`](Self::TMP_SIZE_MIB) MiB.
    pub read_only: bool,
    /// Whether a process may never gain privileges its parent had not (setuid programs do not work).
    pub no_new_privileges: bool,
    /// Who the main process runs as: `uid`, `uid:gid`, or a name from the image. Numbers work in any image.
    pub user: String,
    /// Linux capabilities.
    pub capabilities: LinuxCapabilities,
    /// The system call filter, as the JSON text of a seccomp profile; the engine's own without it. There is
    /// no way to run without a filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seccomp_profile: Option<String>,
    /// The name of an AppArmor profile that the host has loaded; the engine's own without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apparmor_profile: Option<String>,
}

/// Which Linux capabilities are taken away and which are given back, without the `CAP_` prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct LinuxCapabilities {
    /// Taken away. `ALL`, the default, takes away every one.
    pub drop: Vec<String>,
    /// Given back after that, such as `NET_BIND_SERVICE`. Those that reach beyond the container, such as `SYS_ADMIN`,
    /// `NET_ADMIN` and `NET_RAW`, are refused unless the driver's policy allows them.
    pub add: Vec<String>,
}

impl Default for SecurityOptions {
    fn default() -> Self {
        Self {
            read_only: true,
            no_new_privileges: true,
            user: "1000:1000".to_owned(),
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
    /// Size of the writable `/tmp` of a container whose root file system is read-only, in MiB.
    pub const TMP_SIZE_MIB: u64 = 64;

    /// Sets whether the root file system is read-only.
    #[must_use]
    pub fn read_only(mut self, yes: bool) -> Self {
        self.read_only = yes;
        self
    }

    /// Sets whether processes are kept from gaining privileges.
    #[must_use]
    pub fn no_new_privileges(mut self, yes: bool) -> Self {
        self.no_new_privileges = yes;
        self
    }

    /// Sets who the main process runs as: `uid`, `uid:gid`, or a name from the image. A `uid` alone gets the group that
    /// the image's `/etc/passwd` gives it, and group 0 where it is not in there, as with the engines' own tools.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = user.into();
        self
    }

    /// The numbers of the user and its group, each where `user` gives a number and no name.
    ///
    /// ```
    /// use driver_interface_types::SecurityOptions;
    ///
    /// assert_eq!(SecurityOptions::default().user_ids(), (Some(1000), Some(1000)));
    /// assert_eq!(SecurityOptions::default().user("www-data:33").user_ids(), (None, Some(33)));
    /// ```
    pub fn user_ids(&self) -> (Option<u32>, Option<u32>) {
        let (user, group) = self.user.split_once(':').unwrap_or((&self.user, ""));
        (user.parse().ok(), group.parse().ok())
    }

    /// Takes one more capability away.
    #[must_use]
    pub fn drop_capability(mut self, name: impl Into<String>) -> Self {
        self.capabilities.drop.push(name.into());
        self
    }

    /// Gives a capability back, such as `NET_BIND_SERVICE`. What reaches beyond the container is refused unless the
    /// driver's policy allows it.
    #[must_use]
    pub fn add_capability(mut self, name: impl Into<String>) -> Self {
        self.capabilities.add.push(name.into());
        self
    }

    /// Sets both lists of capabilities.
    #[must_use]
    pub fn capabilities(mut self, capabilities: LinuxCapabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Sets the system call filter: the JSON text of a seccomp profile.
    #[must_use]
    pub fn seccomp_profile(mut self, json: impl Into<String>) -> Self {
        self.seccomp_profile = Some(json.into());
        self
    }

    /// Sets the AppArmor profile, by the name the host has loaded it under.
    #[must_use]
    pub fn apparmor_profile(mut self, name: impl Into<String>) -> Self {
        self.apparmor_profile = Some(name.into());
        self
    }
}

impl LinuxCapabilities {
    /// Drops and adds as listed, without the `CAP_` prefix.
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
