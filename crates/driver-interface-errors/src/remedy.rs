use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::Hint;

/// An entry in the source chain of an error that has a hint. The `Display` form of this entry is `hint: ` followed by
/// the remedy.
///
/// The source of an error that has a hint is the remedy. The source of the remedy is the underlying cause, such as an
/// I/O error. A program that prints the chain, as `anyhow` and `eyre` do under "Caused by", therefore shows the remedy
/// without knowing this crate.
///
/// ```
/// use std::error::Error;
/// use driver_interface_errors::{ContainerStartError, Hint, Remedy};
///
/// let error = ContainerStartError::new("web", "no such program: `serve`")
///     .with_hint(Hint::CommandNotFound)
///     .with_source(std::io::Error::other("exec: \"serve\": executable file not found in $PATH"));
///
/// let remedy = error.source().and_then(|source| source.downcast_ref::<Remedy>());
/// assert_eq!(remedy.map(Remedy::hint), Some(Hint::CommandNotFound));
/// assert!(remedy.is_some_and(|remedy| remedy.to_string().starts_with("hint: check the command's spelling")));
/// assert!(remedy.and_then(Error::source).is_some_and(|source| source.is::<std::io::Error>()));
/// ```
#[derive(Clone)]
pub struct Remedy {
    hint: Hint,
    source: Option<Arc<dyn Error + Send + Sync + 'static>>,
}

impl Remedy {
    /// Returns the hint that has this remedy.
    pub fn hint(&self) -> Hint {
        self.hint
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hint: {}", self.hint.remedy())
    }
}

impl fmt::Debug for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Remedy").field(&self.hint).finish()
    }
}

impl Error for Remedy {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// The sources of an error: its remedy, its cause, both or neither.
#[derive(Clone)]
pub(crate) enum Below {
    Source(Option<Arc<dyn Error + Send + Sync + 'static>>),
    Remedy(Remedy),
}

impl Below {
    pub(crate) fn new(hint: Option<Hint>) -> Self {
        match hint {
            Some(hint) => Self::Remedy(Remedy { hint, source: None }),
            None => Self::Source(None),
        }
    }

    pub(crate) fn hint(&self) -> Option<Hint> {
        match self {
            Self::Source(_) => None,
            Self::Remedy(remedy) => Some(remedy.hint),
        }
    }

    pub(crate) fn set_hint(&mut self, hint: Hint) {
        let source = match self {
            Self::Source(source) => source.take(),
            Self::Remedy(remedy) => remedy.source.take(),
        };
        *self = Self::Remedy(Remedy { hint, source });
    }

    pub(crate) fn set_source(&mut self, source: Arc<dyn Error + Send + Sync + 'static>) {
        match self {
            Self::Source(location) => *location = Some(source),
            Self::Remedy(remedy) => remedy.source = Some(source),
        }
    }

    pub(crate) fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Source(source) => source.as_deref().map(|source| source as _),
            Self::Remedy(remedy) => Some(remedy),
        }
    }
}
