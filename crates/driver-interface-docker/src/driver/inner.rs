use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

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

/// The state that all clones of a driver share. The state does not record which containers exist: the driver always
/// asks the engine.
pub(super) struct Inner {
    pub(super) engine: Engine,
    pub(super) info: EngineInfo,
    pub(super) features: EngineFeatures,
    pub(super) ownership: Ownership,
    pub(super) deadlines: Deadlines,
    pub(super) policy: ValidationPolicy,
    pub(super) files: HostFiles,
    /// The name of the default network. If each session has its own default network, this text is the prefix of the
    /// networks' names.
    pub(super) network: String,
    /// How long a default network is kept after its last container was removed.
    pub(super) keep_network: Duration,
    /// The file with registry credentials, if any.
    pub(super) credentials: Option<PathBuf>,
    /// The proxy variables that every container gets. A variable in a container's own config takes precedence.
    pub(super) proxies: Vec<(String, String)>,
    pub(super) connected: Instant,
    pub(super) keys: KeyLocks,
    pub(super) starts: KeyLocks,
    pub(super) removals: KeyLocks,
    pub(super) networks: NetworkUses,
    pub(super) sessions: Sessions,
    /// Whether the engine has reported that it has no init program. The engine reports this when a container is
    /// created.
    pub(super) no_init: AtomicBool,
}

impl Inner {
    /// Converts an engine failure to an error of the interface, and sets the error's effect. If the engine refused
    /// the request, the effect depends only on this refusal. Otherwise the effect is `Unknown` if the current
    /// operation has sent a change that the engine may have applied.
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

/// Returns a unique name: a random number of 32 hexadecimal digits.
pub(super) fn unique() -> String {
    format!("{:032x}", rand::random::<u128>())
}
