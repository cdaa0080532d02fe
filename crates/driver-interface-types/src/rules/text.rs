//! Functions that sanitise external text for messages.

/// The maximum number of characters of external text that a message shows.
const SHOWN: usize = 64;

/// Returns `text` in backquotes and on one line. Control characters are escaped, and a long text is truncated.
pub fn shown(text: &str) -> String {
    format!("`{}`", escaped(text, SHOWN))
}

/// Formats a map key as a step of a violation's path, such as `["A=B"]`.
pub fn key_step(key: &str) -> String {
    format!("[\"{}\"]", escaped(key, SHOWN))
}

/// Sanitises a sentence from another library. The sentence can be very long, because it may quote the library's
/// input.
pub fn sentence(text: &str) -> String {
    escaped(text, 4 * SHOWN).replace("\\\"", "\"").replace("\\'", "'")
}

fn escaped(text: &str, most: usize) -> String {
    let mut out: String = text.chars().take(most).flat_map(char::escape_debug).collect();
    if text.chars().nth(most).is_some() {
        out.push('…');
    }
    out
}

/// Returns the candidate that is most similar to `text`. Returns `None` if `text` is probably not a misspelling of
/// any candidate.
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let bare = |text: &str| text.replace(['_', '-'], "").to_ascii_lowercase();
    // Longer text is not a typo, and the time to compute the edit distance is quadratic in the length.
    let text = Some(text).filter(|text| text.len() <= SHOWN).map(bare)?;
    candidates
        .into_iter()
        .map(|candidate| (distance(&text, &bare(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= 2 && 2 * *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Returns the edit distance: the number of insertions, deletions and replacements that turn one string into the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut next = vec![i + 1];
        let mut left = i + 1;
        for ((b, diagonal), above) in other.iter().zip(&row).zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(a != *b)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_text_is_one_short_line() {
        assert_eq!(shown("a\0b\n\u{1b}"), "`a\\0b\\n\\u{1b}`");
        assert_eq!(shown(&"é".repeat(1000)).chars().count(), SHOWN + 3);
    }

    #[test]
    fn sentence_keeps_quotes() {
        assert_eq!(sentence("tag \"a'b\" is bad\n"), "tag \"a'b\" is bad\\n");
    }

    #[test]
    fn suggests_the_nearest_name() {
        let fields = ["sessionId", "image", "cpu", "pids"];
        assert_eq!(nearest("session_id", fields), Some("sessionId"));
        assert_eq!(nearest("imgae", fields), Some("image"));
        assert_eq!(nearest("pid", fields), Some("pids"));
        assert_eq!(nearest("entrypoint", fields), None);
        assert_eq!(nearest("", fields), None);
        assert_eq!(nearest(&"x".repeat(1_000_000), fields), None);
    }

    #[test]
    fn distance_counts_single_edits() {
        for (one, other, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(one, other), edits, "{one} {other}");
        }
    }
}
