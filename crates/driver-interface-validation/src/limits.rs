//! The bounds of every value, and where each comes from.
//!
//! ```
//! use driver_interface_validation::limits;
//!
//! // Whatever passes can be turned into bytes and nano-CPUs without an overflow.
//! assert!(limits::MAX_MEMORY.checked_mul(1 << 20).is_some());
//! ```

use std::fmt::Display;
use std::time::Duration;

/// The least CPU, in cores. Engines turn cores into a quota per 100 ms, and the kernel takes no quota below 1 ms.
pub const MIN_CPU: f64 = 0.01;
/// The most CPU, in cores; 1024 cores are 1.024 × 10¹² nano-CPUs. A driver's own limit may be lower.
pub const MAX_CPU: f64 = 1024.0;
/// The least memory, in MiB: Docker refuses less.
pub const MIN_MEMORY: u64 = 6;
/// The most memory, in MiB: a pebibyte, so that twice as many bytes (memory and swap) still fit an `i64`.
pub const MAX_MEMORY: u64 = 1 << 30;
/// The least disk space, in MiB.
pub const MIN_DISK: u64 = 1;
/// The most disk space, in MiB: a pebibyte.
pub const MAX_DISK: u64 = 1 << 30;
/// The fewest processes: the main one.
pub const MIN_PIDS: u64 = 1;
/// The most processes: the kernel's own limit of process ids.
pub const MAX_PIDS: u64 = 4_194_304;
/// The largest numeric user or group id that engines take.
pub const MAX_UID: u64 = 2_147_483_647;
/// The longest word of a command and the longest `KEY=value`, in bytes: what the kernel passes to a program
/// in one string is 128 KiB with its closing NUL.
pub const MAX_WORD: usize = 128 * 1024 - 1;
/// The most bytes all words of a command have together, and so all environment variables: with both the
/// kernel's usual limit for starting a program is reached.
pub const MAX_WORDS_TOTAL: usize = 1024 * 1024;
/// The longest key of an environment variable, label or option, in bytes.
pub const MAX_KEY: usize = 256;
/// The longest value of a label or option, in bytes.
pub const MAX_VALUE: usize = 64 * 1024;
/// The most labels, and the most options.
pub const MAX_ENTRIES: usize = 256;
/// The most mounts.
pub const MAX_MOUNTS: usize = 64;
/// The longest path, in bytes: the kernel's limit without its closing NUL.
pub const MAX_PATH: usize = 4095;
/// The longest name of a user or group.
pub const MAX_USER_NAME: usize = 32;
/// The longest name of an engine's volume or network driver.
pub const MAX_DRIVER_NAME: usize = 255;

/// The most published ports.
pub const MAX_PORTS: usize = 256;
/// The most network aliases, and the most extra hosts.
pub const MAX_NAMES: usize = 256;
/// The most name servers: resolvers read no more.
pub const MAX_DNS: usize = 3;
/// The most devices.
pub const MAX_DEVICES: usize = 64;
/// The longest name of a host on a network.
pub const MAX_HOST_NAME: usize = 253;
/// The longest name a container knows itself by: the kernel's limit, less one for its closing NUL.
pub const MAX_HOSTNAME: usize = 63;
/// The longest seccomp profile, in bytes.
pub const MAX_PROFILE: usize = 1024 * 1024;
/// The longest of a health check's times.
pub const MAX_HEALTH_TIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A whole number's bounds, with the words for its messages.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// What it counts, as in "must be a whole number of MiB"; empty where the number means nothing but itself.
    pub(crate) unit: &'static str,
    pub(crate) min: u64,
    pub(crate) max: u64,
}

pub(crate) const MEMORY: Bounds = Bounds {
    unit: "MiB",
    min: MIN_MEMORY,
    max: MAX_MEMORY,
};
pub(crate) const DISK: Bounds = Bounds {
    unit: "MiB",
    min: MIN_DISK,
    max: MAX_DISK,
};
pub(crate) const PIDS: Bounds = Bounds {
    unit: "processes",
    min: MIN_PIDS,
    max: MAX_PIDS,
};

/// A folder in memory, and `/dev/shm`.
pub(crate) const TMPFS: Bounds = Bounds {
    unit: "MiB",
    min: 1,
    max: MAX_MEMORY,
};
/// Permissions with the set-user-ID, set-group-ID and sticky bits.
pub(crate) const FILE_MODE: Bounds = Bounds {
    unit: "",
    min: 0,
    max: 0o7777,
};
pub(crate) const ID: Bounds = Bounds {
    unit: "",
    min: 0,
    max: MAX_UID,
};
pub(crate) const PORT: Bounds = Bounds {
    unit: "",
    min: 1,
    max: 65_535,
};
pub(crate) const COUNT: Bounds = Bounds {
    unit: "",
    min: 1,
    max: u32::MAX as u64,
};
/// Kernel limits, which have no bounds of ours.
pub(crate) const ANY: Bounds = Bounds {
    unit: "",
    min: 0,
    max: u64::MAX,
};
pub(crate) const MILLIS: Bounds = Bounds {
    unit: "milliseconds",
    min: 0,
    max: u64::MAX,
};

impl Bounds {
    /// What it must be, as in "must be a whole number of MiB".
    pub(crate) fn what(self) -> String {
        match self.unit {
            "" => "a whole number".to_owned(),
            unit => format!("a whole number of {unit}"),
        }
    }

    /// Refuses what is outside.
    pub(crate) fn check(self, value: u64) -> garde::Result {
        if (self.min..=self.max).contains(&value) {
            return Ok(());
        }
        crate::rules::refuse(crate::codes::OUT_OF_RANGE, self.message(value > self.max, value))
    }

    /// What has to be so instead of being below (or, if `too_large`, above) the bounds.
    pub(crate) fn message(self, too_large: bool, got: impl Display) -> String {
        let Self { min, max, .. } = self;
        let what = self.what();
        if too_large {
            format!("must be {what}, at most {max}; got {got}")
        } else {
            format!("must be {what}, at least {min}; got {got}")
        }
    }
}
