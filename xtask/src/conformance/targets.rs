//! The drivers that can be checked, and how they are made.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use async_trait::async_trait;
use driver_interface::docker::{DockerConfig, DockerDriver};
use driver_interface::{ConnectOptions, ContainerDriver, ImageRef, MockTarget, Namespace, connect_with};
use driver_interface_conformance::{Bystanders, NotRun, Target};

use super::bystanders::EngineBystanders;
use crate::engines::registry_port;

/// What can be required: the drivers' schemes, and the registry that other tests pull from.
pub(super) const KNOWN: [&str; 5] = ["mock-docker", "mock-local", "docker", "podman", "registry"];

/// One driver to check.
pub(super) struct Subject {
    pub(super) target: Arc<dyn Target>,
    pub(super) clock: Clock,
    pub(super) required: bool,
}

/// Whose time a driver lives in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    Real,
    Simulated,
}

impl Subject {
    pub(super) fn uri(&self) -> String {
        self.target.uri()
    }
}

pub(super) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}

pub(super) fn random_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(now.subsec_nanos()) ^ now.as_secs()
}

/// The drivers named, or else the mocks and the engines that answer; and those that do not.
pub(super) fn find(named: &[String], required: &[String]) -> Result<(Vec<Subject>, Vec<NotRun>)> {
    let must = |uri: &str| {
        required
            .iter()
            .any(|scheme| uri.split(':').next() == Some(scheme.as_str()))
    };
    if !named.is_empty() {
        let subjects = named.iter().map(|uri| subject(uri, true)).collect();
        return Ok((subjects, Vec::new()));
    }
    let mut subjects = vec![
        subject("mock-docker:", must("mock-docker:")),
        subject("mock-local:", must("mock-local:")),
    ];
    let mut absent = Vec::new();
    let mut sockets: Vec<String> = Vec::new();
    for uri in ["docker:", "podman:"] {
        match endpoint(uri) {
            Ok(endpoint) if sockets.contains(&endpoint) => {
                absent.push(NotRun::new(
                    uri,
                    format!("it is the engine at {endpoint}, which is checked already"),
                    false,
                ));
            }
            Ok(endpoint) => {
                sockets.push(endpoint);
                subjects.push(subject(uri, must(uri)));
            }
            Err(reason) => absent.push(NotRun::new(uri, reason, must(uri))),
        }
    }
    Ok((subjects, absent))
}

/// Where the engine that a URI finds listens.
fn endpoint(uri: &str) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let address = runtime.block_on(async {
        let config = DockerConfig::for_uri(uri)?;
        DockerDriver::connect(config).await.map(|driver| driver.address())
    });
    address.map_err(|error| format!("{error:#}"))
}

fn subject(uri: &str, required: bool) -> Subject {
    let mock = |target| Subject {
        target: Arc::new(target),
        clock: Clock::Simulated,
        required,
    };
    match uri {
        "mock-docker:" | "mock-docker" => mock(MockTarget::docker()),
        "mock-local:" | "mock-local" => mock(MockTarget::local()),
        _ => {
            let bystanders = endpoint(uri)
                .ok()
                .and_then(|endpoint| EngineBystanders::at(&endpoint));
            let uri = uri.to_owned();
            Subject {
                target: Arc::new(EngineTarget {
                    uri,
                    bystanders,
                    registry_image: super::registry::image(registry_port()),
                }),
                clock: Clock::Real,
                required,
            }
        }
    }
}

/// A driver for a real engine, by URI.
struct EngineTarget {
    uri: String,
    bystanders: Option<Arc<EngineBystanders>>,
    registry_image: Option<ImageRef>,
}

#[async_trait]
impl Target for EngineTarget {
    fn uri(&self) -> String {
        self.uri.clone()
    }

    async fn connect(&self, namespace: &Namespace) -> driver_interface::Result<Arc<dyn ContainerDriver>> {
        connect_with(&self.uri, ConnectOptions::default().namespace(namespace.clone())).await
    }

    fn registry_image(&self) -> Option<ImageRef> {
        self.registry_image.clone()
    }

    async fn forget_image(&self, image: &ImageRef) -> Result<(), String> {
        match &self.bystanders {
            Some(engine) => engine.forget_image(image).await,
            None => Ok(()),
        }
    }

    fn bystanders(&self) -> Option<Arc<dyn Bystanders>> {
        self.bystanders
            .clone()
            .map(|bystanders| bystanders as Arc<dyn Bystanders>)
    }
}
