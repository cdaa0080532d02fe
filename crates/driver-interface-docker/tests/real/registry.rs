//! Scripted registries.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::one_layer::{OneLayer, digest};

/// Starts a registry that passes each request's head and connection to `answer`. Returns the port.
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

/// Serves one image under any name. The test answers the request for its layer.
pub(crate) fn serving(image: &OneLayer, layer: impl Fn(&mut TcpStream) + Send + Clone + 'static) -> u16 {
    let (config, of_config, of_layer) = (
        image.config.clone(),
        digest(image.config.as_bytes()),
        digest(&image.layer),
    );
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{{"mediaType":"application/vnd.docker.container.image.v1+json","size":{},"digest":"{of_config}"}},"layers":[{{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":{},"digest":"{of_layer}"}}]}}"#,
        config.len(),
        image.layer.len()
    );
    registry(move |head, stream| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        if path.contains("/manifests/") {
            let kind = "application/vnd.docker.distribution.manifest.v2+json";
            let body = if head.starts_with("HEAD") { "" } else { &manifest };
            send_head(stream, "200 OK", kind, manifest.len());
            let _ = stream.write_all(body.as_bytes());
        } else if path.ends_with(&of_config) {
            send(stream, "200 OK", config.as_bytes());
        } else if path.ends_with(&of_layer) {
            layer(stream);
        } else {
            send(stream, "200 OK", b"{}");
        }
    })
}

/// Serves this image under any name.
pub(crate) fn serving_whole(image: &OneLayer) -> u16 {
    let layer = image.layer.clone();
    serving(image, move |stream| send(stream, "200 OK", &layer))
}

/// Sends a response with a body.
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

/// Sends the head of a response. `status` may be followed by headers.
pub(crate) fn send_head(stream: &mut TcpStream, status: &str, kind: &str, length: usize) {
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nDocker-Distribution-Api-Version: registry/2.0\r\nContent-Type: {kind}\r\n\
         Connection: close\r\nContent-Length: {length}\r\n\r\n"
    );
}
