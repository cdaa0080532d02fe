use crate::leaf::{category, leaf};
use crate::text::{clean, joined};

category! {
    /// Groups what can go wrong with volumes.
    pub enum VolumeError {
        /// It could not be created.
        Creation(VolumeCreationError),
        /// There is no such volume.
        NotFound(VolumeNotFoundError),
        /// It was not removed.
        Remove(VolumeRemoveError),
    }
}

leaf! {
    /// Says that a volume could not be created.
    ///
    /// When the name is taken ([`NameTaken`](crate::Hint::NameTaken)), the one that has it is untouched and
    /// a retry cannot help. Otherwise the effect is unknown: a volume may have been left half-made.
    pub struct VolumeCreationError(String);
    code: VOLUME_CREATION_FAILED,
    category: "volume",
    retryable: true,
    effect: Unknown,
    user: |_| "The storage could not be created.".to_owned(),
}

impl VolumeCreationError {
    /// Makes one from the volume's name and the reason.
    pub fn new(volume: impl Into<String>, message: impl Into<String>) -> Self {
        let volume = volume.into();
        let prefix = format!("volume `{}` could not be created", clean(&volume));
        Self::build(joined(&prefix, &message.into()), volume.clone()).with_context("volume", volume)
    }

    /// The name of the volume.
    pub fn volume(&self) -> &str {
        &self.body.data
    }
}

leaf! {
    /// Says that no volume of this driver has that id or name.
    ///
    /// A volume that somebody else made counts as not found.
    pub struct VolumeNotFoundError(String);
    code: VOLUME_NOT_FOUND,
    category: "volume",
    retryable: false,
    effect: NotApplied,
    hint: NotFoundHere,
    user: |_| "The storage does not exist.".to_owned(),
}

impl VolumeNotFoundError {
    /// Makes one from the id or name that was asked for.
    pub fn new(volume: impl Into<String>) -> Self {
        let volume = volume.into();
        Self::build(format!("volume `{}` not found", clean(&volume)), volume.clone())
            .with_context("volume", volume)
    }

    /// The id or name that was asked for.
    pub fn volume(&self) -> &str {
        &self.body.data
    }
}

leaf! {
    /// Says that a volume was not removed, and that nothing changed.
    ///
    /// Most often a container uses it; then the hint is [`InUse`](crate::Hint::InUse).
    pub struct VolumeRemoveError(String);
    code: VOLUME_REMOVE_FAILED,
    category: "volume",
    retryable: false,
    effect: NotApplied,
    user: |_| "The storage could not be removed.".to_owned(),
}

impl VolumeRemoveError {
    /// Makes one from the volume's id or name and the reason.
    pub fn new(volume: impl Into<String>, message: impl Into<String>) -> Self {
        let volume = volume.into();
        let prefix = format!("volume `{}` could not be removed", clean(&volume));
        Self::build(joined(&prefix, &message.into()), volume.clone()).with_context("volume", volume)
    }

    /// The id or name of the volume.
    pub fn volume(&self) -> &str {
        &self.body.data
    }
}
