//! The only module that calls the engine. Every function makes one call, or a few related ones, and returns the
//! engine's response. `translate` interprets the response, and `driver` sets deadlines.
//!
//! Requests and responses use bollard's models if they fit, but every exchange goes through the wire module.
//! bollard's own client has these drawbacks: it reads responses of any length into memory, accepts any response with
//! an HTTP status below 400, even from a proxy, logs bodies that contain environment variables, and loses values that
//! its models do not know (Podman's `stopped`).

mod archive;
mod containers;
mod events;
mod exec;
mod images;
mod logs;
mod networks;
mod system;
mod usage;
mod volumes;

use std::time::Duration;

use http::Method;
use tokio::time::sleep;

pub(crate) use archive::Download;
pub(crate) use containers::Removal;
pub(crate) use exec::{ExecReader, ExecRequest};
pub(crate) use images::Report;
pub(crate) use logs::{LogRequest, Output};
pub(crate) use networks::NetworkPlan;
pub(crate) use system::{SystemRecord, VersionRecord, version};

use crate::dialect::Dialect;
use crate::wire::{Answer, EngineError, Payload, Query, Refusal, Wire};

/// The maximum number of times to repeat a query while the engine is in a transitional state.
const SETTLING: u32 = 50;
const SETTLING_PAUSE: Duration = Duration::from_millis(100);

/// A connection to one engine, with the negotiated API version.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    wire: Wire,
    dialect: &'static Dialect,
}

impl Engine {
    pub(crate) fn new(wire: &Wire, version: &ApiVersion, dialect: &'static Dialect) -> Self {
        let wire = wire.with_version(&version.to_string());
        Self { wire, dialect }
    }

    pub(crate) fn dialect(&self) -> &'static Dialect {
        self.dialect
    }

    pub(crate) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Performs a query, and reads the whole list it returns. Repeats the query if the engine is in a transitional
    /// state or responds with 404, as some engines do if an entry is removed during the query.
    async fn ask_list(&self, target: &Query) -> Result<Answer, EngineError> {
        settled(
            || self.wire.list(target),
            |refusal| refusal.status == 404 || is_settling(&refusal.message),
        )
        .await
    }

    /// Performs a query, and reads the whole response. Repeats the query if the engine is in a transitional state.
    async fn ask(&self, target: &Query) -> Result<Answer, EngineError> {
        settled(
            || self.wire.call(Method::GET, target, Payload::Nothing),
            |refusal| is_settling(&refusal.message),
        )
        .await
    }
}

/// Performs a query, and repeats it while `is_settling` returns `true` for the engine's refusal. The engine refuses a
/// query if a container is just changing its state. Even a query for networks is affected, because engines inspect
/// all containers to answer it.
async fn settled<T, F>(ask: impl Fn() -> F, is_settling: impl Fn(&Refusal) -> bool) -> Result<T, EngineError>
where
    F: Future<Output = Result<T, EngineError>>,
{
    let mut found = ask().await;
    for _ in 0..SETTLING {
        match &found {
            Err(EngineError::Refused(refusal)) if is_settling(refusal) => {}
            _ => break,
        }
        sleep(SETTLING_PAUSE).await;
        found = ask().await;
    }
    found
}

/// Returns whether `message` shows that an inspection failed only temporarily. Podman cannot inspect a container
/// while the container's network is being taken down, because the configured and the actual networks differ. An
/// inspection also fails if the container's main process exits during the inspection. Listing images fails if an
/// image is removed during the listing.
fn is_settling(message: &str) -> bool {
    let network = message.contains("network inspection mismatch");
    let process = message.contains("/proc/")
        && (message.contains("no such process") || message.contains("no such file or directory"));
    // Podman lists the images first and then reads each of them, which may have been removed meanwhile.
    let image = ["retrieving label for image ", "checking if image "]
        .iter()
        .any(|begin| message.starts_with(begin))
        && message.ends_with("image not known");
    network || process || image
}

/// Encodes the filter `name` with its values as JSON, for a list request.
fn filters(name: &str, values: &[String]) -> String {
    serde_json::json!({ name: values }).to_string()
}

/// A version of the engine's API, such as 1.41.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ApiVersion {
    pub(crate) major: usize,
    pub(crate) minor: usize,
}

impl ApiVersion {
    pub(crate) const fn new(major: usize, minor: usize) -> Self {
        Self { major, minor }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        })
    }
}

impl std::fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test(start_paused = true)]
    async fn only_transitional_state_errors_are_retried() {
        let settling = "read /proc/25459/cgroup: no such process";
        for (message, failures, requested) in [
            (settling, 3, Ok(4)),
            (settling, u32::MAX, Err(SETTLING + 1)),
            ("no such container", 1, Err(1)),
        ] {
            let count = Cell::new(0);
            let ask = || {
                count.set(count.get() + 1);
                let fails = count.get() <= failures;
                std::future::ready(if fails {
                    Err(EngineError::refused(500, message.to_owned()))
                } else {
                    Ok(())
                })
            };
            let found = settled(ask, |refusal| is_settling(&refusal.message)).await;
            let found = found.map(|()| count.get()).map_err(|_| count.get());
            assert_eq!(found, requested, "{message}");
        }
    }
}
