use std::time::Duration;

macro_rules! deadlines {
    ($($(#[$doc:meta])* $name:ident: $seconds:expr,)*) => {
        /// The deadline of each kind of call. A call that exceeds its deadline returns `TimeoutError`. The mock
        /// drivers have no deadlines, because their calls take no real time.
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
            /// The names of the deadlines.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// Creates deadlines that are the same for every kind of call.
            pub fn all(deadline: Duration) -> Self {
                Self { $($name: deadline,)* }
            }

            /// Returns the deadline with the field name `name`, for example to change it according to a program's
            /// configuration; `None` if there is no such deadline.
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
    /// Finding the engine and negotiating an API version; 10 s by default.
    connect: 10,
    /// Inspecting, listing and health checks; 30 s by default.
    read: 30,
    /// Creating a container, volume or network, not including the image pull; 2 min by default.
    create: 2 * 60,
    /// Starting, signalling, pausing or unpausing a container; 1 min by default.
    start: 60,
    /// The time that a stop may take after its grace period, and the time for killing a command that timed out; 20 s
    /// by default.
    stop_margin: 20,
    /// Removing a resource; 1 min by default.
    remove: 60,
    /// Pulling or pushing an image, in total; 2 h by default.
    pull: 2 * 60 * 60,
    /// The time without progress after which a pull or push fails; 5 min by default. For engines that report no
    /// progress (Podman), only the deadline `pull` applies.
    pull_stall: 5 * 60,
    /// Copying files into a container or volume, and loading, importing and committing images; 15 min by default.
    transfer: 15 * 60,
    /// Reading existing logs; 2 min by default.
    logs: 2 * 60,
    /// Following logs; 24 h by default.
    follow: 24 * 60 * 60,
    /// Building an image, in total; 2 h by default.
    build: 2 * 60 * 60,
}
