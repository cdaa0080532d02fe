//! Drivers with an injected fault.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use driver_interface_errors::DriverError;
use driver_interface_types::{
    Capabilities, ContainerConfig, ContainerDriver, ContainerFilter, ContainerId, ContainerInstance,
    CreationPlan, ExecConfig, ExecId, ExecOutput, ExecSession, LayeredDriver, Result, with_operations,
};
use futures_util::future::BoxFuture;

/// The driver that a faulty driver wraps, and the state that all drivers of the faulty target share.
#[derive(Clone, Debug)]
pub(super) struct Inside {
    pub(super) driver: Arc<dyn ContainerDriver>,
    pub(super) memory: Memory,
}

impl Inside {
    /// Returns a number that no other driver has.
    pub(super) fn number(&self) -> usize {
        Arc::as_ptr(&self.driver).cast::<()>() as usize
    }
}

/// The entries that the drivers of a faulty target record. All drivers of the target share these entries.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(Arc<Mutex<Vec<String>>>);

impl Memory {
    /// Records an entry. Returns how often the same entry was recorded before.
    pub(super) fn note(&self, entry: &str) -> usize {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.iter().filter(|recorded| *recorded == entry).count();
        all.push(entry.to_owned());
        before
    }

    /// Returns the text after `prefix` in the latest entry that starts with `prefix`, or `None` if there is no such
    /// entry.
    pub(super) fn latest(&self, prefix: &str) -> Option<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ends = all.iter().filter_map(|recorded| recorded.strip_prefix(prefix));
        ends.next_back().map(str::to_owned)
    }

    /// Returns how often the entry was recorded.
    pub(super) fn count(&self, entry: &str) -> usize {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|recorded| *recorded == entry).count()
    }

    /// Returns whether the entry was recorded.
    pub(super) fn has(&self, entry: &str) -> bool {
        self.count(entry) > 0
    }
}

macro_rules! mutation {
    ($($(#[$docs:meta])* $Operation:ident $operation:ident[$($lent:ident: $Lent:ty),*][$($given:ident: $Given:ty),*]
        -> $output:ty, $kind:ident, $repeat:ident, $required:ident;)*) => {
        /// A change of a driver's behaviour. A fault consists of one or more such changes.
        pub(super) enum Mutation {
            /// Changes each config that is passed to the creation or the plan of a container.
            Config(fn(&mut ContainerConfig)),
            /// Changes every container that a call returns.
            Instance(fn(&mut ContainerInstance)),
            /// Changes the configs of commands that are run.
            Command(fn(&mut ExecConfig)),
            /// Changes the output of commands that have exited.
            Output(fn(&mut ExecOutput)),
            /// Changes the capabilities that the driver declares.
            Capabilities(fn(&mut Capabilities)),
            /// Changes the error of every call that fails.
            Error(fn(DriverError) -> DriverError),
            /// Connects every driver to the same namespace, whichever namespace was requested. The name of this
            /// namespace is the name of the run's namespace, followed by this suffix.
            Namespace(&'static str),
            $(
                #[doc = concat!("Replaces `", stringify!($operation), "`.")]
                $Operation(for<'a> fn(&'a Inside, $(&'a $Lent,)* $($Given),*) -> BoxFuture<'a, Result<$output>>),
            )*
        }

        #[async_trait]
        impl LayeredDriver for Hooked {
            fn inner(&self) -> &dyn ContainerDriver {
                &self.inside.driver
            }

            $(async fn $operation(&self, $($lent: &$Lent,)* $($given: $Given),*) -> Result<$output> {
                let hook = self.mutations.iter().find_map(|mutation| match mutation {
                    Mutation::$Operation(hook) => Some(hook),
                    _ => None,
                });
                let result = match hook {
                    Some(hook) => hook(&self.inside, $($lent,)* $($given),*).await,
                    None => self.inside.driver.$operation($($lent,)* $($given),*).await,
                };
                result.map_err(|error| self.mutations.iter().fold(error, |error, mutation| match mutation {
                    Mutation::Error(change) => change(error),
                    _ => error,
                }))
            })*
        }
    };
}

with_operations!(mutation);

/// A driver in which functions replace whole operations.
struct Hooked {
    inside: Inside,
    mutations: &'static [Mutation],
}

/// A driver that changes the arguments and results of calls.
struct Changed {
    driver: Arc<dyn ContainerDriver>,
    mutations: &'static [Mutation],
}

/// Wraps a driver so that it has the faults `mutations`.
pub(super) fn mutation(
    driver: Arc<dyn ContainerDriver>,
    mutations: &'static [Mutation],
    memory: Memory,
) -> Arc<dyn ContainerDriver> {
    let driver = Arc::new(Changed { driver, mutations });
    Arc::new(Hooked {
        inside: Inside { driver, memory },
        mutations,
    })
}

impl Changed {
    fn config(&self, config: &ContainerConfig) -> ContainerConfig {
        let mut config = config.clone();
        for mutation in self.mutations {
            if let Mutation::Config(change) = mutation {
                change(&mut config);
            }
        }
        config
    }

    fn instance(&self, mut container: ContainerInstance) -> ContainerInstance {
        for mutation in self.mutations {
            if let Mutation::Instance(change) = mutation {
                change(&mut container);
            }
        }
        container
    }

    fn command(&self, mut config: ExecConfig) -> ExecConfig {
        for mutation in self.mutations {
            if let Mutation::Command(change) = mutation {
                change(&mut config);
            }
        }
        config
    }
}

#[async_trait]
impl LayeredDriver for Changed {
    fn inner(&self) -> &dyn ContainerDriver {
        &self.driver
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.driver.capabilities();
        for mutation in self.mutations {
            if let Mutation::Capabilities(change) = mutation {
                change(&mut capabilities);
            }
        }
        capabilities
    }

    async fn create_container(&self, config: &ContainerConfig) -> Result<ContainerInstance> {
        let created = self.driver.create_container(&self.config(config)).await?;
        Ok(self.instance(created))
    }

    async fn get_container(&self, id: &ContainerId) -> Result<Option<ContainerInstance>> {
        let found = self.driver.get_container(id).await?;
        Ok(found.map(|container| self.instance(container)))
    }

    async fn list_containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
        let all = self.driver.list_containers(filter).await?;
        Ok(all
            .into_iter()
            .map(|container| self.instance(container))
            .collect())
    }

    async fn plan(&self, config: &ContainerConfig) -> Result<CreationPlan> {
        self.driver.plan(&self.config(config)).await
    }

    async fn exec(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecOutput> {
        let mut output = self.driver.exec(id, self.command(config)).await?;
        for mutation in self.mutations {
            if let Mutation::Output(change) = mutation {
                change(&mut output);
            }
        }
        Ok(output)
    }

    async fn exec_stream(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecSession> {
        self.driver.exec_stream(id, self.command(config)).await
    }

    async fn exec_detached(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecId> {
        self.driver.exec_detached(id, self.command(config)).await
    }
}

macro_rules! transparent {
    ($($layer:ident),+) => {$(
        impl std::fmt::Debug for $layer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(self.inner(), f)
            }
        }
    )+};
}

transparent!(Hooked, Changed);
