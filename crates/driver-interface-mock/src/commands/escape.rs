//! Backslash escapes, as in `printf` and `echo -e`.

/// Replaces backslash escapes in `text`. With `zero_first`, an octal number may have a leading zero before its three
/// digits, as in `%b` and `echo -e`. Returns the resulting bytes, and whether a `\c` cut off the rest of the text.
pub(crate) fn unescape(text: &str, zero_first: bool) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some((&kind, tail)) = rest.split_first() else {
            out.push(b'\\');
            break;
        };
        rest = tail;
        let simple = match kind {
            b'a' => 7,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 11,
            b'f' => 12,
            b'r' => b'\r',
            b'e' => 27,
            b'\\' => b'\\',
            b'c' => return (out, true),
            b'x' => {
                let (value, digits) = number(rest, 16, 2);
                if digits == 0 {
                    out.extend_from_slice(b"\\x");
                } else {
                    out.push(value);
                    rest = rest.get(digits..).unwrap_or_default();
                }
                continue;
            }
            b'0'..=b'7' => {
                let longest = if zero_first && kind == b'0' { 3 } else { 2 };
                let (tail, digits) = number(rest, 8, longest);
                let high = u32::from(kind - b'0') << (3 * digits);
                out.push((high | u32::from(tail)) as u8);
                rest = rest.get(digits..).unwrap_or_default();
                continue;
            }
            other => {
                out.extend_from_slice(&[b'\\', other]);
                continue;
            }
        };
        out.push(simple);
    }
    (out, false)
}

/// Parses a number of up to `longest` digits at the start of `text`. Returns the number and its digit count.
fn number(text: &[u8], radix: u32, longest: usize) -> (u8, usize) {
    let digits: Vec<u32> = text
        .iter()
        .take(longest)
        .map_while(|byte| char::from(*byte).to_digit(radix))
        .collect();
    let value = digits.iter().fold(0_u32, |value, digit| value * radix + digit);
    (value as u8, digits.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_bytes() {
        assert_eq!(unescape(r"a\tb\n", false).0, b"a\tb\n");
        assert_eq!(unescape(r"\101\x41\377\0", false).0, b"AA\xff\0");
        assert_eq!(unescape(r"\0101", true).0, b"A");
        assert_eq!(unescape(r"\q\", false).0, br"\q\");
        assert_eq!(unescape(r"a\cb", true), (b"a".to_vec(), true));
        assert_eq!(unescape("é\\n", false).0, "é\n".as_bytes());
    }
}
