//! Images: pulled with progress, listed, inspected, loaded.

use std::time::Duration;

use driver_interface_errors::{Hint, codes};
use driver_interface_types::{
    Bytes, ContainerConfig, ContainerDriver, ExecConfig, ImageFilter, ImageRef, PullOptions, PullPolicy,
    PullProgress, RegistryCredentials, TarStream,
};
use tokio::time::sleep;

use super::support::{instant_driver, ready, run_on, script, server, started, stubborn};

const SECOND: Duration = Duration::from_secs(1);

fn image(name: &str) -> ImageRef {
    ImageRef::new(name).unwrap()
}

/// A tar archive of files.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (path, content) in files {
        let mut header = [0_u8; 512];
        header[..path.len()].copy_from_slice(path.as_bytes());
        header[100..107].copy_from_slice(b"0000644");
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[156] = b'0';
        header[257..262].copy_from_slice(b"ustar");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().div_ceil(512) * 512, 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

#[tokio::test(start_paused = true)]
async fn pull_reports_progress_and_ends_with_the_image() {
    let driver = instant_driver();
    let steps = driver
        .pull_image(&image("nginx:1.27"), PullOptions::default())
        .await
        .unwrap()
        .collect_all()
        .await
        .unwrap();
    let (last, layers) = steps.split_last().unwrap();
    assert!(layers.len() > 2 && layers.iter().all(|step| matches!(step, PullProgress::Layer(_))));
    let PullProgress::Done(info) = last else {
        panic!("{last:?} is not the end")
    };
    assert_eq!(
        driver
            .get_image(&image("docker.io/library/nginx:1.27"))
            .await
            .unwrap()
            .as_ref(),
        Some(info)
    );
    assert!(info.id.starts_with("sha256:") && info.id.len() == 71 && info.size_bytes > 0);
    let again = driver
        .pull_image(&image("nginx:1.27"), PullOptions::default())
        .await
        .unwrap()
        .finish()
        .await
        .unwrap();
    assert_eq!(&again, info);

    let dropped = driver
        .pull_image(&image("redis"), PullOptions::default())
        .await
        .unwrap();
    drop(dropped);
    assert_eq!(driver.get_image(&image("redis")).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn failed_pull_reports_the_reason() {
    let driver = instant_driver();
    let refused = async |name: &str, options: PullOptions| {
        let error = driver.pull_image(&image(name), options).await.unwrap_err();
        assert!(!error.is_retryable() && !format!("{error:?}").contains("s3cret"));
        error.code()
    };
    let with =
        |secret: &str| PullOptions::default().credentials(RegistryCredentials::password("robot", secret));
    assert_eq!(
        refused("missing/app", PullOptions::default()).await,
        codes::IMAGE_NOT_FOUND
    );
    assert_eq!(
        refused("denied/app", with("s3cret")).await,
        codes::IMAGE_PULL_FAILED
    );
    assert_eq!(
        refused("private/app", PullOptions::default()).await,
        codes::IMAGE_PULL_FAILED
    );
    assert_eq!(
        refused("private/app", with("wrong")).await,
        codes::AUTHENTICATION_FAILED
    );
    assert_eq!(
        refused("nginx", PullOptions::default().platform("linux/arm64")).await,
        codes::UNSUPPORTED_OPERATION
    );
    let unreachable = image("registry.example:1/app");
    let error = driver.pull_image(&unreachable, PullOptions::default()).await;
    assert_eq!(error.unwrap_err().hint(), Some(Hint::RegistryUnreachable));
    driver
        .pull_image(&image("private/app"), with("s3cret"))
        .await
        .unwrap()
        .finish()
        .await
        .unwrap();
    assert!(!format!("{:?}", driver.calls()).contains("s3cret"));
}

#[tokio::test(start_paused = true)]
async fn images_are_listed_by_name() {
    let driver = instant_driver();
    let names = async |filter: &ImageFilter| -> Vec<String> {
        let listed = driver.list_images(filter).await.unwrap();
        listed
            .iter()
            .map(|image| image.references[0].to_string())
            .collect()
    };
    assert_eq!(names(&ImageFilter::default()).await, ["alpine", "busybox"]);
    let one = ImageFilter::default().reference(image("library/busybox:latest"));
    assert_eq!(names(&one).await, ["busybox"]);
    assert!(names(&ImageFilter::default().label("a", "b")).await.is_empty());
    assert_eq!(
        driver.get_image(&image("nginx")).await.unwrap(),
        None,
        "no registry is asked"
    );
}

#[tokio::test(start_paused = true)]
async fn load_applies_config_and_layers() {
    let driver = instant_driver();
    let digest = "ab".repeat(32);
    let config = br#"{"created":"2024-05-06T07:08:09Z","config":{"Entrypoint":["sh","-c"],
        "Cmd":["cat /app/text; pwd; echo $FROM; ls /gone"],"Env":["FROM=image"],"WorkingDir":"/app",
        "Labels":{"team":"core"},"StopSignal":"SIGUSR1",
        "Healthcheck":{"Test":["CMD-SHELL","test -f /app/text"],"Interval":1000000000}}}"#;
    let manifest = format!(
        r#"[{{"Config":"{digest}.json","RepoTags":["team/app:1","team/app:2"],"Layers":["a/layer.tar","b/layer.tar"]}}]"#
    );
    let lower = archive(&[("app/text", b"old\n"), ("gone/file", b"")]);
    let upper = archive(&[("app/text", b"new\n"), ("gone/.wh.file", b"")]);
    let config_name = format!("{digest}.json");
    let saved = archive(&[
        ("manifest.json", manifest.as_bytes()),
        (&config_name, config),
        ("a/layer.tar", &lower),
        ("b/layer.tar", &upper),
    ]);
    let names = driver.load_image(TarStream::from(saved)).await.unwrap();
    assert_eq!(names, [image("team/app:1"), image("team/app:2")]);
    let info = driver.get_image(&names[1]).await.unwrap().unwrap();
    assert_eq!(
        (info.id, info.references),
        (format!("sha256:{digest}"), names.clone())
    );
    assert_eq!(info.labels["team"], "core");
    let never = ContainerConfig::new("s", "team/app:1").pull_policy(PullPolicy::Never);
    let ran = run_on(&driver, &never).await;
    assert_eq!((ran.stdout.as_str(), ran.code), ("new\n/app\nimage\n", 0));
    let id = started(&driver, &never.entrypoint(["sleep", "100"])).await;
    assert!(!driver.is_container_healthy(&id).await.unwrap());
    sleep(2 * SECOND).await;
    assert!(
        driver.is_container_healthy(&id).await.unwrap(),
        "the image's own check passes"
    );
    assert!(
        driver.remove_image(&names[0]).await.is_err(),
        "what was loaded is the engine's"
    );
}

#[tokio::test(start_paused = true)]
async fn load_rejects_invalid_archives() {
    let driver = instant_driver();
    for broken in [
        Vec::new(),
        vec![1; 3000],
        archive(&[("no-manifest", b"")]),
        archive(&[("manifest.json", b"{")]),
        archive(&[(
            "manifest.json",
            br#"[{"Config":"none.json","RepoTags":["a"],"Layers":[]}]"#,
        )]),
    ] {
        let error = driver
            .load_image(TarStream::from(Bytes::from(broken)))
            .await
            .unwrap_err();
        assert_eq!(
            (error.code(), error.is_retryable()),
            (codes::IMAGE_IMPORT_FAILED, false)
        );
    }
    assert_eq!(driver.engine().images().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn stats_are_plausible() {
    let driver = instant_driver();
    let busy = ready(
        &driver,
        &script("echo ready; while true; do :; done")
            .cpu(0.5)
            .memory(100)
            .pids(20),
    )
    .await;
    let stats = driver.container_stats(&busy).await.unwrap();
    assert!((0.4..=0.6).contains(&stats.cpu_cores), "{stats:?}");
    assert_eq!(
        (stats.memory_limit_bytes, stats.pids_limit),
        (Some(100 << 20), Some(20))
    );
    assert!(stats.memory_bytes > 0 && stats.memory_share().unwrap() < 1.0);
    let idle = ready(&driver, &stubborn()).await;
    let before = driver.container_stats(&idle).await.unwrap();
    assert!(before.cpu_cores < 0.05);
    driver
        .exec_detached(&idle, ExecConfig::new(["sleep", "100"]))
        .await
        .unwrap();
    let after = driver.container_stats(&idle).await.unwrap();
    assert_eq!(after.pids, before.pids + 1);
    let created = driver.create_container(&server()).await.unwrap().id;
    assert_eq!(
        driver.container_stats(&created).await.unwrap_err().code(),
        codes::CONTAINER_NOT_RUNNING
    );
    assert_eq!(
        driver.stream_container_stats(&created).await.unwrap_err().code(),
        codes::CONTAINER_NOT_RUNNING
    );
}

#[tokio::test(start_paused = true)]
async fn stats_stream_every_second_until_exit() {
    let driver = instant_driver();
    let id = started(&driver, &script("sleep 5")).await;
    let stream = driver.stream_container_stats(&id).await.unwrap();
    let stats = stream.collect_all().await.unwrap();
    assert!((4..=5).contains(&stats.len()), "{}", stats.len());
    assert!(stats.windows(2).all(|two| two[0].time + SECOND == two[1].time));
}
