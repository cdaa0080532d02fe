use std::time::Duration;

/// How long each kind of call may take as a whole; past it the call ends with `TimeoutError`.
///
/// ```
/// use std::time::Duration;
/// use driver_interface_docker::Deadlines;
///
/// let patient = Deadlines::default().pull(Duration::from_secs(3600));
/// assert_eq!(patient.read, Duration::from_secs(30));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deadlines {
    /// Finding the engine and agreeing on an API version; 10 s.
    pub connect: Duration,
    /// Lookups, listings and health checks; 30 s.
    pub read: Duration,
    /// Making a container, volume or network, apart from pulling an image; 2 min.
    pub create: Duration,
    /// Starting, signalling, pausing or unpausing a container; 1 min.
    pub start: Duration,
    /// What a stop may take beyond its grace, and killing a command whose timeout is over; 20 s.
    pub stop_margin: Duration,
    /// Removing something; 1 min.
    pub remove: Duration,
    /// Pulling or importing an image; 15 min.
    pub pull: Duration,
    /// Copying files into a container, and loading images; 15 min.
    pub transfer: Duration,
    /// Reading logs that are there; 2 min.
    pub logs: Duration,
    /// Following logs; 24 h.
    pub follow: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            read: Duration::from_secs(30),
            create: Duration::from_secs(2 * 60),
            start: Duration::from_secs(60),
            stop_margin: Duration::from_secs(20),
            remove: Duration::from_secs(60),
            pull: Duration::from_secs(15 * 60),
            transfer: Duration::from_secs(15 * 60),
            logs: Duration::from_secs(2 * 60),
            follow: Duration::from_secs(24 * 60 * 60),
        }
    }
}

macro_rules! setters {
    ($($field:ident: $docs:literal,)+) => {
        impl Deadlines {
            $(
                #[doc = $docs]
                #[must_use]
                pub fn $field(mut self, deadline: Duration) -> Self {
                    self.$field = deadline;
                    self
                }
            )+
        }
    };
}

setters! {
    connect: "Sets how long connecting may take.",
    read: "Sets how long lookups, listings and health checks may take.",
    create: "Sets how long making a container, volume or network may take, apart from pulling an image.",
    start: "Sets how long starting, signalling, pausing or unpausing a container may take.",
    stop_margin: "Sets what a stop may take beyond its grace, and killing a command whose timeout is over.",
    remove: "Sets how long removing something may take.",
    pull: "Sets how long pulling or importing an image may take.",
    transfer: "Sets how long copying files into a container, and loading images, may take.",
    logs: "Sets how long reading logs that are there may take.",
    follow: "Sets how long logs may be followed.",
}

impl Deadlines {
    /// The same time for every kind of call.
    pub fn all(deadline: Duration) -> Self {
        Self {
            connect: deadline,
            read: deadline,
            create: deadline,
            start: deadline,
            stop_margin: deadline,
            remove: deadline,
            pull: deadline,
            transfer: deadline,
            logs: deadline,
            follow: deadline,
        }
    }
}
