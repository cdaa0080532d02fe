//! Escaping of text from drivers and engines. Such text may contain anything.

use std::fmt::Write;

/// The maximum number of characters that [`line()`] takes from a text.
const LONGEST: usize = 600;

/// Formats a text on one line. Control characters and characters that change the text direction are escaped.
pub(crate) fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().take(LONGEST) {
        if c.is_control() || is_invisible(c) {
            // Writing to a string cannot fail.
            let _ = write!(out, "{}", c.escape_default());
        } else {
            out.push(c);
        }
    }
    let rest = text.chars().count().saturating_sub(LONGEST);
    if rest > 0 {
        let _ = write!(out, " … {rest} more characters");
    }
    out
}

/// Returns whether a character has no width or changes the direction of text. Such characters can make a report
/// misleading.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The maximum number of characters that [`html()`] takes from a text.
const LONGEST_TEXT: usize = 10_000;

/// Escapes a text for use in HTML, also in a quoted attribute. Line breaks are kept; other control characters are
/// escaped.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().take(LONGEST_TEXT) {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push(c),
            _ if c.is_control() || is_invisible(c) => out.extend(c.escape_default()),
            _ => out.push(c),
        }
    }
    if text.chars().nth(LONGEST_TEXT).is_some() {
        out.push_str(" …");
    }
    out
}

/// Escapes a text for a cell of a Markdown table or a line of Markdown. Only markup is escaped, so that the source
/// stays readable. For example, a backslash before a letter, as in `\xff`, is not markup. An underscore within a word
/// is not markup either.
pub(super) fn markdown(text: &str) -> String {
    let text = line(text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = rest.next() {
        let after = rest.peek().copied();
        let is_markup = match c {
            '\\' => after.is_none_or(|after| after.is_ascii_punctuation()),
            '_' => !(before.is_alphanumeric() && after.is_some_and(char::is_alphanumeric)),
            '|' | '`' | '*' | '[' | ']' | '~' | '#' => true,
            _ => false,
        };
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            _ if is_markup => out.extend(['\\', c]),
            _ => out.push(c),
        }
        before = c;
    }
    out
}

/// Escapes a Markdown text in which backticks mark code, such as a doc comment. Only characters that would end a table
/// cell or begin HTML are escaped.
pub(super) fn markdown_sentence(text: &str) -> String {
    line(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('|', "\\|")
}

/// Replaces the characters that XML 1.0 does not allow with U+FFFD.
pub(super) fn xml(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t'
            | '\n'
            | '\r'
            | '\u{20}'..='\u{d7ff}'
            | '\u{e000}'..='\u{fffd}'
            | '\u{10000}'..='\u{10ffff}' => c,
            _ => '\u{fffd}',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}[31mb\u{202e}c\0d\r\ne]]>f|g`h<script>&";

    #[test]
    fn line_has_no_control_characters() {
        let text = line(HOSTILE);
        assert!(
            !text.contains(char::is_control) && !text.contains('\u{202e}'),
            "{text}"
        );
        assert!(text.contains("\\u{1b}[31mb"), "{text}");
        assert!(line(&"x".repeat(5000)).ends_with("4400 more characters"));
    }

    #[test]
    fn markdown_cannot_escape_its_cell() {
        let text = markdown(HOSTILE);
        assert!(text.contains("\\|") && !text.contains("<script"), "{text}");
    }

    #[test]
    fn markdown_escapes_markup_only() {
        assert_eq!(markdown(r#"got b"\xff\xfe\n""#), r#"got b"\xff\xfe\n""#);
        assert_eq!(markdown("declares real_processes"), "declares real_processes");
        assert_eq!(markdown("\u{1b}[1m"), r"\u{1b}\[1m");
        // A backslash in the text must not escape the backslash that the function adds.
        assert_eq!(markdown(r"a\|b \\ _x_ \"), r"a\\\|b \\\ \_x\_ \\");
    }

    #[test]
    fn html_cannot_escape_text_or_attribute() {
        let text = html(&format!("{HOSTILE}'\""));
        assert!(
            !text.contains(['<', '>', '"', '\'', '\u{1b}', '\u{202e}', '\0']),
            "{text}"
        );
        assert!(
            text.contains("\\u{1b}[31mb") && text.contains("\\r\ne]]&gt;f"),
            "{text}"
        );
        assert!(html(&"x".repeat(LONGEST_TEXT + 1)).ends_with("x …"));
    }

    #[test]
    fn xml_contains_only_valid_characters() {
        assert_eq!(xml("a\0b\u{1b}c\u{fffe}\n"), "a\u{fffd}b\u{fffd}c\u{fffd}\n");
    }
}
