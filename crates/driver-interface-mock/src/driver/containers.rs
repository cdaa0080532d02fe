//! Starting, removing and inspecting containers.

use driver_interface_errors::{
    ContainerNotFoundError, ContainerRemoveError, ContainerStartError, DriverError, Effect, Hint, Result,
};
use driver_interface_types::{
    ContainerCounts, ContainerFilter, ContainerId, ContainerInstance, ContainerStatus, DriverHealth,
    EngineInfo, EventKind, ExitInfo, RemoveOptions, Signal, StartOutcome, label,
};

use super::answer::Refusal;
use super::{Call, MockDriver};
use crate::Operation;
use crate::engine::{Container, StartProblem};
use crate::profile::Kind;

impl<K: Kind> MockDriver<K> {
    pub(super) async fn start(&self, id: &ContainerId) -> Result<StartOutcome> {
        let work = async { self.start_now(id) };
        self.call(Call::new(Operation::StartContainer).on(id), || Ok(()), work)
            .await
    }

    /// Starts a container, unless it is already running.
    pub(super) fn start_now(&self, id: &ContainerId) -> Result<StartOutcome> {
        let engine = &self.core.engine;
        let mut state = engine.state();
        let container = state
            .container(self.namespace(), id)
            .ok_or_else(|| no_such_container(id))?;
        match container.run() {
            Some(run) if run.host.is_frozen() => {
                return Err(ContainerStartError::new(id.as_str(), "it is paused")
                    .with_retryable(false)
                    .with_effect(Effect::NotApplied)
                    .into());
            }
            Some(_) => return Ok(StartOutcome::AlreadyRunning),
            None => {}
        }
        let found = container.id.clone();
        match engine.start_run(&mut state, &found) {
            Ok(()) => Ok(StartOutcome::Started),
            Err(problem) => Err(start_failed::<K>(id, problem)),
        }
    }

    pub(super) async fn remove(&self, id: &ContainerId, options: RemoveOptions) -> Result<()> {
        let summary = if options.force { "force" } else { "" };
        let work = async {
            let mut state = self.core.engine.state();
            let container = state
                .container(self.namespace(), id)
                .ok_or_else(|| no_such_container(id))?;
            if let (Some(run), false) = (container.run(), options.force) {
                let what = if run.host.is_frozen() {
                    "it is paused"
                } else {
                    "it is running"
                };
                let answer = Refusal::StillRunning(container.id.to_string()).answer::<K>();
                return Err(ContainerRemoveError::new(id.as_str(), what)
                    .with_hint(Hint::StillRunning)
                    .with_source(answer)
                    .into());
            }
            let found = container.id.clone();
            let removed = state.containers.remove(&found);
            let now = self.core.engine.clock().now();
            if let Some(mut container) = removed {
                if container.run().is_some() {
                    let killed = ExitInfo::new(Signal::KILL.exit_code(), Some(false), now);
                    container.end_run(killed, &mut state.events);
                }
                state.events.emit(&container, EventKind::Removed, None, now);
            }
            Ok(())
        };
        self.call(
            Call::new(Operation::RemoveContainer).on(id).summary(summary),
            || Ok(()),
            work,
        )
        .await
    }

    pub(super) async fn get(&self, id: &ContainerId) -> Result<Option<ContainerInstance>> {
        let work = async {
            let state = self.core.engine.state();
            Ok(state
                .container(self.namespace(), id)
                .and_then(Container::instance))
        };
        self.call(Call::new(Operation::GetContainer).on(id), || Ok(()), work)
            .await
    }

    pub(super) async fn list(&self, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
        let work = async {
            let state = self.core.engine.state();
            let session = filter.session_id.as_ref();
            let session = session.map(|session| (label::SESSION, session.as_str()));
            let labels = filter
                .labels
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()));
            let required: Vec<(&str, &str)> = session.into_iter().chain(labels).collect();
            let own = match &filter.name {
                Some(name) => state.named(self.namespace(), name).into_iter().collect(),
                None => state.labelled(self.namespace(), &required),
            };
            let found = own
                .into_iter()
                .filter_map(Container::instance)
                .filter(|container| filter.matches(container));
            Ok(found.collect())
        };
        let summary = filter
            .session_id
            .as_ref()
            .map_or(String::new(), |session| format!("session {session}"));
        self.call(
            Call::new(Operation::ListContainers).summary(summary),
            || Ok(()),
            work,
        )
        .await
    }

    pub(super) async fn health(&self) -> Result<DriverHealth> {
        let work = async {
            let uptime = self.core.connected_at.elapsed();
            let version = env!("CARGO_PKG_VERSION");
            let state = self.core.engine.state();
            if let Some(reason) = &state.down {
                let reason = format!("{reason}; {}", Hint::EngineNotRunning.remedy());
                return Ok(DriverHealth::unhealthy(version, uptime, reason));
            }
            let own = state.labelled(self.namespace(), &[]).into_iter();
            let counts = ContainerCounts::of(own.map(Container::status));
            let profile = K::PROFILE;
            let engine = EngineInfo::new(
                profile.engine_name,
                profile.engine_version,
                profile.engine_api.map(str::to_owned),
            );
            Ok(DriverHealth::healthy(version, uptime, counts).with_engine(engine))
        };
        self.call(Call::new(Operation::HealthCheck), || Ok(()), work)
            .await
    }

    pub(super) async fn container_health(&self, id: &ContainerId) -> Result<bool> {
        let work = async {
            let state = self.core.engine.state();
            let container = state
                .container(self.namespace(), id)
                .ok_or_else(|| no_such_container(id))?;
            Ok(container.status() == ContainerStatus::Running
                && container.healthy
                && container.health.as_ref().is_none_or(|health| health.is_healthy()))
        };
        self.call(Call::new(Operation::IsContainerHealthy).on(id), || Ok(()), work)
            .await
    }
}

pub(super) fn no_such_container(id: &ContainerId) -> DriverError {
    ContainerNotFoundError::new(id.as_str()).into()
}

fn start_failed<K: Kind>(id: &ContainerId, problem: StartProblem) -> DriverError {
    let (message, hint, refusal) = explained(problem);
    ContainerStartError::new(id.as_str(), message)
        .with_hint(hint)
        .with_source(refusal.answer::<K>())
        .into()
}

/// Returns the parts of the error that reports `problem`: the message, the hint and the engine's refusal.
pub(super) fn explained(problem: StartProblem) -> (String, Hint, Refusal) {
    match problem {
        StartProblem::NoSuchProgram(program) => (
            format!("no such program: `{program}`"),
            Hint::CommandNotFound,
            Refusal::NoSuchProgram(program),
        ),
        StartProblem::NotExecutable(program) => (
            format!("`{program}` cannot be executed"),
            Hint::CommandNotExecutable,
            Refusal::NotExecutable(program),
        ),
        StartProblem::PortInUse(port) => (
            format!("host port {port} is in use"),
            Hint::PortInUse,
            Refusal::PortInUse(port),
        ),
        StartProblem::NoSuchUser(user) => (
            format!("no such user in the image: `{user}`"),
            Hint::UserNotFound,
            Refusal::NoSuchUser(user),
        ),
    }
}
