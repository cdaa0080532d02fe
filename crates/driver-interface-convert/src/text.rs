//! Parses the text forms of values.

use std::time::Duration;

const MIB: u64 = 1 << 20;

/// A size in whole MiB. `is_exact` is `false` if the size was rounded up.
pub(crate) struct Size {
    pub(crate) mib: u64,
    pub(crate) is_exact: bool,
}

/// Parses a size such as `512m`, `1.5GB` or a number of bytes. As in Docker, units are powers of 1024.
pub(crate) fn size(text: &str) -> Result<Size, String> {
    let bytes = parse_size::Config::new()
        .with_binary()
        .parse_size(text.trim())
        .map_err(|_| format!("must be a size, such as `512m`; got {text:?}"))?;
    Ok(Size {
        mib: bytes.div_ceil(MIB),
        is_exact: bytes.is_multiple_of(MIB),
    })
}

/// Parses a duration such as `1m30s`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text.trim())
        .map_err(|_| format!("must be a duration with its unit, such as `1m30s`; got {text:?}"))
}

/// Parses a boolean in any of the forms that Docker accepts.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("must be `true` or `false`; got {text:?}")),
    }
}

/// Parses a number.
pub(crate) fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    let number = text.trim().parse();
    number.map_err(|_| format!("must be a number in its range; got {text:?}"))
}

/// Splits comma-separated values. A value may be in double quotes, so that it can contain commas.
pub(crate) fn comma_separated(text: &str) -> Result<Vec<String>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    match reader.records().next() {
        Some(Ok(record)) => Ok(record.iter().map(str::to_owned).collect()),
        _ => Err("must be a list of comma-separated values".to_owned()),
    }
}

/// Splits a command line into words, as a shell would.
pub(crate) fn words(text: &str) -> Result<Vec<String>, String> {
    shell_words::split(text).map_err(|_| "has a quote without its closing quote".to_owned())
}

/// Splits a text of the form `key=value`. The value is `None` if the text has no `=`.
pub(crate) fn key_value(text: &str) -> (&str, Option<&str>) {
    match text.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (text, None),
    }
}

/// Returns the entries of an env file or label file: one `KEY=value` or `KEY` per line. If `quoted` is `true`, a
/// value may be in quotes, and a comment may follow the value, as in compose's env files.
pub(crate) fn entries(text: &str, quoted: bool) -> Vec<(String, Option<String>)> {
    let lines = text.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let entry = |line: &str| {
        let line = line.strip_prefix("export ").filter(|_| quoted).unwrap_or(line);
        let (key, value) = key_value(line);
        let value = value.map(|value| if quoted { unquoted(value) } else { value.to_owned() });
        (key.trim().to_owned(), value)
    };
    lines.map(entry).collect()
}

fn unquoted(value: &str) -> String {
    let value = value.trim();
    for quote in ['"', '\''] {
        let inner = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote));
        if let Some((inner, _)) = inner {
            return inner.to_owned();
        }
    }
    let comment = value.find(" #").unwrap_or(value.len());
    value.get(..comment).unwrap_or_default().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_binary_and_rounded_up() {
        for (text, mib, is_exact) in [
            ("512m", 512, true),
            ("512M", 512, true),
            ("512mb", 512, true),
            ("512MiB", 512, true),
            ("1g", 1024, true),
            ("1.5g", 1536, true),
            ("1048576", 1, true),
            ("1048576b", 1, true),
            ("1000000", 1, false),
            ("1025k", 2, false),
            ("0", 0, true),
        ] {
            let found = size(text).unwrap();
            assert_eq!((found.mib, found.is_exact), (mib, is_exact), "{text}");
        }
        for text in ["", "-1", "many", "1x", "99999999999g"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_have_units() {
        for (text, millis) in [("1m30s", 90_000), ("500ms", 500), ("1.5h", 5_400_000), ("0s", 0)] {
            assert_eq!(duration(text).unwrap(), Duration::from_millis(millis), "{text}");
        }
        for text in ["", "10", "-1s", "soon"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn files_have_one_entry_per_line() {
        let text = "# comment\n\nA=1\nB=\"two # words\" # comment\nexport C='x'\nD\nE=a#b # c\n";
        let all = |quoted| -> Vec<String> {
            let entries = entries(text, quoted).into_iter();
            entries.map(|(key, value)| format!("{key}={value:?}")).collect()
        };
        assert_eq!(
            all(true),
            [
                "A=Some(\"1\")", "B=Some(\"two # words\")", "C=Some(\"x\")", "D=None", "E=Some(\"a#b\")"
            ]
        );
        assert_eq!(all(false)[2], "export C=Some(\"'x'\")");
    }
}
