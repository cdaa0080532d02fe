//! The definition of a check: the rule that drivers must follow, and the function that verifies it.

use std::fmt;
use std::pin::Pin;
use std::str::FromStr;
use std::time::Duration;

use driver_interface_types::{Capability, ConfigFeature, Guarantee, Operation, Property};
use serde::{Deserialize, Serialize};

use crate::{CheckResult, Ctx};

/// The future that the `run` function of a [`Check`] returns.
pub type CheckFuture = Pin<Box<dyn Future<Output = CheckResult> + Send>>;

/// A rule of the contract, and the function that verifies it.
///
/// Ids are stable: an id is never reused for another rule. The first segment of an id is the check's
/// [area](Check::area).
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
    /// The id: slash-separated lower-case words, such as `lifecycle/start/idempotent`.
    pub id: &'static str,
    /// How severe a failure of the check is.
    pub level: Level,
    /// The rule applies only to drivers that declare all of these operations.
    pub operations: &'static [Operation],
    /// The rule applies only to drivers that declare all of these config features.
    pub config: &'static [ConfigFeature],
    /// The rule applies only to drivers whose engine enforces all of these guarantees.
    pub guarantees: &'static [Guarantee],
    /// The rule applies only to drivers whose containers have all of these properties.
    pub properties: &'static [Property],
    /// Whether the check observes the programs in its containers. If so, the check applies only to drivers that
    /// declare [`Property::RunsPrograms`].
    pub programs: bool,
    /// The prerequisites that the environment must provide.
    pub needs: &'static [Need],
    /// The rule, in one sentence.
    pub statement: &'static str,
    /// The reason for the rule. If engines differ, the reason why this rule was chosen. May be empty.
    pub rationale: &'static str,
    /// Whether other checks may run at the same time.
    pub isolation: Isolation,
    /// The time limit of the check, measured on the runtime's clock.
    pub limit: Duration,
    /// The function that verifies the rule.
    pub run: fn(Ctx) -> CheckFuture,
}

/// Builds the `run` function of a [`Check`] from the path of an `async fn(Ctx) -> CheckResult`.
#[macro_export]
macro_rules! run {
    ($body:path) => {
        |ctx| ::std::boxed::Box::pin($body(ctx))
    };
}

impl Check {
    /// The default time limit of a check. Even on a busy machine, only a check that hangs reaches this limit.
    const DEFAULT_LIMIT: Duration = Duration::from_secs(240);

    /// Creates a check of a rule that every driver must follow. The check needs the test image and its programs unless
    /// [`without_image`](Self::without_image) or [`without_programs`](Self::without_programs) is called.
    pub const fn must(id: &'static str, statement: &'static str, run: fn(Ctx) -> CheckFuture) -> Self {
        Self {
            id,
            level: Level::Must,
            operations: &[],
            config: &[],
            guarantees: &[],
            properties: &[],
            programs: true,
            needs: &[Need::Image],
            statement,
            rationale: "",
            isolation: Isolation::Parallel,
            limit: Self::DEFAULT_LIMIT,
            run,
        }
    }

    /// Creates a check of a rule that drivers should follow.
    pub const fn should(id: &'static str, statement: &'static str, run: fn(Ctx) -> CheckFuture) -> Self {
        let mut check = Self::must(id, statement, run);
        check.level = Level::Should;
        check
    }

    /// Creates a check of optional behaviour that is worth reporting.
    pub const fn may(id: &'static str, statement: &'static str, run: fn(Ctx) -> CheckFuture) -> Self {
        let mut check = Self::must(id, statement, run);
        check.level = Level::May;
        check
    }

    /// Limits the rule to drivers that declare all of these operations.
    #[must_use]
    pub const fn requires(mut self, operations: &'static [Operation]) -> Self {
        self.operations = operations;
        self
    }

    /// Limits the rule to drivers that declare all of these config features.
    #[must_use]
    pub const fn config(mut self, features: &'static [ConfigFeature]) -> Self {
        self.config = features;
        self
    }

    /// Limits the rule to drivers whose engine enforces all of these guarantees.
    #[must_use]
    pub const fn guarantees(mut self, guarantees: &'static [Guarantee]) -> Self {
        self.guarantees = guarantees;
        self
    }

    /// Limits the rule to drivers whose containers have all of these properties.
    #[must_use]
    pub const fn properties(mut self, properties: &'static [Property]) -> Self {
        self.properties = properties;
        self
    }

    /// Returns the capabilities that a driver must declare for the rule to apply. The result omits operations that
    /// every driver must support. The result also omits the property that [`programs`](Self::programs) requires.
    pub fn required(&self) -> impl Iterator<Item = Capability> + use<> {
        let optional = self
            .operations
            .iter()
            .copied()
            .filter(|operation| !operation.is_required());
        let operations = optional.map(Capability::from);
        let config = self.config.iter().copied().map(Capability::from);
        let guarantees = self.guarantees.iter().copied().map(Capability::from);
        let properties = self.properties.iter().copied().map(Capability::from);
        operations.chain(config).chain(guarantees).chain(properties)
    }

    /// Sets the prerequisites of the check. They replace the default, which is the test image.
    #[must_use]
    pub const fn needs(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    /// Declares that the check needs no test image.
    #[must_use]
    pub const fn without_image(self) -> Self {
        self.without_programs().needs(&[])
    }

    /// Declares that the check needs the test image only to create containers from it. The check does not observe the
    /// programs in these containers, but expects a started container to run until it is stopped.
    #[must_use]
    pub const fn without_programs(mut self) -> Self {
        self.programs = false;
        self
    }

    /// Sets the reason for the rule.
    #[must_use]
    pub const fn because(mut self, rationale: &'static str) -> Self {
        self.rationale = rationale;
        self
    }

    /// Declares that no other check may run at the same time.
    #[must_use]
    pub const fn exclusive(mut self) -> Self {
        self.isolation = Isolation::Exclusive;
        self
    }

    /// Sets the time limit of the check, in seconds. Checks with a long limit start first.
    #[must_use]
    pub const fn limit(mut self, seconds: u64) -> Self {
        self.limit = Duration::from_secs(seconds);
        self
    }

    /// Returns the area of the check: the first segment of its id.
    pub fn area(&self) -> &'static str {
        area_of(self.id)
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Check({} {})", self.level, self.id)
    }
}

/// Returns the area of the check with the id `id`: the first segment of the id.
pub(crate) fn area_of(id: &str) -> &str {
    id.split_once('/').map_or(id, |(area, _)| area)
}

/// How severe a failed check is, in the terms of RFC 2119.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// A driver that fails the check does not conform to the contract.
    Must,
    /// A driver that fails the check lacks expected behaviour.
    Should,
    /// The result only informs: a failure has no effect on the driver's conformance.
    May,
}

impl Level {
    /// Returns the RFC 2119 keyword for the level.
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
            _ => Err(format!("unknown level {text:?}: use must, should or may")),
        }
    }
}

/// Whether other checks may run at the same time as a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// Other checks may run at the same time: the check only looks at resources that it has created itself.
    Parallel,
    /// No other check may run at the same time: the check measures the machine or the whole namespace.
    Exclusive,
}

/// A prerequisite that the environment of a check must provide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Need {
    /// The test image.
    Image,
    /// A target that can create unmanaged resources; see [`Target::unmanaged_resources`](crate::Target::unmanaged_resources).
    UnmanagedResources,
    /// The test image, and a target that provides a registry image; see
    /// [`Target::registry_image`](crate::Target::registry_image).
    Registry,
    /// A target that exposes its engine's address, so that the suite can inject faults into the connection; see
    /// [`Target::engine_address`](crate::Target::engine_address).
    Link,
}
