//! Builds, pushes and transfers of volumes that are dropped or refused.

use std::time::Duration;

use driver_interface_errors::Hint;
use driver_interface_types::{
    BuildOptions, ByteStream, Bytes, ContainerDriver, PushOptions, RegistryCredentials, VolumeConfig,
};
use futures_util::{StreamExt, stream};
use tokio::time::{sleep, timeout};

use super::engine::{on_docker, on_each};
use super::images::image;
use super::registry::{registry, send};

#[test]
fn dropped_volume_transfers_leave_no_helper() {
    on_each("dropped volume transfers", |bench| async move {
        let config = VolumeConfig::new(format!("{}-transfer", bench.namespace));
        let volume = bench.driver.create_volume(&config).await.unwrap().id;
        for moment in [0u64, 5, 10, 20, 40, 80, 160, 320, 640] {
            let late = Duration::from_millis(moment);
            let _ = timeout(late, bench.driver.export_volume(&volume)).await;
            let endless =
                ByteStream::new(stream::iter([Ok(Bytes::from(vec![0; 512]))]).chain(stream::pending()));
            let import = timeout(late, bench.driver.import_volume(&volume, endless)).await;
            assert!(import.is_err(), "{import:?}");
        }
        bench
            .driver
            .export_volume(&volume)
            .await
            .unwrap()
            .collect_all()
            .await
            .unwrap();
        bench.driver.remove_volume(&volume).await.unwrap();
        sleep(Duration::from_secs(5)).await;
        bench.settled().await;
    });
}

#[test]
fn dropped_build_is_cancelled() {
    on_docker("dropped build", async |bench| {
        let marker = format!("marker-{}", bench.namespace);
        let name = image(&format!("localhost/dropped-{}:1", bench.namespace));
        let options =
            BuildOptions::from_dockerfile(format!("FROM {}\nRUN echo {marker}; sleep 60\n", bench.image));
        let mut build = bench
            .driver
            .build_image(&name, Bytes::new().into(), options)
            .await
            .unwrap();
        let containers = || {
            bench
                .raw
                .call("GET", "/containers/json?all=1", None)
                .1
                .to_string()
        };
        while !containers().contains(&marker) {
            build.next().await.unwrap().unwrap();
        }
        drop(build);
        for _ in 0..50 {
            if !containers().contains(&marker) {
                break;
            }
            sleep(Duration::from_millis(200)).await;
        }
        assert!(!containers().contains(&marker));
        assert_eq!(bench.raw.image(name.as_str()), 404);
    });
}

#[test]
fn refused_push_is_a_typed_error() {
    // Podman accepts registries without TLS only if its configuration lists them.
    on_docker("push refused", async |bench| {
        let login = RegistryCredentials::password("robot", "s3cret-word");
        for (status, code, hint) in [
            (
                "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"",
                "UNAUTHORIZED",
                Some(Hint::ImageUnavailable),
            ),
            ("403 Forbidden", "DENIED", Some(Hint::ImageUnavailable)),
        ] {
            let port = registry(move |_, stream| {
                let body =
                    format!(r#"{{"errors":[{{"code":"{code}","message":"authentication required"}}]}}"#);
                send(stream, status, body.as_bytes());
            });
            let name = image(&format!("127.0.0.1:{port}/private-{}:1", bench.namespace));
            bench.driver.tag_image(&image(bench.image), &name).await.unwrap();
            let refused = async |options| match bench.driver.push_image(&name, options).await {
                Ok(stream) => stream.finish().await.unwrap_err(),
                Err(error) => error,
            };
            let error = refused(PushOptions::default()).await;
            assert_eq!(
                (error.code(), error.hint(), error.is_retryable()),
                ("IMAGE_PUSH_FAILED", hint, false),
                "{error:?}"
            );
            let error = refused(PushOptions::default().credentials(login.clone())).await;
            assert_eq!(error.code(), "AUTHENTICATION_FAILED", "{error:?}");
            assert!(!format!("{error:?} {error}").contains("s3cret-word"));
            bench.raw.untag(name.as_str());
        }
    });
}
