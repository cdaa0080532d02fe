//! Rules that determine into which requests a fault is injected.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Fault;

/// A fault, and the requests into which it is injected.
///
/// ```
/// use driver_interface_conformance::proxy::{Break, Fault, Position, Rule};
///
/// let rule = Rule::on("POST */start").times(1).fault(Fault::Break(Position::BeforeResponse, Break::Fin));
/// assert_eq!(
///     rule.to_string(),
///     "POST */start: cut (FIN) before the response, after the engine acted"
/// );
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pattern: String,
    skip: usize,
    times: Option<usize>,
    fault: Option<Fault>,
}

impl Rule {
    /// Creates a rule for the requests whose method and path, without the query, match a pattern like `POST */start`.
    /// `*` matches any text, including any method. A pattern without a space is compared with the path alone.
    pub fn on(pattern: &str) -> Self {
        Self {
            pattern: pattern.to_owned(),
            skip: 0,
            times: None,
            fault: None,
        }
    }

    /// Creates a rule for every request.
    pub fn any() -> Self {
        Self::on("*")
    }

    driver_interface_types::setters! {
        /// Makes the rule ignore the first `count` matching requests. Later rules can apply to these requests.
        skip(self, count: usize) { self.skip = count; }
        /// Limits the rule to `count` requests. By default, the rule applies to all matching requests.
        times(self, count: usize) { self.times = Some(count); }
        /// Sets the fault. A rule without a fault only counts the requests to which it applies, and no later rule
        /// applies to these requests.
        fault(self, fault: Fault) { self.fault = Some(fault); }
    }

    fn matches(&self, method: &str, path: &str) -> bool {
        let (wanted_method, wanted_path) = self.pattern.split_once(' ').unwrap_or(("*", &self.pattern));
        wildcard(wanted_method, method) && wildcard(wanted_path, path)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pattern)?;
        if self.skip > 0 {
            write!(f, " (after {})", self.skip)?;
        }
        match &self.fault {
            Some(fault) => write!(f, ": {fault}"),
            None => f.write_str(": no fault"),
        }
    }
}

/// A rule that was added to a proxy, and how often it was used.
#[derive(Clone, Debug)]
pub struct Injected(Arc<State>);

#[derive(Debug)]
struct State {
    rule: Rule,
    matched: AtomicUsize,
    hits: AtomicUsize,
}

impl Injected {
    pub(super) fn new(rule: Rule) -> Self {
        Self(Arc::new(State {
            rule,
            matched: AtomicUsize::new(0),
            hits: AtomicUsize::new(0),
        }))
    }

    /// Returns the number of requests that matched the rule, including the requests that the rule skipped.
    pub fn matched(&self) -> usize {
        self.0.matched.load(Ordering::SeqCst)
    }

    /// Returns how often the fault was injected. A request is not counted if its connection ended before the fault's
    /// position. If the result is 0, a test has tested nothing and should fail.
    pub fn hits(&self) -> usize {
        self.0.hits.load(Ordering::SeqCst)
    }

    /// Counts the request if it matches the rule's pattern. Returns whether the rule applies to the request.
    pub(super) fn takes(&self, method: &str, path: &str) -> bool {
        let rule = &self.0.rule;
        if !rule.matches(method, path) {
            return false;
        }
        let before = self.0.matched.fetch_add(1, Ordering::SeqCst);
        before
            .checked_sub(rule.skip)
            .is_some_and(|used| rule.times.is_none_or(|times| used < times))
    }

    pub(super) fn fault(&self) -> Option<&Fault> {
        self.0.rule.fault.as_ref()
    }

    pub(super) fn hit(&self) {
        self.0.hits.fetch_add(1, Ordering::SeqCst);
    }
}

/// Returns whether `text` matches a pattern in which `*` stands for any text.
fn wildcard(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(before) else {
        return false;
    };
    rest.char_indices()
        .map(|(at, _)| at)
        .chain([rest.len()])
        .any(|at| rest.get(at..).is_some_and(|rest| wildcard(after, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_method_and_path() {
        let matches = |pattern: &str, method: &str, path: &str| Rule::on(pattern).matches(method, path);
        assert!(matches("POST */start", "POST", "/v1.41/containers/web/start"));
        assert!(matches(
            "POST */containers/*/start", "POST", "/v1.41/containers/web/start"
        ));
        assert!(matches("*/start", "POST", "/containers/web/start"));
        assert!(matches("* /version", "GET", "/version"));
        assert!(!matches("GET */start", "POST", "/containers/web/start"));
        assert!(!matches("POST */start", "POST", "/exec/1/start/x"));
        assert!(!matches("POST /start", "POST", "/x/start"));
        assert!(Rule::any().matches("PUT", "/x"));
    }

    #[test]
    fn rule_honours_skip_and_times() {
        let rule = Injected::new(Rule::on("GET /a").skip(1).times(2));
        let taken: Vec<bool> = (0..5).map(|_| rule.takes("GET", "/a")).collect();
        assert_eq!(taken, [false, true, true, false, false]);
        assert!(!rule.takes("GET", "/b"));
        assert_eq!((rule.matched(), rule.hits()), (5, 0));
    }
}
