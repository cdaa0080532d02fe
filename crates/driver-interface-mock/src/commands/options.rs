//! Parsing of command lines into flags and operands.

use std::collections::BTreeMap;

use crate::process::MockProcess;

/// A parsed command line.
pub(super) struct Line {
    flags: BTreeMap<char, String>,
    pub(super) operands: Vec<String>,
}

impl Line {
    /// Parses the command line of `process`. `known` lists the flags, with a `:` after each flag that takes a value.
    /// For an unknown flag, prints an error and returns `None`.
    pub(super) async fn parse(process: &MockProcess, known: &str) -> Option<Self> {
        let args = process.args().get(1..).unwrap_or_default();
        match parse(args, known) {
            Ok(line) => Some(line),
            Err(flag) => {
                let name = process.args().first().map_or("", String::as_str);
                process.say(format!("{name}: unrecognized option: {flag}")).await;
                None
            }
        }
    }

    pub(super) fn has(&self, flag: char) -> bool {
        self.flags.contains_key(&flag)
    }

    pub(super) fn value(&self, flag: char) -> Option<&str> {
        self.flags.get(&flag).map(String::as_str)
    }
}

fn parse(args: &[String], known: &str) -> Result<Line, String> {
    let mut line = Line {
        flags: BTreeMap::new(),
        operands: Vec::new(),
    };
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let Some(flags) = arg.strip_prefix('-').filter(|flags| !flags.is_empty()) else {
            line.operands.push(arg.clone());
            continue;
        };
        if flags == "-" {
            line.operands.extend(rest.by_ref().cloned());
            break;
        }
        // `head -5` is the obsolete form of `head -n 5`.
        if flags.chars().all(|c| c.is_ascii_digit()) && known.contains("n:") {
            line.flags.insert('n', flags.to_owned());
            continue;
        }
        let mut flags = flags.chars();
        while let Some(flag) = flags.next() {
            let index = known
                .find(flag)
                .filter(|_| flag != ':')
                .ok_or_else(|| arg.clone())?;
            if !known.get(index + 1..).is_some_and(|after| after.starts_with(':')) {
                line.flags.insert(flag, String::new());
                continue;
            }
            let attached: String = flags.by_ref().collect();
            let value = if attached.is_empty() {
                rest.next().cloned()
            } else {
                Some(attached)
            };
            line.flags.insert(flag, value.ok_or_else(|| arg.clone())?);
        }
    }
    Ok(line)
}

/// Parses a number with an optional size suffix, as `head`, `tail` and `dd` accept it. Returns `None` if `text` is
/// invalid.
pub(super) fn count(text: &str) -> Option<u64> {
    let (digits, factor) = match text.char_indices().last()? {
        (at, 'b') => (text.get(..at)?, 512),
        (at, 'k' | 'K') => (text.get(..at)?, 1 << 10),
        (at, 'm' | 'M') => (text.get(..at)?, 1 << 20),
        (at, 'g' | 'G') => (text.get(..at)?, 1 << 30),
        _ => (text, 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}
