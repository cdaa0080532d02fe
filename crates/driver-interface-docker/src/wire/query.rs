use std::fmt::Write;

/// A path with its query, in which every value is percent-encoded.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    text: String,
    has_pairs: bool,
}

impl Query {
    pub(crate) fn new(path: impl Into<String>) -> Self {
        Self {
            text: path.into(),
            has_pairs: false,
        }
    }

    pub(crate) fn pair(mut self, key: &str, value: impl AsRef<str>) -> Self {
        self.text.push(if self.has_pairs { '&' } else { '?' });
        self.has_pairs = true;
        self.text.push_str(key);
        self.text.push('=');
        encode(&mut self.text, value.as_ref());
        self
    }

    pub(crate) fn flag(self, key: &str, on: bool) -> Self {
        self.pair(key, if on { "1" } else { "0" })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

fn encode(out: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_cannot_escape_their_pair() {
        let query = Query::new("/x").pair("a", "1&b=2#?/ ").flag("c", true);
        assert_eq!(query.as_str(), "/x?a=1%26b%3D2%23%3F%2F%20&c=1");
    }

    proptest! {
        #[test]
        fn any_value_stays_one_pair(value in any::<String>()) {
            let query = Query::new("/x").pair("a", &value);
            let parsed: http::Uri = query.as_str().parse().unwrap();
            prop_assert_eq!(parsed.path(), "/x");
            prop_assert!(!parsed.query().unwrap().contains('&'));
        }
    }
}
