//! Mistakes that never reach an engine.

use driver_interface::{
    ConfigurationError, ContainerConfig, ContainerDriver, ContainerId, DriverError, InputError, VolumeMount,
    validate_container_config,
};

use crate::support::{drivers, list_all, server};

fn mistaken() -> ContainerConfig {
    ContainerConfig::new("build 42", "Busybox:")
        .name("x")
        .label("io.driver-interface.session", "another")
        .cpu(f64::NAN)
        .memory(0)
        .mount(VolumeMount::bind("/var/run/docker.sock", "/engine.sock"))
        .mount(VolumeMount::volume("data", "relative"))
        .network("host")
}

fn paths(error: &ConfigurationError) -> Vec<&str> {
    error
        .violations()
        .iter()
        .map(|violation| &*violation.path)
        .collect()
}

#[test]
fn config_is_validated_without_a_driver() {
    let refused = validate_container_config(&mistaken()).unwrap_err();
    let found = paths(&refused);
    for path in [
        "sessionId", "image", "name", "labels", "resources.cpu", "resources.memory", "volumes[0]",
        "volumes[1].target", "network",
    ] {
        assert!(
            found.iter().any(|one| one.starts_with(path)),
            "{path} is not among {found:?}"
        );
    }
    assert!(
        refused
            .violations()
            .iter()
            .all(|violation| !violation.code.is_empty())
    );

    assert!(validate_container_config(&server("build-42")).is_ok());
}

#[tokio::test(start_paused = true)]
async fn driver_reports_the_same_violations() {
    let reported = validate_container_config(&mistaken()).unwrap_err();
    for driver in drivers() {
        let error = driver.create_container(&mistaken()).await.unwrap_err();
        let DriverError::Configuration(InputError::Configuration(refused)) = &error else {
            panic!("not a configuration error: {error:?}");
        };
        // A driver may report additional violations.
        for violation in reported.violations() {
            assert!(
                refused.violations().contains(violation),
                "{} takes {violation}",
                driver.name()
            );
        }
        assert_eq!(list_all(&driver).await, []);
    }
}

#[test]
fn unsafe_ids_cannot_be_constructed() {
    for text in [
        "", "../json", "a/b", "x?force=1", "web\n", "x/../../volumes/y?force=1", "-rf",
    ] {
        let error = ContainerId::new(text).unwrap_err();
        assert_eq!(paths(&error), ["containerId"], "{text:?}");
        assert_eq!(DriverError::from(error).code(), "CONFIGURATION_ERROR");
    }
    assert_eq!(ContainerId::new("web-1").unwrap().as_str(), "web-1");
}
