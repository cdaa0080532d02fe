use std::time::Duration;

/// The deadline of each kind of call. A call that exceeds it returns `TimeoutError`.
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
    /// Finding the engine and negotiating an API version; 10 s.
    pub connect: Duration,
    /// Inspecting, listing and health checks; 30 s.
    pub read: Duration,
    /// Creating a container, volume or network, not including the image pull; 2 min.
    pub create: Duration,
    /// Starting, signalling, pausing or unpausing a container; 1 min.
    pub start: Duration,
    /// The time a stop may take after its grace period, and the time to kill a command that timed out; 20 s.
    pub stop_margin: Duration,
    /// Removing a resource; 1 min.
    pub remove: Duration,
    /// Pulling or importing an image; 15 min.
    pub pull: Duration,
    /// Copying files into a container, and loading images; 15 min.
    pub transfer: Duration,
    /// Reading existing logs; 2 min.
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

impl Deadlines {
    driver_interface_types::setters! {
        /// Sets the deadline of connecting to the engine.
        connect(self, deadline: Duration) { self.connect = deadline; }
        /// Sets the deadline of inspecting and listing resources, and of health checks.
        read(self, deadline: Duration) { self.read = deadline; }
        /// Sets the deadline of creating a container, volume or network, not including the image pull.
        create(self, deadline: Duration) { self.create = deadline; }
        /// Sets the deadline of starting, signalling, pausing or unpausing a container.
        start(self, deadline: Duration) { self.start = deadline; }
        /// Sets the time a stop may take after its grace period, and the time to kill a command that timed out.
        stop_margin(self, deadline: Duration) { self.stop_margin = deadline; }
        /// Sets the deadline of removing a resource.
        remove(self, deadline: Duration) { self.remove = deadline; }
        /// Sets the deadline of pulling or importing an image.
        pull(self, deadline: Duration) { self.pull = deadline; }
        /// Sets the deadline of copying files into a container, and of loading images.
        transfer(self, deadline: Duration) { self.transfer = deadline; }
        /// Sets the deadline of reading existing logs.
        logs(self, deadline: Duration) { self.logs = deadline; }
        /// Sets the maximum time to follow logs.
        follow(self, deadline: Duration) { self.follow = deadline; }
    }
}

impl Deadlines {
    /// Sets the same deadline for every kind of call.
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
