/// The owner and permissions of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The permission bits, as `chmod` sets them.
    pub(crate) mode: u32,
}

/// The user for whom a file operation is performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The user's capabilities. Bit n stands for the capability with number n.
    pub(crate) capabilities: u64,
}

/// The capability to bypass file permission checks.
const DAC_OVERRIDE: u64 = 1 << 1;
/// The capability to perform operations reserved for a file's owner.
const FOWNER: u64 = 1 << 3;

/// A kind of access to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read = 4,
    Write = 2,
    Execute = 1,
}

impl Meta {
    /// The metadata of a world-writable directory that root owns.
    pub(crate) const SHARED: Self = Self {
        uid: 0,
        gid: 0,
        mode: 0o1777,
    };

    /// The metadata of a directory that only its owner, root, may write to.
    pub(crate) const DIRECTORY: Self = Self {
        uid: 0,
        gid: 0,
        mode: 0o755,
    };

    /// The metadata of a file that only its owner, root, may write to.
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
    /// The caller for operations that the engine itself performs.
    pub(crate) const ROOT: Self = Self {
        uid: 0,
        gid: 0,
        capabilities: u64::MAX,
    };

    /// Returns whether the caller may change the permissions of a file with this metadata.
    pub(super) fn may_change(self, meta: Meta) -> bool {
        self.uid == meta.uid || self.capabilities & FOWNER != 0
    }

    /// Returns `meta` with the caller as the owner, for a file that the caller creates.
    pub(crate) fn owning(self, meta: Meta) -> Meta {
        Meta {
            uid: self.uid,
            gid: self.gid,
            ..meta
        }
    }
}
