use std::io::ErrorKind;
use std::os::unix::net::UnixStream;

use driver_interface_conformance::proxy::{Endpoint, Fault, FaultProxy, Rule};

use super::server::{Client, End, GET, Server, any, ask};

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

fn connect(proxy: &FaultProxy) -> Result<UnixStream, ErrorKind> {
    UnixStream::connect(proxy.uri().strip_prefix("unix://").unwrap()).map_err(|error| error.kind())
}

#[test]
fn socket_can_refuse_vanish_and_return() {
    let server = Server::answering(HELLO);
    let proxy = server.proxy();
    for (endpoint, expected) in [
        (Endpoint::Refused, ErrorKind::ConnectionRefused),
        (Endpoint::Removed, ErrorKind::NotFound),
        (Endpoint::NotASocket, ErrorKind::ConnectionRefused),
        (Endpoint::Refused, ErrorKind::ConnectionRefused),
        (Endpoint::Removed, ErrorKind::NotFound),
        (Endpoint::Removed, ErrorKind::NotFound),
    ] {
        proxy.set_endpoint(endpoint).unwrap();
        assert_eq!(connect(&proxy).unwrap_err(), expected, "{endpoint}");
    }
    proxy.clear().unwrap();
    assert_eq!(ask(&proxy, GET).0.as_bytes(), HELLO);
}

#[test]
fn replaced_socket_keeps_old_connections() {
    use std::os::unix::fs::MetadataExt;
    let server = Server::answering(HELLO);
    let proxy = server.proxy();
    let path = proxy.uri().strip_prefix("unix://").unwrap().to_owned();
    let mut old = Client::new(&proxy);
    old.send(GET);
    let mut first = [0; 1];
    std::io::Read::read_exact(&mut old.0, &mut first).unwrap();
    let before = std::fs::metadata(&path).unwrap();
    // A hard link prevents reuse of the inode number.
    std::fs::hard_link(&path, format!("{path}.old")).unwrap();
    proxy.set_endpoint(Endpoint::Replaced).unwrap();
    assert_ne!(std::fs::metadata(&path).unwrap().ino(), before.ino());
    assert!(old.rest().0.ends_with("hello"));
    assert_eq!(ask(&proxy, GET).0.as_bytes(), HELLO);
}

#[test]
fn unresponsive_socket_accepts_but_never_responds() {
    let server = Server::answering(HELLO);
    let proxy = server.proxy();
    proxy.set_endpoint(Endpoint::Unresponsive).unwrap();
    let mut client = Client::new(&proxy);
    client.send(GET);
    assert_eq!(client.rest(), (String::new(), End::Silence));
    assert!(server.requests().is_empty());
    proxy.set_endpoint(Endpoint::Listening).unwrap();
    assert_eq!(client.rest().0.as_bytes(), HELLO);
}

#[test]
fn request_can_trigger_socket_change() {
    let server = Server::answering(HELLO);
    let proxy = server.proxy();
    let rule = proxy.inject(any(Fault::Endpoint(Endpoint::Refused)));
    assert_eq!(ask(&proxy, GET).0.as_bytes(), HELLO, "the request itself passes");
    assert_eq!(connect(&proxy).unwrap_err(), ErrorKind::ConnectionRefused);
    assert_eq!(rule.hits(), 1);
    proxy.clear().unwrap();
    proxy.inject(Rule::any());
    assert_eq!(ask(&proxy, GET).0.as_bytes(), HELLO);
}
