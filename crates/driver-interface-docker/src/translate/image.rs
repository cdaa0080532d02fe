//! Image references in the engine's format.

use driver_interface_types::{ImageInfo, ImageRef};

use super::records::ImageRecord;
use super::time;

/// Adds the tag `latest` to an image reference that has no tag or digest. Without a tag, a pull would fetch every tag
/// of the image.
pub(crate) fn engine_name(text: &str) -> String {
    if has_version(text) {
        text.to_owned()
    } else {
        format!("{text}:latest")
    }
}

/// Splits an image reference into the two parameters of a pull: the name, and the tag or digest.
pub(crate) fn pull_parts(image: &ImageRef) -> (String, String) {
    let text = image.as_str();
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    let (bare, tag) = match tag_colon(name) {
        Some(colon) => (name.get(..colon).unwrap_or(name), name.get(colon + 1..)),
        None => (name, None),
    };
    (bare.to_owned(), digest.or(tag).unwrap_or("latest").to_owned())
}

/// Returns whether an image is the variant for a platform, given as `os/architecture` or
/// `os/architecture/variant`.
pub(crate) fn runs_on(image: &ImageRecord, platform: &str) -> bool {
    let mut parts = platform.split('/');
    let is = |required: Option<&str>, found: &str| required.is_none_or(|required| required == found);
    is(parts.next(), &image.os)
        && is(parts.next(), &image.architecture)
        && (image.variant.is_empty() || is(parts.next(), &image.variant))
}

/// Converts an image record to the interface's type.
pub(crate) fn info(record: &ImageRecord) -> ImageInfo {
    let mut info = ImageInfo::new(
        with_kind(&record.id),
        u64::try_from(record.size).unwrap_or_default(),
    );
    // Engines write `<none>:<none>` for an untagged image.
    info.references = record
        .repo_tags
        .iter()
        .filter_map(|name| ImageRef::new(name.as_str()).ok())
        .collect();
    info.references.sort();
    info.digests = record
        .repo_digests
        .iter()
        .filter(|digest| !digest.contains("<none>"))
        .cloned()
        .collect();
    info.created_at = time::parse(&record.created);
    let parts = [&record.os, &record.architecture, &record.variant];
    let parts: Vec<&str> = parts
        .into_iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    info.platform = (parts.len() > 1).then(|| parts.join("/"));
    let config = &record.config;
    info.labels = config.labels.clone();
    info.user = Some(config.user.clone()).filter(|user| !user.is_empty());
    info.entrypoint.clone_from(&config.entrypoint);
    info.command.clone_from(&config.cmd);
    info.volumes = config.volumes.keys().cloned().collect();
    info
}

/// Returns an image id with the digest algorithm as prefix, which Podman sometimes omits.
fn with_kind(id: &str) -> String {
    if id.contains(':') {
        id.to_owned()
    } else {
        format!("sha256:{id}")
    }
}

/// Returns the names in an engine's report on loaded images, such as `Loaded image: a:1`. On Podman, a line can
/// contain several names. Images without a name, which Docker reports by id, are left out.
pub(crate) fn loaded(text: &str) -> Vec<ImageRef> {
    let names = text.lines().filter_map(|line| {
        let line = line.trim();
        line.strip_prefix("Loaded image: ")
            .or_else(|| line.strip_prefix("Loaded image(s): "))
    });
    names
        .flat_map(|names| names.split([',', ' ']))
        .filter_map(|name| ImageRef::new(name).ok())
        .collect()
}

fn has_version(text: &str) -> bool {
    text.contains('@') || tag_colon(text).is_some()
}

/// Returns the position of the colon before the tag, or `None` if there is no tag. Only a colon after the last slash
/// counts, because an earlier colon belongs to the registry's port.
fn tag_colon(name: &str) -> Option<usize> {
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    name.get(last..)?.find(':').map(|colon| last + colon)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_of_loaded_images() {
        let names = |text: &str| -> Vec<String> { loaded(text).iter().map(ToString::to_string).collect() };
        assert_eq!(names("Loaded image: a:1\n"), ["a:1"]);
        assert_eq!(
            names("Loaded image: localhost/a:1,localhost/b:2"),
            ["localhost/a:1", "localhost/b:2"]
        );
        assert!(names(&format!("Loaded image ID: sha256:{}\n", "a".repeat(64))).is_empty());
    }

    #[test]
    fn platform_matches_by_component() {
        let image = ImageRecord {
            os: "linux".to_owned(),
            architecture: "arm64".to_owned(),
            variant: "v8".to_owned(),
            ..ImageRecord::default()
        };
        assert!(runs_on(&image, "linux/arm64") && runs_on(&image, "linux/arm64/v8"));
        assert!(!runs_on(&image, "linux/amd64") && !runs_on(&image, "linux/arm64/v7"));
    }

    #[test]
    fn version_is_always_explicit() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, name, bare, version) in [
            ("nginx", "nginx:latest", "nginx", "latest"),
            ("nginx:1.27", "nginx:1.27", "nginx", "1.27"),
            (
                "localhost:5000/app", "localhost:5000/app:latest", "localhost:5000/app", "latest",
            ),
            (
                "localhost:5000/app:x", "localhost:5000/app:x", "localhost:5000/app", "x",
            ),
            (&format!("app@{digest}"), &format!("app@{digest}"), "app", &digest),
            (
                &format!("app:1@{digest}"),
                &format!("app:1@{digest}"),
                "app",
                &digest,
            ),
        ] {
            assert_eq!(engine_name(text), name);
            let parts = pull_parts(&ImageRef::new(text).unwrap());
            assert_eq!(parts, (bare.to_owned(), version.to_owned()), "{text}");
        }
    }
}
