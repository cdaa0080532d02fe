//! Building images with the engine's classic builder.

use std::collections::VecDeque;
use std::sync::Arc;

use driver_interface_errors::{
    AuthenticationError, ConfigurationError, DriverError, Effect, Hint, ImageBuildError, Result,
};
use driver_interface_types::{
    BuildOptions, BuildProgress, BuildStream, Bytes, Dockerfile, ImageRef, TarStream,
};
use driver_interface_validation::{validate_build_options, validate_new_image};
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::progress::{Steps, layer_progress, stream_of};
use crate::driver::files::checked;
use crate::driver::inner::Inner;
use crate::engine::Report;
use crate::translate::build::{Output, is_about_base, is_about_dockerfile};
use crate::translate::errors::{self, Cause, Operation, cause};
use crate::translate::image::engine_name;
use crate::translate::labels::IMPORTED_BY;
use crate::translate::tar::{self, Rights};
use crate::wire::{EngineError, ObjectStream, Query, UploadError};

const BUILD: &str = "build_image";

/// A build in progress.
struct Build {
    driver: Arc<Inner>,
    image: ImageRef,
    /// The id of the image that had the requested name before the build. `None` if there was no such image, or if
    /// this namespace did not create it.
    before: Option<String>,
    reports: ObjectStream,
    output: Output,
    /// Reports that were received, but not read yet.
    ready: VecDeque<BuildProgress>,
    authorised: bool,
    /// Whether the engine has reported the id of the new image.
    built: bool,
}

impl Inner {
    pub(in crate::driver) async fn build_stream(
        self: &Arc<Self>,
        image: &ImageRef,
        context: TarStream,
        options: BuildOptions,
    ) -> Result<BuildStream> {
        stream_of(self.deadlines.build, self.begin_build(image, context, options)).await
    }

    async fn begin_build(
        self: &Arc<Self>,
        image: &ImageRef,
        context: TarStream,
        options: BuildOptions,
    ) -> Result<Build> {
        validate_build_options(&options)?;
        validate_new_image(image)?;
        let auth = self.auth_of_build(&options.credentials).await?;
        let authorised = auth.is_some();
        let before = self.find_image(image).await?;
        let target = self.build_request(image, &options);
        let mut context = checked("the build context".to_owned(), context);
        if let Dockerfile::Text(text) = &options.dockerfile {
            context = with_dockerfile(text, context);
        }
        let reports = match self.engine.build_image(&target, auth, context).await {
            Ok(reports) => reports,
            Err(UploadError::Content(error)) => return Err(error),
            Err(UploadError::Engine(failure)) => {
                return Err(self.not_built(image, &Output::default(), authorised, failure));
            }
        };
        Ok(Build {
            driver: Arc::clone(self),
            image: image.clone(),
            before: before
                .filter(|before| self.has_imported(before))
                .map(|before| before.id),
            reports,
            output: Output::default(),
            ready: VecDeque::new(),
            authorised,
            built: false,
        })
    }

    fn build_request(&self, image: &ImageRef, options: &BuildOptions) -> Query {
        let mut labels = options.labels.clone();
        labels.insert(IMPORTED_BY.to_owned(), self.ownership.namespace().to_string());
        let dockerfile = match &options.dockerfile {
            Dockerfile::Path(path) => path.as_str(),
            _ => Dockerfile::NAME,
        };
        // Version 1 is the classic builder. The engine removes the containers of all steps, even if one fails.
        let mut target = Query::new("/build")
            .pair("version", "1")
            .pair("t", engine_name(image.as_str()))
            .pair("dockerfile", dockerfile)
            .pair("labels", json!(labels).to_string())
            .flag("rm", true)
            .flag("forcerm", true);
        if !options.args.is_empty() {
            target = target.pair("buildargs", json!(options.args).to_string());
        }
        for (key, value) in [("target", &options.target), ("platform", &options.platform)] {
            if let Some(value) = value {
                target = target.pair(key, value);
            }
        }
        for (key, on) in [("nocache", options.no_cache), ("pull", options.pull)] {
            if on {
                target = target.flag(key, true);
            }
        }
        target
    }

    fn not_built(
        &self,
        image: &ImageRef,
        output: &Output,
        authorised: bool,
        failure: EngineError,
    ) -> DriverError {
        let EngineError::Refused(refusal) = &failure else {
            let error = self.error(Operation::BuildImage, image.as_str(), failure);
            return error.with_effect(Effect::Unknown);
        };
        if is_about_dockerfile(refusal) {
            let error = ConfigurationError::single("dockerfile", "refused-by-engine", refusal.message.trim());
            return error.with_source(failure).into();
        }
        let text = format!("{}{}", refusal.message.trim(), output.end());
        let cause = match is_about_base(refusal) {
            true => cause(Operation::PullImage, refusal),
            false => cause(Operation::BuildImage, refusal),
        };
        // As for a pull, a registry may not distinguish a missing image from one that the caller may not see.
        if cause == Cause::AccessDenied && authorised && !refusal.message.contains("does not exist") {
            let text = format!("a registry rejected the credentials of the build: {text}");
            return AuthenticationError::new(text).with_source(failure).into();
        }
        let error = DriverError::from(ImageBuildError::new(image.as_str(), text));
        let error = match cause {
            Cause::ImageMissing | Cause::NotFound => error.with_hint(Hint::ImageUnavailable),
            cause => errors::with_hint(error, cause),
        };
        error.with_effect(Effect::NotApplied).with_source(failure)
    }
}

impl Steps for Build {
    const OPERATION: &'static str = BUILD;
    type Progress = BuildProgress;

    async fn step(&mut self) -> Result<BuildProgress> {
        loop {
            if let Some(progress) = self.ready.pop_front() {
                return Ok(progress);
            }
            let next = self.reports.next::<Report>().await;
            let Some(report) = next.map_err(|failure| self.failed(failure))? else {
                match self.output.finish() {
                    Some(line) => self.ready.push_back(BuildProgress::Output(line)),
                    None => return self.finished().await,
                }
                continue;
            };
            self.built |= report.aux.as_ref().is_some_and(|aux| aux.get("ID").is_some());
            let text = report.stream.as_deref().unwrap_or_default();
            let lines = self.output.push(text).into_iter();
            self.ready.extend(lines.map(BuildProgress::Output));
            self.ready
                .extend(layer_progress(&report).map(BuildProgress::Layer));
            if let Some(message) = report.failure() {
                return Err(self.failed(EngineError::refused(200, message)));
            }
        }
    }

    fn is_last(step: &BuildProgress) -> bool {
        matches!(step, BuildProgress::Done(_))
    }
}

impl Build {
    fn failed(&self, failure: EngineError) -> DriverError {
        self.driver
            .not_built(&self.image, &self.output, self.authorised, failure)
    }

    async fn finished(&self) -> Result<BuildProgress> {
        if !self.built {
            let text = "the build ended without a result".to_owned();
            return Err(self.failed(EngineError::InvalidResponse(text)));
        }
        if let Some(before) = &self.before {
            self.driver.remove_nameless(before).await;
        }
        // The build has succeeded, even if this inspection fails.
        let found = self.driver.get_image(&self.image).await;
        match found.map_err(|error| error.with_effect(Effect::Unknown))? {
            Some(image) => Ok(BuildProgress::Done(image)),
            None => {
                let error = ImageBuildError::new(self.image.as_str(), "it was removed after the build");
                Err(error.with_effect(Effect::Unknown).into())
            }
        }
    }
}

/// Returns `context` with an additional Dockerfile that contains `text`.
fn with_dockerfile(text: &str, context: TarStream) -> TarStream {
    let rights = Rights {
        mode: 0o644,
        uid: 0,
        gid: 0,
    };
    let length = text.len() as u64;
    let mut entry = tar::file(Dockerfile::NAME, rights, length);
    entry.extend(text.as_bytes());
    let end = tar::ending(length);
    // The context, which may be empty, brings the blocks that end an archive, or not. More of them do no harm.
    entry.extend(
        end.get(2 * driver_interface_types::tar::BLOCK..)
            .unwrap_or_default(),
    );
    let piece = |bytes: Vec<u8>| stream::iter([Ok(Bytes::from(bytes))]);
    TarStream::new(piece(entry).chain(context).chain(piece(tar::ending(0))))
}
