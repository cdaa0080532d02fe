//! The labels by which a driver recognises its own resources.

use std::collections::BTreeMap;

use driver_interface_types::{ContainerConfig, Namespace, SessionId, label};

use crate::CreationKey;

/// The labels of a resource as stored on an engine, including the labels that drivers add.
pub type Labels = BTreeMap<String, String>;

/// The namespace and the process that own a driver's resources. Every resource has one label for the namespace and
/// another for the process.
///
/// ```
/// use driver_interface_kit::{Labels, Ownership};
/// use driver_interface_types::Namespace;
///
/// let ownership = Ownership::new(Namespace::new("ci").unwrap(), "host.1.a");
/// let labels = ownership.labels(&Labels::new(), Some("s1"), "key");
/// assert!(ownership.owns(&labels));
/// assert!(!Ownership::new(Namespace::default(), "host.1.a").owns(&labels));
/// ```
#[derive(Clone, Debug)]
pub struct Ownership {
    namespace: Namespace,
    owner: String,
}

impl Ownership {
    /// Creates the ownership of the resources that a process creates in `namespace`. `owner` identifies the process;
    /// see [`process_owner`].
    pub fn new(namespace: Namespace, owner: impl Into<String>) -> Self {
        let owner = owner.into();
        Self { namespace, owner }
    }

    /// Returns the namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Returns the labels of a new resource: the labels in `user` and the labels that drivers add. `operation` is the
    /// operation key. If a key is in both, the driver's label replaces the user's label. (Validation already rejects
    /// user labels with reserved keys.)
    pub fn labels(&self, user: &Labels, session: Option<&str>, operation: &str) -> Labels {
        let mut labels = user.clone();
        let mut mark = |key: &str, value: &str| labels.insert(key.to_owned(), value.to_owned());
        mark(label::MANAGED_BY, label::MANAGED_BY_VALUE);
        mark(label::NAMESPACE, self.namespace.as_str());
        mark(label::OWNER, &self.owner);
        mark(label::OPERATION, operation);
        if let Some(session) = session {
            mark(label::SESSION, session);
        }
        labels
    }

    /// Returns the labels of a new container. They include the operation key and the config's fingerprint, by which a
    /// second attempt recognises the container.
    pub fn container_labels(&self, config: &ContainerConfig, key: &CreationKey) -> Labels {
        let mut labels = self.labels(&config.labels, Some(&config.session_id), key.as_str());
        labels.insert(label::FINGERPRINT.to_owned(), config.fingerprint());
        labels
    }

    /// Returns the labels that all resources of this namespace have. A list filtered by these labels contains only
    /// resources of this namespace.
    pub fn selector(&self) -> [(&str, &str); 2] {
        selector(&self.namespace)
    }

    /// Returns the labels of the [selector](Self::selector) as texts of the form `key=value`, which engines accept as
    /// filters.
    pub fn filters(&self) -> Vec<String> {
        self.selector()
            .map(|(key, value)| format!("{key}={value}"))
            .into()
    }

    /// Returns whether a resource with these labels was created in this namespace.
    pub fn owns(&self, labels: &Labels) -> bool {
        belongs(labels, &self.namespace)
    }
}

/// Returns the labels that all resources of a namespace have.
pub fn selector(namespace: &Namespace) -> [(&str, &str); 2] {
    [
        (label::MANAGED_BY, label::MANAGED_BY_VALUE),
        (label::NAMESPACE, namespace.as_str()),
    ]
}

/// Returns whether a resource with these labels was created by a driver in `namespace`.
pub fn belongs(labels: &Labels, namespace: &Namespace) -> bool {
    let has = |(key, value): (&str, &str)| labels.get(key).is_some_and(|found| found == value);
    selector(namespace).into_iter().all(has) && labels.contains_key(label::OPERATION)
}

/// Returns the session that a resource with these labels belongs to, or `None` if the labels name no session.
pub fn session_of(labels: &Labels) -> Option<SessionId> {
    SessionId::new(labels.get(label::SESSION)?.as_str()).ok()
}

/// Returns `labels` without the labels that drivers add.
pub fn user_labels(labels: &Labels) -> Labels {
    let users = labels.iter().filter(|(key, _)| !label::is_reserved(key));
    users.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Returns the default value of the owner label: the host name, the process id and `random`. By this label, a sweep
/// of leftover resources identifies the process that created a resource. `random` distinguishes this process from a
/// later process with the same id. If `random` has at most 11 characters, the value is valid on every engine.
pub fn process_owner(random: &str) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok());
    // The whole value must have at most 63 characters and no slash.
    let host: String = host
        .unwrap_or_default()
        .trim()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(40)
        .collect();
    let host = host.trim_matches('-');
    let host = if host.is_empty() { "unknown" } else { host };
    format!("{host}.{}.{random}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_cannot_forge_driver_labels() {
        let ownership = Ownership::new(Namespace::default(), "host.1.x");
        let config = ContainerConfig::new("s1", "busybox")
            .label(label::SESSION, "other")
            .label("team", "core");
        let labels = ownership.container_labels(&config, &CreationKey::of(&config, || "op".to_owned()));
        assert_eq!(session_of(&labels).unwrap().as_str(), "s1");
        assert_eq!(
            user_labels(&labels),
            Labels::from([("team".to_owned(), "core".to_owned())])
        );
    }

    #[test]
    fn labels_of_other_namespaces_and_images_are_not_owned() {
        let ownership = |namespace: &str| Ownership::new(Namespace::new(namespace).unwrap(), "host.1.x");
        let mut labels = ownership("a").labels(&Labels::new(), None, "op");
        assert!(ownership("a").owns(&labels));
        assert!(!ownership("b").owns(&labels));
        labels.remove(label::OPERATION);
        assert!(!ownership("a").owns(&labels));
    }

    #[test]
    fn owner_is_a_valid_label_value() {
        let owner = process_owner("0123abcd");
        assert!(owner.len() <= 63 && owner.ends_with(".0123abcd"), "{owner}");
        let valid = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
        assert!(owner.chars().all(valid), "{owner}");
    }
}
