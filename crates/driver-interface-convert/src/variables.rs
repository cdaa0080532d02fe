//! Replacement of variables in texts by their values.

use crate::ConvertOptions;

/// The maximum nesting depth of default values, as in `${A:-${B:-c}}`.
const MAX_DEPTH: usize = 16;

/// Replaces `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:+other}`, `${NAME+other}`,
/// `${NAME:?message}` and `${NAME?message}` in a text, and `$$` by `$`, as compose does.
///
/// # Errors
/// A message that names a variable that is not set, or describes invalid syntax.
pub(crate) fn interpolate(options: &ConvertOptions, text: &str) -> Result<String, String> {
    within(options, text, MAX_DEPTH)
}

fn within(options: &ConvertOptions, mut text: &str, depth: usize) -> Result<String, String> {
    let mut result = String::new();
    while let Some((before, after)) = text.split_once('$') {
        result.push_str(before);
        text = after;
        if let Some(rest) = text.strip_prefix('$') {
            result.push('$');
            text = rest;
        } else {
            let (value, rest) = value(options, text, depth)?;
            result.push_str(&value);
            text = rest;
        }
    }
    result.push_str(text);
    Ok(result)
}

/// Returns the value of the variable at the start of `text`, and the rest of `text`. `text` begins after the
/// variable's `$`.
pub(crate) fn first<'a>(options: &ConvertOptions, text: &'a str) -> Result<(String, &'a str), String> {
    value(options, text, MAX_DEPTH)
}

fn value<'a>(options: &ConvertOptions, text: &'a str, depth: usize) -> Result<(String, &'a str), String> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err("has variables that are nested too deeply".to_owned());
    };
    let Some(inside) = text.strip_prefix('{') else {
        let (name, rest) = name(text);
        if name.is_empty() {
            return Err("has a `$` without a variable; write `$$` for the character itself".to_owned());
        }
        let value = options.value(name).ok_or_else(|| unset(name))?;
        return Ok((value.to_owned(), rest));
    };
    let (name, rest) = name(inside);
    let end = closing_brace(rest).filter(|_| !name.is_empty());
    let Some((operator, rest)) = end.and_then(|at| Some((rest.get(..at)?, rest.get(at + 1..)?))) else {
        return Err("has a `${` that is not the start of a variable such as `${NAME:-default}`".to_owned());
    };
    let set = options.value(name);
    let (not_empty, operator) = match operator.strip_prefix(':') {
        Some(operator) => (set.filter(|value| !value.is_empty()), operator),
        None => (set, operator),
    };
    let other = |text: &str| within(options, text, depth);
    let value = match (operator.chars().next(), operator.get(1..).unwrap_or_default()) {
        (None, _) => set.ok_or_else(|| unset(name))?.to_owned(),
        (Some('-'), default) => not_empty.map_or_else(|| other(default), |value| Ok(value.to_owned()))?,
        (Some('+'), replacement) if not_empty.is_some() => other(replacement)?,
        (Some('+'), _) => String::new(),
        (Some('?'), message) => match not_empty {
            Some(value) => value.to_owned(),
            None => return Err(format!("{}: {}", unset(name), other(message)?)),
        },
        _ => return Err(format!("has an unknown operator after the variable `{name}`")),
    };
    Ok((value, rest))
}

fn unset(name: &str) -> String {
    format!("the variable `{name}` is not set: set it with `ConvertOptions::variable`")
}

fn name(text: &str) -> (&str, &str) {
    let is_digit = |c: char| c.is_ascii_digit();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    if name.starts_with(is_digit) {
        ("", text)
    } else {
        (name, rest)
    }
}

/// Returns the position of the `}` that closes a `${` before `text`. Skips nested pairs of `${` and `}`.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '{' if before == '$' => open += 1,
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
        before = c;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_replace_variables() {
        let options = ConvertOptions::default().variable("A", "1").variable("EMPTY", "");
        for (text, expected) in [
            ("a $A b", "a 1 b"),
            ("${A}${A}", "11"),
            ("$$A $${A}", "$A ${A}"),
            ("${EMPTY:-x}${EMPTY-y}${NONE:-z}", "xz"),
            ("${NONE:-${A:-b}}c", "1c"),
            ("${A:+set}${EMPTY:+x}${EMPTY+y}${NONE+z}", "sety"),
            ("${A:?needed}", "1"),
            ("${NONE:-{}}", "{}"),
            ("$A/ü", "1/ü"),
        ] {
            assert_eq!(interpolate(&options, text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn unset_variables_and_syntax_errors_are_reported() {
        let options = ConvertOptions::default();
        for (text, part) in [
            ("$NONE", "the variable `NONE` is not set"),
            ("${NONE}", "the variable `NONE` is not set"),
            (
                "${NONE:?set it}",
                "not set: set it with `ConvertOptions::variable`: set it",
            ),
            ("${NONE", "not the start of a variable"),
            ("${}", "not the start of a variable"),
            ("${NONE/x}", "unknown operator"),
            ("cost: 5$", "`$` without a variable"),
            ("$1", "`$` without a variable"),
        ] {
            let error = interpolate(&options, text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let nested = "${A:-".repeat(100) + &"}".repeat(100);
        assert!(interpolate(&options, &nested).unwrap_err().contains("too deeply"));
    }
}
