//! Images: looked up, listed, loaded.

use driver_interface_types::{ContainerDriver, ImageFilter, ImageRef};

use super::engine::on_each;
use super::one_layer::OneLayer;

pub(crate) fn image(text: &str) -> ImageRef {
    ImageRef::new(text).unwrap()
}

#[test]
fn an_image_is_looked_up_and_listed() {
    on_each("image lookup", |bench| async move {
        let own = image(bench.image);
        let found = bench.driver.get_image(&own).await.unwrap().unwrap();
        assert!(
            found.id.starts_with("sha256:") && found.size_bytes > 0,
            "{found:?}"
        );
        assert_eq!(found.references, std::slice::from_ref(&own));
        assert!(found.platform.as_deref().unwrap().starts_with("linux/"));
        assert!(found.created_at.is_some());
        let listed = bench
            .driver
            .list_images(&ImageFilter::default().reference(own))
            .await
            .unwrap();
        assert_eq!(listed, [found]);
        let all = bench.driver.list_images(&ImageFilter::default()).await.unwrap();
        assert!(
            all.windows(2)
                .all(|pair| pair[0].references[0] <= pair[1].references[0])
        );
        assert_eq!(
            bench
                .driver
                .get_image(&image("localhost/nonesuch:1"))
                .await
                .unwrap(),
            None
        );
    });
}

#[test]
fn loaded_images_are_named_and_broken_archives_refused() {
    on_each("load", |bench| async move {
        let name = format!("localhost/loaded-{}:1", bench.namespace);
        let content = OneLayer::new();
        let saved = content.saved(&name);
        let names = bench.driver.load_image(saved.clone().into()).await.unwrap();
        assert_eq!(names, [image(&name)]);
        assert!(bench.driver.get_image(&names[0]).await.unwrap().is_some());
        let error = bench.driver.remove_image(&names[0]).await.unwrap_err();
        assert_eq!(error.code(), "IMAGE_NOT_FOUND");
        bench.raw.untag(&name);
        for broken in [
            b"no archive".repeat(100),
            saved[..1024].to_vec(),
            Vec::new(),
            // A layer that is not the one that the image is made of.
            OneLayer {
                layer: OneLayer::new().layer,
                ..content.clone()
            }
            .saved(&name),
        ] {
            let error = bench.driver.load_image(broken.into()).await.unwrap_err();
            assert_eq!(
                (error.code(), error.is_retryable()),
                ("IMAGE_PULL_FAILED", false),
                "{error:?}"
            );
            assert_eq!(bench.raw.image(&name), 404);
        }
    });
}
