/// Whose a file is, and who may do what with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The permissions, as `chmod` has them.
    pub(crate) mode: u32,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// What it may do besides: a bit for each capability, by its number.
    pub(crate) capabilities: u64,
}

/// Permissions of files do not hold for it.
const DAC_OVERRIDE: u64 = 1 << 1;
/// It may change what only a file's owner may.
const FOWNER: u64 = 1 << 3;

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read = 4,
    Write = 2,
    Execute = 1,
}

impl Meta {
    /// A folder that everybody may write to.
    pub(crate) const SHARED: Self = Self {
        uid: 0,
        gid: 0,
        mode: 0o1777,
    };

    /// A folder of root's.
    pub(crate) const FOLDER: Self = Self {
        uid: 0,
        gid: 0,
        mode: 0o755,
    };

    /// A file of root's.
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
    /// The engine itself.
    pub(crate) const ROOT: Self = Self {
        uid: 0,
        gid: 0,
        capabilities: u64::MAX,
    };

    /// Whether it may change a file's permissions.
    pub(super) fn may_change(self, meta: Meta) -> bool {
        self.uid == meta.uid || self.capabilities & FOWNER != 0
    }

    /// What it makes is its own.
    pub(crate) fn owning(self, meta: Meta) -> Meta {
        Meta {
            uid: self.uid,
            gid: self.gid,
            ..meta
        }
    }
}
