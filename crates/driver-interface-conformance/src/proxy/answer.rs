//! Responses that the proxy sends in place of the engine's responses.

use std::fmt;
use std::io;

use bytes::Bytes;

use super::Break;
use super::stream::Stream;

/// A response that the proxy sends in place of the engine's response.
///
/// ```
/// use driver_interface_conformance::proxy::Answer;
///
/// let answer = Answer::new(502).header("Content-Type", "text/html").body("<html>Bad gateway</html>");
/// assert_eq!(answer.to_string(), "502 with 24 bytes (Content-Type: text/html)");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
    then: Break,
}

#[derive(Clone, Debug, PartialEq)]
enum Body {
    Whole(Bytes),
    Chunks(Vec<Bytes>),
    Endless { first: Bytes, again: Bytes },
    EndlessHead,
    Raw(Bytes),
}

impl Answer {
    /// Creates a response with the HTTP status `status` and no body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Whole(Bytes::new()),
            then: Break::Fin,
        }
    }

    /// Creates a response that consists of exactly `bytes`. The bytes must include the header of the response.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self {
            body: Body::Raw(bytes.into()),
            ..Self::new(0)
        }
    }

    /// Creates a response whose header never ends.
    pub fn endless_head() -> Self {
        Self {
            body: Body::EndlessHead,
            ..Self::new(200)
        }
    }

    driver_interface_types::setters! {
        /// Adds a header field. The value of a `Content-Length` field may differ from the actual length.
        header(self, name: &str, value: &str) { self.headers.push((name.to_owned(), value.to_owned())); }
        /// Sets the body, and sets the `Content-Length` to the length of the body.
        body(self, body: impl Into<Bytes>) { self.body = Body::Whole(body.into()); }
    }

    /// Sets the JSON text of `body` as the body, and adds the matching `Content-Type`.
    #[must_use]
    pub fn json(self, body: &serde_json::Value) -> Self {
        self.header("Content-Type", "application/json")
            .body(body.to_string())
    }

    /// Sets a chunked body that consists of `chunks`.
    #[must_use]
    pub fn chunks(mut self, chunks: impl IntoIterator<Item = impl Into<Bytes>>) -> Self {
        self.body = Body::Chunks(chunks.into_iter().map(Into::into).collect());
        self
    }

    /// Sets an endless chunked body: the chunk `first`, followed by the chunk `again` repeatedly.
    #[must_use]
    pub fn endless(mut self, first: impl Into<Bytes>, again: impl Into<Bytes>) -> Self {
        self.body = Body::Endless {
            first: first.into(),
            again: again.into(),
        };
        self
    }

    /// Sets how the connection ends after the response. By default, the connection is closed. However, if a script
    /// sends a response with a complete body, the connection stays open for further requests.
    #[must_use]
    pub fn then(mut self, then: Break) -> Self {
        self.then = then;
        self
    }

    /// Returns whether the receiver can tell where the response ends while the connection is open.
    pub(super) fn is_delimited(&self) -> bool {
        matches!(self.body, Body::Whole(_) | Body::Chunks(_))
    }

    pub(super) fn end(&self) -> Break {
        self.then
    }

    /// Sends the response. An endless response is sent until the receiver disconnects.
    pub(super) async fn send(&self, to: &Stream, without_body: bool) -> io::Result<()> {
        if let Body::Raw(bytes) = &self.body {
            return to.write_all(bytes).await;
        }
        to.write_all(self.head().as_bytes()).await?;
        match &self.body {
            Body::EndlessHead => loop {
                to.write_all(b"X-More: and more\r\n").await?;
            },
            _ if without_body => Ok(()),
            Body::Whole(bytes) => to.write_all(bytes).await,
            Body::Chunks(chunks) => {
                for chunk in chunks {
                    send_chunk(to, chunk).await?;
                }
                to.write_all(b"0\r\n\r\n").await
            }
            Body::Endless { first, again } => {
                send_chunk(to, first).await?;
                loop {
                    send_chunk(to, again).await?;
                }
            }
            Body::Raw(_) => Ok(()),
        }
    }

    fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} Answer\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let says_length = self
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        match &self.body {
            Body::EndlessHead => return head,
            Body::Chunks(_) | Body::Endless { .. } => head.push_str("Transfer-Encoding: chunked\r\n"),
            // A response with status 101 upgrades the connection, so it has no length.
            Body::Whole(bytes) if !says_length && self.status != 101 => {
                head.push_str(&format!("Content-Length: {}\r\n", bytes.len()));
            }
            Body::Whole(_) | Body::Raw(_) => {}
        }
        head.push_str("\r\n");
        head
    }
}

/// Sends a chunk. An empty chunk is not sent, because it would end the body.
async fn send_chunk(to: &Stream, chunk: &Bytes) -> io::Result<()> {
    if chunk.is_empty() {
        return Ok(());
    }
    let mut bytes = format!("{:x}\r\n", chunk.len()).into_bytes();
    bytes.extend_from_slice(chunk);
    bytes.extend_from_slice(b"\r\n");
    to.write_all(&bytes).await
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status;
        match &self.body {
            Body::Whole(body) if body.is_empty() => write!(f, "{status} without a body"),
            Body::Whole(body) => write!(f, "{status} with {} bytes", body.len()),
            Body::Chunks(chunks) => write!(f, "{status} with {} chunks", chunks.len()),
            Body::Endless { .. } => write!(f, "{status} with an endless body"),
            Body::EndlessHead => f.write_str("an endless header"),
            Body::Raw(bytes) => write!(f, "{} bytes of garbage", bytes.len()),
        }?;
        for (name, value) in &self.headers {
            write!(f, " ({name}: {value})")?;
        }
        if self.then == Break::Fin {
            Ok(())
        } else {
            write!(f, ", then {}", self.then)
        }
    }
}
