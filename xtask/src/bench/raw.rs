//! A minimal client of an engine, whose times are the lower bound for other clients. The client writes HTTP requests
//! directly to the engine's Unix socket, reuses one connection, and does no more work than the response needs.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

/// A connection to an engine that is reused for many requests.
pub(super) struct Raw {
    stream: BufReader<UnixStream>,
}

impl Raw {
    pub(super) async fn connect(socket: &PathBuf) -> Result<Self> {
        let stream = UnixStream::connect(socket)
            .await
            .with_context(|| socket.display().to_string())?;
        Ok(Self {
            stream: BufReader::with_capacity(64 * 1024, stream),
        })
    }

    /// Sends a request and returns the whole response body.
    pub(super) async fn call(&mut self, method: &str, path: &str, body: &[u8]) -> Result<Vec<u8>> {
        let mut whole = Vec::new();
        self.read(method, path, body, |piece| whole.extend_from_slice(piece))
            .await?;
        Ok(whole)
    }

    pub(super) async fn json(&mut self, method: &str, path: &str, body: &[u8]) -> Result<Value> {
        Ok(serde_json::from_slice(&self.call(method, path, body).await?)?)
    }

    /// Sends a request and passes each piece of the response body to `piece`.
    pub(super) async fn read(
        &mut self,
        method: &str,
        path: &str,
        body: &[u8],
        mut piece: impl FnMut(&[u8]),
    ) -> Result<()> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: engine\r\n");
        if method != "GET" {
            request += &format!(
                "Content-Type: application/json\r\nContent-Length: {}\r\n",
                body.len()
            );
        }
        request += "\r\n";
        let mut request = request.into_bytes();
        request.extend_from_slice(body);
        self.stream.write_all(&request).await?;
        let first = self.line().await?;
        let status: u16 = first
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .with_context(|| format!("no status in {first:?}"))?;
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.line().await?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
        }
        if chunked {
            loop {
                let size = usize::from_str_radix(self.line().await?.trim(), 16)?;
                self.exactly(size, &mut piece).await?;
                self.line().await?;
                if size == 0 {
                    break;
                }
            }
        } else {
            self.exactly(length, &mut piece).await?;
        }
        ensure!(status < 400, "{method} {path}: status {status}");
        Ok(())
    }

    async fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(
            self.stream.read_line(&mut line).await? > 0,
            "the engine closed the connection"
        );
        line.truncate(line.trim_end().len());
        Ok(line)
    }

    async fn exactly(&mut self, mut left: usize, piece: &mut impl FnMut(&[u8])) -> Result<()> {
        while left > 0 {
            let data = self.stream.fill_buf().await?;
            ensure!(!data.is_empty(), "the engine closed the connection in a body");
            let length = data.len().min(left);
            piece(data.get(..length).unwrap_or_default());
            self.stream.consume(length);
            left -= length;
        }
        Ok(())
    }

    /// Starts the exec or attach request at `path`, and returns the length of the command's output. The request uses
    /// up this connection.
    pub(super) async fn attached(mut self, path: &str, body: &[u8]) -> Result<usize> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: engine\r\nContent-Type: application/json\r\nConnection: Upgrade\r\n\
             Upgrade: tcp\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.stream.write_all(head.as_bytes()).await?;
        self.stream.write_all(body).await?;
        while !self.line().await?.is_empty() {}
        let mut output = Vec::new();
        Ok(self.stream.read_to_end(&mut output).await?)
    }
}
