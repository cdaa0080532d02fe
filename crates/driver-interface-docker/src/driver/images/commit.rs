//! Creating images from containers.

use std::sync::Arc;

use driver_interface_errors::{DriverError, Effect, ImageBuildError, Result};
use driver_interface_types::{CommitOptions, ImageInfo, ImageRef};
use driver_interface_validation::{validate_commit_options, validate_new_image};

use crate::driver::inner::Inner;
use crate::translate::errors::Operation;
use crate::translate::image::pull_parts;
use crate::translate::labels::IMPORTED_BY;
use crate::wire::Query;

impl Inner {
    pub(in crate::driver) async fn commit(
        self: Arc<Self>,
        container: String,
        image: ImageRef,
        options: CommitOptions,
    ) -> Result<ImageInfo> {
        validate_commit_options(&options)?;
        validate_new_image(&image)?;
        let record = self.container(&container).await?;
        let before = self.find_image(&image).await?;
        let (name, tag) = pull_parts(&image);
        let mut target = Query::new("/commit")
            .pair("container", &record.id)
            .pair("repo", name)
            .pair("tag", tag)
            .flag("pause", options.pause);
        for (key, text) in [("comment", &options.message), ("author", &options.author)] {
            if let Some(text) = text {
                target = target.pair(key, text);
            }
        }
        let own = format!("LABEL {IMPORTED_BY}={}", self.ownership.namespace());
        for change in options.changes.iter().chain([&own]) {
            target = target.pair("changes", change);
        }
        let committed = self.engine.commit(&target).await;
        committed.map_err(|failure| self.error(Operation::CommitContainer, &container, failure))?;
        if let Some(before) = before.filter(|before| self.has_imported(before)) {
            self.remove_nameless(&before.id).await;
        }
        let removed = || {
            let error = ImageBuildError::new(image.as_str(), "it was removed after the commit");
            DriverError::from(error.with_effect(Effect::Unknown))
        };
        self.get_image(&image).await?.ok_or_else(removed)
    }
}
