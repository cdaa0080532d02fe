use std::fmt;
use std::io;

/// Why a call to the engine gave no usable answer. It says what is known about the call, and nothing yet about
/// what it means for the operation; `translate::errors` decides that.
#[derive(Debug)]
pub(crate) enum EngineError {
    /// The engine answered with an error status.
    Refused(Refusal),
    /// No connection came about, so nothing was sent.
    Unreachable { address: String, source: io::Error },
    /// The connection broke after the request may have been sent.
    Broken(Box<dyn std::error::Error + Send + Sync>),
    /// The answer came, but is not what the API says.
    Garbled(String),
}

/// An answer with an error status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) message: String,
}

impl EngineError {
    pub(crate) fn refused(status: u16, message: impl Into<String>) -> Self {
        Self::Refused(Refusal {
            status,
            message: message.into(),
        })
    }

    /// Whether the engine may have done what was asked although there is no usable answer.
    pub(crate) fn effect_unknown(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.status >= 500,
            Self::Unreachable { .. } => false,
            Self::Broken(_) | Self::Garbled(_) => true,
        }
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(Refusal { status, message }) if message.is_empty() => {
                write!(f, "the engine answered with status {status}")
            }
            Self::Refused(Refusal { status, message }) => {
                write!(f, "the engine answered with status {status}: {message}")
            }
            Self::Unreachable { address, source } => write!(f, "no connection to {address}: {source}"),
            Self::Broken(source) => write!(f, "the connection to the engine broke: {source}"),
            Self::Garbled(what) => write!(f, "the engine's answer makes no sense: {what}"),
        }
    }
}

impl std::error::Error for EngineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(_) | Self::Garbled(_) => None,
            Self::Unreachable { source, .. } => Some(source),
            Self::Broken(source) => Some(source.as_ref()),
        }
    }
}

/// What goes wrong between a request and the head of its answer.
#[derive(Debug)]
pub(crate) enum TransportError {
    Connect { address: String, source: io::Error },
    Exchange(hyper::Error),
    Request(http::Error),
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { address, source } => write!(f, "no connection to {address}: {source}"),
            Self::Exchange(source) => source.fmt(f),
            Self::Request(source) => source.fmt(f),
        }
    }
}

impl std::error::Error for TransportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect { source, .. } => Some(source),
            Self::Exchange(source) => Some(source),
            Self::Request(source) => Some(source),
        }
    }
}

impl From<TransportError> for EngineError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Connect { address, source } => Self::Unreachable { address, source },
            TransportError::Exchange(source) => Self::Broken(Box::new(source)),
            TransportError::Request(source) => Self::Garbled(source.to_string()),
        }
    }
}
