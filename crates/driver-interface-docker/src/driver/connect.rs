//! Finding the engine and negotiating an API version with it.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use driver_interface_errors::{
    ConfigurationError, ConnectionError, DriverError, Hint, Result, UnsupportedError,
};
use driver_interface_kit::{KeyLocks, Ownership, process_owner};
use driver_interface_types::{Deadlines, EngineInfo, NetworkId};

use super::containers::HostFiles;
use super::exec::Sessions;
use super::inner::{Inner, unique};
use super::networks::NetworkUses;
use super::task::read;
use crate::DockerConfig;
use crate::config::{Accepted, Candidates};
use crate::engine::{ApiVersion, Engine, VersionRecord, version};
use crate::translate::capabilities::EngineFeatures;
use crate::translate::errors::{self, Operation};
use crate::translate::tmpfs::keeps_mode;
use crate::wire::{Address, Wire};

/// The oldest API version that the driver supports: the version of Docker 19.03.
const OLDEST: ApiVersion = ApiVersion::new(1, 40);
/// The newest API version that the driver supports.
const NEWEST: ApiVersion = ApiVersion::new(1, 53);

const OPERATION: &str = "connect";

/// The longest deadline. The driver shortens longer deadlines to this, because the sum of the current time and a
/// longer deadline could overflow.
const MAX_DEADLINE: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

pub(super) async fn connect(mut config: DockerConfig) -> Result<Inner> {
    for name in Deadlines::NAMES {
        if let Some(deadline) = config.deadlines.by_name(name) {
            *deadline = MAX_DEADLINE.min(*deadline);
        }
    }
    let network = match &config.network {
        Some(name) => NetworkId::new(name.as_str())?.to_string(),
        None => config.namespace.name_prefix(),
    };
    let (engine, info, features, storage) =
        read(OPERATION, config.deadlines.connect, reach(&config.candidates)).await?;
    let files = HostFiles::of(engine.wire().address(), &storage);
    let mut policy = config.policy.clone().protect(storage);
    if let Address::Unix(socket) = engine.wire().address() {
        policy = policy.protect(socket.to_string_lossy());
    }
    // Rootless engines keep their sockets there.
    if let Ok(directory) = std::env::var("XDG_RUNTIME_DIR") {
        policy = policy.protect(directory);
    }
    if files != HostFiles::Elsewhere {
        let resolve = |path: &str| std::fs::canonicalize(path).ok()?.to_str().map(str::to_owned);
        policy = policy.with_links_resolved(resolve);
    }
    let proxies = config.proxy_variables(engine.wire().address());
    let random = || process_owner(unique().get(..8).unwrap_or_default());
    let owner = config.owner.unwrap_or_else(random);
    Ok(Inner {
        engine,
        info,
        features,
        ownership: Ownership::new(config.namespace, owner),
        deadlines: config.deadlines,
        policy,
        files,
        network,
        keep_network: config.keep_network.min(MAX_DEADLINE),
        credentials: config.credentials,
        proxies,
        connected: Instant::now(),
        keys: KeyLocks::default(),
        starts: KeyLocks::default(),
        removals: KeyLocks::default(),
        networks: NetworkUses::default(),
        sessions: Sessions::default(),
        no_init: AtomicBool::new(false),
    })
}

async fn reach(candidates: &Candidates) -> Result<(Engine, EngineInfo, EngineFeatures, String)> {
    let (wire, version) = choose(candidates).await?;
    let agreed = agree(&version)?;
    let dialect = version.dialect();
    let unusable = |failure| errors::error(Operation::Read, "engine", failure);
    let engine = Engine::new(&wire, &agreed, dialect);
    let system = engine.features().await.map_err(unusable)?;
    let mut features = EngineFeatures::of(
        &system,
        dialect,
        agreed,
        mounts(engine.wire().address()).as_deref(),
    );
    features.keeps_mode = keeps_mode(version.runc());
    let info = EngineInfo::new(dialect.product, version.version, Some(agreed.to_string()));
    tracing::debug!(address = %engine.wire().address(), engine = ?info, "connected");
    Ok((engine, info, features, system.docker_root_dir))
}

/// Returns the first address at which an acceptable engine responds.
async fn choose(candidates: &Candidates) -> Result<(Wire, VersionRecord)> {
    let mut first_failure = None;
    let mut tried = Vec::new();
    for address in &candidates.addresses {
        let found = match Wire::new(address.clone()) {
            Ok(wire) => version(&wire).await.map(|version| (wire, version)),
            Err(failure) => Err(failure),
        };
        match found {
            Ok((_, version)) if candidates.accepted == Accepted::Podman && !version.dialect().libpod => {
                let problem = format!("must be Podman, but {address} is Docker {}", version.version);
                tried.push(format!("{address}: is Docker {}", version.version));
                first_failure.get_or_insert(ConfigurationError::single("uri", "not-podman", problem).into());
            }
            Ok(found) => return Ok(found),
            Err(failure) => {
                let error = errors::error(Operation::Read, "engine", failure);
                tried.push(format!("{address}: {}", error.message()));
                // A permission error is more useful than a missing socket.
                let denied = error.hint() == Some(Hint::SocketPermission);
                if denied || first_failure.is_none() {
                    first_failure = Some(error);
                }
            }
        }
    }
    Err(explain(candidates, first_failure, &tried))
}

fn explain(candidates: &Candidates, failure: Option<DriverError>, tried: &[String]) -> DriverError {
    match failure {
        Some(error) if candidates.named || error.hint() != Some(Hint::EngineNotRunning) => error,
        failure => {
            let error = ConnectionError::new(format!("no engine found; tried {}", tried.join("; ")))
                .with_hint(Hint::EngineNotRunning);
            match failure {
                Some(source) => error.with_source(source).into(),
                None => error.into(),
            }
        }
    }
}

/// Returns the newest API version that both the driver and the engine support.
fn agree(version: &VersionRecord) -> Result<ApiVersion> {
    let engine = &version.version;
    let Some(newest) = ApiVersion::parse(&version.api_version) else {
        let text = format!(
            "the engine reports an invalid API version: {:?}",
            version.api_version
        );
        return Err(ConnectionError::new(text).with_retryable(false).into());
    };
    if newest < OLDEST {
        let reason = format!(
            "engine {engine} supports API {newest}, but the driver requires {OLDEST} or \
                              newer"
        );
        return Err(UnsupportedError::new(OPERATION, reason)
            .with_hint(Hint::ApiTooOld)
            .into());
    }
    match ApiVersion::parse(&version.min_api_version) {
        Some(oldest) if oldest > NEWEST => {
            let reason = format!(
                "engine {engine} requires API {oldest} or newer, but the driver supports {NEWEST} at most"
            );
            Err(UnsupportedError::new(OPERATION, reason)
                .with_hint(Hint::ApiTooNew)
                .into())
        }
        _ => Ok(newest.min(NEWEST)),
    }
}

/// Returns the mount table of this host, or `None` if the engine may run on another host.
fn mounts(address: &Address) -> Option<String> {
    let text = || std::fs::read_to_string("/proc/self/mounts").ok();
    address.is_local().then(text)?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(newest: &str, oldest: &str) -> VersionRecord {
        VersionRecord {
            api_version: newest.to_owned(),
            min_api_version: oldest.to_owned(),
            ..VersionRecord::default()
        }
    }

    #[test]
    fn negotiates_newest_common_api_version() {
        for (newest, oldest, agreed) in [
            ("1.41", "1.12", "1.41"),
            ("1.53", "1.44", "1.53"),
            ("1.99", "1.44", "1.53"),
        ] {
            assert_eq!(agree(&record(newest, oldest)).unwrap().to_string(), agreed);
        }
        assert_eq!(agree(&record("1.40", "")).unwrap(), OLDEST);
    }

    #[test]
    fn unsupported_api_versions_have_hints() {
        assert_eq!(
            agree(&record("1.39", "1.12")).unwrap_err().hint(),
            Some(Hint::ApiTooOld)
        );
        assert_eq!(
            agree(&record("2.10", "2.0")).unwrap_err().hint(),
            Some(Hint::ApiTooNew)
        );
        assert_eq!(agree(&record("", "")).unwrap_err().code(), "CONNECTION_ERROR");
    }
}
