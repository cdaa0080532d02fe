//! The image of the test containers: imported by the first test that needs it, removed after the last one.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use driver_interface_conformance::TestImage;
use driver_interface_docker::{DockerConfig, DockerDriver};
use driver_interface_types::{ContainerDriver, ImageRef, Namespace};
use tokio::runtime::Runtime;

/// The test image of one engine.
pub(crate) struct SharedImage(Mutex<State>);

struct State {
    name: Option<&'static str>,
    holders: usize,
}

/// Keeps the image on the engine.
pub(crate) struct Held<'a> {
    image: &'a SharedImage,
    uri: &'static str,
    runtime: &'a Runtime,
    name: &'static str,
}

impl SharedImage {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(State {
            name: None,
            holders: 0,
        }))
    }

    pub(crate) fn hold<'a>(&'a self, uri: &'static str, runtime: &'a Runtime) -> Held<'a> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = *state.name.get_or_insert_with(|| {
            let name = format!("localhost/driver-interface-test:{}", std::process::id());
            name.leak()
        });
        if state.holders == 0 {
            let root = match TestImage::find(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("busybox")) {
                TestImage::Root(root) => root,
                other => panic!("no static busybox for the test image: {other:?}"),
            };
            runtime.block_on(async {
                let image = ImageRef::new(name).unwrap();
                importer(uri)
                    .await
                    .import_image(&image, root.into())
                    .await
                    .unwrap();
            });
        }
        state.holders += 1;
        Held {
            image: self,
            uri,
            runtime,
            name,
        }
    }
}

impl Held<'_> {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut state = self.image.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.holders -= 1;
        if state.holders == 0 {
            let removed = self.runtime.block_on(async {
                let image = ImageRef::new(self.name).unwrap();
                importer(self.uri).await.remove_image(&image).await
            });
            if let Err(error) = removed {
                eprintln!("the test image stays: {error}");
            }
        }
    }
}

/// Connects a driver of a namespace that no test uses.
async fn importer(uri: &str) -> DockerDriver {
    let namespace = Namespace::new(format!("image-{}", std::process::id())).unwrap();
    let config = DockerConfig::for_uri(uri).unwrap().namespace(namespace);
    DockerDriver::connect(config).await.unwrap()
}
