//! The validation rules for configs and options. Each type of config or options derives `garde::Validate`, and the
//! derived implementation calls the rules.
//!
//! Callers use the rules through the crate `driver-interface-validation`, which defines the validation functions and
//! the policy. The result of a rule depends only on the value and the policy. garde's report contains only one
//! message per error. Therefore [`RuleContext`] stores the code and the path of each violation.

mod capabilities;
pub mod codes;
mod commands;
pub(crate) mod json;
pub mod limits;
mod maps;
mod mounts;
mod names;
#[doc(hidden)]
pub mod paths;
mod setup;
#[doc(hidden)]
pub mod text;

use std::borrow::Cow;
use std::cell::RefCell;

use driver_interface_errors::Violation;
use garde::Validate;

pub(crate) use self::{capabilities::*, commands::*, limits::*, maps::*, mounts::*, names::*, setup::*};

/// The policy that the operator of a driver sets. The policy allows exceptions to the validation rules.
pub trait HostPolicy {
    /// Returns the reason why the host path `path` may not be mounted; `None` if the mount is allowed.
    fn bind_problem(&self, path: &str) -> Option<String>;

    /// Returns whether a config may add the Linux capability `name`. This method is called only for capabilities that
    /// affect more than the container.
    fn allows_capability(&self, name: &str) -> bool;

    /// Returns whether the `type` option of a volume may have the value `kind`, such as `nfs` or `bind`. The type
    /// `tmpfs` is always allowed.
    fn allows_volume_type(&self, kind: &str) -> bool;
}

/// The context of one validation: the policy of the driver, and the violations found.
pub struct RuleContext {
    policy: Box<dyn HostPolicy>,
    /// One list of violations for each error in garde's report, in the order of the report. Each violation has a
    /// path, which is relative to the path of the error, and a refusal.
    found: RefCell<Vec<Vec<(String, Refusal)>>>,
}

/// The reason why a rule rejects a value: the code of the rule, and the message.
pub(crate) struct Refusal {
    code: Cow<'static, str>,
    message: String,
}

/// The result of a rule for a single value.
pub(crate) type Verdict = Result<(), Refusal>;

pub(crate) fn refuse(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Verdict {
    Err(Refusal {
        code: code.into(),
        message: message.into(),
    })
}

/// The step from a list to its item with this index, in the path of a violation.
pub(crate) struct Index(usize);

/// The step from a map to its entry with this key, in the path of a violation.
pub(crate) struct Key<'a>(&'a str);

impl From<Index> for String {
    fn from(Index(index): Index) -> Self {
        format!("[{index}]")
    }
}

impl From<Key<'_>> for String {
    fn from(Key(key): Key<'_>) -> Self {
        text::key_step(key)
    }
}

/// The violations found in one field of a config, including the list items, map entries and fields inside that field.
pub(crate) struct Findings<'a> {
    policy: &'a dyn HostPolicy,
    found: Vec<(String, Refusal)>,
}

impl Findings<'_> {
    /// Records a violation if `verdict` is an error. `path` leads from the field to the invalid value, and is, for
    /// example, `[0]` or `["KEY"]`. The empty path `""` is the field itself.
    fn note(&mut self, path: impl Into<String>, verdict: Verdict) {
        self.found
            .extend(verdict.err().map(|refusal| (path.into(), refusal)));
    }

    fn at_most(&mut self, most: usize, what: &str, count: usize) {
        if count > most {
            let message = format!("must have at most {most} {what}, has {count}");
            self.note("", refuse(codes::TOO_MANY, message));
        }
    }
}

impl RuleContext {
    /// Creates a context for one validation.
    pub fn new(policy: impl HostPolicy + 'static) -> Self {
        Self {
            policy: Box::new(policy),
            found: RefCell::default(),
        }
    }

    /// Validates `value` and returns all violations. They are in alphabetical order of the fields, as in garde's
    /// report.
    pub fn violations<T: Validate<Context = Self>>(self, value: &T) -> Vec<Violation> {
        let Err(report) = value.validate_with(&self) else {
            return Vec::new();
        };
        let errors = report.into_inner().into_iter().zip(self.found.into_inner());
        let violations = errors.flat_map(|((path, _), found)| {
            let path = wire_path(&path.to_string());
            let violation = move |(below, refusal): (String, Refusal)| {
                Violation::new(format!("{path}{below}"), refusal.code, refusal.message)
            };
            found.into_iter().map(violation)
        });
        violations.collect()
    }
}

/// Converts `rule`, which finds at most one violation, to a garde rule.
pub(crate) fn one<T: ?Sized>(rule: impl Fn(&T) -> Verdict) -> impl Fn(&T, &RuleContext) -> garde::Result {
    many(move |value: &T, found: &mut Findings<'_>| found.note("", rule(value)))
}

/// Converts `rule`, which can find several violations, to a garde rule.
pub(crate) fn many<T: ?Sized>(
    rule: impl Fn(&T, &mut Findings<'_>),
) -> impl Fn(&T, &RuleContext) -> garde::Result {
    move |value, context| {
        let mut findings = Findings {
            policy: &*context.policy,
            found: Vec::new(),
        };
        rule(value, &mut findings);
        if findings.found.is_empty() {
            return Ok(());
        }
        let found = findings.found.iter();
        let texts: Vec<String> = found
            .map(|(path, refusal)| format!("{path}{}", refusal.message))
            .collect();
        context.found.borrow_mut().push(findings.found);
        Err(garde::Error::new(texts.join("; ")))
    }
}

/// Converts the field names in a path of garde to the names on the wire: `session_id` becomes `sessionId`.
fn wire_path(path: &str) -> String {
    let mut words = path.split('_');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut chars = word.chars();
        out.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(chars.as_str());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_paths_use_camel_case() {
        assert_eq!(wire_path("session_id"), "sessionId");
        assert_eq!(wire_path("volumes[1].read_only"), "volumes[1].readOnly");
        assert_eq!(wire_path(""), "");
    }
}
