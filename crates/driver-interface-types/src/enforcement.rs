//! Which limits and security options the engine enforces.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether one limit or security option is enforced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", tag = "level", content = "why")]
#[non_exhaustive]
pub enum Enforcement {
    /// Enforced as configured (or nothing was configured).
    #[default]
    Enforced,
    /// Enforced in part; the text says what is not enforced and why.
    Weakened(String),
    /// Not enforced: this engine does not support it.
    Unsupported,
}

macro_rules! report {
    ($($(#[$docs:meta])+ $field:ident at $path:literal,)+) => {
        /// For each limit and security option, whether this engine enforces what the config asks for.
        ///
        /// ```
        /// use driver_interface_types::{Enforcement, EnforcementReport};
        ///
        /// let mut report = EnforcementReport::default();
        /// report.disk = Enforcement::Unsupported;
        /// assert!(!report.holds());
        /// assert_eq!(report.to_string(), "resources.disk: unsupported");
        /// ```
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "camelCase", default)]
        #[non_exhaustive]
        pub struct EnforcementReport {
            $($(#[$docs])+ pub $field: Enforcement,)+
        }

        impl EnforcementReport {
            /// Returns every entry with the config path that it refers to.
            pub fn entries(&self) -> impl Iterator<Item = (&'static str, &Enforcement)> {
                [$(($path, &self.$field)),+].into_iter()
            }
        }
    };
}

report! {
    /// The CPU limit.
    cpu at "resources.cpu",
    /// The memory limit.
    memory at "resources.memory",
    /// The process limit.
    pids at "resources.pids",
    /// The disk limit.
    disk at "resources.disk",
    /// Dropped Linux capabilities.
    capabilities at "security.capabilities",
    /// `no-new-privileges`.
    no_new_privileges at "security.noNewPrivileges",
    /// The seccomp filter.
    seccomp at "security.seccompProfile",
    /// The user of the main process.
    user at "security.user",
    /// The read-only root file system.
    read_only at "security.readOnly",
    /// Network isolation.
    network at "network",
}

impl Enforcement {
    /// Creates a `Weakened` value with the reason.
    pub fn weakened(why: impl Into<String>) -> Self {
        Self::Weakened(why.into())
    }

    /// Returns whether it is enforced as configured.
    pub fn holds(&self) -> bool {
        *self == Self::Enforced
    }
}

impl EnforcementReport {
    /// Returns whether every entry is enforced as configured.
    pub fn holds(&self) -> bool {
        self.entries().all(|(_, entry)| entry.holds())
    }
}

impl fmt::Display for Enforcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enforced => f.write_str("enforced"),
            Self::Weakened(why) => write!(f, "weakened: {why}"),
            Self::Unsupported => f.write_str("unsupported"),
        }
    }
}

impl fmt::Display for EnforcementReport {
    /// Lists the entries that are not enforced.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weak: Vec<String> = self
            .entries()
            .filter(|(_, entry)| !entry.holds())
            .map(|(path, entry)| format!("{path}: {entry}"))
            .collect();
        f.write_str(if weak.is_empty() { "all enforced" } else { "" })?;
        f.write_str(&weak.join("; "))
    }
}
