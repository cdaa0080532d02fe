//! Shell patterns with `*`, `?` and `[…]`.

/// A character of a pattern, and whether it is literal, that is, not special.
pub(crate) type Symbol = (char, bool);

/// Returns whether `pattern` matches the whole `text`.
pub(crate) fn fits(pattern: &[Symbol], text: &[char]) -> bool {
    // `star` is where to continue if the last `*` must match one more character. Earlier ones need not be tried again.
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(('*', false)) => {
                star = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(_) => {
                if let Some(next) = text.get(t).and_then(|c| fits_one(pattern, p, *c)) {
                    p = next;
                    t += 1;
                    continue;
                }
            }
            None => {}
        }
        match star {
            Some((after, at)) => {
                star = Some((after, at + 1));
                p = after;
                t = at + 1;
            }
            None => return false,
        }
    }
    pattern
        .get(p..)
        .unwrap_or_default()
        .iter()
        .all(|symbol| *symbol == ('*', false))
}

/// Returns the position in `pattern` after its item at `p` if that item matches the character `c`, otherwise `None`.
fn fits_one(pattern: &[Symbol], p: usize, c: char) -> Option<usize> {
    match *pattern.get(p)? {
        ('?', false) => Some(p + 1),
        ('[', false) => match set_fits(pattern.get(p + 1..)?, c) {
            Some((true, length)) => Some(p + 1 + length),
            Some((false, _)) => None,
            None => (c == '[').then_some(p + 1),
        },
        (symbol, _) => (symbol == c).then_some(p + 1),
    }
}

/// Matches a character against a set such as `a-z]`, given without its `[`. Returns whether the set contains `c`, and
/// the number of symbols in the set. Returns `None` if there is no closing `]`. In this case, the `[` does not begin
/// a set.
pub(crate) fn set_fits(set: &[Symbol], c: char) -> Option<(bool, usize)> {
    let negated = matches!(set.first(), Some(('!' | '^', false)));
    let mut at = usize::from(negated);
    let mut found = false;
    let mut first = true;
    loop {
        let (symbol, quoted) = *set.get(at)?;
        if symbol == ']' && !quoted && !first {
            return Some((found != negated, at + 1));
        }
        first = false;
        match (set.get(at + 1), set.get(at + 2)) {
            (Some(('-', false)), Some((high, _))) if *high != ']' => {
                found |= (symbol..=*high).contains(&c);
                at += 3;
            }
            _ => {
                found |= symbol == c;
                at += 1;
            }
        }
    }
}

/// Returns whether a string contains a character that is special in patterns.
pub(crate) fn is_pattern(symbols: &[Symbol]) -> bool {
    symbols
        .iter()
        .any(|(c, quoted)| !quoted && matches!(c, '*' | '?' | '['))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits_text(pattern: &str, text: &str) -> bool {
        let pattern: Vec<Symbol> = pattern.chars().map(|c| (c, false)).collect();
        fits(&pattern, &text.chars().collect::<Vec<_>>())
    }

    #[test]
    fn patterns_match_expected_texts() {
        for (pattern, text) in [
            ("*", ""),
            ("a*c", "abbc"),
            ("a?c", "abc"),
            ("[a-c]x", "bx"),
            ("[!a]", "b"),
            ("*.t*t", "a.b.txt"),
            ("[", "["),
        ] {
            assert!(fits_text(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("a", "ab"),
            ("?", ""),
            ("[!a]", "a"),
            ("a*c", "abcd"),
            ("[a-c]", "d"),
        ] {
            assert!(!fits_text(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_match_in_bounded_time() {
        assert!(!fits_text(&format!("{}c", "a*".repeat(60)), &"a".repeat(5000)));
    }
}
