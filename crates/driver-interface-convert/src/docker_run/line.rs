//! Splits a command line into words, as a shell would.

use driver_interface_errors::ConfigurationError;

use crate::{ConvertOptions, text, variables};

/// Replaces the variables in a command line by their values, and splits the line into words.
///
/// Quotes, comments and line continuations have the same meaning as in a shell. A variable that is not set is an
/// error. Command substitutions and operators such as `|` are errors too, because only a shell can execute them.
pub(crate) fn split(options: &ConvertOptions, line: &str) -> Result<Vec<String>, ConfigurationError> {
    let words = expand(options, line.trim()).and_then(|line| text::words(&line));
    words.map_err(|message| ConfigurationError::single("line", "invalid-line", message))
}

#[derive(Clone, Copy, PartialEq)]
enum Quote {
    None,
    Single,
    Double,
}

/// Removes the comments from a command line, and replaces the variables by their values. Each value is quoted,
/// because a value may contain spaces or quotes.
fn expand(options: &ConvertOptions, mut line: &str) -> Result<String, String> {
    let mut result = String::new();
    let (mut quote, mut before) = (Quote::None, ' ');
    while let Some(c) = line.chars().next() {
        let rest = line.get(c.len_utf8()..).unwrap_or_default();
        let escaped = rest.chars().next();
        line = rest;
        match (quote, c) {
            (Quote::None, '#') if before.is_whitespace() => {
                let end = rest.find('\n').unwrap_or(rest.len());
                line = rest.get(end..).unwrap_or_default();
            }
            (Quote::None | Quote::Double, '\\') => {
                result.push(c);
                result.extend(escaped);
                line = rest.get(escaped.map_or(0, char::len_utf8)..).unwrap_or_default();
                // A continuation does not begin a word.
                before = escaped.unwrap_or(c);
                continue;
            }
            // Blank lines and lines of comments around the command.
            (Quote::None, '\n') if result.trim().is_empty() || is_blank(rest) => result.push(' '),
            (Quote::None, '|' | '&' | ';' | '<' | '>' | '(' | ')' | '\n') => {
                let operator = if c == '\n' {
                    "a line break without `\\`".to_owned()
                } else {
                    format!("`{c}`")
                };
                return Err(format!(
                    "has {operator} outside of quotes, on which the shell acts before `docker` runs: quote it, or \
                     convert each command on its own"
                ));
            }
            (Quote::None | Quote::Double, '`') => return Err(SUBSTITUTION.to_owned()),
            (Quote::None | Quote::Double, '$') if escaped.is_some_and(starts_variable) => {
                let (value, rest) = match rest.strip_prefix("(pwd)") {
                    Some(rest) => (variables::first(options, "PWD")?.0, rest),
                    None if escaped == Some('(') => return Err(SUBSTITUTION.to_owned()),
                    None => variables::first(options, rest)?,
                };
                line = rest;
                match quote {
                    Quote::Double => push_quoted(&mut result, &value),
                    _ => result.push_str(&shell_words::quote(&value)),
                }
            }
            (Quote::None, '\'') => quote = toggle(&mut result, c, Quote::Single),
            (Quote::None, '"') => quote = toggle(&mut result, c, Quote::Double),
            (Quote::Single, '\'') | (Quote::Double, '"') => quote = toggle(&mut result, c, Quote::None),
            _ => result.push(c),
        }
        before = c;
    }
    Ok(result)
}

fn is_blank(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    lines.all(|line| line.is_empty() || line.starts_with('#'))
}

const SUBSTITUTION: &str = "has a command substitution, which only a shell can run: write its output instead";

fn starts_variable(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '_' | '{' | '(')
}

fn toggle(result: &mut String, c: char, quote: Quote) -> Quote {
    result.push(c);
    quote
}

/// Appends the value of a variable that stands inside double quotes. Puts a backslash before each special character
/// of the value.
fn push_quoted(result: &mut String, value: &str) {
    for c in value.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            result.push('\\');
        }
        result.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Vec<String>, String> {
        let options = ConvertOptions::default()
            .directory("/srv/my app")
            .variable("TAG", "7")
            .variable("ODD", "a\"b$c");
        split(&options, line).map_err(|error| error.to_string())
    }

    #[test]
    fn words_are_those_of_a_shell() {
        for (line, expected) in [
            (
                "docker run \\\n  -e A='x y' \\\n  redis",
                vec!["docker", "run", "-e", "A=x y", "redis"],
            ),
            ("\n  a b # comment | $X\n", vec!["a", "b"]),
            ("# first\n\na b\n\n# last", vec!["a", "b"]),
            ("a#b \\# c", vec!["a#b", "#", "c"]),
            (
                "-v $PWD/x:/x -v \"$(pwd)\":/y",
                vec!["-v", "/srv/my app/x:/x", "-v", "/srv/my app:/y"],
            ),
            (
                "redis:$TAG redis:${TAG} '$TAG' \\$TAG",
                vec!["redis:7", "redis:7", "$TAG", "$TAG"],
            ),
            ("\"$ODD\" $ODD", vec!["a\"b$c", "a\"b$c"]),
            (
                "${NONE:-x y} 5$ 'a|b' \"a;b\" a\\&b",
                vec!["x y", "5$", "a|b", "a;b", "a&b"],
            ),
        ] {
            assert_eq!(words(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn what_needs_a_shell_is_refused() {
        for (line, part) in [
            ("docker run a && docker run b", "`&`"),
            ("docker run a | cat", "`|`"),
            ("docker run a > file", "`>`"),
            ("docker run a\ndocker run b", "line break"),
            ("docker run $(cat image)", "command substitution"),
            ("docker run `cat image`", "command substitution"),
            ("docker run -e TOKEN=$TOKEN a", "the variable `TOKEN` is not set"),
            ("docker run 'a", "closing quote"),
        ] {
            let error = words(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
