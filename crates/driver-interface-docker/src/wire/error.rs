use std::fmt;
use std::io;

/// The reason why a call to the engine returned no usable response. `translate::errors` derives from it whether the
/// operation may have taken effect.
#[derive(Debug)]
pub(crate) enum EngineError {
    /// The engine responded with an error status.
    Refused(Refusal),
    /// No connection could be established, so nothing was sent.
    Unreachable { address: String, source: io::Error },
    /// The connection broke after the request may have been sent.
    Broken(Box<dyn std::error::Error + Send + Sync>),
    /// A response was received, but does not match the API.
    InvalidResponse(String),
}

/// A response with an error status.
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

    /// Creates the error for a broken connection. If the TLS layer or `ssh` reported a reason, the error contains
    /// that reason.
    pub(crate) fn broken(error: hyper::Error) -> Self {
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            if let Some(known) = inner
                .downcast_ref::<io::Error>()
                .filter(|io| io.get_ref().is_some())
            {
                return Self::Broken(Box::new(explained(known)));
            }
            source = inner.source();
        }
        Self::Broken(Box::new(error))
    }

    /// Returns the kind of the I/O error that caused the failure, or `None` if the cause is not an I/O error.
    pub(crate) fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            Self::Unreachable { source, .. } => Some(source.kind()),
            Self::Broken(source) => source.downcast_ref::<io::Error>().map(io::Error::kind),
            Self::Refused(_) | Self::InvalidResponse(_) => None,
        }
    }

    /// Returns whether the engine may have carried out the request although there is no usable response.
    pub(crate) fn effect_unknown(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.status >= 500,
            Self::Unreachable { .. } => false,
            Self::Broken(_) | Self::InvalidResponse(_) => true,
        }
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(Refusal { status, message }) if message.is_empty() => {
                write!(f, "the engine returned status {status}")
            }
            Self::Refused(Refusal { status, message }) => {
                write!(f, "the engine returned status {status}: {message}")
            }
            Self::Unreachable { address, source } => write!(f, "cannot connect to {address}: {source}"),
            Self::Broken(source) => write!(f, "the connection to the engine broke: {source}"),
            Self::InvalidResponse(problem) => write!(f, "the engine sent an invalid response: {problem}"),
        }
    }
}

impl std::error::Error for EngineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(_) | Self::InvalidResponse(_) => None,
            Self::Unreachable { source, .. } => Some(source),
            Self::Broken(source) => Some(source.as_ref()),
        }
    }
}

fn explained(error: &io::Error) -> io::Error {
    #[cfg(feature = "tls")]
    if let Some(problem) = super::tls::explained(error) {
        return problem;
    }
    io::Error::new(error.kind(), error.to_string())
}

/// An error while connecting, sending a request or receiving the response headers.
#[derive(Debug)]
pub(crate) enum TransportError {
    Connect { address: String, source: io::Error },
    Exchange(hyper::Error),
    Request(http::Error),
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { address, source } => write!(f, "cannot connect to {address}: {source}"),
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
            TransportError::Exchange(source) => Self::broken(source),
            TransportError::Request(source) => Self::InvalidResponse(source.to_string()),
        }
    }
}
