//! Which limits and security options the engine enforces.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Warning;
use crate::text_enum::text_form;

/// Whether the engine enforces a given limit or security option.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", tag = "level", content = "why")]
#[non_exhaustive]
pub enum Enforcement {
    /// The limit or security option is enforced as configured. This is also the value if nothing is configured.
    #[default]
    Enforced,
    /// The limit or security option is enforced only in part. The string states which part is not enforced, and the
    /// reason.
    Weakened(String),
    /// The limit or security option is not enforced. The string states the reason.
    Unsupported(String),
}

macro_rules! report {
    ($($(#[$docs:meta])+ $field:ident, $Guarantee:ident at $path:literal,)+) => {
        /// A report with one entry for each limit and security option. The entry states whether the engine enforces
        /// that limit or option.
        ///
        /// An entry that is missing in JSON is read as [`Enforcement::Unsupported`].
        ///
        /// ```
        /// use driver_interface_types::{Enforcement, EnforcementReport};
        ///
        /// let mut report = EnforcementReport::default();
        /// report.disk = Enforcement::unsupported("the storage has no quota");
        /// assert!(!report.holds());
        /// assert_eq!(report.to_string(), "resources.disk: unsupported: the storage has no quota");
        /// ```
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "camelCase", default = "not_reported")]
        #[non_exhaustive]
        pub struct EnforcementReport {
            $($(#[$docs])+ pub $field: Enforcement,)+
        }

        /// A limit or security option. Each value names an entry of an [`EnforcementReport`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Guarantee {
            $($(#[$docs])+ $Guarantee,)+
        }

        impl Guarantee {
            /// All guarantees.
            pub const ALL: &'static [Self] = &[$(Self::$Guarantee),+];

            /// Returns the name of the guarantee's entry in the report, such as `cpu`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$Guarantee => stringify!($field),)+
                }
            }

            /// Returns the path of the config field that sets the limit or security option, such as `resources.cpu`.
            pub fn path(self) -> &'static str {
                match self {
                    $(Self::$Guarantee => $path,)+
                }
            }
        }

        impl EnforcementReport {
            /// Returns the report's entry for a limit or security option.
            pub fn get(&self, guarantee: Guarantee) -> &Enforcement {
                match guarantee {
                    $(Guarantee::$Guarantee => &self.$field,)+
                }
            }

            /// Creates a report in which every entry is [`Enforcement::Unsupported`] with the reason `why`.
            pub fn unsupported(why: &str) -> Self {
                Self { $($field: Enforcement::unsupported(why),)+ }
            }
        }
    };
}

report! {
    /// The CPU limit.
    cpu, Cpu at "resources.cpu",
    /// The memory limit, swap included.
    memory, Memory at "resources.memory",
    /// The process limit.
    pids, Pids at "resources.pids",
    /// The disk limit.
    disk, Disk at "resources.disk",
    /// The dropped Linux capabilities: the container's processes do not have these capabilities.
    capabilities, Capabilities at "security.capabilities",
    /// The `no-new-privileges` option.
    no_new_privileges, NoNewPrivileges at "security.noNewPrivileges",
    /// The seccomp filter.
    seccomp, Seccomp at "security.seccompProfile",
    /// The user of the main process.
    user, User at "security.user",
    /// The read-only root file system.
    read_only, ReadOnly at "security.readOnly",
    /// The isolation between networks: containers that share no network with this container cannot reach this
    /// container.
    network, Network at "network",
    /// The isolation between sessions: on the driver's default network, containers of other sessions cannot reach
    /// this container.
    sessions, Sessions at "network",
}

text_form!(Guarantee, "guarantee");

fn not_reported() -> EnforcementReport {
    EnforcementReport::unsupported("not reported")
}

impl Enforcement {
    /// Creates a `Weakened` value with the reason `why`.
    pub fn weakened(why: impl Into<String>) -> Self {
        Self::Weakened(why.into())
    }

    /// Creates an `Unsupported` value with the reason `why`.
    pub fn unsupported(why: impl Into<String>) -> Self {
        Self::Unsupported(why.into())
    }

    /// Returns whether the limit or security option is enforced as configured.
    pub fn holds(&self) -> bool {
        *self == Self::Enforced
    }
}

impl EnforcementReport {
    /// Returns all entries of the report, each with its [`Guarantee`].
    pub fn entries(&self) -> impl Iterator<Item = (Guarantee, &Enforcement)> {
        Guarantee::ALL
            .iter()
            .map(|guarantee| (*guarantee, self.get(*guarantee)))
    }

    /// Returns whether every entry is enforced as configured.
    pub fn holds(&self) -> bool {
        self.entries().all(|(_, entry)| entry.holds())
    }

    /// Returns a warning with the code `not-enforced` for each entry that is not enforced as configured.
    pub fn warnings(&self) -> Vec<Warning> {
        let weak = self.entries().filter_map(|(guarantee, entry)| match entry {
            Enforcement::Enforced => None,
            Enforcement::Weakened(why) | Enforcement::Unsupported(why) => {
                Some(Warning::new(guarantee.path(), "not-enforced", why))
            }
        });
        weak.collect()
    }
}

impl fmt::Display for Enforcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enforced => f.write_str("enforced"),
            Self::Weakened(why) => write!(f, "weakened: {why}"),
            Self::Unsupported(why) => write!(f, "unsupported: {why}"),
        }
    }
}

impl fmt::Display for EnforcementReport {
    /// Writes the entries that are not enforced as configured, or `all enforced` if there are no such entries.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weak: Vec<String> = self
            .entries()
            .filter(|(_, entry)| !entry.holds())
            .map(|(guarantee, entry)| format!("{}: {entry}", guarantee.path()))
            .collect();
        f.write_str(if weak.is_empty() { "all enforced" } else { "" })?;
        f.write_str(&weak.join("; "))
    }
}
