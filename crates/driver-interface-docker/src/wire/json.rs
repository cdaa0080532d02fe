use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::EngineError;

/// The maximum size of an object, in bytes.
const MAX_OBJECT: usize = 4 * 1024 * 1024;
/// The size, in bytes, from which an incomplete object counts as long. A long object is parsed again only when its
/// end may have arrived, and not after every chunk.
const LONG_OBJECT: usize = 64 * 1024;

/// A streaming parser for concatenated JSON objects, with or without separators. The chunks of data may end anywhere.
///
/// Each object is returned as soon as it is complete. Only data that has not been returned is buffered.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    buffer: BytesMut,
    /// Whether the end of an object may have arrived since the last parse.
    may_be_whole: bool,
}

impl Objects {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        self.may_be_whole |= bytes.contains(&b'}');
    }

    /// Returns the next object, or `None` if more data is needed first.
    pub(crate) fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, EngineError> {
        let invalid = |error: serde_json::Error| EngineError::InvalidResponse(error.to_string());
        if !self.may_be_whole && (LONG_OBJECT..=MAX_OBJECT).contains(&self.buffer.len()) {
            return Ok(None);
        }
        let mut values = serde_json::Deserializer::from_slice(&self.buffer).into_iter::<T>();
        let (value, read) = match values.next() {
            None => {
                self.buffer.clear();
                return Ok(None);
            }
            Some(Err(error)) if error.is_eof() => {
                self.may_be_whole = false;
                if self.buffer.len() > MAX_OBJECT {
                    return Err(EngineError::InvalidResponse(format!(
                        "a report is longer than {MAX_OBJECT} bytes"
                    )));
                }
                return Ok(None);
            }
            Some(Err(error)) => return Err(invalid(error)),
            Some(Ok(value)) => (value, values.byte_offset()),
        };
        self.buffer.advance(read);
        Ok(Some(value))
    }

    /// Returns whether the data received so far does not end inside an object.
    pub(crate) fn is_complete(&self) -> bool {
        self.buffer.iter().all(u8::is_ascii_whitespace)
    }
}

/// A stream of JSON objects being received. Dropping it closes the connection.
pub(crate) struct ObjectStream {
    body: Incoming,
    objects: Objects,
}

impl ObjectStream {
    pub(crate) fn new(body: Incoming) -> Self {
        Self {
            body,
            objects: Objects::default(),
        }
    }

    /// Returns the next object, or `None` at the end. Cancel safe: dropping the future loses no object.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, EngineError> {
        loop {
            if let Some(object) = self.objects.next()? {
                return Ok(Some(object));
            }
            match self.body.frame().await {
                None if self.objects.is_complete() => return Ok(None),
                None => {
                    let text = "the stream ends inside a report".to_owned();
                    return Err(EngineError::InvalidResponse(text));
                }
                Some(Err(error)) => return Err(EngineError::Broken(Box::new(error))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.objects.push(&data);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    proptest! {
        #[test]
        fn objects_are_independent_of_chunking(
            texts in prop::collection::vec(".{0,30}", 0..8),
            between in prop_oneof![Just(""), Just("\n"), Just("\r\n"), Just(" \n\n")],
            cut in 1usize..40,
        ) {
            let expected: Vec<Value> = texts.iter().map(|text| json!({"a": text, "b": {"c": [1]}})).collect();
            let whole: String = expected.iter().map(|value| format!("{value}{between}")).collect();
            let (mut objects, mut got) = (Objects::default(), Vec::<Value>::new());
            for piece in whole.as_bytes().chunks(cut) {
                objects.push(piece);
                while let Some(value) = objects.next().unwrap() {
                    got.push(value);
                }
            }
            prop_assert!(objects.is_complete());
            prop_assert_eq!(got, expected);
        }
    }

    #[test]
    fn object_is_returned_once_complete() {
        let mut objects = Objects::default();
        objects.push(b"{\"a\":1}");
        assert_eq!(objects.next::<Value>().unwrap(), Some(json!({"a": 1})));
        objects.push(b"{\"a\":");
        assert_eq!(objects.next::<Value>().unwrap(), None);
        assert!(!objects.is_complete());
    }

    #[test]
    fn rejects_invalid_json() {
        let mut objects = Objects::default();
        objects.push(b"<html>");
        assert!(objects.next::<Value>().is_err());
    }
}
