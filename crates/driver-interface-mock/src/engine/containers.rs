//! The containers of an engine, indexed by id, name and labels.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use driver_interface_types::ContainerId;

use super::state::Container;

/// All containers. A container's name and labels never change, so only creations and removals update the indexes.
#[derive(Debug, Default)]
pub(crate) struct Containers {
    by_id: BTreeMap<ContainerId, Container>,
    by_name: HashMap<String, ContainerId>,
    by_label: HashMap<String, HashMap<String, InOrder>>,
}

/// Containers in the order of their creation. No two containers have the same creation time.
type InOrder = BTreeMap<SystemTime, ContainerId>;

impl Containers {
    pub(crate) fn get(&self, id: &ContainerId) -> Option<&Container> {
        self.by_id.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &ContainerId) -> Option<&mut Container> {
        self.by_id.get_mut(id)
    }

    /// Returns the container whose name is exactly `name`.
    pub(crate) fn named(&self, name: &str) -> Option<&Container> {
        self.by_id.get(self.by_name.get(name)?)
    }

    /// Returns the containers that have all `required` labels, in the order of their creation. Checks only the
    /// containers with the rarest of these labels.
    pub(crate) fn labelled(&self, required: &[(&str, &str)]) -> Vec<&Container> {
        let carriers = |(key, value): &(&str, &str)| self.by_label.get(*key)?.get(*value);
        let sets: Option<Vec<&InOrder>> = required.iter().map(carriers).collect();
        let rarest = sets.and_then(|sets| sets.into_iter().min_by_key(|set| set.len()));
        let found = rarest.into_iter().flat_map(BTreeMap::values);
        let found = found.filter_map(|id| self.by_id.get(id));
        let has_all = |container: &&Container| {
            let mut required = required.iter();
            required.all(|(key, value)| container.labels.get(*key).is_some_and(|own| own == value))
        };
        found.filter(has_all).collect()
    }

    /// Returns all containers, sorted by id.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Container> {
        self.by_id.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Adds a container. The caller ensures that no other container has this container's id or name.
    pub(crate) fn insert(&mut self, container: Container) {
        let id = &container.id;
        self.by_name.insert(container.name.clone(), id.clone());
        for (key, value) in &container.labels {
            let values = self.by_label.entry(key.clone()).or_default();
            let carriers = values.entry(value.clone()).or_default();
            carriers.insert(container.created_at, id.clone());
        }
        self.by_id.insert(id.clone(), container);
    }

    pub(crate) fn remove(&mut self, id: &ContainerId) -> Option<Container> {
        let container = self.by_id.remove(id)?;
        self.by_name.remove(&container.name);
        for (key, value) in &container.labels {
            let Some(values) = self.by_label.get_mut(key) else {
                continue;
            };
            if let Some(carriers) = values.get_mut(value) {
                carriers.remove(&container.created_at);
                if carriers.is_empty() {
                    values.remove(value);
                }
            }
            if values.is_empty() {
                self.by_label.remove(key);
            }
        }
        Some(container)
    }
}
