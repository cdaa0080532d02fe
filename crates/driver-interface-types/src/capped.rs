//! A buffer with a maximum size.

use bytes::{Bytes, BytesMut};

/// A buffer that keeps the beginning of a stream, up to a maximum number of bytes, and discards the rest.
///
/// ```
/// use driver_interface_types::CappedBuffer;
///
/// let mut output = CappedBuffer::new(5);
/// output.push(b"hello");
/// assert!(!output.is_truncated());
/// output.push(b", world");
/// assert!(output.is_truncated());
/// assert_eq!(output.take(), "hello");
/// ```
#[derive(Debug)]
pub struct CappedBuffer {
    bytes: BytesMut,
    limit: usize,
    truncated: bool,
}

impl CappedBuffer {
    /// Creates an empty buffer that keeps at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            bytes: BytesMut::new(),
            limit,
            truncated: false,
        }
    }

    /// Appends as many bytes from the beginning of `data` as the buffer has room for, and discards the rest of
    /// `data`.
    pub fn push(&mut self, data: &[u8]) {
        let room = self.limit.saturating_sub(self.bytes.len());
        let fits = data.get(..room).unwrap_or(data);
        self.bytes.extend_from_slice(fits);
        self.truncated |= fits.len() < data.len();
    }

    /// Returns the bytes in the buffer.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns whether any byte was discarded.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Removes all bytes from the buffer, and returns them.
    pub fn take(&mut self) -> Bytes {
        self.bytes.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_output_up_to_the_limit() {
        let mut kept = CappedBuffer::new(5);
        kept.push(b"abc");
        kept.push(b"de");
        assert!(!kept.is_truncated());
        kept.push(b"f");
        assert!(kept.is_truncated());
        assert_eq!(kept.take(), "abcde");
        let mut none = CappedBuffer::new(0);
        none.push(b"x");
        assert!(none.is_truncated() && none.take().is_empty());
    }
}
