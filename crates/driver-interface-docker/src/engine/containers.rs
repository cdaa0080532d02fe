//! Containers. Ids are whole ids of the engine, looked up and checked beforehand.

use bollard::models::ContainerCreateBody;
use http::{Method, StatusCode};
use serde::Deserialize;

use super::{Engine, Flavour, filters};
use crate::translate::records::{ContainerRecord, SummaryRecord};
use crate::wire::{EngineError, Payload, Query};

/// How a container is to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// Only if it does not run.
    Gentle,
    /// Killed if it runs.
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

    /// Returns a container by anything the engine takes for one.
    pub(crate) async fn inspect_container(&self, id: &str) -> Result<ContainerRecord, EngineError> {
        let target = Query::new(format!("/containers/{id}/json"));
        self.ask(&target).await?.json()
    }

    /// Lists containers with all of these labels, in every state. `limit` 0 means all.
    pub(crate) async fn list_containers(
        &self,
        labels: &[String],
        limit: u32,
    ) -> Result<Vec<SummaryRecord>, EngineError> {
        self.list_by("label", labels, limit).await
    }

    /// Lists the containers, in every state, that are attached to a network, given by id or name.
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

    /// Starts a container; says whether this call did.
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

    /// The exit code of the run that goes on or, where none does, of the next one. It is still told when the
    /// container is removed meanwhile.
    pub(crate) async fn wait_next_exit(&self, id: &str) -> Result<i64, EngineError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Ended {
            status_code: i64,
            error: Option<Trouble>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        #[derive(Default)]
        struct Trouble {
            message: Option<String>,
        }
        let target = Query::new(format!("/containers/{id}/wait")).pair("condition", "next-exit");
        let answer = self.wire.call(Method::POST, &target, Payload::Nothing).await?;
        let ended: Ended = answer.json()?;
        match ended
            .error
            .and_then(|trouble| trouble.message)
            .unwrap_or_default()
        {
            trouble if trouble.is_empty() => Ok(ended.status_code),
            trouble => Err(EngineError::Garbled(trouble)),
        }
    }

    /// Returns when the container does not run (any more).
    pub(crate) async fn wait_container(&self, id: &str) -> Result<(), EngineError> {
        let target = Query::new(format!("/containers/{id}/wait")).pair("condition", "not-running");
        self.wire
            .call(Method::POST, &target, Payload::Nothing)
            .await
            .map(drop)
    }

    /// Whether what a container's run has left behind, its networks among it, is cleared away. On Podman that is
    /// done by a program of its own some time after the run's end.
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
        if self.flavour == Flavour::Docker {
            return Ok(true);
        }
        // Docker's form of this answer has one word for both.
        let target = Query::new(format!("/v4.0.0/libpod/containers/{id}/json"));
        let answer = self.ask(&target).await?;
        Ok(answer.json::<Container>()?.state.status != "stopped")
    }

    /// Removes a container with its anonymous volumes.
    pub(crate) async fn remove_container(&self, id: &str, how: Removal) -> Result<(), EngineError> {
        let target = Query::new(format!("/containers/{id}"))
            .flag("v", true)
            .flag("force", how == Removal::Forced);
        self.wire.change(Method::DELETE, &target).await
    }
}
