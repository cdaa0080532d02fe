//! Registries that answer as a test wants.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

const CONFIG: &str = r#"{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"]}}"#;
const CONFIG_DIGEST: &str = "sha256:277a86d5d1a6983dd0f8c45442ddec4188dd31d58693bede97b63004e4706d31";

/// The one layer of the image that [`serving`] has: an empty archive.
pub(crate) const LAYER: [u8; 1024] = [0; 1024];
const LAYER_DIGEST: &str = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

/// Answers each request, whose head it is given, on a connection of its own. Returns the port.
pub(crate) fn registry(answer: impl Fn(&str, &mut TcpStream) + Send + Clone + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut head = [0; 4096];
                let read = stream.read(&mut head).unwrap_or(0);
                answer(&String::from_utf8_lossy(&head[..read]), &mut stream);
            });
        }
    });
    port
}

/// A registry that has one image, under any name, whose layer is answered by the test.
pub(crate) fn serving(layer: impl Fn(&mut TcpStream) + Send + Clone + 'static) -> u16 {
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{{"mediaType":"application/vnd.docker.container.image.v1+json","size":{},"digest":"{CONFIG_DIGEST}"}},"layers":[{{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":{},"digest":"{LAYER_DIGEST}"}}]}}"#,
        CONFIG.len(),
        LAYER.len()
    );
    registry(move |head, stream| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        if path.contains("/manifests/") {
            let kind = "application/vnd.docker.distribution.manifest.v2+json";
            let body = if head.starts_with("HEAD") { "" } else { &manifest };
            send_head(stream, "200 OK", kind, manifest.len());
            let _ = stream.write_all(body.as_bytes());
        } else if path.ends_with(CONFIG_DIGEST) {
            send(stream, "200 OK", CONFIG.as_bytes());
        } else if path.ends_with(LAYER_DIGEST) {
            layer(stream);
        } else {
            send(stream, "200 OK", b"{}");
        }
    })
}

/// Answers with a body, as JSON where it is one.
pub(crate) fn send(stream: &mut TcpStream, status: &str, body: &[u8]) {
    let is_json = body.first() == Some(&b'{');
    let kind = if is_json {
        "application/json"
    } else {
        "application/octet-stream"
    };
    send_head(stream, status, kind, body.len());
    let _ = stream.write_all(body);
}

/// Begins an answer. `status` may have headers behind it.
pub(crate) fn send_head(stream: &mut TcpStream, status: &str, kind: &str, length: usize) {
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nDocker-Distribution-Api-Version: registry/2.0\r\nContent-Type: {kind}\r\n\
         Connection: close\r\nContent-Length: {length}\r\n\r\n"
    );
}
