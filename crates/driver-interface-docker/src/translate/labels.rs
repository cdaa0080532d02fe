//! The labels by which the driver recognises its resources, and those that preserve what the engine would lose.

use std::collections::BTreeMap;

use driver_interface_types::{
    ContainerConfig, Namespace, NetworkMode, ResourceLimits, SessionId, VolumeConfig, VolumeOwner, label,
};

use super::records::Labels;

/// The image as the config named it.
pub(crate) const IMAGE: &str = "io.driver-interface.image";
/// The limits as JSON: engines round the CPU limit and do not know a disk limit.
pub(crate) const RESOURCES: &str = "io.driver-interface.resources";
/// The keys of the config's own labels as JSON: the engine merges the image's labels with them.
pub(crate) const LABEL_KEYS: &str = "io.driver-interface.label-keys";
/// On a container, the name of the default network that it uses. On a network, marks it as a default network.
pub(crate) const DEFAULT_NETWORK: &str = "io.driver-interface.default-network";
/// The container's own name. A container inherits the labels of its image, so a container that another client
/// creates from a snapshot of one of ours has all of our labels, but a different name.
pub(crate) const NAME: &str = "io.driver-interface.name";
/// On an image: the namespace that imported it. Containers inherit their image's labels, so this is not one of the
/// labels that identify a container.
pub(crate) const IMPORTED_BY: &str = "io.driver-interface.imported-by";

/// On a volume: the owner of its directory, as JSON.
pub(crate) const VOLUME_OWNER: &str = "io.driver-interface.volume-owner";
/// On a helper image or container: the namespace whose driver created it. Helpers have none of the labels that
/// identify a caller's resources, so that no list or event shows them.
pub(crate) const HELPER_OF: &str = "io.driver-interface.helper-of";
/// On a helper image or container: the volume for which it was created.
pub(crate) const HELPER_VOLUME: &str = "io.driver-interface.helper-volume";

/// The owner of resources, which is part of every label set.
#[derive(Clone, Debug)]
pub(crate) struct Ownership {
    pub(crate) namespace: Namespace,
    pub(crate) owner: String,
}

impl Ownership {
    fn base(&self, session: Option<&str>, operation: &str) -> Labels {
        let mut labels = Labels::from([
            (label::MANAGED_BY.to_owned(), label::MANAGED_BY_VALUE.to_owned()),
            (label::NAMESPACE.to_owned(), self.namespace.to_string()),
            (label::OWNER.to_owned(), self.owner.clone()),
            (label::OPERATION.to_owned(), operation.to_owned()),
        ]);
        if let Some(session) = session {
            labels.insert(label::SESSION.to_owned(), session.to_owned());
        }
        labels
    }

    /// Returns the labels of a container. The driver's labels win, though validation has already rejected such
    /// keys.
    pub(crate) fn container(
        &self,
        config: &ContainerConfig,
        name: &str,
        operation: &str,
        network: Option<&str>,
    ) -> Labels {
        let mut labels = config.labels.clone();
        labels.extend(self.base(Some(&config.session_id), operation));
        labels.insert(label::FINGERPRINT.to_owned(), config.fingerprint());
        labels.insert(NAME.to_owned(), name.to_owned());
        labels.insert(IMAGE.to_owned(), config.image.clone());
        labels.insert(RESOURCES.to_owned(), json(&config.resources));
        labels.insert(
            LABEL_KEYS.to_owned(),
            json(&config.labels.keys().collect::<Vec<_>>()),
        );
        let own_network = network.filter(|_| config.network == NetworkMode::Default);
        // Empty rather than left out, because the image may have one.
        labels.insert(
            DEFAULT_NETWORK.to_owned(),
            own_network.unwrap_or_default().to_owned(),
        );
        labels
    }

    /// Returns the labels of a network that a caller created, and those that every volume has.
    pub(crate) fn resource(&self, user: &Labels, session: Option<&str>, operation: &str) -> Labels {
        let mut labels = user.clone();
        labels.extend(self.base(session, operation));
        labels
    }

    /// Returns the labels of a volume.
    pub(crate) fn volume(&self, config: &VolumeConfig, operation: &str) -> Labels {
        let mut labels = self.resource(&config.labels, config.session_id.as_deref(), operation);
        if let Some(owner) = config.effective_owner() {
            labels.insert(VOLUME_OWNER.to_owned(), json(&owner));
        }
        labels
    }

    /// Returns the labels of the helpers of a volume that this operation creates.
    pub(crate) fn helper(&self, volume: &str, operation: &str) -> Labels {
        Labels::from([
            (HELPER_OF.to_owned(), self.namespace.to_string()),
            (HELPER_VOLUME.to_owned(), volume.to_owned()),
            (label::OPERATION.to_owned(), operation.to_owned()),
        ])
    }

    /// Returns whether a resource with these labels is a helper of this namespace.
    pub(crate) fn owns_helper(&self, labels: &Labels) -> bool {
        labels
            .get(HELPER_OF)
            .is_some_and(|namespace| namespace == self.namespace.as_str())
    }

    /// Returns the labels of a default network.
    pub(crate) fn default_network(&self, session: Option<&str>, operation: &str) -> Labels {
        let mut labels = self.base(session, operation);
        labels.insert(DEFAULT_NETWORK.to_owned(), "true".to_owned());
        labels
    }

    /// Returns the engine filters that restrict a list to this namespace.
    pub(crate) fn filters(&self) -> Vec<String> {
        vec![
            format!("{}={}", label::MANAGED_BY, label::MANAGED_BY_VALUE),
            format!("{}={}", label::NAMESPACE, self.namespace),
        ]
    }

    /// Returns whether a resource with these labels was created in this namespace.
    pub(crate) fn owns(&self, labels: &Labels) -> bool {
        let has = |key: &str, value: &str| labels.get(key).is_some_and(|found| found == value);
        has(label::MANAGED_BY, label::MANAGED_BY_VALUE)
            && has(label::NAMESPACE, self.namespace.as_str())
            && labels.contains_key(label::OPERATION)
    }

    /// Returns whether a container with this name and these labels was created in this namespace.
    pub(crate) fn owns_container(&self, name: &str, labels: &Labels) -> bool {
        self.owns(labels)
            && labels.contains_key(label::FINGERPRINT)
            && labels.get(NAME).is_some_and(|own| own == name)
            && session(labels).is_some()
    }
}

pub(crate) fn session(labels: &Labels) -> Option<SessionId> {
    SessionId::new(labels.get(label::SESSION)?.as_str()).ok()
}

/// Returns the default network that a container uses.
pub(crate) fn default_network(labels: &Labels) -> Option<&String> {
    labels.get(DEFAULT_NETWORK).filter(|name| !name.is_empty())
}

/// Returns the labels that the config set on the container.
pub(crate) fn of_config(labels: &Labels) -> Labels {
    let keys = labels
        .get(LABEL_KEYS)
        .and_then(|text| serde_json::from_str::<Vec<String>>(text).ok());
    match keys {
        Some(keys) => keys
            .into_iter()
            .filter_map(|key| labels.get_key_value(&key))
            .map(cloned)
            .collect(),
        None => without_ours(labels),
    }
}

/// Returns all labels except the drivers' own.
pub(crate) fn without_ours(labels: &Labels) -> Labels {
    labels
        .iter()
        .filter(|(key, _)| !label::is_reserved(key))
        .map(cloned)
        .collect()
}

pub(crate) fn volume_owner(labels: &Labels) -> Option<VolumeOwner> {
    serde_json::from_str(labels.get(VOLUME_OWNER)?).ok()
}

pub(crate) fn resources(labels: &Labels) -> ResourceLimits {
    labels
        .get(RESOURCES)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

fn cloned((key, value): (&String, &String)) -> (String, String) {
    (key.clone(), value.clone())
}

fn json(value: &impl serde::Serialize) -> String {
    // Serializing plain data in memory cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}

/// Converts labels to bollard's type.
pub(crate) fn to_map(labels: BTreeMap<String, String>) -> std::collections::HashMap<String, String> {
    labels.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ownership(namespace: &str) -> Ownership {
        Ownership {
            namespace: Namespace::new(namespace).unwrap(),
            owner: "host.1.x".to_owned(),
        }
    }

    #[test]
    fn a_config_s_labels_come_back_without_ours_and_the_image_s() {
        let config = ContainerConfig::new("s1", "busybox")
            .label("team", "core")
            .label("empty", "");
        let mut labels = ownership("a").container(&config, "web", "op", Some("di-a"));
        labels.insert("maintainer".to_owned(), "the image's".to_owned());
        assert_eq!(of_config(&labels), config.labels);
        assert_eq!(resources(&labels), config.resources);
        assert!(labels.contains_key(DEFAULT_NETWORK));
    }

    #[test]
    fn another_namespace_s_and_an_image_s_labels_are_not_ours() {
        let labels = ownership("a").container(&ContainerConfig::new("s1", "busybox"), "web", "op", None);
        assert!(ownership("a").owns_container("web", &labels));
        assert!(!ownership("b").owns_container("web", &labels));
        assert!(!ownership("a").owns_container("made-from-a-snapshot-of-it", &labels));
        let image = Labels::from([
            (label::MANAGED_BY.to_owned(), label::MANAGED_BY_VALUE.to_owned()),
            (label::NAMESPACE.to_owned(), "a".to_owned()),
        ]);
        assert!(!ownership("a").owns(&image));
    }

    #[test]
    fn a_config_cannot_forge_our_labels() {
        let config = ContainerConfig::new("s1", "busybox").label(label::SESSION, "other");
        let labels = ownership("a").container(&config, "web", "op", None);
        assert_eq!(session(&labels).unwrap().as_str(), "s1");
    }
}
