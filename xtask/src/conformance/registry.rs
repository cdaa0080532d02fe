//! Pushes a small image to the registry that `cargo xtask engines` starts, so that engines have an image to pull.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use driver_interface::ImageRef;
use serde_json::json;
use sha2::{Digest, Sha256};

const TIMEOUT: Duration = Duration::from_secs(5);
const REPOSITORY: &str = "conformance/image";
const TAG: &str = "1";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// The maximum number of bytes in a response. Real responses to an upload are much shorter.
const MAX_ANSWER: u64 = 64 * 1024;

/// Pushes an image to the registry on the port `port` of this host. Returns the image's reference, or `None` if the
/// push failed.
pub(super) fn image(port: u16) -> Option<ImageRef> {
    let layer = layer().ok()?;
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": { "Cmd": ["/none"] },
        "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
    })
    .to_string()
    .into_bytes();
    let part =
        |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "digest": digest(bytes), "size": bytes.len() });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": part(CONFIG, &config),
        "layers": [part(LAYER, &layer)],
    });
    upload(port, &layer)?;
    upload(port, &config)?;
    let path = format!("/v2/{REPOSITORY}/manifests/{TAG}");
    exchange(port, "PUT", &path, MANIFEST, manifest.to_string().as_bytes())?;
    ImageRef::new(format!("127.0.0.1:{port}/{REPOSITORY}:{TAG}")).ok()
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}

fn layer() -> std::io::Result<Vec<u8>> {
    let content = b"an image for the conformance suite to pull\n";
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "etc/conformance", content.as_slice())?;
    archive.into_inner()
}

fn upload(port: u16, bytes: &[u8]) -> Option<()> {
    let began = exchange(
        port,
        "POST",
        &format!("/v2/{REPOSITORY}/blobs/uploads/"),
        "text/plain",
        b"",
    )?;
    let location = began.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("location")
            .then(|| value.trim().to_owned())
    })?;
    // The registry may return a full URL or only its path.
    let path = location.split_once("//").map_or(location.as_str(), |(_, rest)| {
        rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/")
    });
    let joint = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{joint}digest={}", digest(bytes));
    exchange(port, "PUT", &path, "application/octet-stream", bytes).map(drop)
}

/// Sends a request and returns the head of the response, or `None` if the request failed.
fn exchange(port: u16, method: &str, path: &str, kind: &str, body: &[u8]) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), TIMEOUT).ok()?;
    stream.set_read_timeout(Some(TIMEOUT)).ok()?;
    stream.set_write_timeout(Some(TIMEOUT)).ok()?;
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status: u16 = answer.split(' ').nth(1)?.parse().ok()?;
    (200..300).contains(&status).then_some(answer)
}
