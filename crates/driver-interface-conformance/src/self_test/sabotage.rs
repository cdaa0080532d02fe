//! A driver with one thing wrong about it.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use driver_interface_errors::DriverError;
use driver_interface_types::{
    Capabilities, ContainerConfig, ContainerDriver, ContainerFilter, ContainerId, ContainerInstance,
    CreationPlan, ExecConfig, ExecId, ExecOutput, ExecSession, LayeredDriver, Result, with_operations,
};
use futures_util::future::BoxFuture;

/// The driver inside, and what a saboteur remembers about all that was asked of its target.
#[derive(Clone, Debug)]
pub(super) struct Inside {
    pub(super) driver: Arc<dyn ContainerDriver>,
    pub(super) memory: Memory,
}

impl Inside {
    /// A number that differs from driver to driver.
    pub(super) fn number(&self) -> usize {
        Arc::as_ptr(&self.driver).cast::<()>() as usize
    }
}

/// What a saboteur remembers, whichever of its drivers was asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(Arc<Mutex<Vec<String>>>);

impl Memory {
    /// Remembers something, and says how often it was remembered before.
    pub(super) fn note(&self, what: &str) -> usize {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.iter().filter(|noted| *noted == what).count();
        all.push(what.to_owned());
        before
    }

    /// The end of what was remembered last with this beginning.
    pub(super) fn latest(&self, beginning: &str) -> Option<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ends = all.iter().filter_map(|noted| noted.strip_prefix(beginning));
        ends.next_back().map(str::to_owned)
    }

    /// How often something was remembered.
    pub(super) fn count(&self, what: &str) -> usize {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|noted| *noted == what).count()
    }

    /// Whether something was remembered.
    pub(super) fn has(&self, what: &str) -> bool {
        self.count(what) > 0
    }
}

macro_rules! sabotage {
    ($($(#[$docs:meta])* $Operation:ident $operation:ident[$($lent:ident: $Lent:ty),*][$($given:ident: $Given:ty),*]
        -> $answer:ty, $kind:ident, $repeat:ident, [$($capability:ident)?];)*) => {
        /// What is done to a driver.
        pub(super) enum Sabotage {
            /// Containers are made and planned from a config that was changed.
            Config(fn(&mut ContainerConfig)),
            /// Containers are shown otherwise than they are, whoever asks.
            Instance(fn(&mut ContainerInstance)),
            /// Commands are run otherwise than asked.
            Command(fn(&mut ExecConfig)),
            /// What a command has put out comes back changed.
            Output(fn(&mut ExecOutput)),
            /// The driver declares other things than it does.
            Capabilities(fn(&mut Capabilities)),
            /// Errors come as others, whatever was asked.
            Error(fn(DriverError) -> DriverError),
            /// Every driver works in the one namespace of the run that ends so, whichever it was asked for.
            Namespace(&'static str),
            $(
                #[doc = concat!("Does something else in `", stringify!($operation), "`.")]
                $Operation(for<'a> fn(&'a Inside, $(&'a $Lent,)* $($Given),*) -> BoxFuture<'a, Result<$answer>>),
            )*
        }

        #[async_trait]
        impl LayeredDriver for Hooked {
            fn inner(&self) -> &dyn ContainerDriver {
                &self.inside.driver
            }

            $(async fn $operation(&self, $($lent: &$Lent,)* $($given: $Given),*) -> Result<$answer> {
                let hook = self.sabotages.iter().find_map(|sabotage| match sabotage {
                    Sabotage::$Operation(hook) => Some(hook),
                    _ => None,
                });
                let answer = match hook {
                    Some(hook) => hook(&self.inside, $($lent,)* $($given),*).await,
                    None => self.inside.driver.$operation($($lent,)* $($given),*).await,
                };
                answer.map_err(|error| self.sabotages.iter().fold(error, |error, sabotage| match sabotage {
                    Sabotage::Error(change) => change(error),
                    _ => error,
                }))
            })*
        }
    };
}

with_operations!(sabotage);

/// Does something else in whole operations.
struct Hooked {
    inside: Inside,
    sabotages: &'static [Sabotage],
}

/// Changes what goes in and out.
struct Changed {
    driver: Arc<dyn ContainerDriver>,
    sabotages: &'static [Sabotage],
}

/// The driver with these things wrong about it.
pub(super) fn sabotage(
    driver: Arc<dyn ContainerDriver>,
    sabotages: &'static [Sabotage],
    memory: Memory,
) -> Arc<dyn ContainerDriver> {
    let driver = Arc::new(Changed { driver, sabotages });
    Arc::new(Hooked {
        inside: Inside { driver, memory },
        sabotages,
    })
}

impl Changed {
    fn config(&self, config: &ContainerConfig) -> ContainerConfig {
        let mut config = config.clone();
        for sabotage in self.sabotages {
            if let Sabotage::Config(change) = sabotage {
                change(&mut config);
            }
        }
        config
    }

    fn shown(&self, mut container: ContainerInstance) -> ContainerInstance {
        for sabotage in self.sabotages {
            if let Sabotage::Instance(change) = sabotage {
                change(&mut container);
            }
        }
        container
    }

    fn command(&self, mut config: ExecConfig) -> ExecConfig {
        for sabotage in self.sabotages {
            if let Sabotage::Command(change) = sabotage {
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
        for sabotage in self.sabotages {
            if let Sabotage::Capabilities(change) = sabotage {
                change(&mut capabilities);
            }
        }
        capabilities
    }

    async fn create_container(&self, config: &ContainerConfig) -> Result<ContainerInstance> {
        let made = self.driver.create_container(&self.config(config)).await?;
        Ok(self.shown(made))
    }

    async fn get_container(&self, id: &ContainerId) -> Result<Option<ContainerInstance>> {
        let found = self.driver.get_container(id).await?;
        Ok(found.map(|container| self.shown(container)))
    }

    async fn list_containers(&self, filter: &ContainerFilter) -> Result<Vec<ContainerInstance>> {
        let all = self.driver.list_containers(filter).await?;
        Ok(all.into_iter().map(|container| self.shown(container)).collect())
    }

    async fn plan(&self, config: &ContainerConfig) -> Result<CreationPlan> {
        self.driver.plan(&self.config(config)).await
    }

    async fn exec(&self, id: &ContainerId, config: ExecConfig) -> Result<ExecOutput> {
        let mut output = self.driver.exec(id, self.command(config)).await?;
        for sabotage in self.sabotages {
            if let Sabotage::Output(change) = sabotage {
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
