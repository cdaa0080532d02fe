use crate::leaf::{about, category, leaf};
use crate::text::{clean, joined};

category! {
    /// Errors of operations on container networks. (A failed connection to the engine is a
    /// [`ConnectionError`](crate::ConnectionError).)
    pub enum NetworkError {
        /// The network could not be created.
        Creation(NetworkCreationError),
        /// There is no such network.
        NotFound(NetworkNotFoundError),
        /// The network was not removed.
        Remove(NetworkRemoveError),
        /// A container could not be connected to the network, or disconnected from it.
        Connect(NetworkConnectError),
    }
}

leaf! {
    /// The error returned if a network could not be created.
    ///
    /// If the name is taken ([`NameTaken`](crate::Hint::NameTaken)), the existing network is untouched and a retry
    /// cannot help. Otherwise the effect is unknown: a partially created network may be left over.
    pub struct NetworkCreationError(String);
    code: NETWORK_CREATION_FAILED,
    category: "network",
    retryable: true,
    effect: Unknown,
    user: |_| "The network could not be created.".to_owned(),
}

about!(
    NetworkCreationError,
    network,
    "the name of the network",
    "network `{}` could not be created"
);

leaf! {
    /// The error returned if no network of this driver has the given id or name.
    ///
    /// A network of another namespace, or an unmanaged network, counts as not found.
    pub struct NetworkNotFoundError(String);
    code: NETWORK_NOT_FOUND,
    category: "network",
    retryable: false,
    effect: NotApplied,
    hint: NotFoundHere,
    user: |_| "The network does not exist.".to_owned(),
}

impl NetworkNotFoundError {
    /// Creates an error from the requested id or name of the network.
    pub fn new(network: impl Into<String>) -> Self {
        let network = network.into();
        Self::build(
            format!("network `{}` not found", clean(&network)),
            network.clone(),
        )
        .with_context("network", network)
    }

    /// Returns the requested id or name of the network.
    pub fn network(&self) -> &str {
        &self.body.data
    }
}

leaf! {
    /// The error returned if a network was not removed. Nothing has changed.
    ///
    /// Usually a container uses the network; the hint is then [`InUse`](crate::Hint::InUse).
    pub struct NetworkRemoveError(String);
    code: NETWORK_REMOVE_FAILED,
    category: "network",
    retryable: false,
    effect: NotApplied,
    user: |_| "The network could not be removed.".to_owned(),
}

about!(
    NetworkRemoveError,
    network,
    "the id or name of the network",
    "network `{}` could not be removed"
);

leaf! {
    /// The error returned if a container could not be connected to a network, or disconnected from it. Nothing has
    /// changed.
    ///
    /// Usually the container was created without any network.
    pub struct NetworkConnectError(String);
    code: NETWORK_CONNECT_FAILED,
    category: "network",
    retryable: false,
    effect: NotApplied,
    user: |_| "The container's connection to the network could not be changed.".to_owned(),
}

impl NetworkConnectError {
    /// Creates an error from the network's id or name, the container's id or name, and the reason.
    pub fn new(network: impl Into<String>, container: impl Into<String>, message: impl Into<String>) -> Self {
        let (network, container) = (network.into(), container.into());
        let prefix = format!(
            "connection of container `{}` to network `{}` could not be changed",
            clean(&container),
            clean(&network)
        );
        Self::build(joined(&prefix, &message.into()), network.clone())
            .with_context("network", network)
            .with_context("container", container)
    }

    /// Returns the id or name of the network.
    pub fn network(&self) -> &str {
        &self.body.data
    }
}
