//! Checks of building and committing images.

use std::time::Duration;

use driver_interface_errors::{Effect, codes};
use driver_interface_types::{
    BuildOptions, BuildProgress, BuildStream, ByteStream, Bytes, CommitOptions, ContainerConfig,
    ContainerDriver, ContainerStatus, DriverError, ImageInfo, ImageRef, Operation, Property, PullPolicy,
    RegistryCredentials, Result as DriverResult, TarStream,
};
use tokio::time::timeout;

use super::images::{failing, tar};
use crate::{Check, CheckResult, Ctx, Failure, run};

/// How long a build, a push or an export may take.
const TRANSFER: Duration = Duration::from_secs(80);

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "images/build",
        "A build reports its output and then the image, which has the context's files and the Dockerfile's settings, \
         and which `remove_image` removes.",
        run!(build),
    )
    .requires(&[Operation::BuildImage, Operation::RemoveImage])
    .limit(480),
    Check::must(
        "images/build-from-text",
        "A Dockerfile given as text is built without a context, with build arguments, labels and a target stage.",
        run!(build_from_text),
    )
    .requires(&[Operation::BuildImage])
    .limit(480),
    Check::must(
        "images/build-failed",
        "A failed step returns `ImageBuildError` with the end of the output, an invalid Dockerfile \
         `ConfigurationError`, and the name keeps its image.",
        run!(build_failed),
    )
    .requires(&[Operation::BuildImage, Operation::GetImage])
    .limit(480),
    Check::must(
        "images/build-context-fails",
        "A failing context fails the build with its own error, a truncated one with `FileSystemError`, and no image \
         is created.",
        run!(build_context_fails),
    )
    .requires(&[Operation::BuildImage, Operation::GetImage])
    .without_programs()
    .limit(480),
    Check::must(
        "images/build-no-secrets-in-errors",
        "Build errors contain neither credentials nor the values of build arguments.",
        run!(build_secrets),
    )
    .requires(&[Operation::BuildImage])
    .without_image()
    .limit(480),
    Check::must(
        "images/commit",
        "A commit creates an image with the container's files and the changed settings, and the container continues.",
        run!(commit),
    )
    .requires(&[Operation::CommitContainer])
    .limit(480),
    Check::must(
        "images/commit-invalid",
        "A commit with an invalid instruction or name returns `ConfigurationError` and creates no image.",
        run!(commit_invalid),
    )
    .requires(&[Operation::CommitContainer, Operation::GetImage])
    .without_programs(),
];

/// Waits for a long operation, such as a build or a push. Fails if it takes longer than [`TRANSFER`].
pub(super) async fn finished<T>(about: &str, work: impl Future<Output = T>) -> CheckResult<T> {
    let late = |_| Failure::new(about, format!("to end within {TRANSFER:?}"), "it continues").into();
    timeout(TRANSFER, work).await.map_err(late)
}

fn name(ctx: &Ctx) -> CheckResult<ImageRef> {
    Ok(ImageRef::new(format!("localhost/{}:1", ctx.name()))?)
}

/// Builds the config of a container that runs the default command of an image.
fn container_of(ctx: &Ctx, image: &ImageRef) -> ContainerConfig {
    ContainerConfig::new(ctx.session().as_str(), image.as_str())
        .name(ctx.name())
        .pull_policy(PullPolicy::Never)
}

async fn reports(
    ctx: &Ctx,
    image: &ImageRef,
    context: TarStream,
    options: BuildOptions,
) -> CheckResult<DriverResult<Vec<BuildProgress>>> {
    let build = async {
        ctx.driver()
            .build_image(image, context, options)
            .await?
            .collect_all()
            .await
    };
    finished("the build", build).await
}

/// Returns the image that a build reports. Asserts that the report of the image is the last report of the build, and
/// that the image has the name `image`.
fn built(ctx: &Ctx, image: &ImageRef, reports: &[BuildProgress]) -> CheckResult<ImageInfo> {
    let mut found = reports.iter().filter_map(|report| match report {
        BuildProgress::Done(image) => Some(image),
        _ => None,
    });
    let (first, others) = (found.next(), found.count());
    ctx.equal("number of further `Done` items", others, 0)?;
    let last = matches!(reports.last(), Some(BuildProgress::Done(_)));
    ctx.ensure("`Done` is the last item", last, reports.last())?;
    let info = first
        .cloned()
        .ok_or_else(|| Failure::new("the build", "an image", "none"))?;
    let canonical = image.canonical();
    let named = info.references.iter().any(|name| name.canonical() == canonical);
    ctx.ensure("the image has the name", named, &info)?;
    Ok(info)
}

async fn build(ctx: Ctx) -> CheckResult {
    let image = name(&ctx)?;
    let dockerfile = format!(
        "FROM {}\nCOPY data /home/data\nCMD [\"cat\", \"/home/data/file\"]\nLABEL role=built\n",
        ctx.image()
    );
    let context = tar(&[
        ("build/Dockerfile", dockerfile.as_bytes()),
        ("data/file", image.as_str().as_bytes()),
    ])?;
    for _ in 0..2 {
        // The context is sent in many chunks, as if it were read from a file.
        let pieces: Vec<Bytes> = context.chunks(1000).map(Bytes::copy_from_slice).collect();
        let options = BuildOptions::default().dockerfile_path("build/Dockerfile");
        let reports = reports(&ctx, &image, ByteStream::of_items(pieces), options).await??;
        let info = built(&ctx, &image, &reports)?;
        ctx.equal(
            "its label",
            info.labels.get("role").map(String::as_str),
            Some("built"),
        )?;
        let lines = reports.iter().filter_map(|report| match report {
            BuildProgress::Output(line) => Some(line),
            _ => None,
        });
        let lines: Vec<&String> = lines.collect();
        let are_lines = !lines.is_empty() && lines.iter().all(|line| !line.contains('\n'));
        ctx.ensure("the output consists of lines", are_lines, &lines)?;
    }
    let (exited, logs) = ctx.finished(&container_of(&ctx, &image)).await?;
    ctx.equal("the file in a container", logs.trim_end(), image.as_str())?;
    let options = driver_interface_types::RemoveOptions::default();
    ctx.driver().remove_container(&exited.id, options).await?;
    ctx.driver().remove_image(&image).await?;
    let again = ctx.driver().remove_image(&image).await;
    ctx.refused("removing it again", again, &[codes::IMAGE_NOT_FOUND])?;
    Ok(())
}

async fn build_from_text(ctx: Ctx) -> CheckResult {
    let (image, word) = (name(&ctx)?, ctx.name());
    let options = BuildOptions::from_dockerfile(format!(
        "FROM {} AS first\nARG WORD=none\nENV WORD=$WORD\nCMD [\"sh\", \"-c\", \"echo $WORD\"]\n\
         FROM first AS second\nLABEL stage=second\n",
        ctx.image()
    ));
    let options = options.arg("WORD", &word).label("role", "text").target("first");
    let reports = reports(&ctx, &image, Bytes::new().into(), options).await??;
    let info = built(&ctx, &image, &reports)?;
    ctx.equal(
        "its label",
        info.labels.get("role").map(String::as_str),
        Some("text"),
    )?;
    ctx.equal("the label of the next stage", info.labels.get("stage"), None)?;
    let (_, logs) = ctx.finished(&container_of(&ctx, &image)).await?;
    ctx.equal("the argument in a container", logs.trim_end(), word.as_str())
}

async fn build_failed(ctx: Ctx) -> CheckResult {
    let (image, from) = (name(&ctx)?, format!("FROM {}\n", ctx.image()));
    let text = |rest: &str| BuildOptions::from_dockerfile(format!("{from}{rest}"));
    let first = reports(&ctx, &image, Bytes::new().into(), text("LABEL build=first\n")).await??;
    let before = built(&ctx, &image, &first)?.id;
    let missing_base = format!("FROM localhost/{}:none\n", ctx.name());
    let mut cases = vec![
        (
            "a missing file",
            text("COPY missing-marker /\n"),
            codes::IMAGE_BUILD_FAILED,
            "missing-marker",
        ),
        (
            "a missing base image",
            BuildOptions::from_dockerfile(missing_base),
            codes::IMAGE_BUILD_FAILED,
            "none",
        ),
        (
            "an unknown instruction",
            text("NONSENSE x\n"),
            codes::CONFIGURATION_ERROR,
            "",
        ),
        (
            "no Dockerfile",
            BuildOptions::default(),
            codes::CONFIGURATION_ERROR,
            "",
        ),
        (
            "a missing stage",
            text("LABEL a=b\n").target("missing"),
            codes::CONFIGURATION_ERROR,
            "",
        ),
        (
            "a path out of the context",
            BuildOptions::default().dockerfile_path("../Dockerfile"),
            codes::CONFIGURATION_ERROR,
            "",
        ),
    ];
    if ctx.declares(Property::RealProcesses) {
        let failing = text("RUN echo last-words; exit 3\n");
        cases.push((
            "a failing command",
            failing,
            codes::IMAGE_BUILD_FAILED,
            "last-words",
        ));
    }
    for (about, options, code, marker) in cases {
        let result = reports(&ctx, &image, Bytes::new().into(), options).await?;
        let error = ctx.refused(about, result, &[code])?;
        ctx.ensure(
            format!("the message explains {about}"),
            error.message().contains(marker),
            error.message(),
        )?;
        ctx.equal(format!("effect of {about}"), error.effect(), Effect::NotApplied)?;
        if about != "a missing base image" {
            // The registry of the base image may not be reachable.
            ctx.equal(format!("retryable: {about}"), error.is_retryable(), false)?;
        }
        let now = ctx.driver().get_image(&image).await?.map(|found| found.id);
        ctx.equal(format!("the image after {about}"), now, Some(before.clone()))?;
    }
    Ok(())
}

async fn build_context_fails(ctx: Ctx) -> CheckResult {
    let image = name(&ctx)?;
    let dockerfile = format!("FROM {}\n", ctx.image());
    let context: Bytes = tar(&[("Dockerfile", dockerfile.as_bytes()), ("file", &[b'x'; 4096])])?.into();
    for (about, context, code) in [
        (
            "a stream that fails",
            failing(context.slice(..2048)),
            codes::INTERNAL_ERROR,
        ),
        (
            "a truncated archive",
            context.slice(..2048).into(),
            codes::FILE_SYSTEM_ERROR,
        ),
    ] {
        let result = reports(&ctx, &image, context, BuildOptions::default()).await?;
        ctx.refused(about, result, &[code])?;
        let found = ctx.driver().get_image(&image).await?;
        ctx.equal(format!("the image after {about}"), found, None)?;
    }
    Ok(())
}

/// Asserts that the display text, the debug text, the user message and the JSON report of an error do not contain
/// `secret`.
pub(super) fn assert_without_secret(ctx: &Ctx, error: &DriverError, secret: &str) -> CheckResult {
    let report = serde_json::to_string(&error.to_report()).unwrap_or_default();
    for text in [
        format!("{error:#}"),
        format!("{error:?}"),
        error.user_message(),
        report,
    ] {
        ctx.ensure("the secret is not in the error", !text.contains(secret), text)?;
    }
    Ok(())
}

async fn build_secrets(ctx: Ctx) -> CheckResult {
    const SECRET: &str = "hunter2-marker";
    let image = name(&ctx)?;
    // There is no registry at this address.
    let registry = "127.0.0.1:1";
    for credentials in [
        RegistryCredentials::password("robot", SECRET),
        RegistryCredentials::identity_token(SECRET),
    ] {
        let text = format!("ARG TOKEN\nFROM {registry}/{}:does-not-exist\n", ctx.name());
        let options = BuildOptions::from_dockerfile(text)
            .arg("TOKEN", SECRET)
            .credentials(registry, credentials);
        let result = reports(&ctx, &image, Bytes::new().into(), options).await?;
        let error = ctx.refused("the build", result, &[codes::IMAGE_BUILD_FAILED])?;
        assert_without_secret(&ctx, &error, SECRET)?;
    }
    Ok(())
}

async fn commit(ctx: Ctx) -> CheckResult {
    let image = name(&ctx)?;
    let script = "echo committed > /home/file; echo ready; sleep 600";
    let running = ctx.ready(&super::files::writable(&ctx, script)).await?;
    let options = CommitOptions::default()
        .message("a commit")
        .author("the suite")
        .change("LABEL role=committed")
        .change("CMD [\"cat\", \"/home/file\"]");
    for _ in 0..2 {
        let info = ctx
            .driver()
            .commit_container(&running.id, &image, options.clone())
            .await?;
        ctx.equal(
            "its label",
            info.labels.get("role").map(String::as_str),
            Some("committed"),
        )?;
        let canonical = image.canonical();
        let named = info.references.iter().any(|name| name.canonical() == canonical);
        ctx.ensure("the image has the name", named, &info)?;
    }
    ctx.equal(
        "status",
        ctx.get(&running.id).await?.status,
        ContainerStatus::Running,
    )?;
    let (_, logs) = ctx.finished(&container_of(&ctx, &image)).await?;
    ctx.equal("the file in a container", logs.as_str(), "committed\n")
}

async fn commit_invalid(ctx: Ctx) -> CheckResult {
    let image = name(&ctx)?;
    let created = ctx.driver().create_container(&ctx.script("true")).await?;
    let changed = |text: &str| CommitOptions::default().change(text);
    let digest = ImageRef::new(format!("localhost/{}@sha256:{}", ctx.name(), "0".repeat(64)))?;
    for (about, image, options) in [
        ("an instruction that changes files", &image, changed("RUN true")),
        ("an instruction without arguments", &image, changed("ENV")),
        ("two lines", &image, changed("LABEL a=b\nLABEL c=d")),
        ("a name with a digest", &digest, CommitOptions::default()),
    ] {
        let result = ctx.driver().commit_container(&created.id, image, options).await;
        let error = ctx.refused(about, result, &[codes::CONFIGURATION_ERROR])?;
        ctx.equal(format!("effect of {about}"), error.effect(), Effect::NotApplied)?;
    }
    ctx.equal("the image", ctx.driver().get_image(&image).await?, None)
}

/// Starts a build and returns its stream. If the driver runs real processes, the build takes at least 5 s.
pub(super) async fn long_build(ctx: &Ctx, image: &ImageRef) -> DriverResult<BuildStream> {
    let command = match ctx.declares(Property::RealProcesses) {
        true => "RUN echo begun; sleep 5\n",
        false => "",
    };
    let options = BuildOptions::from_dockerfile(format!("FROM {}\n{command}LABEL long=yes\n", ctx.image()));
    ctx.driver()
        .build_image(image, Bytes::new().into(), options.no_cache(true))
        .await
}
