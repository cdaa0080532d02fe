//! Checks of listing, loading and pulling images.

use driver_interface_errors::codes;
use driver_interface_types::{
    ByteStream, Bytes, ContainerDriver, ImageFilter, ImageInfo, ImageRef, Operation, PullPolicy,
};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{Check, CheckResult, Ctx, Failure, Verdict, run};

pub(super) const CHECKS: &[Check] = &[
    Check::must(
        "images/get",
        "An image is found under every spelling of its name, with the same result for every call and driver.",
        run!(get),
    )
    .without_programs()
    .requires(&[Operation::GetImage]),
    Check::must(
        "images/get-missing",
        "`get_image` returns `None` for a missing image, never an error.",
        run!(get_missing),
    )
    .requires(&[Operation::GetImage])
    .without_image(),
    Check::must(
        "images/list",
        "The list has each named image once, in order, including an imported one until it is removed.",
        run!(list),
    )
    .requires(&[
        Operation::ListImages,
        Operation::ImportImage,
        Operation::RemoveImage,
    ])
    .without_image(),
    Check::must(
        "images/list-filter",
        "A filter by name selects that image only; a filter by a label that no image has selects none.",
        run!(list_filter),
    )
    .without_programs()
    .requires(&[Operation::ListImages]),
    Check::must(
        "images/load",
        "A saved image is loaded with its names and labels, and containers can be created from it.",
        run!(load),
    )
    .requires(&[Operation::LoadImage])
    .without_image(),
    Check::must(
        "images/load-invalid",
        "Loading data that is not a saved image returns `ImageImportError`; a failing stream fails the load.",
        run!(load_invalid),
    )
    .requires(&[Operation::LoadImage])
    .without_image(),
    Check::must(
        "images/import-invalid",
        "Importing data that is not an archive returns `ImageImportError`, a failing stream fails the \
         import, and no image is created.",
        run!(import_invalid),
    )
    .requires(&[Operation::ImportImage, Operation::GetImage])
    .without_image(),
];

/// A small image in the format that `docker save` writes.
pub(super) struct Saved {
    pub(super) reference: ImageRef,
    pub(super) archive: Bytes,
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

pub(super) fn tar(files: &[(&str, &[u8])]) -> CheckResult<Vec<u8>> {
    let broken = |error: std::io::Error| Verdict::Broken(format!("an archive could not be created: {error}"));
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, name, *content).map_err(broken)?;
    }
    archive.into_inner().map_err(broken)
}

/// The path of the only file in an [imported] image. The content of this file is the name of the image.
pub(super) const FILE: &str = "/etc/conformance";

/// Imports an image that contains only the file [`FILE`], under a new name in the registry `registry`. No other image
/// has the same content.
pub(super) async fn imported(ctx: &Ctx, registry: &str) -> CheckResult<ImageRef> {
    let image = ImageRef::new(format!("{registry}/{}:1", ctx.name()))?;
    let root = tar(&[(FILE.trim_start_matches('/'), image.as_str().as_bytes())])?;
    ctx.driver().import_image(&image, root.into()).await?;
    Ok(image)
}

/// Builds a saved image whose content no other image has. The image's label `role` has the value of the argument
/// `role`.
pub(super) fn saved(ctx: &Ctx, role: &str) -> CheckResult<Saved> {
    saved_with(ctx, &json!({ "Cmd": ["/none"], "Labels": { "role": role } }))
}

/// Builds a saved image whose content no other image has. The image's configuration contains `settings`.
pub(super) fn saved_with(ctx: &Ctx, settings: &serde_json::Value) -> CheckResult<Saved> {
    // Each image has other content, so that no two images share an id or a layer.
    let layer = tar(&[("etc/conformance", ctx.name().as_bytes())])?;
    saved_of(ctx, &layer, settings)
}

/// Builds a saved image with the single layer `layer`. The image's configuration contains `settings`.
pub(super) fn saved_of(ctx: &Ctx, layer: &[u8], settings: &serde_json::Value) -> CheckResult<Saved> {
    let name = format!("localhost/{}:1", ctx.name());
    let reference = ImageRef::new(&name)?;
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "created": "2020-01-01T00:00:00Z",
        "config": settings,
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", digest(layer))] },
        "history": [{ "created": "2020-01-01T00:00:00Z", "created_by": "conformance" }],
    });
    let config = config.to_string().into_bytes();
    let (config_name, layer_name) = (
        format!("{}.json", digest(&config)),
        format!("{}/layer.tar", digest(layer)),
    );
    let manifest = json!([{ "Config": config_name, "RepoTags": [name], "Layers": [layer_name] }]).to_string();
    let archive = tar(&[
        (&config_name, &config),
        (&layer_name, layer),
        ("manifest.json", manifest.as_bytes()),
    ])?;
    ctx.may_load(&reference);
    Ok(Saved {
        reference,
        archive: archive.into(),
    })
}

async fn get(ctx: Ctx) -> CheckResult {
    same_for_every_spelling(&ctx, &ImageRef::new(ctx.image())?).await?;
    if ctx.declares(Operation::ImportImage) {
        let untagged = ImageRef::new(format!("localhost/{}", ctx.name()))?;
        let root = tar(&[("etc/file", ctx.name().as_bytes())])?;
        ctx.driver().import_image(&untagged, root.into()).await?;
        same_for_every_spelling(&ctx, &untagged).await?;
    }
    Ok(())
}

async fn same_for_every_spelling(ctx: &Ctx, image: &ImageRef) -> CheckResult {
    let spellings = [image.clone(), ImageRef::new(image.canonical())?];
    let second = ctx.second_driver().await?;
    let mut first: Option<ImageInfo> = None;
    for driver in [ctx.driver(), &second] {
        for spelling in &spellings {
            let Some(found) = driver.get_image(spelling).await? else {
                return Err(Failure::new(format!("{spelling}"), "to be found", "none").into());
            };
            let known = found
                .references
                .iter()
                .any(|name| name.canonical() == image.canonical());
            ctx.ensure("its names include the requested one", known, &found)?;
            ctx.equal(
                "it is the same every time",
                &found,
                first.get_or_insert_with(|| found.clone()),
            )?;
        }
    }
    ctx.ensure(
        "it has an id",
        first.is_some_and(|image| image.id.contains(':')),
        "none",
    )
}

async fn get_missing(ctx: Ctx) -> CheckResult {
    for name in [
        format!("localhost/{}:none", ctx.name()),
        format!("{}:none", ctx.name()),
        format!("localhost/{}@sha256:{}", ctx.name(), "0".repeat(64)),
    ] {
        let image = ImageRef::new(&name)?;
        let found = ctx.driver().get_image(&image).await?;
        ctx.equal(name, found, None)?;
    }
    Ok(())
}

async fn list(ctx: Ctx) -> CheckResult {
    let image = ImageRef::new(format!("localhost/{}:imported", ctx.name()))?;
    let canonical = image.canonical();
    let actual = async || -> CheckResult<Vec<ImageInfo>> {
        Ok(ctx.driver().list_images(&ImageFilter::default()).await?)
    };
    let has = |all: &[ImageInfo]| {
        let of_it = |info: &&ImageInfo| info.references.iter().any(|name| name.canonical() == canonical);
        all.iter().filter(of_it).count()
    };
    ctx.equal("before", has(&actual().await?), 0)?;
    let root = tar(&[("etc/file", ctx.name().as_bytes())])?;
    ctx.driver().import_image(&image, root.into()).await?;
    let all = actual().await?;
    ctx.equal("while it exists", has(&all), 1)?;
    let named = all.iter().all(|image| !image.references.is_empty());
    ctx.ensure("all have a name", named, &all)?;
    let mut ids: Vec<&str> = all.iter().map(|image| image.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    ctx.equal("each is listed once", ids.len(), all.len())?;
    let firsts: Vec<_> = all
        .iter()
        .map(|image| (image.references.first(), &image.id))
        .collect();
    ctx.ensure("they are in order", firsts.is_sorted(), &firsts)?;
    ctx.driver().remove_image(&image).await?;
    ctx.equal("after", has(&actual().await?), 0)
}

async fn list_filter(ctx: Ctx) -> CheckResult {
    let image = ImageRef::new(ctx.image())?;
    let by_name = ImageFilter::default().reference(image.clone());
    let found = ctx.driver().list_images(&by_name).await?;
    ctx.equal("images of the name", found.len(), 1)?;
    ctx.ensure(
        "it is the requested image",
        found.iter().all(|image| by_name.matches(image)),
        &found,
    )?;
    let by_label = ImageFilter::default().label("conformance-label", ctx.name());
    ctx.equal(
        "images with an unused label",
        ctx.driver().list_images(&by_label).await?.len(),
        0,
    )?;
    let missing = ImageFilter::default().reference(ImageRef::new(format!("localhost/{}:none", ctx.name()))?);
    ctx.equal(
        "images of an unused name",
        ctx.driver().list_images(&missing).await?.len(),
        0,
    )?;
    let all = ctx.driver().list_images(&ImageFilter::default()).await?;
    ctx.ensure("the control without a filter", !all.is_empty(), all.len())
}

/// Asserts that a container can be created from an image without pulling the image.
pub(super) async fn usable(ctx: &Ctx, image: &ImageRef) -> CheckResult {
    let mut config = ctx.program(["true"]).pull_policy(PullPolicy::Never);
    config.image = image.to_string();
    let created = ctx.driver().create_container(&config).await?;
    ctx.equal("the image of a container", created.image.as_str(), image.as_str())?;
    ctx.driver()
        .remove_container(&created.id, driver_interface_types::RemoveOptions::default())
        .await?;
    Ok(())
}

async fn load(ctx: Ctx) -> CheckResult {
    let saved = saved(&ctx, "loaded")?;
    for _ in 0..2 {
        // The archive is sent in many chunks, as if it were read from a file.
        let pieces: Vec<Bytes> = saved.archive.chunks(1000).map(Bytes::copy_from_slice).collect();
        let names = ctx.driver().load_image(ByteStream::of_items(pieces)).await?;
        let names: Vec<String> = names.iter().map(ImageRef::canonical).collect();
        ctx.equal("the names", names, vec![saved.reference.canonical()])?;
    }
    usable(&ctx, &saved.reference).await?;
    if ctx.declares(Operation::GetImage) {
        let found = ctx.driver().get_image(&saved.reference).await?;
        let role = found
            .as_ref()
            .and_then(|image| image.labels.get("role"))
            .map(String::as_str);
        ctx.equal("its label", role, Some("loaded"))?;
    }
    if ctx.declares(Operation::ListImages) {
        for (role, count) in [("loaded", 1), ("load", 0)] {
            let labelled = ImageFilter::default()
                .reference(saved.reference.clone())
                .label("role", role);
            let found = ctx.driver().list_images(&labelled).await?;
            ctx.equal(format!("images with the label {role}"), found.len(), count)?;
        }
    }
    // The image belongs to the engine, so this driver must not remove it.
    if ctx.declares(Operation::RemoveImage) {
        let removed = ctx.driver().remove_image(&saved.reference).await;
        ctx.refused("removing a loaded image", removed, &[codes::IMAGE_NOT_FOUND])?;
        usable(&ctx, &saved.reference).await?;
    }
    Ok(())
}

async fn load_invalid(ctx: Ctx) -> CheckResult {
    let saved = saved(&ctx, "broken")?;
    let cut = saved.archive.slice(..saved.archive.len() / 3);
    for (about, archive) in [
        ("data that is not an archive", Bytes::from(vec![b'x'; 10_000])),
        ("an archive that is not an image", tar(&[("file", b"x")])?.into()),
        ("a truncated archive", cut),
    ] {
        let result = ctx
            .completes(about, ctx.driver().load_image(archive.into()))
            .await?;
        ctx.refused(about, result, &[codes::IMAGE_IMPORT_FAILED])?;
    }
    let failing = failing(saved.archive.slice(..512));
    let result = ctx
        .completes("a stream that fails", ctx.driver().load_image(failing))
        .await?;
    ctx.refused("a stream that fails", result, &[codes::INTERNAL_ERROR])?;
    Ok(())
}

async fn import_invalid(ctx: Ctx) -> CheckResult {
    let image = ImageRef::new(format!("localhost/{}:broken", ctx.name()))?;
    let root: Bytes = tar(&[("file", &[b'x'; 4096])])?.into();
    for (about, archive, code) in [
        (
            "data that is not an archive",
            vec![b'x'; 10_000].into(),
            codes::IMAGE_IMPORT_FAILED,
        ),
        (
            "a stream that fails",
            failing(root.slice(..1024)),
            codes::INTERNAL_ERROR,
        ),
    ] {
        let result = ctx
            .completes(about, ctx.driver().import_image(&image, archive))
            .await?;
        ctx.refused(about, result, &[code])?;
        ctx.equal(
            format!("the image after {about}"),
            ctx.driver().get_image(&image).await?,
            None,
        )?;
    }
    Ok(())
}

/// Returns a stream that yields `content` and then an error.
pub(super) fn failing(content: Bytes) -> ByteStream {
    let error = driver_interface_errors::InternalError::new("a failing source").into();
    ByteStream::new(futures_util::stream::iter([Ok(content), Err(error)]))
}
