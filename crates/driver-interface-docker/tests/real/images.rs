//! Images: looked up, listed, loaded, pulled.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use driver_interface_errors::Hint;
use driver_interface_types::{
    ContainerDriver, ImageFilter, ImageRef, PullOptions, PullProgress, RegistryCredentials,
};

use super::engine::{absent, on_each};

const REGISTRY: &str = "127.0.0.1:5000";

fn image(text: &str) -> ImageRef {
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
fn an_image_is_pulled_with_progress() {
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
fn loaded_images_are_named_and_broken_archives_refused() {
    on_each("load", |bench| async move {
        let name = format!("localhost/loaded-{}:1", bench.namespace);
        let names = bench.driver.load_image(saved(&name).into()).await.unwrap();
        assert_eq!(names, [image(&name)]);
        assert!(bench.driver.get_image(&names[0]).await.unwrap().is_some());
        let error = bench.driver.remove_image(&names[0]).await.unwrap_err();
        assert_eq!(error.code(), "IMAGE_NOT_FOUND");
        bench.raw.untag(&name);
        for broken in [
            b"no archive".repeat(100),
            saved(&name)[..1024].to_vec(),
            Vec::new(),
        ] {
            let error = bench.driver.load_image(broken.into()).await.unwrap_err();
            assert_eq!(
                (error.code(), error.is_retryable()),
                ("IMAGE_PULL_FAILED", false),
                "{error:?}"
            );
        }
    });
}

/// A `docker save` archive of an image with one empty layer.
fn saved(name: &str) -> Vec<u8> {
    let layer = vec![0; 1024];
    let config = r#"{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"]}}"#;
    let manifest = format!(r#"[{{"Config":"config.json","RepoTags":["{name}"],"Layers":["layer.tar"]}}]"#);
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in [
        ("manifest.json", manifest.as_bytes()),
        ("config.json", config.as_bytes()),
        ("layer.tar", &layer),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A registry that answers everything alike, and keeps what it was asked.
fn registry(answer: &'static str) -> (u16, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(String::new()));
    let keep = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 4096];
            let read = stream.read(&mut head).unwrap_or(0);
            keep.lock()
                .unwrap()
                .push_str(&String::from_utf8_lossy(&head[..read]));
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (port, asked)
}

#[test]
fn what_a_registry_says_no_to_is_a_typed_error() {
    on_each("pull refused", |bench| async move {
        if bench.is_podman() {
            // It speaks to registries without TLS only where its own configuration names them.
            return;
        }
        let denied = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nDocker-Distribution-Api-Version: registry/2.0\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 83\r\n\r\n{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\",\"detail\":null}]}";
        let (port, asked) = registry(denied);
        let name = image(&format!("127.0.0.1:{port}/private:1"));
        let pull = |options: PullOptions| {
            let (bench, name) = (bench.clone(), name.clone());
            async move {
                match bench.driver.pull_image(&name, options).await {
                    Ok(stream) => stream.finish().await.unwrap_err(),
                    Err(error) => error,
                }
            }
        };
        let error = pull(PullOptions::default()).await;
        assert_eq!(
            (error.code(), error.hint()),
            ("IMAGE_PULL_FAILED", Some(Hint::ImageUnavailable)),
            "{error:?}"
        );
        let login = RegistryCredentials::password("robot", "s3cret-word");
        let error = pull(PullOptions::default().credentials(login)).await;
        assert_eq!(error.code(), "AUTHENTICATION_FAILED", "{error:?}");
        assert!(!format!("{error:?} {error}").contains("s3cret-word"));
        // robot:s3cret-word
        assert!(
            asked.lock().unwrap().contains("cm9ib3Q6czNjcmV0LXdvcmQ="),
            "{asked:?}"
        );
        let limited = "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 72\r\n\r\n{\"errors\":[{\"code\":\"TOOMANYREQUESTS\",\"message\":\"You have reached it\"}]}  ";
        let (port, _asked) = registry(limited);
        let name = image(&format!("127.0.0.1:{port}/busy:1"));
        let error = match bench.driver.pull_image(&name, PullOptions::default()).await {
            Ok(stream) => stream.finish().await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(
            (error.code(), error.hint()),
            ("IMAGE_PULL_FAILED", Some(Hint::RateLimited)),
            "{error:?}"
        );
        assert!(error.is_retryable());
    });
}
