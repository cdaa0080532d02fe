//! Tmpfs mounts over image directories, and the default `/tmp` over a root-owned `/tmp`.

use std::io::Read;
use std::path::Path;

use driver_interface_conformance::TestImage;
use driver_interface_errors::{Effect, codes};
use driver_interface_types::{ContainerConfig, ContainerDriver, ImageRef, SecurityOptions, TmpfsMount};

use super::engine::{Bench, on_each};

/// Returns the test image with this mode for `/tmp`.
fn with_tmp_mode(mode: u32) -> Vec<u8> {
    let TestImage::Root(root) = TestImage::find(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("busybox"))
    else {
        panic!("no static busybox for the test image");
    };
    let mut changed = tar::Builder::new(Vec::new());
    for entry in tar::Archive::new(root.as_ref()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let (mut header, path) = (entry.header().clone(), entry.path().unwrap().into_owned());
        if let Some(link) = entry.link_name().unwrap() {
            changed.append_link(&mut header, path, link).unwrap();
            continue;
        }
        if path == Path::new("tmp/") {
            header.set_mode(mode);
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        changed
            .append_data(&mut header, path, content.as_slice())
            .unwrap();
    }
    changed.into_inner().unwrap()
}

async fn imported(bench: &Bench, mode: u32) -> ImageRef {
    let image = ImageRef::new(format!("localhost/{}-tmp:{mode:o}", bench.namespace)).unwrap();
    bench
        .driver
        .import_image(&image, with_tmp_mode(mode).into())
        .await
        .unwrap();
    image
}

async fn printed(bench: &Bench, config: &ContainerConfig) -> String {
    let ended = bench.ended(config).await;
    let logs = bench.driver.get_container_logs(&ended.id, Default::default());
    let logs = logs.await.unwrap();
    let forced = driver_interface_types::RemoveOptions::force();
    bench.driver.remove_container(&ended.id, forced).await.unwrap();
    logs
}

#[test]
fn default_tmp_is_writable_over_a_root_owned_tmp() {
    on_each("driver's tmp", async |bench| {
        let image = imported(&bench, 0o755).await;
        let script = "touch /tmp/x && echo written; mkdir /tmp/d && echo made";
        for user in ["1000:1000", "4321", "0:0"] {
            let mut config = bench
                .config(script)
                .security(SecurityOptions::default().user(user));
            config.image = image.to_string();
            assert_eq!(printed(&bench, &config).await, "written\nmade\n", "{user}");
        }
        // On Docker, the driver cannot resolve a user name before the creation, so it may refuse the config.
        let mut named = bench
            .config(script)
            .security(SecurityOptions::default().user("user"));
        named.image = image.to_string();
        match bench.driver.create_container(&named).await {
            Ok(_) => assert_eq!(printed(&bench, &named).await, "written\nmade\n"),
            Err(error) => {
                assert_eq!(error.code(), codes::UNSUPPORTED_OPERATION, "{error:?}");
                assert_eq!(error.effect(), Effect::NotApplied);
                assert!(!bench.is_podman(), "Podman knows the user: {error}");
                let text = error.to_string();
                assert!(text.contains("/tmp") && text.contains("security.user"), "{text}");
            }
        }
        bench.driver.remove_image(&image).await.ok();
    });
}

#[test]
fn read_only_tmp_directory_works_or_is_refused() {
    on_each("read-only directory", async |bench| {
        let image = imported(&bench, 0o555).await;
        let mut config = bench.config("touch /tmp/x && echo written");
        config.image = image.to_string();
        match bench.driver.create_container(&config).await {
            Ok(_) => assert_eq!(printed(&bench, &config).await, "written\n"),
            Err(error) => assert_eq!(error.code(), codes::UNSUPPORTED_OPERATION, "{error:?}"),
        }
        bench.driver.remove_image(&image).await.ok();
    });
}

#[test]
fn mode_and_owner_are_applied_or_refused() {
    on_each("mode and owner", async |bench| {
        let base = |mount: TmpfsMount| {
            let script = format!("stat -c '%a %u:%g' {}", mount.target);
            bench.config(&script).tmpfs_mount(mount)
        };
        let new = || TmpfsMount::new("/new", 1);
        assert_eq!(printed(&bench, &base(new())).await, "1777 1000:1000\n");
        let private = new().mode(0o700).uid(1000).gid(1000);
        assert_eq!(printed(&bench, &base(private)).await, "700 1000:1000\n");
        let foreign = base(new().mode(0o2750).uid(7).gid(8));
        match bench.driver.create_container(&foreign).await {
            Ok(_) => assert_eq!(printed(&bench, &foreign).await, "2750 7:8\n"),
            Err(error) => {
                assert!(bench.is_podman(), "{error:?}");
                assert_eq!(error.code(), codes::UNSUPPORTED_OPERATION, "{error:?}");
                let plan = bench.driver.plan(&foreign).await.unwrap();
                assert_eq!(plan.refusals[0].path, "tmpfs[0].uid");
            }
        }
        let over = base(TmpfsMount::new("/opt", 1).mode(0o700));
        match bench.driver.create_container(&over).await {
            Ok(_) => assert_eq!(printed(&bench, &over).await, "700 1000:1000\n"),
            Err(error) => {
                assert_eq!(error.code(), codes::UNSUPPORTED_OPERATION, "{error:?}");
                assert!(error.to_string().contains("755 instead of 700"), "{error}");
            }
        }
    });
}
