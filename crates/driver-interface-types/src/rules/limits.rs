//! The bounds of the values in configs and options, and the reasons for these bounds.
//!
//! ```
//! use driver_interface_types::rules::limits;
//!
//! // Every accepted value can be converted to bytes and nano-CPUs without an overflow.
//! assert!(limits::MAX_MEMORY.checked_mul(1 << 20).is_some());
//! ```

use std::fmt::Display;
use std::time::Duration;

use super::{Findings, Verdict, codes, refuse};
use crate::ResourceLimits;

/// The minimum CPU limit, in cores. Engines convert the limit to a quota of CPU time per 100 ms. The kernel rejects
/// quotas below 1 ms.
pub const MIN_CPU: f64 = 0.01;
/// The maximum CPU limit, in cores. Converted to nano-CPUs, this limit is 1.024 × 10¹². A driver may declare a lower
/// maximum.
pub const MAX_CPU: f64 = 1024.0;
/// The minimum memory limit, in MiB. Docker refuses lower limits.
pub const MIN_MEMORY: u64 = 6;
/// The maximum memory limit, in MiB: one pebibyte. Twice as many bytes, for memory and swap together, still fit into
/// an `i64`.
pub const MAX_MEMORY: u64 = 1 << 30;
/// The minimum disk limit, in MiB.
pub const MIN_DISK: u64 = 1;
/// The maximum disk limit, in MiB: one pebibyte.
pub const MAX_DISK: u64 = 1 << 30;
/// The minimum process limit: one process, which is the main process.
pub const MIN_PIDS: u64 = 1;
/// The maximum process limit: the kernel's maximum number of process ids.
pub const MAX_PIDS: u64 = 4_194_304;
/// The largest numeric user or group id that engines accept.
pub const MAX_UID: u64 = 2_147_483_647;
/// The maximum length in bytes of a word of a command, or of an environment variable in the form `KEY=value`. The
/// kernel limits each string that is passed to a program to 128 KiB, including the terminating NUL.
pub const MAX_WORD: usize = 128 * 1024 - 1;
/// The maximum total size in bytes of all words of a command. The total size of all environment variables has the
/// same maximum. Both maximums together are the kernel's usual limit for starting a program, 2 MiB.
pub const MAX_WORDS_TOTAL: usize = 1024 * 1024;
/// The maximum length in bytes of a key in a map of a config, such as the name of an environment variable, label or
/// option.
pub const MAX_KEY: usize = 256;
/// The maximum length in bytes of the value of a label, option, annotation or kernel parameter.
pub const MAX_VALUE: usize = 64 * 1024;
/// The maximum number of entries in a map of labels, options, annotations or kernel parameters.
pub const MAX_ENTRIES: usize = 256;
/// The maximum number of mounts.
pub const MAX_MOUNTS: usize = 64;
/// The maximum length of a path, in bytes: the kernel's limit without the terminating NUL.
pub const MAX_PATH: usize = 4095;
/// The maximum length of the name of a user or group, in characters.
pub const MAX_USER_NAME: usize = 32;
/// The maximum length in characters of the name of a runtime, of an AppArmor profile, or of a driver in the engine,
/// such as a volume driver or network driver.
pub const MAX_DRIVER_NAME: usize = 255;

/// The maximum number of published ports.
pub const MAX_PORTS: usize = 256;
/// The maximum number of entries in each list of names, such as network aliases, extra hosts or groups.
pub const MAX_NAMES: usize = 256;
/// The maximum number of DNS servers. Resolvers ignore all further servers.
pub const MAX_DNS: usize = 3;
/// The maximum number of devices.
pub const MAX_DEVICES: usize = 64;
/// The maximum length of a network alias, DNS search domain or extra host name, in characters.
pub const MAX_HOST_NAME: usize = 253;
/// The maximum length of a container's host name in characters: the kernel's limit without the terminating NUL.
pub const MAX_HOSTNAME: usize = 63;
/// The maximum length of a seccomp profile, in bytes.
pub const MAX_PROFILE: usize = 1024 * 1024;
/// The maximum interval, timeout and start period of a health check.
pub const MAX_HEALTH_TIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The bounds of a whole number, and the number's unit, which is shown in messages.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// The unit, as in "must be a whole number of MiB"; empty if the number has no unit.
    pub(super) unit: &'static str,
    pub(super) min: u64,
    pub(super) max: u64,
}

const fn bounds(unit: &'static str, min: u64, max: u64) -> Bounds {
    Bounds { unit, min, max }
}

pub(crate) const MEMORY: Bounds = bounds("MiB", MIN_MEMORY, MAX_MEMORY);
pub(crate) const DISK: Bounds = bounds("MiB", MIN_DISK, MAX_DISK);
pub(crate) const PIDS: Bounds = bounds("processes", MIN_PIDS, MAX_PIDS);
/// The bounds of the size of a tmpfs mount or of `/dev/shm`.
pub(crate) const TMPFS: Bounds = bounds("MiB", 1, MAX_MEMORY);
/// The bounds of a file's permissions, including the set-user-ID, set-group-ID and sticky bits.
pub(crate) const FILE_MODE: Bounds = bounds("", 0, 0o7777);
pub(crate) const ID: Bounds = bounds("", 0, MAX_UID);
pub(crate) const PORT: Bounds = bounds("", 1, u16::MAX as u64);
/// The bounds of the swap that a container may use. With 0, the container may use no swap.
pub(crate) const SWAP: Bounds = bounds("MiB", 0, MAX_MEMORY);
/// The bounds of a CPU weight. The kernel has the same bounds.
pub(crate) const CPU_SHARES: Bounds = bounds("", 2, 262_144);
pub(crate) const COUNT: Bounds = bounds("", 1, u32::MAX as u64);

/// Returns a rule that checks that a number is within `bounds`.
pub(crate) fn within<T: Copy + Into<u64>>(bounds: Bounds) -> impl Fn(&T) -> Verdict {
    move |value| {
        let value: u64 = (*value).into();
        if (bounds.min..=bounds.max).contains(&value) {
            return Ok(());
        }
        refuse(
            codes::OUT_OF_RANGE,
            out_of_range(bounds.unit, bounds.min, bounds.max, value > bounds.max, value),
        )
    }
}

/// Checks that a memory reservation is within its bounds and below the memory limit.
pub(crate) fn memory_reservation(limits: &ResourceLimits, found: &mut Findings<'_>) {
    let Some(reservation) = limits.memory_reservation else {
        return;
    };
    let verdict = within(MEMORY)(&reservation).and_then(|()| {
        if reservation < limits.memory {
            return Ok(());
        }
        let message = format!(
            "must be below the memory limit, which is {}; got {reservation}",
            limits.memory
        );
        refuse(codes::OUT_OF_RANGE, message)
    });
    found.note("", verdict);
}

pub(crate) fn cores(cores: &f64) -> Verdict {
    let message = if !cores.is_finite() || *cores <= 0.0 {
        format!("must be a finite number above 0; got {cores}")
    } else if *cores < MIN_CPU {
        format!("must be at least {MIN_CPU} cores; got {cores}")
    } else if *cores > MAX_CPU {
        format!("must be at most {MAX_CPU} cores; got {cores}")
    } else {
        return Ok(());
    };
    refuse(codes::OUT_OF_RANGE, message)
}

/// Returns a phrase that describes a whole number, such as "a whole number of MiB". `unit` may be empty.
#[doc(hidden)]
pub fn whole_number(unit: &str) -> String {
    match unit {
        "" => "a whole number".to_owned(),
        unit => format!("a whole number of {unit}"),
    }
}

/// Returns the message for a number that is outside its bounds. If `too_large` is set, the number is above `max`,
/// otherwise the number is below `min`.
#[doc(hidden)]
pub fn out_of_range(unit: &str, min: u64, max: u64, too_large: bool, got: impl Display) -> String {
    let what = whole_number(unit);
    if too_large {
        format!("must be {what}, at most {max}; got {got}")
    } else {
        format!("must be {what}, at least {min}; got {got}")
    }
}
