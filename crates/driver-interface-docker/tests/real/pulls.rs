//! Image pulls that succeed, are refused, or are dropped.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use driver_interface_errors::{DriverError, Hint};
use driver_interface_types::{ContainerDriver, ImageRef, PullOptions, PullProgress, RegistryCredentials};
use tokio::time::{sleep, timeout};

use super::engine::{Bench, absent, on_each};
use super::images::image;
use super::one_layer::OneLayer;
use super::registry::{registry, send, send_head, serving, serving_whole};

const REGISTRY: &str = "127.0.0.1:5000";

/// Podman accepts registries without TLS only if its configuration lists them.
fn takes_any_registry(bench: &Bench) -> bool {
    !bench.is_podman()
}

async fn refused(bench: &Bench, name: &ImageRef, options: PullOptions) -> DriverError {
    let error = match bench.driver.pull_image(name, options).await {
        Ok(stream) => stream.finish().await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(bench.raw.image(name.as_str()), 404, "it is there after {error:?}");
    error
}

#[test]
fn pull_reports_progress() {
    on_each("pull", |bench| async move {
        if TcpStream::connect(REGISTRY).is_err() {
            return absent("pull", "registry", "nothing answers");
        }
        let repository = format!("{REGISTRY}/pull-{}", bench.namespace);
        bench.raw.push(bench.image, &repository, "1");
        let name = image(&format!("{repository}:1"));
        let mut stream = bench
            .driver
            .pull_image(&name, PullOptions::default())
            .await
            .unwrap();
        let mut steps = Vec::new();
        while let Some(step) = stream.next().await {
            steps.push(step.unwrap());
        }
        let Some(PullProgress::Done(pulled)) = steps.last() else {
            panic!("{steps:?}");
        };
        assert!(steps.len() > 1, "{steps:?}");
        assert!(
            pulled.references.contains(&name) && !pulled.digests.is_empty(),
            "{pulled:?}"
        );
        let again = bench
            .driver
            .pull_image(&name, PullOptions::default())
            .await
            .unwrap();
        assert_eq!(again.finish().await.unwrap().id, pulled.id);
        bench.raw.untag(name.as_str());
        let missing = image(&format!("{repository}:nonesuch"));
        let error = match bench.driver.pull_image(&missing, PullOptions::default()).await {
            Ok(stream) => stream.finish().await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.code(), "IMAGE_PULL_FAILED", "{error:?}");
        assert_eq!(
            (error.hint(), error.is_retryable()),
            (Some(Hint::ImageUnavailable), false),
            "{error:?}"
        );
    });
}

#[test]
fn registry_refusal_is_a_typed_error() {
    on_each("pull refused", |bench| async move {
        if !takes_any_registry(&bench) {
            return;
        }
        let asked = Arc::new(Mutex::new(String::new()));
        let keep = Arc::clone(&asked);
        let port = registry(move |head, stream| {
            keep.lock().unwrap().push_str(head);
            let body =
                br#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}"#;
            send(
                stream,
                "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"",
                body,
            );
        });
        let name = image(&format!("127.0.0.1:{port}/private:1"));
        let error = refused(&bench, &name, PullOptions::default()).await;
        assert_eq!(
            (error.code(), error.hint()),
            ("IMAGE_PULL_FAILED", Some(Hint::ImageUnavailable)),
            "{error:?}"
        );
        let login = RegistryCredentials::password("robot", "s3cret-word");
        let error = refused(&bench, &name, PullOptions::default().credentials(login.clone())).await;
        assert_eq!(error.code(), "AUTHENTICATION_FAILED", "{error:?}");
        assert!(!format!("{error:?} {error}").contains("s3cret-word"));
        // robot:s3cret-word
        assert!(
            asked.lock().unwrap().contains("cm9ib3Q6czNjcmV0LXdvcmQ="),
            "{asked:?}"
        );
        let port = registry(|_, stream| {
            let body =
                br#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
            send(stream, "403 Forbidden", body);
        });
        let name = image(&format!("127.0.0.1:{port}/denied:1"));
        for (options, code) in [
            (PullOptions::default(), "IMAGE_PULL_FAILED"),
            (PullOptions::default().credentials(login), "AUTHENTICATION_FAILED"),
        ] {
            let error = refused(&bench, &name, options).await;
            assert_eq!((error.code(), error.is_retryable()), (code, false), "{error:?}");
        }
        let port = registry(|_, stream| {
            let body = br#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached it"}]}"#;
            send(stream, "429 Too Many Requests", body);
        });
        let name = image(&format!("127.0.0.1:{port}/busy:1"));
        let error = refused(&bench, &name, PullOptions::default()).await;
        assert_eq!(
            (error.code(), error.hint(), error.is_retryable()),
            ("IMAGE_PULL_FAILED", Some(Hint::RateLimited), true),
            "{error:?}"
        );
    });
}

#[test]
fn corrupt_image_is_not_retryable() {
    on_each("pull corrupt", |bench| async move {
        if !takes_any_registry(&bench) {
            return;
        }
        let content = OneLayer::new();
        let whole = serving_whole(&content);
        let name = image(&format!("127.0.0.1:{whole}/whole:1"));
        let stream = bench.driver.pull_image(&name, PullOptions::default()).await;
        stream.unwrap().finish().await.unwrap();
        bench.raw.untag(name.as_str());
        let length = content.layer.len();
        let layer = serving(&content, move |stream| {
            send(stream, "200 OK", &b"x".repeat(length));
        });
        let manifest = registry(|_, stream| send(stream, "200 OK", b"{}"));
        let digest = format!("sha256:{}", "5".repeat(64));
        for name in [
            format!("127.0.0.1:{layer}/layer:1"),
            format!("127.0.0.1:{manifest}/manifest:1"),
            format!("127.0.0.1:{whole}/other@{digest}"),
        ] {
            let error = refused(&bench, &image(&name), PullOptions::default()).await;
            assert_eq!(
                (error.code(), error.is_retryable()),
                ("IMAGE_PULL_FAILED", false),
                "{name}: {error:?}"
            );
        }
    });
}

#[test]
fn dropped_pull_ends_on_the_engine() {
    on_each("pull dropped", |bench| async move {
        if !takes_any_registry(&bench) {
            return;
        }
        let (begun, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (on_begin, on_end) = (Arc::clone(&begun), Arc::clone(&ended));
        let port = serving(&OneLayer::new(), move |stream: &mut TcpStream| {
            send_head(stream, "200 OK", "application/octet-stream", 1 << 20);
            on_begin.fetch_add(1, Ordering::SeqCst);
            // The transfer would take hours. Writes fail once the engine disconnects.
            while stream.write_all(&[0]).is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
            on_end.fetch_add(1, Ordering::SeqCst);
        });
        let name = image(&format!("127.0.0.1:{port}/slow:1"));
        for moment in 0..10 {
            let pull = async {
                let stream = bench.driver.pull_image(&name, PullOptions::default()).await?;
                stream.finish().await
            };
            let late = Duration::from_millis(moment * 30);
            assert!(timeout(late, pull).await.is_err());
        }
        let settled = async {
            while begun.load(Ordering::SeqCst) != ended.load(Ordering::SeqCst) {
                sleep(Duration::from_millis(100)).await;
            }
        };
        let settled = timeout(Duration::from_secs(15), settled).await;
        assert!(
            begun.load(Ordering::SeqCst) > 0,
            "no pull came as far as the layer"
        );
        assert!(settled.is_ok(), "{ended:?} of {begun:?} downloads have ended");
        assert_eq!(bench.raw.image(name.as_str()), 404);
    });
}
