//! Sanitises external text for errors: reduces the text to one line, and removes credentials that engines and
//! registries have put into the text. Redaction is a last resort: a driver must not put a secret into a message.

const REDACTED: &str = "[redacted]";

/// The minimum length of a token after "bearer" or "basic". A shorter word is an ordinary word ("basic
/// authentication").
const SHORTEST_TOKEN: usize = 16;

/// Returns the text on one line, without control characters, credentials or a final period.
pub(crate) fn clean(text: &str) -> String {
    let line = redact(&one_line(text));
    match line.strip_suffix('.') {
        Some(rest) if !rest.ends_with('.') => rest.trim_end().to_owned(),
        _ => line,
    }
}

/// Returns `prefix: message`, or only the prefix if the message is empty.
pub(crate) fn joined(prefix: &str, message: &str) -> String {
    let message = clean(message);
    if message.is_empty() {
        prefix.to_owned()
    } else {
        format!("{prefix}: {message}")
    }
}

/// Returns the value to store for `key` in an error's context: on one line, and redacted if the key names a secret.
pub(crate) fn field_value(key: &str, value: &str) -> String {
    if is_secret_name(key) {
        REDACTED.to_owned()
    } else {
        redact(&value.replace(breaks_the_line, " "))
    }
}

fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text
        .split(|c: char| c.is_whitespace() || breaks_the_line(c))
        .filter(|word| !word.is_empty())
    {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

fn breaks_the_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn redact(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut after_scheme_word = false;
    for (index, word) in line.split(' ').enumerate() {
        if index > 0 {
            out.push(' ');
        }
        if after_scheme_word && word.len() >= SHORTEST_TOKEN {
            out.push_str(REDACTED);
        } else {
            out.push_str(&redact_assignments(&redact_user_info(word)));
        }
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        after_scheme_word = bare.eq_ignore_ascii_case("bearer") || bare.eq_ignore_ascii_case("basic");
    }
    out
}

/// Redacts the user name and password in URLs: `https://user:password@host/` becomes `https://[redacted]@host/`.
fn redact_user_info(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after.find(['/', '?', '#', '"', '\'', '`']).unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        match authority.rsplit_once('@') {
            Some((_, host)) => {
                out.push_str(REDACTED);
                out.push('@');
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// Redacts the values of variables whose names suggest a secret: `POSTGRES_PASSWORD=hunter2` becomes
/// `POSTGRES_PASSWORD=[redacted]`.
fn redact_assignments(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('=') {
        out.push_str(before);
        out.push('=');
        rest = after;
        if let Some(after) = after.strip_prefix(REDACTED) {
            out.push_str(REDACTED);
            rest = after;
            continue;
        }
        let name = before
            .rsplit(['?', '&', ',', ';', '"', '\'', '`', '[', '(', '{'])
            .next()
            .unwrap_or(before);
        if is_secret_name(name) {
            let quoted = usize::from(after.starts_with(['"', '\'', '`']));
            let (_, value) = after.split_at(quoted);
            let end = value
                .find(['&', ',', ';', '"', '\'', '`', ']', ')', '}'])
                .unwrap_or(value.len());
            out.push_str(REDACTED);
            rest = value.split_at(end).1;
        }
    }
    out.push_str(rest);
    out
}

fn is_secret_name(name: &str) -> bool {
    const PARTS: [&str; 10] = [
        "password", "passwd", "secret", "token", "authorization", "credential", "apikey", "privatekey",
        "cookie", "registryauth",
    ];
    let name: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn multi_line_text_becomes_one_line_without_period() {
        assert_eq!(clean("  no such\r\n\timage \u{1b}[31m.\n"), "no such image [31m");
        assert_eq!(clean("and so on..."), "and so on...");
        assert_eq!(joined("it failed", " \n"), "it failed");
    }

    #[test]
    fn credentials_in_urls_assignments_and_headers_are_redacted() {
        assert_eq!(
            clean("get https://joe:pw@host:5000/v2/?a=b"),
            "get https://[redacted]@host:5000/v2/?a=b"
        );
        assert_eq!(
            clean("env [DB_PASSWORD=pw, A=b]"),
            "env [DB_PASSWORD=[redacted], A=b]"
        );
        assert_eq!(clean("x?token=pw&scope=pull"), "x?token=[redacted]&scope=pull");
        assert_eq!(
            clean("Authorization: Bearer abcdefghijklmnopqrst"),
            "Authorization: Bearer [redacted]"
        );
        assert_eq!(field_value("x-registry-auth", "e30="), "[redacted]");
    }

    #[test]
    fn ordinary_text_is_unchanged() {
        for text in [
            "no basic authentication set up",
            "a=b",
            "alpine@sha256:0123",
            "invalid token: `x`",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    proptest! {
        #[test]
        fn cleaning_is_idempotent_and_strips_control_characters(text in ".*") {
            let line = field_value("message", &text);
            prop_assert!(!line.contains(char::is_control));
            prop_assert_eq!(field_value("message", &line), line);
        }
    }
}
