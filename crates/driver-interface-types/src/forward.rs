//! Drivers that delegate to another driver: shared pointers (`Arc`) and layers ([`LayeredDriver`]). The code of both
//! is generated from the table of operations. This ensures that no operation falls back to a default method of
//! [`ContainerDriver`].

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use driver_interface_errors::Result;

use crate::{Capabilities, ContainerDriver, with_operations};

macro_rules! shared {
    ($($(#[$docs:meta])* $Operation:ident $operation:ident[$($lent:ident: $Lent:ty),*][$($given:ident: $Given:ty),*]
        -> $answer:ty, $kind:ident, $repeat:ident, $required:ident;)*) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<D: ContainerDriver + ?Sized> ContainerDriver for Arc<D> {
            fn name(&self) -> &str {
                (**self).name()
            }

            fn version(&self) -> &str {
                (**self).version()
            }

            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }

            $(async fn $operation(&self, $($lent: &$Lent,)* $($given: $Given),*) -> Result<$answer> {
                (**self).$operation($($lent,)* $($given),*).await
            })*
        }
    };
}

with_operations!(shared);

macro_rules! layers {
    ($($(#[$docs:meta])* $Operation:ident $operation:ident[$($lent:ident: $Lent:ty),*][$($given:ident: $Given:ty),*]
        -> $answer:ty, $kind:ident, $repeat:ident, $required:ident;)*) => {
        /// A driver that delegates to another driver and changes some calls, for example to log, count, retry
        /// or inject faults.
        ///
        /// Implement [`inner`](Self::inner) and the operations to change. Each operation has the same signature as in
        /// [`ContainerDriver`]. All other operations are forwarded to the inner driver unchanged. Every type that
        /// implements this trait is also a `ContainerDriver`.
        ///
        /// ```
        /// use std::sync::Arc;
        /// use std::sync::atomic::{AtomicUsize, Ordering};
        ///
        /// use driver_interface_mock::MockDockerDriver;
        /// use driver_interface_types::{
        ///     ContainerConfig, ContainerDriver, ContainerId, LayeredDriver, Result, StartOutcome, async_trait,
        /// };
        ///
        /// /// Counts the containers that are started through it.
        /// #[derive(Debug)]
        /// struct Starts {
        ///     inner: Arc<dyn ContainerDriver>,
        ///     count: AtomicUsize,
        /// }
        ///
        /// #[async_trait]
        /// impl LayeredDriver for Starts {
        ///     fn inner(&self) -> &dyn ContainerDriver {
        ///         &self.inner
        ///     }
        ///
        ///     async fn start_container(&self, id: &ContainerId) -> Result<StartOutcome> {
        ///         let outcome = self.inner().start_container(id).await?;
        ///         self.count.fetch_add(1, Ordering::Relaxed);
        ///         Ok(outcome)
        ///     }
        /// }
        ///
        /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
        /// # async fn main() -> Result<()> {
        /// let starts = Arc::new(Starts { inner: Arc::new(MockDockerDriver::new()), count: AtomicUsize::new(0) });
        /// let driver: Arc<dyn ContainerDriver> = starts.clone();
        /// let created = driver.create_container(&ContainerConfig::new("demo", "busybox")).await?;
        /// driver.start_container(&created.id).await?;
        /// assert_eq!(starts.count.load(Ordering::Relaxed), 1);
        /// # Ok(())
        /// # }
        /// ```
        ///
        /// # Cancel safety
        /// If the added code needs no rollback, the operations have the same cancel safety as those of the inner
        /// driver.
        #[async_trait]
        pub trait LayeredDriver: Send + Sync + Debug + 'static {
            /// Returns the inner driver. Calls are forwarded to the inner driver.
            fn inner(&self) -> &dyn ContainerDriver;

            /// See [`ContainerDriver::name`].
            fn name(&self) -> &str {
                self.inner().name()
            }

            /// See [`ContainerDriver::version`].
            fn version(&self) -> &str {
                self.inner().version()
            }

            /// See [`ContainerDriver::capabilities`].
            fn capabilities(&self) -> Capabilities {
                self.inner().capabilities()
            }

            $(
                #[doc = concat!("See [`ContainerDriver::", stringify!($operation), "`].")]
                async fn $operation(&self, $($lent: &$Lent,)* $($given: $Given),*) -> Result<$answer> {
                    self.inner().$operation($($lent,)* $($given),*).await
                }
            )*
        }

        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<L: LayeredDriver> ContainerDriver for L {
            fn name(&self) -> &str {
                LayeredDriver::name(self)
            }

            fn version(&self) -> &str {
                LayeredDriver::version(self)
            }

            fn capabilities(&self) -> Capabilities {
                LayeredDriver::capabilities(self)
            }

            $(async fn $operation(&self, $($lent: &$Lent,)* $($given: $Given),*) -> Result<$answer> {
                LayeredDriver::$operation(self, $($lent,)* $($given),*).await
            })*
        }
    };
}

with_operations!(layers);
