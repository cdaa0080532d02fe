/// The owner and permissions of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The permissions as used by `chmod`.
    pub(crate) mode: u32,
}

/// The user who accesses a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The user's capabilities, as a bit mask by number.
    pub(crate) capabilities: u64,
}

/// The capability to bypass file permission checks.
const DAC_OVERRIDE: u64 = 1 << 1;
/// The capability to perform operations reserved for a file's owner.
const FOWNER: u64 = 1 << 3;

/// The kind of access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read = 4,
    Write = 2,
    Execute = 1,
}

impl Meta {
    /// A world-writable directory.
    pub(crate) const SHARED: Self = Self {
        uid: 0,
        gid: 0,
        mode: 0o1777,
    };

    /// A directory owned by root.
    pub(crate) const DIRECTORY: Self = Self {
        uid: 0,
        gid: 0,
        mode: 0o755,
    };

    /// A file owned by root.
    pub(crate) const FILE: Self = Self {
        uid: 0,
        gid: 0,
        mode: 0o644,
    };

    pub(crate) fn allows(self, caller: Caller, access: Access) -> bool {
        let shift = if caller.uid == self.uid {
            6
        } else if caller.gid == self.gid {
            3
        } else {
            0
        };
        caller.capabilities & DAC_OVERRIDE != 0 || (self.mode >> shift) & access as u32 != 0
    }
}

impl Caller {
    /// The caller for operations of the engine itself.
    pub(crate) const ROOT: Self = Self {
        uid: 0,
        gid: 0,
        capabilities: u64::MAX,
    };

    /// Returns whether the caller may change a file's permissions.
    pub(super) fn may_change(self, meta: Meta) -> bool {
        self.uid == meta.uid || self.capabilities & FOWNER != 0
    }

    /// Returns the metadata with the caller as the owner, for files that it creates.
    pub(crate) fn owning(self, meta: Meta) -> Meta {
        Meta {
            uid: self.uid,
            gid: self.gid,
            ..meta
        }
    }
}
