//! Creations that must fail: each is refused and leaves nothing behind.

use driver_interface_errors::{Effect, codes};
use driver_interface_types::{ContainerDriver, NetworkMode, PullPolicy, VolumeMount};

use driver_interface_validation::ValidationPolicy;

use super::engine::on_each;

#[test]
fn missing_resources_are_refused_without_leftovers() {
    on_each("missing_resources_are_refused_without_leftovers", async |bench| {
        let base = bench.config("true");
        let driver = bench
            .with_policy(ValidationPolicy::default().allow_any_bind())
            .await;
        let cases = [
            (
                base.clone().network(NetworkMode::Named("nowhere".to_owned())),
                codes::NETWORK_NOT_FOUND,
            ),
            (
                base.clone().network(NetworkMode::Named(bench.default_network())),
                codes::NETWORK_NOT_FOUND,
            ),
            (
                base.clone().mount(VolumeMount::volume("nothing", "/data")),
                codes::VOLUME_NOT_FOUND,
            ),
            (
                base.clone()
                    .mount(VolumeMount::bind("/nosuch-di/folder", "/data")),
                codes::CONTAINER_CREATION_FAILED,
            ),
            (base.clone().memory(1 << 24), codes::RESOURCE_LIMIT_EXCEEDED),
        ];
        for (config, code) in cases {
            let error = driver.create_container(&config).await.unwrap_err();
            assert_eq!(error.code(), code, "{error:?}");
            assert_eq!(error.effect(), Effect::NotApplied, "{error:?}");
            assert!(!error.is_retryable(), "{error:?}");
        }
        assert_eq!(bench.raw.left(&bench.namespace), Vec::<String>::new());
        assert!(!std::path::Path::new("/nosuch-di").exists());
    });
}

#[test]
fn unreachable_registry_is_retryable() {
    on_each("unreachable_registry_is_retryable", async |bench| {
        let mut config = bench.config("true").pull_policy(PullPolicy::Missing);
        // Nothing listens on this port.
        config.image = "127.0.0.1:9/nosuch:1".to_owned();
        let error = bench.driver.create_container(&config).await.unwrap_err();
        assert_eq!(
            (error.code(), error.is_retryable()),
            (codes::IMAGE_PULL_FAILED, true),
            "{error:?}"
        );
        assert_eq!(bench.raw.left(&bench.namespace), Vec::<String>::new());
    });
}
