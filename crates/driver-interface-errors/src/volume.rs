use crate::leaf::{about, category, leaf};
use crate::text::clean;

category! {
    /// Errors of operations on volumes.
    pub enum VolumeError {
        /// The volume could not be created.
        Creation(VolumeCreationError),
        /// There is no such volume.
        NotFound(VolumeNotFoundError),
        /// The volume was not removed.
        Remove(VolumeRemoveError),
    }
}

leaf! {
    /// The error returned if a volume could not be created.
    ///
    /// If the name is taken ([`NameTaken`](crate::Hint::NameTaken)), the existing volume is untouched and a retry
    /// cannot help. Otherwise the effect is unknown: a partially created volume may be left over.
    pub struct VolumeCreationError(String);
    code: VOLUME_CREATION_FAILED,
    category: "volume",
    retryable: true,
    effect: Unknown,
    user: |_| "The storage could not be created.".to_owned(),
}

about!(
    VolumeCreationError,
    volume,
    "the name of the volume",
    "volume `{}` could not be created"
);

leaf! {
    /// The error returned if no volume of this driver has the given id or name.
    ///
    /// A volume of another namespace, or an unmanaged volume, counts as not found.
    pub struct VolumeNotFoundError(String);
    code: VOLUME_NOT_FOUND,
    category: "volume",
    retryable: false,
    effect: NotApplied,
    hint: NotFoundHere,
    user: |_| "The storage does not exist.".to_owned(),
}

impl VolumeNotFoundError {
    /// Creates an error from the requested id or name of the volume.
    pub fn new(volume: impl Into<String>) -> Self {
        let volume = volume.into();
        Self::build(format!("volume `{}` not found", clean(&volume)), volume.clone())
            .with_context("volume", volume)
    }

    /// Returns the requested id or name of the volume.
    pub fn volume(&self) -> &str {
        &self.body.data
    }
}

leaf! {
    /// The error returned if a volume was not removed. Nothing has changed.
    ///
    /// Usually a container uses the volume; the hint is then [`InUse`](crate::Hint::InUse).
    pub struct VolumeRemoveError(String);
    code: VOLUME_REMOVE_FAILED,
    category: "volume",
    retryable: false,
    effect: NotApplied,
    user: |_| "The storage could not be removed.".to_owned(),
}

about!(
    VolumeRemoveError,
    volume,
    "the id or name of the volume",
    "volume `{}` could not be removed"
);
