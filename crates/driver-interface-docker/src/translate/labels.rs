//! The labels by which the driver recognises its resources, and the labels for values that the engine itself does not
//! store.

use std::collections::BTreeMap;

use driver_interface_kit::{CreationKey, Labels, Ownership, session_of, user_labels};
use driver_interface_types::{
    ContainerConfig, NetworkMode, ResourceLimits, VolumeConfig, VolumeOwner, label,
};

/// On a container: the image's name as given in the config.
pub(crate) const IMAGE: &str = "io.driver-interface.image";
/// On a container: the resource limits as JSON. They are stored because engines round the CPU limit and do not record
/// a disk limit.
pub(crate) const RESOURCES: &str = "io.driver-interface.resources";
/// On a container: the keys of the config's own labels, as JSON. They are stored because the engine merges the
/// image's labels with the config's.
pub(crate) const LABEL_KEYS: &str = "io.driver-interface.label-keys";
/// On a container: the name of the default network that the container uses. On a network: marks the network as a
/// default network.
pub(crate) const DEFAULT_NETWORK: &str = "io.driver-interface.default-network";
/// On a container: the container's own name. If another client creates a container from a snapshot of a managed
/// container, the new container inherits all labels of the managed container. Its actual name then differs from this
/// label.
pub(crate) const NAME: &str = "io.driver-interface.name";
/// On an image: the namespace that imported it. Containers inherit their image's labels, so this label is not among
/// those that identify a container of this namespace.
pub(crate) const IMPORTED_BY: &str = "io.driver-interface.imported-by";

/// On a volume: the owner of the volume's directory, as JSON.
pub(crate) const VOLUME_OWNER: &str = "io.driver-interface.volume-owner";
/// On a helper image or container: the namespace of the driver that created the helper. Helpers have none of the
/// labels that identify a caller's resources, so that no list or event shows them.
pub(crate) const HELPER_OF: &str = "io.driver-interface.helper-of";
/// On a helper image or container: the volume for which the helper was created.
pub(crate) const HELPER_VOLUME: &str = "io.driver-interface.helper-volume";

/// Returns the labels of a container.
pub(crate) fn container(
    ownership: &Ownership,
    config: &ContainerConfig,
    name: &str,
    key: &CreationKey,
    network: Option<&str>,
) -> Labels {
    let mut labels = ownership.container_labels(config, key);
    labels.insert(NAME.to_owned(), name.to_owned());
    labels.insert(IMAGE.to_owned(), config.image.clone());
    labels.insert(RESOURCES.to_owned(), json(&config.resources));
    labels.insert(
        LABEL_KEYS.to_owned(),
        json(&config.labels.keys().collect::<Vec<_>>()),
    );
    let own_network = network.filter(|_| config.network == NetworkMode::Default);
    // Empty rather than omitted, because the image may have this label, which the container would then inherit.
    labels.insert(
        DEFAULT_NETWORK.to_owned(),
        own_network.unwrap_or_default().to_owned(),
    );
    labels
}

/// Returns the labels of a default network.
pub(crate) fn on_default_network(ownership: &Ownership, session: Option<&str>, operation: &str) -> Labels {
    let mark = Labels::from([(DEFAULT_NETWORK.to_owned(), "true".to_owned())]);
    ownership.labels(&mark, session, operation)
}

/// Returns the labels of a volume.
pub(crate) fn volume(ownership: &Ownership, config: &VolumeConfig, operation: &str) -> Labels {
    let mut labels = ownership.labels(&config.labels, config.session_id.as_deref(), operation);
    if let Some(owner) = config.effective_owner() {
        labels.insert(VOLUME_OWNER.to_owned(), json(&owner));
    }
    labels
}

pub(crate) fn volume_owner(labels: &Labels) -> Option<VolumeOwner> {
    serde_json::from_str(labels.get(VOLUME_OWNER)?).ok()
}

/// Returns the labels of a volume's helpers.
pub(crate) fn helper(ownership: &Ownership, volume: &str, operation: &str) -> Labels {
    Labels::from([
        (HELPER_OF.to_owned(), ownership.namespace().to_string()),
        (HELPER_VOLUME.to_owned(), volume.to_owned()),
        (label::OPERATION.to_owned(), operation.to_owned()),
    ])
}

/// Returns whether a resource with these labels is a helper of this namespace.
pub(crate) fn owns_helper(ownership: &Ownership, labels: &Labels) -> bool {
    labels
        .get(HELPER_OF)
        .is_some_and(|namespace| namespace == ownership.namespace().as_str())
}

/// Returns whether a container with this name and these labels was created in this namespace.
pub(crate) fn owns_container(ownership: &Ownership, name: &str, labels: &Labels) -> bool {
    ownership.owns(labels)
        && labels.contains_key(label::FINGERPRINT)
        && labels.get(NAME).is_some_and(|own| own == name)
        && session_of(labels).is_some()
}

/// Returns the name of the default network that a container uses, or `None` if it uses none.
pub(crate) fn default_network(labels: &Labels) -> Option<&String> {
    labels.get(DEFAULT_NETWORK).filter(|name| !name.is_empty())
}

/// Returns those of a container's labels that its config set. The labels of the driver and of the image are left out.
pub(crate) fn of_config(labels: &Labels) -> Labels {
    let keys = labels
        .get(LABEL_KEYS)
        .and_then(|text| serde_json::from_str::<Vec<String>>(text).ok());
    match keys {
        Some(keys) => keys
            .into_iter()
            .filter_map(|key| labels.get_key_value(&key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        None => user_labels(labels),
    }
}

pub(crate) fn resources(labels: &Labels) -> ResourceLimits {
    labels
        .get(RESOURCES)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
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
pub(crate) mod tests {
    use super::*;
    use driver_interface_types::Namespace;

    pub(crate) fn ownership(namespace: &str) -> Ownership {
        Ownership::new(Namespace::new(namespace).unwrap(), "host.1.x")
    }

    pub(crate) fn labels_of(
        ownership: &Ownership,
        config: &ContainerConfig,
        name: &str,
        network: Option<&str>,
    ) -> Labels {
        let key = CreationKey::of(config, || "op".to_owned());
        container(ownership, config, name, &key, network)
    }

    #[test]
    fn config_labels_exclude_driver_and_image_labels() {
        let config = ContainerConfig::new("s1", "busybox")
            .label("team", "core")
            .label("empty", "");
        let mut labels = labels_of(&ownership("a"), &config, "web", Some("di-a"));
        labels.insert("maintainer".to_owned(), "the image's".to_owned());
        assert_eq!(of_config(&labels), config.labels);
        assert_eq!(resources(&labels), config.resources);
        assert!(labels.contains_key(DEFAULT_NETWORK));
    }

    #[test]
    fn labels_of_other_namespaces_and_images_are_not_managed() {
        let config = ContainerConfig::new("s1", "busybox");
        let labels = labels_of(&ownership("a"), &config, "web", None);
        let is_managed = |namespace: &str, name: &str| owns_container(&ownership(namespace), name, &labels);
        assert!(is_managed("a", "web"));
        assert!(!is_managed("b", "web"));
        assert!(!is_managed("a", "made-from-a-snapshot-of-it"));
    }
}
