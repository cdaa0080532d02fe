//! Reading a container's log, with or without following it to the end of the run.

use std::sync::Arc;

use driver_interface_errors::Result;
use driver_interface_types::{ContainerId, LogOptions};
use driver_interface_validation::validate_log_options;
use tokio::sync::watch;

use super::containers::no_such_container;
use super::{Call, FOLLOW_DEADLINE, MockDriver, unreachable_engine};
use crate::Operation;
use crate::engine::{Changes, LogStore, Phase};
use crate::profile::Kind;

struct Followed {
    id: ContainerId,
    logs: Arc<LogStore>,
    changed: watch::Receiver<Changes>,
}

impl<K: Kind> MockDriver<K> {
    pub(super) async fn logs(&self, id: &ContainerId, options: LogOptions) -> Result<String> {
        let mut call = Call::new(Operation::GetContainerLogs).on(id);
        if options.follow {
            call = call.summary("follow").extra_time(FOLLOW_DEADLINE);
        }
        let work = async {
            let mut followed = self.followed(id)?;
            let position = followed.logs.position();
            if options.follow {
                self.until_its_end(&mut followed).await?;
            }
            let end = if options.follow { position } else { u64::MAX };
            Ok(followed.logs.read(&options, end))
        };
        self.call(call, || Ok(validate_log_options(&options)?), work)
            .await
    }

    fn followed(&self, id: &ContainerId) -> Result<Followed> {
        let state = self.core.engine.state();
        let container = state
            .container(self.namespace(), id)
            .ok_or_else(|| no_such_container(id))?;
        Ok(Followed {
            id: container.id.clone(),
            logs: Arc::clone(&container.logs),
            changed: container.changed.subscribe(),
        })
    }

    /// Waits until the container's run has ended or the container is removed. If the container was never started,
    /// waits for its first run to end.
    async fn until_its_end(&self, followed: &mut Followed) -> Result<()> {
        let mut followed_run = None;
        loop {
            {
                let state = self.core.engine.state();
                if let Some(reason) = &state.down {
                    return Err(unreachable_engine(reason));
                }
                match state
                    .containers
                    .get(&followed.id)
                    .map(|container| &container.phase)
                {
                    None | Some(Phase::Exited(_)) => return Ok(()),
                    Some(Phase::Created) => {}
                    Some(Phase::Running(run)) => {
                        if *followed_run.get_or_insert(run.number) != run.number {
                            return Ok(());
                        }
                    }
                }
            }
            if followed.changed.changed().await.is_err() {
                return Ok(());
            }
        }
    }
}
