use crate::leaf::{category, leaf};
use crate::text::{clean, joined};

category! {
    /// Errors of images.
    pub enum ImageError {
        /// There is no such image.
        NotFound(ImageNotFoundError),
        /// The image could not be pulled.
        Pull(ImagePullError),
    }
}

leaf! {
    /// The error returned if an image is not present and was not to be pulled.
    pub struct ImageNotFoundError(String);
    code: IMAGE_NOT_FOUND,
    category: "image",
    retryable: false,
    effect: NotApplied,
    hint: ImageUnavailable,
    user: |_| "The image does not exist.".to_owned(),
}

impl ImageNotFoundError {
    /// Creates an error from the requested image.
    pub fn new(image: impl Into<String>) -> Self {
        let image = image.into();
        Self::build(format!("image `{}` not found", clean(&image)), image.clone())
            .with_context("image", image)
    }

    /// Returns the requested image.
    pub fn image(&self) -> &str {
        &self.body.data
    }
}

leaf! {
    /// The error returned if an image could not be pulled.
    ///
    /// If the image does not exist or access is denied ([`ImageUnavailable`](crate::Hint::ImageUnavailable)), or
    /// if the image is corrupt, a retry cannot help. The image is not present afterwards; layers that did arrive
    /// are only a cache.
    pub struct ImagePullError(String);
    code: IMAGE_PULL_FAILED,
    category: "image",
    retryable: true,
    effect: NotApplied,
    user: |_| "The image could not be downloaded.".to_owned(),
}

impl ImagePullError {
    /// Creates an error from the image and the reason.
    pub fn new(image: impl Into<String>, message: impl Into<String>) -> Self {
        let image = image.into();
        let prefix = format!("image `{}` could not be pulled", clean(&image));
        Self::build(joined(&prefix, &message.into()), image.clone()).with_context("image", image)
    }

    /// Returns the image that could not be pulled.
    pub fn image(&self) -> &str {
        &self.body.data
    }
}
