//! A check as data: what it holds a driver to, and the code that finds out.

use std::fmt;
use std::pin::Pin;
use std::str::FromStr;
use std::time::Duration;

use driver_interface_types::Capability;
use serde::{Deserialize, Serialize};

use crate::{CheckResult, Ctx};

/// A running check.
pub type CheckFuture = Pin<Box<dyn Future<Output = CheckResult> + Send>>;

/// One rule of the contract, and how a driver is held to it.
///
/// An id is stable for ever: it is never reused for another rule. Its first segment is the [area](Check::area).
///
/// ```
/// use driver_interface_conformance::{Check, Level, run};
///
/// const POLITE: Check = Check::should("acme/polite", "The driver has a name.", run!(polite));
///
/// async fn polite(ctx: driver_interface_conformance::Ctx) -> driver_interface_conformance::CheckResult {
///     ctx.ensure("the driver's name is not empty", !ctx.driver().name().is_empty(), ctx.driver().name())
/// }
///
/// # use driver_interface_types::ContainerDriver;
/// assert_eq!((POLITE.area(), POLITE.level), ("acme", Level::Should));
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Check {
    /// Slash-separated lower-case words, such as `lifecycle/start/idempotent`.
    pub id: &'static str,
    /// How bad it is when a driver fails it.
    pub level: Level,
    /// Capabilities a driver must declare for the rule to concern it.
    pub requires: &'static [Capability],
    /// What the surroundings must provide.
    pub needs: &'static [Need],
    /// The rule, in one sentence.
    pub statement: &'static str,
    /// Why the rule is there, or how it was decided where engines differ; may be empty.
    pub rationale: &'static str,
    /// Whether other checks may run meanwhile.
    pub isolation: Isolation,
    /// The longest it may take, by the runtime's clock.
    pub limit: Duration,
    /// The code.
    pub run: fn(Ctx) -> CheckFuture,
}

/// Makes the code of a [`Check`] from the path of an `async fn(Ctx) -> CheckResult`.
#[macro_export]
macro_rules! run {
    ($body:path) => {
        |ctx| ::std::boxed::Box::pin($body(ctx))
    };
}

impl Check {
    const DEFAULT_LIMIT: Duration = Duration::from_secs(90);

    /// A rule every driver has to follow. It needs the test image unless [`without_image`](Self::without_image).
    pub const fn must(id: &'static str, statement: &'static str, run: fn(Ctx) -> CheckFuture) -> Self {
        Self {
            id,
            level: Level::Must,
            requires: &[],
            needs: &[Need::Image],
            statement,
            rationale: "",
            isolation: Isolation::Parallel,
            limit: Self::DEFAULT_LIMIT,
            run,
        }
    }

    /// A rule that good drivers follow.
    pub const fn should(id: &'static str, statement: &'static str, run: fn(Ctx) -> CheckFuture) -> Self {
        let mut check = Self::must(id, statement, run);
        check.level = Level::Should;
        check
    }

    /// Something a driver may do, worth knowing.
    pub const fn may(id: &'static str, statement: &'static str, run: fn(Ctx) -> CheckFuture) -> Self {
        let mut check = Self::must(id, statement, run);
        check.level = Level::May;
        check
    }

    /// Sets the capabilities without which the rule does not concern a driver.
    #[must_use]
    pub const fn requires(mut self, capabilities: &'static [Capability]) -> Self {
        self.requires = capabilities;
        self
    }

    /// Sets what the surroundings must provide, in place of the test image.
    #[must_use]
    pub const fn needs(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    /// Says that no test image is needed.
    #[must_use]
    pub const fn without_image(self) -> Self {
        self.needs(&[])
    }

    /// Says why the rule is there.
    #[must_use]
    pub const fn because(mut self, rationale: &'static str) -> Self {
        self.rationale = rationale;
        self
    }

    /// Says that nothing else may run meanwhile.
    #[must_use]
    pub const fn exclusive(mut self) -> Self {
        self.isolation = Isolation::Exclusive;
        self
    }

    /// Sets the longest it may take.
    #[must_use]
    pub const fn limit(mut self, seconds: u64) -> Self {
        self.limit = Duration::from_secs(seconds);
        self
    }

    /// The first segment of the id.
    pub fn area(&self) -> &'static str {
        area_of(self.id)
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Check({} {})", self.level, self.id)
    }
}

/// The area of a check's id: its first segment.
pub(crate) fn area_of(id: &str) -> &str {
    id.split_once('/').map_or(id, |(area, _)| area)
}

/// How bad it is when a driver fails a check, in the words of RFC 2119.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// The driver is not conformant.
    Must,
    /// Users will miss it.
    Should,
    /// It is worth knowing.
    May,
}

impl Level {
    /// The word of RFC 2119.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "must" => Ok(Self::Must),
            "should" => Ok(Self::Should),
            "may" => Ok(Self::May),
            _ => Err(format!("no level is called {text:?}: must, should or may")),
        }
    }
}

/// Whether other checks may run meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// It looks only at what it made itself.
    Parallel,
    /// It measures the machine or the whole namespace, so it runs alone.
    Exclusive,
}

/// What the surroundings of a check must provide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Need {
    /// The test image.
    Image,
    /// A target that can make objects of other programs; see [`Target::bystanders`](crate::Target::bystanders).
    Bystanders,
    /// The test image, and a target that names an image of a registry; see
    /// [`Target::registry_image`](crate::Target::registry_image).
    Registry,
    /// A target that gives its engine's address, so that faults can be injected into the connection; see
    /// [`Target::engine_address`](crate::Target::engine_address).
    Link,
}
