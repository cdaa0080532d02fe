use crate::leaf::{about, category, leaf};
use crate::text::clean;

category! {
    /// Errors of operations on images.
    pub enum ImageError {
        /// There is no such image.
        NotFound(ImageNotFoundError),
        /// The image could not be pulled.
        Pull(ImagePullError),
        /// The image could not be imported or loaded from an archive.
        Import(ImageImportError),
        /// The image was not removed.
        Remove(ImageRemoveError),
        /// The image could not be built or committed.
        Build(ImageBuildError),
        /// The image could not be pushed.
        Push(ImagePushError),
    }
}

leaf! {
    /// The error returned if an image is not present and the call does not pull it.
    pub struct ImageNotFoundError(String);
    code: IMAGE_NOT_FOUND,
    category: "image",
    retryable: false,
    effect: NotApplied,
    hint: ImageUnavailable,
    user: |_| "The image does not exist.".to_owned(),
}

impl ImageNotFoundError {
    /// Creates an error from the name of the requested image.
    pub fn new(image: impl Into<String>) -> Self {
        let image = image.into();
        Self::build(format!("image `{}` not found", clean(&image)), image.clone())
            .with_context("image", image)
    }

    /// Returns the name of the requested image.
    pub fn image(&self) -> &str {
        &self.body.data
    }
}

leaf! {
    /// The error returned if an image could not be pulled.
    ///
    /// If the image does not exist or access is denied ([`ImageUnavailable`](crate::Hint::ImageUnavailable)), or if
    /// the image is corrupt, a retry cannot help. After the error, the image is not present. The engine may have
    /// cached the layers that were already downloaded.
    pub struct ImagePullError(String);
    code: IMAGE_PULL_FAILED,
    category: "image",
    retryable: true,
    effect: NotApplied,
    user: |_| "The image could not be downloaded.".to_owned(),
}

about!(
    ImagePullError,
    image,
    "the image that could not be pulled",
    "image `{}` could not be pulled"
);

leaf! {
    /// The error returned if the engine rejected the archive of an image.
    ///
    /// Nothing has changed, and a retry with the same archive cannot help.
    pub struct ImageImportError(String);
    code: IMAGE_IMPORT_FAILED,
    category: "image",
    retryable: false,
    effect: NotApplied,
    user: |_| "The image could not be read from its archive.".to_owned(),
}

about!(
    ImageImportError,
    image,
    "the image that could not be imported",
    "image `{}` could not be imported"
);

leaf! {
    /// The error returned if an image was not removed, usually because a container uses it
    /// ([`InUse`](crate::Hint::InUse)). Nothing has changed.
    pub struct ImageRemoveError(String);
    code: IMAGE_REMOVE_FAILED,
    category: "image",
    retryable: false,
    effect: NotApplied,
    user: |_| "The image could not be removed.".to_owned(),
}

about!(
    ImageRemoveError,
    image,
    "the image that was not removed",
    "image `{}` was not removed"
);

leaf! {
    /// The error returned if an image could not be built from a Dockerfile or committed from a container. Usually a
    /// step of the build failed, or the base image is not available.
    ///
    /// The message contains the end of the build's output. If the name belonged to another image before the call, the
    /// name still belongs to that image.
    pub struct ImageBuildError(String);
    code: IMAGE_BUILD_FAILED,
    category: "image",
    retryable: false,
    effect: NotApplied,
    user: |_| "The image could not be built.".to_owned(),
}

about!(
    ImageBuildError,
    image,
    "the image that could not be built",
    "image `{}` could not be built"
);

leaf! {
    /// The error returned if an image could not be pushed to its registry.
    ///
    /// The registry may have received some layers of the image, but not the complete image.
    pub struct ImagePushError(String);
    code: IMAGE_PUSH_FAILED,
    category: "image",
    retryable: true,
    effect: NotApplied,
    user: |_| "The image could not be uploaded.".to_owned(),
}

about!(
    ImagePushError,
    image,
    "the image that could not be pushed",
    "image `{}` could not be pushed"
);
