//! Which limits and security options really hold.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether one limit or security option holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", tag = "level", content = "why")]
#[non_exhaustive]
pub enum Enforcement {
    /// It holds as asked for (or nothing was asked for).
    #[default]
    Enforced,
    /// It holds in part; the text says what does not and why.
    Weakened(String),
    /// It does not hold: this engine cannot do it.
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
            /// Every entry with the path of the config it is about.
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
    /// The limit of processes.
    pids at "resources.pids",
    /// The disk limit.
    disk at "resources.disk",
    /// That Linux capabilities are dropped.
    capabilities at "security.capabilities",
    /// That no privileges can be gained.
    no_new_privileges at "security.noNewPrivileges",
    /// The system call filter.
    seccomp at "security.seccompProfile",
    /// Who the main process runs as.
    user at "security.user",
    /// That the root file system is read-only.
    read_only at "security.readOnly",
    /// Who can reach whom.
    network at "network",
}

impl Enforcement {
    /// Says why something holds only in part.
    pub fn weakened(why: impl Into<String>) -> Self {
        Self::Weakened(why.into())
    }

    /// Whether it holds as asked for.
    pub fn holds(&self) -> bool {
        *self == Self::Enforced
    }
}

impl EnforcementReport {
    /// Whether everything holds as asked for.
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
    /// Names what does not hold.
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
