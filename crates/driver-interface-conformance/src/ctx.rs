//! The context that a check runs in: drivers whose calls are recorded, unique names, and assertions.

use std::fmt::{Debug, Display};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

#[cfg(unix)]
use driver_interface_errors::codes;
use driver_interface_types::{
    Capabilities, Capability, ContainerConfig, ContainerDriver, ContainerFilter, ContainerId,
    ContainerInstance, DriverError, LogOptions, Namespace, NetworkConfig, Result as DriverResult, SessionId,
    VolumeConfig,
};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::journal::{Journal, shortened};
use crate::ledger::Ledger;
use crate::outcome::describe;
#[cfg(unix)]
use crate::proxy::FaultProxy;
use crate::{Check, CheckResult, Failure, Target, TrackedDriver, UnmanagedResources, Verdict};

/// The suffix of the namespace for unmanaged resources; see [`Ctx::unmanaged_namespace`].
pub(crate) const UNMANAGED: &str = "unmanaged";

/// A script that prints `ready` and runs until it receives `SIGTERM`. The script then exits with the code 0.
///
/// The shell waits for its child with the builtin `wait`, because a signal interrupts this builtin immediately.
pub const SERVE: &str = "trap 'echo bye; exit 0' TERM; echo ready; while true; do sleep 600 & wait $!; done";

/// A script that prints `ready` and ignores `SIGTERM`. The script runs until it is killed.
pub const IGNORES_STOP_SIGNAL: &str = "trap '' TERM; echo ready; while true; do sleep 1; done";

/// The state shared by the checks of one run.
pub(crate) struct Shared {
    pub(crate) target: Arc<dyn Target>,
    pub(crate) run_id: String,
    pub(crate) seed: u64,
    pub(crate) namespace: Namespace,
    /// Every namespace that a check of the run has used. The sweep at the end of the run covers all of these
    /// namespaces.
    pub(crate) namespaces: Mutex<Vec<Namespace>>,
    pub(crate) image: String,
    pub(crate) capabilities: Capabilities,
}

struct Inner {
    shared: Arc<Shared>,
    check: Check,
    number: usize,
    driver: TrackedDriver,
    journal: Arc<Journal>,
    ledger: Arc<Ledger>,
    session: SessionId,
    names: AtomicUsize,
    assertions: AtomicUsize,
}

/// A driver that reaches its engine through a fault proxy.
#[cfg(unix)]
pub(crate) struct Link {
    pub(crate) driver: TrackedDriver,
    pub(crate) proxy: FaultProxy,
}

/// The context of a check. All clones share one context.
#[derive(Clone)]
pub struct Ctx(Arc<Inner>);

impl Ctx {
    pub(crate) fn new(
        shared: Arc<Shared>,
        check: Check,
        number: usize,
        driver: Arc<dyn ContainerDriver>,
    ) -> Result<Self, Verdict> {
        let (journal, ledger) = (Journal::new(), Arc::new(Ledger::default()));
        let session = SessionId::new(format!("conf-{}-{number}", shared.run_id))?;
        Ok(Self(Arc::new(Inner {
            driver: TrackedDriver::new(driver, "", Arc::clone(&journal), Arc::clone(&ledger)),
            shared,
            check,
            number,
            journal,
            ledger,
            session,
            names: AtomicUsize::new(0),
            assertions: AtomicUsize::new(0),
        })))
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.0.journal
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    pub(crate) fn target(&self) -> &Arc<dyn Target> {
        &self.0.shared.target
    }

    pub(crate) fn assertions(&self) -> usize {
        self.0.assertions.load(Ordering::Relaxed)
    }

    /// Returns the check's own driver, which is under test.
    pub fn driver(&self) -> &TrackedDriver {
        &self.0.driver
    }

    /// Connects a second driver to the same engine and namespace, as another process would do.
    pub async fn second_driver(&self) -> CheckResult<TrackedDriver> {
        let namespace = self.0.shared.namespace.clone();
        self.connect(&namespace, "second driver").await
    }

    /// Returns the check's own driver if `number` is even, and the driver `second` if `number` is odd. Concurrent
    /// calls are thus spread over two drivers.
    pub(crate) fn in_turn<'a>(&'a self, second: &'a TrackedDriver, number: usize) -> &'a TrackedDriver {
        if number.is_multiple_of(2) {
            self.driver()
        } else {
            second
        }
    }

    /// Connects a second driver to the same engine, in another namespace.
    pub async fn other_namespace(&self) -> CheckResult<TrackedDriver> {
        let namespace = Namespace::new(format!("other-{}-{}", self.0.shared.run_id, self.0.number))?;
        self.connect(&namespace, "other namespace").await
    }

    /// Connects a second driver to the same engine and namespace, but through a new fault proxy. Each call of the
    /// second driver has the deadline `deadline`.
    #[cfg(unix)]
    pub(crate) async fn link(&self, deadline: Duration) -> CheckResult<Link> {
        let shared = &self.0.shared;
        let none = || Verdict::NotApplicable("the target has no engine address".to_owned());
        let address = shared.target.engine_address().ok_or_else(none)?;
        let proxy = FaultProxy::start(&address)
            .map_err(|error| Verdict::Broken(format!("no fault proxy before {address}: {error}")))?;
        let driver = shared
            .target
            .connect_at(&proxy.uri(), &shared.namespace, deadline)
            .await;
        let driver = match driver {
            Err(error) if error.code() == codes::UNSUPPORTED_OPERATION => {
                return Err(Verdict::NotApplicable(error.to_string()));
            }
            driver => driver?,
        };
        let (journal, ledger) = (Arc::clone(&self.0.journal), Arc::clone(&self.0.ledger));
        let driver =
            TrackedDriver::new(driver, "through the proxy", journal, ledger).removed_by(self.driver());
        Ok(Link { proxy, driver })
    }

    /// Returns the namespace for the run's unmanaged resources. No correct driver uses this namespace.
    pub(crate) fn unmanaged_namespace(&self) -> String {
        format!("{}-{UNMANAGED}", self.0.shared.namespace)
    }

    async fn connect(&self, namespace: &Namespace, label: &'static str) -> CheckResult<TrackedDriver> {
        let shared = &self.0.shared;
        {
            let mut known = shared.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
            if !known.contains(namespace) {
                known.push(namespace.clone());
            }
        }
        let driver = shared.target.connect(namespace).await?;
        let (journal, ledger) = (Arc::clone(&self.0.journal), Arc::clone(&self.0.ledger));
        Ok(TrackedDriver::new(driver, label, journal, ledger))
    }

    /// Returns the target's client for unmanaged resources. After the check, the suite removes the resources
    /// that the client created.
    pub fn unmanaged_resources(&self) -> CheckResult<Arc<dyn UnmanagedResources>> {
        let none = || Verdict::NotApplicable("the target cannot create unmanaged resources".to_owned());
        self.ledger()
            .unmanaged_resources(&**self.target())
            .ok_or_else(none)
    }

    /// Returns the capabilities that the driver declared when the run started.
    pub fn capabilities(&self) -> &Capabilities {
        &self.0.shared.capabilities
    }

    /// Returns whether the driver declared a capability when the run started.
    pub fn declares(&self, capability: impl Into<Capability>) -> bool {
        self.capabilities().supports(capability)
    }

    /// Returns the session that the check uses by default.
    pub fn session(&self) -> &SessionId {
        &self.0.session
    }

    /// Creates another session id for this check.
    pub fn new_session(&self) -> CheckResult<SessionId> {
        Ok(SessionId::new(self.name())?)
    }

    /// Returns a filter for the containers of the check's own session.
    pub fn session_filter(&self) -> ContainerFilter {
        ContainerFilter::default().session(self.session().clone())
    }

    /// Returns a name that no other resource has.
    pub fn name(&self) -> String {
        let inner = &self.0;
        let next = inner.names.fetch_add(1, Ordering::Relaxed);
        format!("conf-{}-{}-{next}", inner.shared.run_id, inner.number)
    }

    /// Returns the reference of the test image.
    pub fn image(&self) -> &str {
        &self.0.shared.image
    }

    /// Returns the seed of the check's random choices. The seed differs from run to run unless `--seed` is given.
    pub fn seed(&self) -> u64 {
        let id = self.0.check.id.bytes();
        id.fold(self.0.shared.seed, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(byte))
        })
    }

    /// Returns the config of a container in the check's own session that runs the command `words`.
    pub fn program<W: Into<String>>(&self, words: impl IntoIterator<Item = W>) -> ContainerConfig {
        let session = self.session().as_str();
        ContainerConfig::new(session, self.image())
            .name(self.name())
            .command(words.into_iter().collect::<Vec<_>>())
    }

    /// Returns the config of a container in the check's own session that runs the shell script `script`.
    pub fn script(&self, script: &str) -> ContainerConfig {
        self.program(["sh", "-c", script])
    }

    /// Returns the config of a volume with a unique name, in the check's own session.
    pub fn volume(&self) -> VolumeConfig {
        VolumeConfig::new(self.name()).session(self.session().as_str())
    }

    /// Returns the config of a network with a unique name, in the check's own session.
    pub fn network(&self) -> NetworkConfig {
        NetworkConfig::new(self.name()).session(self.session().as_str())
    }

    /// Creates a container from `config` and starts it.
    pub async fn started(&self, config: &ContainerConfig) -> CheckResult<ContainerInstance> {
        let created = self.driver().create_container(config).await?;
        self.driver().start_container(&created.id).await?;
        self.get(&created.id).await
    }

    /// Creates a container from `config`, starts it, and waits until it has printed `ready`.
    pub async fn ready(&self, config: &ContainerConfig) -> CheckResult<ContainerInstance> {
        let running = self.started(config).await?;
        self.printed(&running.id, "ready").await?;
        self.get(&running.id).await
    }

    /// Creates a container, starts it, and waits until it has exited. Returns the exited container and its logs.
    pub async fn finished(&self, config: &ContainerConfig) -> CheckResult<(ContainerInstance, String)> {
        let created = self.driver().create_container(config).await?;
        self.driver().start_container(&created.id).await?;
        let exited = self.exited(&created.id).await?;
        let logs = self
            .driver()
            .get_container_logs(&created.id, LogOptions::default())
            .await?;
        Ok((exited, logs))
    }

    /// Returns the container with the id `id`. Fails if the container does not exist.
    pub async fn get(&self, id: &ContainerId) -> CheckResult<ContainerInstance> {
        let missing = || {
            Failure::new(
                format!("container {id}"),
                "to exist",
                "get_container returned `None`",
            )
        };
        Ok(self.driver().get_container(id).await?.ok_or_else(missing)?)
    }

    /// Waits until a container has exited, and returns the exited container.
    pub async fn exited(&self, id: &ContainerId) -> CheckResult<ContainerInstance> {
        let about = format!("container {id} to exit");
        self.eventually(&about, Duration::from_secs(30), || async {
            let now = self.get(id).await?;
            Ok(if now.exit.is_some() {
                Ok(now)
            } else {
                Err(now.status.to_string())
            })
        })
        .await
    }

    /// Waits until a container has printed exactly the line `line`, and returns its logs.
    pub async fn printed(&self, id: &ContainerId, line: &str) -> CheckResult<String> {
        let about = format!("container {id} to print {line:?}");
        self.eventually(&about, Duration::from_secs(30), || async {
            let logs = self
                .driver()
                .get_container_logs(id, LogOptions::default())
                .await?;
            Ok(if logs.lines().any(|printed| printed == line) {
                Ok(logs)
            } else {
                Err(format!("{logs:?}"))
            })
        })
        .await
    }

    /// Calls `ask` repeatedly until the inner result is `Ok`, and returns the value of that result. An outer error is
    /// returned immediately.
    ///
    /// The time limit is `limit`, multiplied by the target's time scale. After this time, fails with a message that
    /// contains `about` and the last inner `Err`.
    pub async fn eventually<T, F>(
        &self,
        about: &str,
        limit: Duration,
        mut ask: impl FnMut() -> F,
    ) -> CheckResult<T>
    where
        F: Future<Output = CheckResult<Result<T, String>>>,
    {
        let limit = limit.mul_f64(self.0.shared.target.time_scale().max(0.1));
        let end = Instant::now() + limit;
        let mut latest = "no result".to_owned();
        let mut pause = Duration::from_millis(20);
        loop {
            match timeout_at(end, ask()).await {
                Ok(answer) => match answer? {
                    Ok(value) => return Ok(value),
                    Err(other) => latest = other,
                },
                Err(_) => {
                    return Err(Failure::new(about, format!("within {limit:?}"), shortened(&latest)).into());
                }
            }
            if Instant::now() >= end {
                return Err(Failure::new(about, format!("within {limit:?}"), shortened(&latest)).into());
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(250));
        }
    }

    /// Creates `count` futures with `make` and runs them concurrently, each in its own task. Returns the results in
    /// the order in which the futures complete.
    pub async fn together<T, F>(&self, count: usize, make: impl Fn(usize) -> F) -> CheckResult<Vec<T>>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let mut tasks: JoinSet<T> = (0..count).map(make).collect();
        let mut done = Vec::with_capacity(count);
        while let Some(result) = tasks.join_next().await {
            done.push(
                result.map_err(|error| Verdict::Broken(format!("a task of the check failed: {error}")))?,
            );
        }
        Ok(done)
    }

    /// Asserts that `actual` equals `expected`. `about` states what is compared.
    pub fn equal<T: PartialEq + Debug>(&self, about: impl Display, actual: T, expected: T) -> CheckResult {
        self.counted();
        if actual == expected {
            return Ok(());
        }
        let (expected, actual) = (format!("{expected:?}"), format!("{actual:?}"));
        Err(Failure::new(about.to_string(), shortened(&expected), shortened(&actual)).into())
    }

    /// Asserts that the condition `holds` is true. `about` describes the condition, and `actual` is the observed value.
    pub fn ensure(&self, about: impl Display, holds: bool, actual: impl Debug) -> CheckResult {
        self.counted();
        if holds {
            return Ok(());
        }
        Err(Failure::new(about.to_string(), "so", shortened(&format!("{actual:?}"))).into())
    }

    /// Asserts that a call failed with one of the error codes `codes`, and returns the error.
    pub fn refused<T: Debug>(
        &self,
        about: impl Display,
        result: DriverResult<T>,
        codes: &[&str],
    ) -> CheckResult<DriverError> {
        self.counted();
        let expected = || format!("an error with code {}", codes.join(" or "));
        match result {
            Err(error) if codes.contains(&error.code()) => Ok(error),
            Err(error) => Err(Failure::new(about.to_string(), expected(), describe(&error)).into()),
            Ok(value) => {
                let actual = format!("success: {value:?}");
                Err(Failure::new(about.to_string(), expected(), shortened(&actual)).into())
            }
        }
    }

    /// Asserts that the time since `since` is at least `least`, with a tolerance of 50 ms. Also asserts that this
    /// time is at most `most`, multiplied by the target's time scale.
    pub fn took(&self, about: impl Display, since: Instant, least: Duration, most: Duration) -> CheckResult {
        self.counted();
        let took = since.elapsed();
        let most = most.mul_f64(self.0.shared.target.time_scale().max(0.1));
        if took + Duration::from_millis(50) >= least && took <= most {
            return Ok(());
        }
        Err(Failure::new(
            about.to_string(),
            format!("{least:?} to {most:?}"),
            format!("{took:?}"),
        )
        .into())
    }

    fn counted(&self) {
        self.0.assertions.fetch_add(1, Ordering::Relaxed);
    }
}
