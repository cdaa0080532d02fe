use crate::leaf::{category, leaf};
use crate::text::{clean, joined};

category! {
    /// Groups what can go wrong with container networks (the way to the engine is [`NetworkError`](crate::NetworkError)).
    pub enum NetworkingError {
        /// It could not be created.
        Creation(NetworkCreationError),
        /// There is no such network.
        NotFound(NetworkNotFoundError),
        /// It was not removed.
        Remove(NetworkRemoveError),
        /// A container was not attached to it, or not detached from it.
        Connect(NetworkConnectError),
    }
}

leaf! {
    /// Says that a network could not be created.
    ///
    /// When the name is taken ([`NameTaken`](crate::Hint::NameTaken)), the one that has it is untouched and
    /// a retry cannot help. Otherwise the effect is unknown: a network may have been left half-made.
    pub struct NetworkCreationError(String);
    code: NETWORK_CREATION_FAILED,
    category: "network",
    retryable: true,
    effect: Unknown,
    user: |_| "The network could not be created.".to_owned(),
}

impl NetworkCreationError {
    /// Makes one from the network's name and the reason.
    pub fn new(network: impl Into<String>, message: impl Into<String>) -> Self {
        let network = network.into();
        let prefix = format!("network `{}` could not be created", clean(&network));
        Self::build(joined(&prefix, &message.into()), network.clone()).with_context("network", network)
    }

    /// The name of the network.
    pub fn network(&self) -> &str {
        &self.body.data
    }
}

leaf! {
    /// Says that no network of this driver has that id or name.
    ///
    /// A network that somebody else made counts as not found.
    pub struct NetworkNotFoundError(String);
    code: NETWORK_NOT_FOUND,
    category: "network",
    retryable: false,
    effect: NotApplied,
    hint: NotFoundHere,
    user: |_| "The network does not exist.".to_owned(),
}

impl NetworkNotFoundError {
    /// Makes one from the id or name that was asked for.
    pub fn new(network: impl Into<String>) -> Self {
        let network = network.into();
        Self::build(
            format!("network `{}` not found", clean(&network)),
            network.clone(),
        )
        .with_context("network", network)
    }

    /// The id or name that was asked for.
    pub fn network(&self) -> &str {
        &self.body.data
    }
}

leaf! {
    /// Says that a network was not removed, and that nothing changed.
    ///
    /// Most often a container uses it; then the hint is [`InUse`](crate::Hint::InUse).
    pub struct NetworkRemoveError(String);
    code: NETWORK_REMOVE_FAILED,
    category: "network",
    retryable: false,
    effect: NotApplied,
    user: |_| "The network could not be removed.".to_owned(),
}

impl NetworkRemoveError {
    /// Makes one from the network's id or name and the reason.
    pub fn new(network: impl Into<String>, message: impl Into<String>) -> Self {
        let network = network.into();
        let prefix = format!("network `{}` could not be removed", clean(&network));
        Self::build(joined(&prefix, &message.into()), network.clone()).with_context("network", network)
    }

    /// The id or name of the network.
    pub fn network(&self) -> &str {
        &self.body.data
    }
}

leaf! {
    /// Says that a container was not attached to a network, or not detached from it, and that nothing changed.
    ///
    /// Most often the container was made with no network at all, or (detaching) is not attached.
    pub struct NetworkConnectError(String);
    code: NETWORK_CONNECT_FAILED,
    category: "network",
    retryable: false,
    effect: NotApplied,
    user: |_| "The container's connection to the network could not be changed.".to_owned(),
}

impl NetworkConnectError {
    /// Makes one from the network's id or name, the container's, and the reason.
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

    /// The id or name of the network.
    pub fn network(&self) -> &str {
        &self.body.data
    }
}
