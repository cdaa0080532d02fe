//! The drivers that can be checked, and how they connect to their engines.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use async_trait::async_trait;
use driver_interface::docker::{Deadlines, DockerConfig, DockerDriver};
use driver_interface::{
    ConnectOptions, ContainerDriver, ImageRef, InternalError, MockTarget, Namespace, ValidationPolicy,
    connect_with,
};
use driver_interface_conformance::{NotRun, Target, UnmanagedResources, sweep};

use super::killed::{self, Record};
use super::unmanaged_resources::EngineUnmanagedResources;
use crate::engines::{Engine, registry_port};

/// Names that the list of required drivers may contain: the schemes of the drivers, and the registry. Tests of other
/// crates pull images from the registry.
pub(super) const KNOWN: [&str; 5] = ["mock-docker", "mock-local", "docker", "podman", REGISTRY];
const REGISTRY: &str = "registry";

/// How long a connection to an engine may take, even on a busy host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// A driver that is to be checked.
pub(super) struct Subject {
    pub(super) target: Arc<dyn Target>,
    /// The target as an [`EngineTarget`]; `None` for a mock. The engine of an `EngineTarget` outlives the run.
    pub(super) engine: Option<Arc<EngineTarget>>,
    pub(super) clock: Clock,
    pub(super) required: bool,
}

/// The clock that a driver uses.
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
    KNOWN.contains(&name) || Engine::in_root(name).is_some()
}

pub(super) fn random_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::from(now.subsec_nanos()) ^ now.as_secs()
}

/// Returns the drivers with the URIs in `named`. If `named` is empty, returns the mocks and the engines that respond.
/// Also returns the targets that are unavailable.
pub(super) fn find(
    named: &[&String],
    required: &[String],
    time_scale: f64,
) -> Result<(Vec<Subject>, Vec<NotRun>)> {
    let subject = |uri: &str, required| subject(uri, required, time_scale);
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
                    format!("it is the engine at {endpoint}, which is already checked"),
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

/// Returns an entry for the list of targets that were not run, if the registry on this port is required but
/// unavailable.
pub(super) fn missing_registry(required: &[String], port: u16) -> Option<NotRun> {
    let required = required.iter().any(|name| name == REGISTRY);
    (required && super::registry::image(port).is_none()).then(|| {
        let reason = format!(
            "no registry accepts an image at 127.0.0.1:{port}; start one with `cargo xtask engines up registry`"
        );
        NotRun::new(REGISTRY, reason, true)
    })
}

/// Returns the endpoint of the engine that a URI refers to, or an error message.
fn endpoint(uri: &str) -> Result<String, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let address = runtime.block_on(async {
        let config = DockerConfig::for_uri(uri)?;
        DockerDriver::connect(config).await.map(|driver| driver.address())
    });
    address.map_err(|error| format!("{error:#}"))
}

fn subject(uri: &str, required: bool, time_scale: f64) -> Subject {
    let mock = |target| Subject {
        target: Arc::new(target),
        engine: None,
        clock: Clock::Simulated,
        required,
    };
    match uri {
        "mock-docker:" | "mock-docker" => mock(MockTarget::docker()),
        "mock-local:" | "mock-local" => mock(MockTarget::local()),
        _ => {
            let endpoint = endpoint(uri).ok();
            let engine = Arc::new(EngineTarget {
                uri: uri.to_owned(),
                endpoint,
                registry_image: super::registry::image(registry_port()),
                record: OnceLock::new(),
                time_scale,
            });
            Subject {
                target: Arc::clone(&engine) as Arc<dyn Target>,
                engine: Some(engine),
                clock: Clock::Real,
                required,
            }
        }
    }
}

/// Returns whether the suite created a namespace. The second part of such a namespace consists of eight random
/// hexadecimal digits.
fn is_of_the_suite(namespace: &Namespace) -> bool {
    let random = namespace.as_str().split('-').nth(1).unwrap_or_default();
    random.len() == 8 && random.chars().all(|digit| digit.is_ascii_hexdigit())
}

/// A target that is a real engine.
pub(super) struct EngineTarget {
    uri: String,
    endpoint: Option<String>,
    registry_image: Option<ImageRef>,
    /// The record that a later run uses to clean up if this run is killed.
    record: OnceLock<Record>,
    /// The factor by which the suite multiplies its time limits.
    time_scale: f64,
}

impl EngineTarget {
    /// Removes the resources that killed runs have left on this engine. Returns the removed resources, and the errors
    /// for resources that could not be removed.
    pub(super) async fn clean_up_killed_runs(self: &Arc<Self>, records: &Path) -> (Vec<String>, Vec<String>) {
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        let target = || Arc::clone(self) as Arc<dyn Target>;
        for run in self
            .endpoint
            .iter()
            .flat_map(|endpoint| killed::abandoned(records, endpoint))
        {
            let mut swept = sweep(target(), &run.namespaces).await;
            let mut left = Vec::new();
            for namespace in &run.namespaces {
                let (removed, kept) = self.remove_named(namespace).await;
                found.extend(removed);
                left.extend(kept);
            }
            if swept.is_err() {
                // Some resources may have been in use by unmanaged containers, which are removed now.
                swept = sweep(target(), &run.namespaces).await;
            }
            match swept {
                Ok(swept) => found.extend(swept),
                Err(why) => left.push(why),
            }
            if left.is_empty() {
                run.forget();
            }
            problems.extend(left);
        }
        (found, problems)
    }

    /// Removes all resources whose names contain `namespace`, if the suite created the namespace. This includes
    /// resources that no driver lists: unmanaged resources that checks created, and internal networks. Returns the
    /// removed resources, and the errors for resources that could not be removed.
    async fn remove_named(&self, namespace: &Namespace) -> (Vec<String>, Vec<String>) {
        match self.engine() {
            Some(engine) if is_of_the_suite(namespace) => engine.remove_named(namespace.as_str()).await,
            _ => (Vec::new(), Vec::new()),
        }
    }

    /// Returns a client for the engine's own API, or `None` if the engine is not on a Unix socket.
    fn engine(&self) -> Option<EngineUnmanagedResources> {
        EngineUnmanagedResources::at(self.endpoint.as_deref()?)
    }

    /// Creates the record of this run.
    pub(super) fn begin_record(&self, records: &Path) -> Result<()> {
        if let Some(endpoint) = &self.endpoint {
            // This fails if there already is a record, but a target is checked only once.
            let _ = self.record.set(Record::begin(records, endpoint)?);
        }
        Ok(())
    }

    /// Deletes the record of this run.
    pub(super) fn end_record(&self) {
        if let Some(record) = self.record.get() {
            record.end();
        }
    }
}

#[async_trait]
impl Target for EngineTarget {
    fn uri(&self) -> String {
        self.uri.clone()
    }

    async fn connect(&self, namespace: &Namespace) -> driver_interface::Result<Arc<dyn ContainerDriver>> {
        if let Some(record) = self.record.get() {
            let noted = record.note(namespace);
            noted.map_err(|error| InternalError::new(format!("the record of the run: {error}")))?;
        }
        // In the self-test, containers mount a host directory that their config did not request.
        let policy = ValidationPolicy::default().allow_bind_root("/srv");
        let options = ConnectOptions::default()
            .namespace(namespace.clone())
            .policy(policy);
        connect_with(&self.uri, options).await
    }

    fn time_scale(&self) -> f64 {
        self.time_scale
    }

    fn engine_address(&self) -> Option<String> {
        // Faults are injected by a proxy, which only speaks plain text.
        let is_plain = |endpoint: &&String| endpoint.starts_with("unix:") || endpoint.starts_with("tcp:");
        self.endpoint.as_ref().filter(is_plain).cloned()
    }

    async fn connect_at(
        &self,
        address: &str,
        namespace: &Namespace,
        deadline: Duration,
    ) -> driver_interface::Result<Arc<dyn ContainerDriver>> {
        let config = DockerConfig::for_uri(address)?
            .namespace(namespace.clone())
            .deadlines(Deadlines::all(deadline).connect(CONNECT_TIMEOUT))
            .without_registry_credentials();
        Ok(Arc::new(DockerDriver::connect(config).await?))
    }

    fn registry_image(&self) -> Option<ImageRef> {
        self.registry_image.clone()
    }

    async fn forget_image(&self, image: &ImageRef) -> Result<(), String> {
        match self.engine() {
            Some(engine) => engine.forget_image(image).await,
            None => Ok(()),
        }
    }

    fn unmanaged_resources(&self) -> Option<Arc<dyn UnmanagedResources>> {
        self.engine()
            .map(|engine| Arc::new(engine) as Arc<dyn UnmanagedResources>)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    #[test]
    fn missing_required_registry_is_reported() {
        // Nothing listens on this port: its listener is closed.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let required = vec!["docker".to_owned(), "registry".to_owned()];
        let missed = missing_registry(&required, port).unwrap();
        assert!(
            missed.required && missed.reason.contains(&port.to_string()),
            "{missed:?}"
        );
        assert_eq!(missing_registry(&required[..1], port), None);
    }
}
