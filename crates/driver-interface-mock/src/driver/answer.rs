//! Simulated responses of the engine. Errors have such a response as their source.

use std::fmt;

use crate::profile::Kind;

/// The reason why the engine refuses a request. For mock-docker, the message has Docker's wording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NameTaken { name: String, by: String },
    NoSuchImage(String),
    PullDenied(String),
    NoCommand,
    NoSuchProgram(String),
    NotExecutable(String),
    NoSuchUser(String),
    NoSuchDirectory(String),
    PortInUse(u16),
    StillRunning(String),
    VolumeInUse { volume: String, by: String },
    NetworkInUse { network: String, by: String },
    NetworkNameTaken(String),
    NoSuchPlugin(String),
    ImageInUse { image: String, by: String },
    BadArchive(&'static str),
}

/// A response of the engine, which becomes the source of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EngineAnswer {
    status: Option<u16>,
    text: String,
}

impl Refusal {
    pub(crate) fn answer<K: Kind>(&self) -> EngineAnswer {
        if K::PROFILE.docker_wording {
            let (status, text) = self.by_docker();
            EngineAnswer {
                status: Some(status),
                text,
            }
        } else {
            EngineAnswer {
                status: None,
                text: self.by_local(),
            }
        }
    }

    fn by_docker(&self) -> (u16, String) {
        match self {
            Self::NameTaken { name, by } => (
                409,
                format!(
                    "Conflict. The container name \"/{name}\" is already in use by container \"{by}\". You have to \
                 remove (or rename) that container to be able to reuse that name."
                ),
            ),
            Self::NoSuchImage(image) => (404, format!("No such image: {image}")),
            Self::PullDenied(image) => (
                404,
                format!(
                    "pull access denied for {image}, repository does not exist or may require 'docker login': denied: \
                 requested access to the resource is denied"
                ),
            ),
            Self::NoCommand => (400, "No command specified".to_owned()),
            Self::NoSuchProgram(program) => (
                400,
                format!(
                    "failed to create shim task: OCI runtime create failed: runc create failed: unable to start \
                 container process: exec: \"{program}\": {}: unknown",
                    if program.contains('/') {
                        format!("stat {program}: no such file or directory")
                    } else {
                        "executable file not found in $PATH".to_owned()
                    }
                ),
            ),
            Self::NotExecutable(program) => (
                400,
                format!(
                    "failed to create shim task: OCI runtime create failed: runc create failed: unable to start \
                 container process: exec: \"{program}\": permission denied: unknown"
                ),
            ),
            Self::NoSuchUser(user) => (
                400,
                format!("unable to find user {user}: no matching entries in passwd file"),
            ),
            Self::NoSuchDirectory(directory) => (
                400,
                format!(
                    "OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd ({directory:?}) \
                     set in config.json failed: no such file or directory: unknown"
                ),
            ),
            Self::PortInUse(port) => (
                500,
                format!(
                    "driver failed programming external connectivity: Bind for :{port} failed: port is already allocated"
                ),
            ),
            Self::StillRunning(id) => (
                409,
                format!(
                    "You cannot remove a running container {id}. Stop the container before attempting removal or force \
                 remove"
                ),
            ),
            Self::VolumeInUse { volume, by } => (409, format!("remove {volume}: volume is in use - [{by}]")),
            Self::NetworkInUse { network, by } => (
                403,
                format!("error while removing network: network {network} has active endpoints: {by}"),
            ),
            Self::NetworkNameTaken(name) => (409, format!("network with name {name} already exists")),
            Self::NoSuchPlugin(plugin) => (404, format!("plugin \"{plugin}\" not found")),
            Self::ImageInUse { image, by } => (
                409,
                format!(
                    "conflict: unable to remove repository reference \"{image}\" (must force) - container {by} is using \
                 its referenced image"
                ),
            ),
            Self::BadArchive(problem) => (500, (*problem).to_owned()),
        }
    }

    fn by_local(&self) -> String {
        match self {
            Self::NameTaken { name, by } => format!("name {name} belongs to container {by}"),
            Self::NoSuchImage(image) => format!("no image {image}"),
            Self::PullDenied(image) => format!("registry denies access to {image}"),
            Self::NoCommand => "image has no command".to_owned(),
            Self::NoSuchProgram(program) => format!("exec {program}: no such file"),
            Self::NotExecutable(program) => format!("exec {program}: permission denied"),
            Self::NoSuchUser(user) => format!("no user {user} in /etc/passwd"),
            Self::NoSuchDirectory(directory) => format!("chdir {directory}: no such file or directory"),
            Self::PortInUse(port) => format!("port {port} is in use"),
            Self::StillRunning(id) => format!("container {id} has running processes"),
            Self::VolumeInUse { volume, by } => format!("volume {volume} is mounted by container {by}"),
            Self::NetworkInUse { network, by } => format!("network {network} is used by container {by}"),
            Self::NetworkNameTaken(name) => format!("network {name} exists"),
            Self::NoSuchPlugin(plugin) => format!("no driver {plugin}"),
            Self::ImageInUse { image, by } => format!("image {image} is used by container {by}"),
            Self::BadArchive(problem) => (*problem).to_owned(),
        }
    }
}

impl fmt::Display for EngineAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "engine returned status {status}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

impl std::error::Error for EngineAnswer {}
