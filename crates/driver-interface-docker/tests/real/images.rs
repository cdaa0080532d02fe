//! Inspecting and loading images.

use driver_interface_types::{ContainerDriver, ImageRef};

use super::engine::on_each;
use super::one_layer::OneLayer;

pub(crate) fn image(text: &str) -> ImageRef {
    ImageRef::new(text).unwrap()
}

#[test]
fn image_has_id_size_platform_and_time() {
    on_each("image lookup", |bench| async move {
        let own = image(bench.image);
        let found = bench.driver.get_image(&own).await.unwrap().unwrap();
        assert!(
            found.id.starts_with("sha256:") && found.size_bytes > 0,
            "{found:?}"
        );
        assert_eq!(found.references, [own]);
        assert!(found.platform.as_deref().unwrap().starts_with("linux/"));
        assert!(found.created_at.is_some());
    });
}

#[test]
fn load_returns_names_and_refuses_broken_archives() {
    on_each("load", |bench| async move {
        let name = format!("localhost/loaded-{}:1", bench.namespace);
        let content = OneLayer::new();
        let saved = content.saved(&name);
        let names = bench.driver.load_image(saved.clone().into()).await.unwrap();
        assert_eq!(names, [image(&name)]);
        bench.raw.untag(&name);
        for broken in [
            b"no archive".repeat(100),
            saved[..1024].to_vec(),
            Vec::new(),
            // A layer that does not match the image's config.
            OneLayer {
                layer: OneLayer::new().layer,
                ..content.clone()
            }
            .saved(&name),
        ] {
            let error = bench.driver.load_image(broken.into()).await.unwrap_err();
            assert_eq!(
                (error.code(), error.is_retryable()),
                ("IMAGE_IMPORT_FAILED", false),
                "{error:?}"
            );
            assert_eq!(bench.raw.image(&name), 404);
        }
    });
}
