//! Targets for the tests: the mocks.

#![allow(dead_code, reason = "each test binary uses its part of this module")]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use driver_interface_conformance::{Bystanders, Target};
use driver_interface_mock::{MockDockerDriver, MockEngine, MockLocalDriver};
use driver_interface_types::{ContainerDriver, ImageRef, Namespace, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Docker,
    Local,
}

pub(crate) struct MockTarget {
    engine: MockEngine,
    kind: Kind,
}

impl MockTarget {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            engine: MockEngine::new(),
            kind,
        }
    }

    pub(crate) fn engine(&self) -> &MockEngine {
        &self.engine
    }
}

#[async_trait]
impl Target for MockTarget {
    fn uri(&self) -> String {
        match self.kind {
            Kind::Docker => "mock-docker:".to_owned(),
            Kind::Local => "mock-local:".to_owned(),
        }
    }

    async fn connect(&self, namespace: &Namespace) -> Result<Arc<dyn ContainerDriver>> {
        let (engine, namespace) = (&self.engine, namespace.clone());
        Ok(match self.kind {
            Kind::Docker => Arc::new(
                MockDockerDriver::builder()
                    .engine(engine)
                    .namespace(namespace)
                    .build(),
            ),
            Kind::Local => Arc::new(
                MockLocalDriver::builder()
                    .engine(engine)
                    .namespace(namespace)
                    .build(),
            ),
        })
    }

    fn registry_image(&self) -> Option<ImageRef> {
        ImageRef::new("registry.example/team/app:1").ok()
    }

    fn bystanders(&self) -> Option<Arc<dyn Bystanders>> {
        Some(Arc::new(MockBystanders {
            engine: self.engine.clone(),
            names: Mutex::default(),
        }))
    }
}

/// Other programs' objects, made past every driver.
struct MockBystanders {
    engine: MockEngine,
    names: Mutex<Vec<String>>,
}

impl MockBystanders {
    fn remember(&self, name: &str) {
        self.names.lock().unwrap().push(name.to_owned());
    }
}

#[async_trait]
impl Bystanders for MockBystanders {
    async fn add_container(
        &self,
        name: &str,
        _image: &str,
        labels: &[(&str, &str)],
    ) -> Result<String, String> {
        self.remember(name);
        let added = self.engine.add_foreign_container(name, labels);
        added.map(|id| id.to_string()).map_err(|error| error.to_string())
    }

    async fn add_volume(&self, name: &str) -> Result<(), String> {
        self.remember(name);
        self.engine
            .add_foreign_volume(name, &[])
            .map(drop)
            .map_err(|error| error.to_string())
    }

    async fn add_network(&self, name: &str) -> Result<(), String> {
        self.remember(name);
        self.engine
            .add_foreign_network(name, &[])
            .map(drop)
            .map_err(|error| error.to_string())
    }

    async fn inventory(&self) -> Result<Vec<String>, String> {
        let names = self.names.lock().unwrap().clone();
        let all = [
            self.engine.containers(),
            self.engine.volumes(),
            self.engine.networks(),
        ]
        .concat();
        let own = all.into_iter().filter(|object| names.contains(&object.name));
        Ok(own.map(|object| format!("{object:?}")).collect())
    }

    async fn remove_all(&self) -> Result<(), String> {
        // The engine goes with the test.
        Ok(())
    }
}
