//! Requests about containers. Callers must pass the engine's full container ids, which they have looked up and
//! validated.

use std::time::Duration;

use bollard::models::ContainerCreateBody;
use http::{Method, StatusCode};
use serde::Deserialize;
use tokio::time::sleep;

use super::{Engine, filters};
use crate::translate::records::{ContainerRecord, SummaryRecord};
use crate::wire::{EngineError, Payload, Query};

/// How many times to inspect a container that is reported as `dead`. Docker 28 can report a container as `dead` for a
/// moment during a normal removal. Only a container whose removal failed stays `dead`.
const DEAD_LOOKS: u32 = 10;
const DEAD_PAUSE: Duration = Duration::from_millis(100);

/// How to remove a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// Removes the container only if it is not running.
    IfStopped,
    /// Kills the container first if it is running.
    Forced,
}

impl Engine {
    /// Creates a container and returns its id.
    pub(crate) async fn create_container(
        &self,
        name: &str,
        platform: Option<&str>,
        body: &ContainerCreateBody,
    ) -> Result<String, EngineError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Created {
            id: String,
        }
        let mut target = Query::new("/containers/create").pair("name", name);
        if let Some(platform) = platform {
            target = target.pair("platform", platform);
        }
        let answer = self
            .wire
            .call(Method::POST, &target, Payload::json(body)?)
            .await?;
        answer.json::<Created>().map(|created| created.id)
    }

    /// Returns a container by any id, id prefix or name that the engine accepts.
    pub(crate) async fn inspect_container(&self, id: &str) -> Result<ContainerRecord, EngineError> {
        let target = Query::new(format!("/containers/{id}/json"));
        let mut looks = 1;
        loop {
            let record: ContainerRecord = self.ask(&target).await?.json()?;
            if record.state.status != "dead" || looks == DEAD_LOOKS {
                return Ok(record);
            }
            looks += 1;
            sleep(DEAD_PAUSE).await;
        }
    }

    /// Lists the containers that have all of `labels`, in every state. A `limit` of 0 means no limit.
    pub(crate) async fn list_containers(
        &self,
        labels: &[String],
        limit: u32,
    ) -> Result<Vec<SummaryRecord>, EngineError> {
        self.list_by("label", labels, limit).await
    }

    /// Returns one of the containers that are attached to a network, or an empty list if there is no such container.
    /// Containers in any state count. `network` is the network's id or name.
    pub(crate) async fn containers_on_network(
        &self,
        network: &str,
    ) -> Result<Vec<SummaryRecord>, EngineError> {
        self.list_by("network", &[network.to_owned()], 1).await
    }

    async fn list_by(
        &self,
        filter: &str,
        values: &[String],
        limit: u32,
    ) -> Result<Vec<SummaryRecord>, EngineError> {
        let mut target = Query::new("/containers/json")
            .flag("all", true)
            .pair("filters", filters(filter, values));
        if limit > 0 {
            target = target.pair("limit", limit.to_string());
        }
        self.ask_list(&target).await?.json()
    }

    /// Starts a container. Returns `false` if the container was already running.
    pub(crate) async fn start_container(&self, id: &str) -> Result<bool, EngineError> {
        let target = Query::new(format!("/containers/{id}/start"));
        let answer = self.wire.call(Method::POST, &target, Payload::Nothing).await?;
        let started = answer.status != StatusCode::NOT_MODIFIED;
        answer.done().map(|()| started)
    }

    pub(crate) async fn signal_container(&self, id: &str, signal: &str) -> Result<(), EngineError> {
        let target = Query::new(format!("/containers/{id}/kill")).pair("signal", signal);
        self.wire.change(Method::POST, &target).await
    }

    pub(crate) async fn unpause_container(&self, id: &str) -> Result<(), EngineError> {
        let target = Query::new(format!("/containers/{id}/unpause"));
        self.wire.change(Method::POST, &target).await
    }

    pub(crate) async fn pause_container(&self, id: &str) -> Result<(), EngineError> {
        let target = Query::new(format!("/containers/{id}/pause"));
        self.wire.change(Method::POST, &target).await
    }

    /// Returns the exit code of the current run or, if the container is not running, of the next run. The code is
    /// reported even if the container is removed in the meantime.
    pub(crate) async fn wait_next_exit(&self, id: &str) -> Result<i64, EngineError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Exited {
            status_code: i64,
            error: Option<WaitError>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        #[derive(Default)]
        struct WaitError {
            message: Option<String>,
        }
        let target = Query::new(format!("/containers/{id}/wait")).pair("condition", "next-exit");
        let answer = self.wire.call(Method::POST, &target, Payload::Nothing).await?;
        let exited: Exited = answer.json()?;
        match exited
            .error
            .and_then(|trouble| trouble.message)
            .unwrap_or_default()
        {
            trouble if trouble.is_empty() => Ok(exited.status_code),
            trouble => Err(EngineError::InvalidResponse(trouble)),
        }
    }

    /// Waits until the container is not running.
    pub(crate) async fn wait_container(&self, id: &str) -> Result<(), EngineError> {
        let target = Query::new(format!("/containers/{id}/wait")).pair("condition", "not-running");
        self.wire
            .call(Method::POST, &target, Payload::Nothing)
            .await
            .map(drop)
    }

    /// Returns whether the engine has cleaned up after the last run of a container, including its networks. On Podman,
    /// a separate program does this some time after the container's exit.
    pub(crate) async fn is_cleared(&self, id: &str) -> Result<bool, EngineError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Container {
            state: State,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct State {
            status: String,
        }
        if !self.dialect.libpod {
            return Ok(true);
        }
        // The Docker-compatible response does not distinguish `stopped`, before the cleanup, from `exited`.
        let target = Query::new(format!("/v4.0.0/libpod/containers/{id}/json"));
        let answer = self.ask(&target).await?;
        Ok(answer.json::<Container>()?.state.status != "stopped")
    }

    /// Removes a container with its anonymous volumes.
    pub(crate) async fn remove_container(&self, id: &str, how: Removal) -> Result<(), EngineError> {
        if self.dialect.libpod {
            return self.remove_from_podman(id, how).await;
        }
        let target = Query::new(format!("/containers/{id}"))
            .flag("v", true)
            .flag("force", how == Removal::Forced);
        self.wire.change(Method::DELETE, &target).await
    }

    /// Removes a container using Podman's own endpoint. The Docker-compatible endpoint has no parameter for the stop
    /// timeout. It would wait for the stop timeout set at the container's creation before it kills the container.
    async fn remove_from_podman(&self, id: &str, how: Removal) -> Result<(), EngineError> {
        let forced = how == Removal::Forced;
        // This endpoint ignores `v`, the name that Docker's endpoint has for the parameter `volumes`.
        let mut target = Query::new(format!("/v4.0.0/libpod/containers/{id}"))
            .flag("force", forced)
            .flag("volumes", true);
        if forced {
            target = target.pair("timeout", "0");
        }
        let answer = self.wire.call(Method::DELETE, &target, Payload::Nothing).await?;
        removal_of(id, &answer.json::<Vec<RemovalReport>>()?)
    }
}

/// Podman's report about one container that was to be removed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RemovalReport {
    id: String,
    /// The error, or `None` if the container was removed. For many errors, Podman sends no text here.
    #[serde(default)]
    err: Option<serde_json::Value>,
}

/// Returns the result of removing the container `id`. The removal may have failed despite HTTP status 200.
fn removal_of(id: &str, reports: &[RemovalReport]) -> Result<(), EngineError> {
    match reports.iter().find(|report| report.id == id) {
        Some(RemovalReport { err: None, .. }) => Ok(()),
        Some(RemovalReport { err: Some(error), .. }) => {
            let text = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
            Err(EngineError::refused(500, text))
        }
        None => Err(EngineError::InvalidResponse(
            "no report on the container to remove".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removal(answer: &str) -> Result<(), EngineError> {
        removal_of(
            "2fd759e4",
            &serde_json::from_str::<Vec<RemovalReport>>(answer).unwrap(),
        )
    }

    #[test]
    fn podman_removal_result_of_the_container_decides() {
        // Podman 4.3.1 and 5.8.6.
        removal(r#"[{"Id":"2fd759e4","RawInput":"2fd759e4"}]"#).unwrap();
        removal(r#"[{"Err":null,"Id":"2fd759e4"}]"#).unwrap();
        removal(r#"[{"Err":{},"Id":"of-a-dependency"},{"Id":"2fd759e4"}]"#).unwrap();
        for (answer, text) in [
            (r#"[{"Err":{},"Id":"2fd759e4","RawInput":"2fd759e4"}]"#, "{}"),
            (
                r#"[{"Err":"container state improper","Id":"2fd759e4"}]"#,
                "container state improper",
            ),
        ] {
            let Err(EngineError::Refused(refusal)) = removal(answer) else {
                panic!("{answer} is a failure");
            };
            assert_eq!((refusal.status, refusal.message.as_str()), (500, text));
        }
        for answer in ["[]", r#"[{"Id":"another"}]"#] {
            assert!(
                matches!(removal(answer), Err(EngineError::InvalidResponse(_))),
                "{answer}"
            );
        }
    }
}
