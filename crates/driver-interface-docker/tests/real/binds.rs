//! Bind mounts: the policy and symlinks.

use std::os::unix::fs::symlink;

use driver_interface_errors::{Effect, codes};
use driver_interface_types::{ContainerDriver, SecurityOptions, VolumeMount};
use driver_interface_validation::ValidationPolicy;

use super::engine::on_each;

#[test]
fn symlink_cannot_leave_an_allowed_directory() {
    on_each("links out", async |bench| {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_str().unwrap();
        symlink("/", directory.path().join("x")).unwrap();
        symlink("/etc", directory.path().join("settings")).unwrap();
        symlink("loop", directory.path().join("loop")).unwrap();
        for policy in [
            ValidationPolicy::default().allow_bind_root(root),
            ValidationPolicy::default().allow_any_bind(),
        ] {
            let driver = bench.with_policy(policy).await;
            for name in ["x", "x/etc", "settings", "settings/ssl", "loop"] {
                let config = bench
                    .config("true")
                    .mount(VolumeMount::bind(format!("{root}/{name}"), "/host"));
                let error = driver.create_container(&config).await.unwrap_err();
                assert_eq!(error.code(), codes::CONFIGURATION_ERROR, "{name}: {error:?}");
                assert_eq!(error.effect(), Effect::NotApplied);
                let report = error.to_report();
                assert_eq!(report.violations[0].path, "volumes[0].source", "{name}: {error}");
                let plan = driver.plan(&config).await.unwrap();
                assert_eq!(plan.refusals[0].path, "volumes[0].source", "{name}");
            }
        }
        assert_eq!(bench.raw.left(&bench.namespace), Vec::<String>::new());
    });
}

#[test]
fn symlink_inside_is_mounted_by_its_target() {
    on_each("links inside", async |bench| {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir(at("real")).unwrap();
        std::fs::write(at("real/file"), "inside").unwrap();
        symlink(at("real"), at("link")).unwrap();
        // A symlink can name the allowed root.
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("root");
        symlink(directory.path(), &root).unwrap();
        let policy = ValidationPolicy::default().allow_bind_root(root.to_str().unwrap());
        let driver = bench.with_policy(policy).await;
        let source = root.join("link");
        let config = bench
            .config("cat /host/file")
            .security(SecurityOptions::default().user("0:0"))
            .mount(VolumeMount::bind(source.to_str().unwrap(), "/host").read_only(true))
            .operation_key(format!("{}-key", bench.namespace));
        let made = driver.create_container(&config).await.unwrap();
        // The engine mounts the resolved path, so a changed symlink has no effect.
        std::fs::remove_file(at("link")).unwrap();
        symlink("/etc", at("link")).unwrap();
        bench.driver.start_container(&made.id).await.unwrap();
        let done = bench.until(&made, |now| now.exit.is_some()).await;
        let logs = bench.driver.get_container_logs(&done.id, Default::default());
        assert_eq!(logs.await.unwrap(), "inside");
        let error = driver.create_container(&config).await.unwrap_err();
        assert_eq!(error.code(), codes::CONFIGURATION_ERROR, "{error:?}");
    });
}

#[test]
fn directory_replaced_by_symlink_is_not_mounted() {
    on_each("links later", async |bench| {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("data");
        std::fs::create_dir(&source).unwrap();
        let policy = ValidationPolicy::default().allow_bind_root(directory.path().to_str().unwrap());
        let driver = bench.with_policy(policy).await;
        let config = bench
            .config("ls /host")
            .mount(VolumeMount::bind(source.to_str().unwrap(), "/host").read_only(true));
        let made = driver.create_container(&config).await.unwrap();
        std::fs::remove_dir(&source).unwrap();
        symlink("/etc", &source).unwrap();
        let error = driver.start_container(&made.id).await.unwrap_err();
        assert_eq!(
            (error.code(), error.is_retryable()),
            (codes::CONTAINER_START_FAILED, false),
            "{error:?}"
        );
        assert!(error.to_string().contains("resolves to `/etc`"), "{error}");
        std::fs::remove_file(&source).unwrap();
        std::fs::create_dir(&source).unwrap();
        driver.start_container(&made.id).await.unwrap();
    });
}

#[test]
fn engine_storage_and_socket_cannot_be_mounted() {
    on_each("engine's own", async |bench| {
        let driver = bench
            .with_policy(ValidationPolicy::default().allow_any_bind())
            .await;
        let socket = driver.address().strip_prefix("unix://").unwrap().to_owned();
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("innocent");
        symlink(&socket, &link).unwrap();
        for source in [socket.as_str(), link.to_str().unwrap()] {
            let config = bench.config("true").mount(VolumeMount::bind(source, "/host"));
            let error = driver.create_container(&config).await.unwrap_err();
            assert_eq!(error.code(), codes::CONFIGURATION_ERROR, "{source}: {error:?}");
        }
        // An explicit exception allows it under any of its names.
        let policy = ValidationPolicy::default().allow_dangerous_bind(socket.as_str());
        let driver = bench.with_policy(policy).await;
        let config = bench
            .config("true")
            .mount(VolumeMount::bind(socket.as_str(), "/host"));
        driver.create_container(&config).await.unwrap();
    });
}

#[test]
fn allowed_directory_is_shared_with_the_host() {
    on_each("host's directory", |bench| async move {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().to_str().unwrap();
        std::fs::write(directory.path().join("file"), "from the host").unwrap();
        let config = bench
            .config("cat /host/file && echo from inside > /host/new")
            .security(SecurityOptions::default().user("0:0"))
            .mount(VolumeMount::bind(root, "/host"));
        let driver = bench
            .with_policy(ValidationPolicy::default().allow_bind_root(root))
            .await;
        let made = driver.create_container(&config).await.unwrap();
        driver.start_container(&made.id).await.unwrap();
        bench.until(&made, |now| now.exit.is_some()).await;
        let logs = driver.get_container_logs(&made.id, Default::default());
        assert_eq!(logs.await.unwrap(), "from the host");
        let written = std::fs::read_to_string(directory.path().join("new"));
        assert_eq!(written.unwrap(), "from inside\n");
    });
}
