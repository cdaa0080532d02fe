use std::time::Duration;

macro_rules! deadlines {
    ($($(#[$doc:meta])* $name:ident: $seconds:expr,)*) => {
        /// The deadlines of a driver's calls, one for each kind of call. A call that exceeds its deadline returns
        /// `TimeoutError`. The mock drivers have no deadlines, because their calls take no real time.
        ///
        /// ```
        /// use std::time::Duration;
        /// use driver_interface_types::Deadlines;
        ///
        /// let patient = Deadlines::default().pull(Duration::from_secs(3 * 3600));
        /// assert_eq!(patient.read, Duration::from_secs(30));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Deadlines {
            $($(#[$doc])* pub $name: Duration,)*
        }

        impl Default for Deadlines {
            fn default() -> Self {
                Self { $($name: Duration::from_secs($seconds),)* }
            }
        }

        impl Deadlines {
            /// The names of the deadlines, which are the names of the fields.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// Creates a `Deadlines` value with the deadline `deadline` for every kind of call.
            pub fn all(deadline: Duration) -> Self {
                Self { $($name: deadline,)* }
            }

            /// Returns a mutable reference to the field `name`, or `None` if there is no such field. For example, a
            /// program can use this method to apply deadlines from a configuration file.
            ///
            /// ```
            /// use std::time::Duration;
            /// use driver_interface_types::Deadlines;
            ///
            /// let mut deadlines = Deadlines::default();
            /// if let Some(deadline) = deadlines.by_name("connect") {
            ///     *deadline = Duration::from_secs(2);
            /// }
            /// assert_eq!(deadlines.connect, Duration::from_secs(2));
            /// assert!(deadlines.by_name("lunch").is_none());
            /// ```
            pub fn by_name(&mut self, name: &str) -> Option<&mut Duration> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)*
                    _ => None,
                }
            }

            crate::setters! {
                $(
                    #[doc = concat!("Sets the deadline [`", stringify!($name), "`](Self#structfield.", stringify!($name), ").")]
                    $name(self, deadline: Duration) { self.$name = deadline; }
                )*
            }
        }
    };
}

deadlines! {
    /// The deadline for finding the engine and negotiating an API version. The default is 10 s.
    connect: 10,
    /// The deadline for inspecting and listing resources, health checks, stats, plans and opening most streams. The
    /// default is 30 s.
    read: 30,
    /// The deadline for creating a container, volume or network, connecting a container to a network, and tagging an
    /// image. The pull of the container's image is not included. The default is 2 min.
    create: 2 * 60,
    /// The deadline for starting, signalling, pausing or unpausing a container, and for starting a command in a
    /// container. The default is 1 min.
    start: 60,
    /// The maximum time that a stop may take in addition to its grace period. Also the maximum time for killing a
    /// command that has exceeded its timeout. The default is 20 s.
    stop_margin: 20,
    /// The deadline for removing a resource, and for disconnecting a container from a network. The default is 1 min.
    remove: 60,
    /// The deadline for a whole pull or push of an image. The default is 2 h.
    pull: 2 * 60 * 60,
    /// The time without progress after which a pull or push fails. The default is 5 min. For an engine that reports
    /// no progress (Podman), only the deadline `pull` applies.
    pull_stall: 5 * 60,
    /// The deadline for copying files into a container or volume, reading a file into memory, and loading, importing,
    /// saving and committing images. The default is 15 min.
    transfer: 15 * 60,
    /// The deadline for reading existing logs. The default is 2 min.
    logs: 2 * 60,
    /// The deadline for `get_container_logs` with the option `follow`. The default is 24 h.
    follow: 24 * 60 * 60,
    /// The deadline for a whole build of an image. The default is 2 h.
    build: 2 * 60 * 60,
}
