//! The subset of regular expressions that `grep` needs in tests: characters, `.`, sets, `^`, `$` and `*`; with
//! `-E`, also `+`, `?`, and `|` at the top level. Groups are not supported.

use crate::shell::glob::set_fits;

/// A parsed pattern of `grep`.
pub(super) struct Pattern {
    alternatives: Vec<Branch>,
    any_case: bool,
}

struct Branch {
    items: Vec<Item>,
    at_start: bool,
    at_end: bool,
}

struct Item {
    one: One,
    least: usize,
    many: bool,
}

enum One {
    Any,
    Char(char),
    Set(Vec<(char, bool)>),
}

impl Pattern {
    /// Parses `text` as a regular expression, or as a plain string if `fixed`. Returns `None` for unsupported syntax.
    pub(super) fn parse(text: &str, fixed: bool, extended: bool, any_case: bool) -> Option<Self> {
        let text = if any_case {
            text.to_lowercase()
        } else {
            text.to_owned()
        };
        let branch = |text: &str| {
            if fixed {
                Some(Branch::fixed(text))
            } else {
                Branch::parse(text, extended)
            }
        };
        let alternatives = if extended && !fixed {
            text.split('|').map(branch).collect::<Option<_>>()?
        } else {
            vec![branch(&text)?]
        };
        Some(Self {
            alternatives,
            any_case,
        })
    }

    /// Returns whether the pattern matches a part of `line`.
    pub(super) fn fits(&self, line: &str) -> bool {
        let chars: Vec<char> = if self.any_case {
            line.to_lowercase()
        } else {
            line.to_owned()
        }
        .chars()
        .collect();
        self.alternatives.iter().any(|branch| branch.fits(&chars))
    }
}

impl Branch {
    fn fixed(text: &str) -> Self {
        let items = text
            .chars()
            .map(|c| Item {
                one: One::Char(c),
                least: 1,
                many: false,
            })
            .collect();
        Self {
            items,
            at_start: false,
            at_end: false,
        }
    }

    fn parse(text: &str, extended: bool) -> Option<Self> {
        let (at_start, text) = text.strip_prefix('^').map_or((false, text), |rest| (true, rest));
        let mut branch = Self {
            items: Vec::new(),
            at_start,
            at_end: false,
        };
        let chars: Vec<char> = text.chars().collect();
        let mut at = 0;
        while let Some(c) = chars.get(at) {
            at += 1;
            let one = match c {
                '$' if at == chars.len() => {
                    branch.at_end = true;
                    break;
                }
                '*' if !branch.items.is_empty() => {
                    let last = branch.items.last_mut()?;
                    (last.least, last.many) = (0, true);
                    continue;
                }
                '+' | '?' if extended => {
                    let last = branch.items.last_mut()?;
                    (last.least, last.many) = if *c == '+' {
                        (last.least, true)
                    } else {
                        (0, last.many)
                    };
                    continue;
                }
                '(' | ')' | '{' if extended => return None,
                '\\' => {
                    let quoted = chars
                        .get(at)
                        .filter(|c| !c.is_ascii_alphanumeric() && !matches!(c, '(' | '{' | '|'))?;
                    at += 1;
                    One::Char(*quoted)
                }
                '.' => One::Any,
                '[' => {
                    let set: Vec<(char, bool)> = chars.get(at..)?.iter().map(|c| (*c, false)).collect();
                    let (_, length) = set_fits(&set, ' ')?;
                    at += length;
                    One::Set(set)
                }
                c => One::Char(*c),
            };
            branch.items.push(Item {
                one,
                least: 1,
                many: false,
            });
        }
        Some(branch)
    }

    fn fits(&self, line: &[char]) -> bool {
        // Tracks all positions at which the items so far can end, instead of backtracking, which can be slow.
        let mut ends: Vec<bool> = (0..=line.len()).map(|at| at == 0 || !self.at_start).collect();
        for item in &self.items {
            let mut next = vec![false; line.len() + 1];
            let mut carried = false;
            for (at, slot) in next.iter_mut().enumerate() {
                let step = at
                    .checked_sub(1)
                    .and_then(|before| line.get(before))
                    .is_some_and(|c| item.one.is(*c));
                let from_before = at
                    .checked_sub(1)
                    .and_then(|before| ends.get(before))
                    .copied()
                    .unwrap_or(false);
                // An item that may repeat and has matched once may match again.
                carried = step && (from_before || (carried && item.many));
                let skipped = item.least == 0 && ends.get(at).copied().unwrap_or(false);
                *slot = carried || skipped;
            }
            ends = next;
        }
        if self.at_end {
            ends.last().copied().unwrap_or(false)
        } else {
            ends.contains(&true)
        }
    }
}

impl One {
    fn is(&self, c: char) -> bool {
        match self {
            Self::Any => true,
            Self::Char(own) => *own == c,
            Self::Set(set) => set_fits(set, c).is_some_and(|(fits, _)| fits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, line: &str) -> bool {
        Pattern::parse(pattern, false, true, false).unwrap().fits(line)
    }

    #[test]
    fn finds_pattern_matches() {
        for (pattern, line) in [
            ("b", "abc"),
            ("^a", "abc"),
            ("c$", "abc"),
            ("^$", ""),
            (".", "x"),
            ("^[0-9]", "7up"),
            ("^[^a]*$", "xyz"),
            ("ab*c", "ac"),
            ("ab+c", "abbc"),
            ("ab?c", "ac"),
            ("x|b", "abc"),
            (r"a\.b", "a.b"),
            ("a.*z", "a--z"),
            ("", "x"),
        ] {
            assert!(fits(pattern, line), "{pattern} in {line}");
        }
        for (pattern, line) in [
            ("d", "abc"),
            ("^b", "abc"),
            ("b$", "abc"),
            ("^$", "x"),
            ("ab+c", "ac"),
            (r"a\.b", "axb"),
            ("^[^a]*$", "xaz"),
        ] {
            assert!(!fits(pattern, line), "{pattern} in {line}");
        }
    }

    #[test]
    fn rejects_unsupported_patterns() {
        for pattern in ["(a)", "a{2}", r"\w", "[a", "+"] {
            assert!(Pattern::parse(pattern, false, true, false).is_none(), "{pattern}");
        }
    }
}
