use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use driver_interface_errors::DriverError;
use driver_interface_kit::{KeyLocks, Ownership, effects};
use driver_interface_types::EngineInfo;
use driver_interface_validation::ValidationPolicy;

use super::containers::HostFiles;
use super::exec::Sessions;
use super::networks::NetworkUses;
use crate::engine::Engine;
use crate::translate::capabilities::EngineFeatures;
use crate::translate::errors::{self, Operation};
use crate::wire::EngineError;
use driver_interface_types::Deadlines;

/// The state shared by all clones of a driver. It holds no record of containers; the engine does.
pub(super) struct Inner {
    pub(super) engine: Engine,
    pub(super) info: EngineInfo,
    pub(super) features: EngineFeatures,
    pub(super) ownership: Ownership,
    pub(super) deadlines: Deadlines,
    pub(super) policy: ValidationPolicy,
    pub(super) files: HostFiles,
    /// The name of the default network or, if each session has its own default network, the prefix of their names.
    pub(super) network: String,
    /// The file with registry credentials, if any.
    pub(super) credentials: Option<PathBuf>,
    /// The proxy variables that containers get unless their config sets them.
    pub(super) proxies: Vec<(String, String)>,
    pub(super) connected: Instant,
    pub(super) keys: KeyLocks,
    pub(super) starts: KeyLocks,
    pub(super) removals: KeyLocks,
    pub(super) networks: NetworkUses,
    pub(super) sessions: Sessions,
    /// Whether the engine has turned out to have no init program.
    pub(super) no_init: AtomicBool,
}

impl Inner {
    /// Converts a failure to the interface's error and sets its effect: a change that was sent may have been
    /// applied unless the engine refused it.
    pub(super) fn error(&self, operation: Operation, subject: &str, failure: EngineError) -> DriverError {
        let refused = errors::is_refusal(operation, &failure);
        if refused && failure.effect_unknown() {
            effects::request_refused();
        }
        let error = errors::error(operation, subject, failure);
        if refused { error } else { effects::qualify(error) }
    }

    pub(super) fn uses_init(&self) -> bool {
        self.features.init && !self.no_init.load(Ordering::Relaxed)
    }
}

/// Returns a unique name.
pub(super) fn unique() -> String {
    format!("{:032x}", rand::random::<u128>())
}
