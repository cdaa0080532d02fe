use std::io::{Read, Write};
use std::net::Shutdown;

use driver_interface_conformance::proxy::{Answer, Break, Fault, FaultProxy, Framing, Position, Rule};

use super::server::{Client, End, GET, MAX_WAIT, POST, Server, ask, until};

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn requests_and_responses_pass_unchanged() {
    let server = Server::answering(HELLO);
    let proxy = server.proxy();
    let (answer, end) = ask(&proxy, POST);
    assert_eq!((answer.as_bytes(), end), (HELLO, End::Fin));
    assert_eq!(server.requests(), [POST]);
    let exchanges = proxy.take_exchanges();
    assert_eq!(exchanges.len(), 1);
    assert_eq!(
        (
            exchanges[0].method.as_str(),
            exchanges[0].path.as_str(),
            exchanges[0].status,
            exchanges[0].bytes
        ),
        ("POST", "/things/1/start", Some(200), 5)
    );
    assert_eq!(exchanges[0].framing, Some(Framing::Length(5)));
    assert!(proxy.take_exchanges().is_empty());
}

#[test]
fn large_chunked_body_passes_unchanged() {
    let mut whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for number in 0..3000usize {
        let size = number * 7 % 4000 + 1;
        write!(whole, "{size:x};note=1\r\n").unwrap();
        whole.extend((0..size).map(|at| (at * number % 251) as u8));
        whole.extend_from_slice(b"\r\n");
    }
    whole.extend_from_slice(b"0\r\nTrailer: yes\r\n\r\n");
    let sent = whole.clone();
    let server = Server::with(move |mut stream| stream.write_all(&sent).unwrap());
    let proxy = server.proxy();
    let mut client = Client::new(&proxy);
    client.send(GET);
    let (got, end) = client.bytes();
    assert!(got == whole, "{} of {} bytes", got.len(), whole.len());
    assert_eq!(end, End::Fin);
}

#[test]
fn large_upload_passes_unchanged() {
    let server = Server::answering(HELLO);
    let proxy = server.proxy();
    let body: String = (0..400_000)
        .map(|number| (b'a' + (number % 23) as u8) as char)
        .collect();
    let request = format!("PUT /x HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let (answer, _) = ask(&proxy, &request);
    assert_eq!(answer.as_bytes(), HELLO);
    assert!(server.requests() == [request]);
}

#[test]
fn several_requests_share_a_connection() {
    let server = Server::with(|mut stream| {
        stream.write_all(HELLO).unwrap();
        for _ in 0..2 {
            let mut more = vec![0; GET.len()];
            stream.read_exact(&mut more).unwrap();
            assert_eq!(more, GET.as_bytes());
            stream.write_all(HELLO).unwrap();
        }
    });
    let proxy = server.proxy();
    let mut client = Client::new(&proxy);
    for _ in 0..3 {
        client.send(GET);
        let mut answer = vec![0; HELLO.len()];
        client.0.read_exact(&mut answer).unwrap();
        assert_eq!(answer, HELLO);
    }
    assert_eq!(
        client.rest(),
        (String::new(), End::Fin),
        "closed when the engine closes it"
    );
    assert_eq!(proxy.take_exchanges().len(), 3);
    assert_eq!(server.requests().len(), 1, "one connection to the engine");
}

fn echoing() -> Server {
    // Echoes its input in upper case and says goodbye at the end of the input.
    Server::with(|mut stream| {
        stream
            .write_all(b"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nready")
            .unwrap();
        let mut buffer = [0; 4096];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(count) => stream.write_all(&buffer[..count].to_ascii_uppercase()).unwrap(),
            }
        }
        stream.write_all(b"bye").unwrap_or_default();
    })
}

#[test]
fn upgraded_connection_is_bidirectional_with_half_close() {
    let server = echoing();
    let proxy = server.proxy();
    let mut client = Client::new(&proxy);
    client.send("POST /exec/1/start HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}");
    let expected = "HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nready";
    let mut head = vec![0; expected.len()];
    client.0.read_exact(&mut head).unwrap();
    assert_eq!(head, expected.as_bytes());
    for word in ["one", "two"] {
        client.send(word);
        let mut echo = [0; 3];
        client.0.read_exact(&mut echo).unwrap();
        assert_eq!(echo, word.to_ascii_uppercase().as_bytes());
    }
    client.send("last");
    client.finish();
    assert_eq!(client.rest(), ("LASTbye".to_owned(), End::Fin));
    let exchanges = proxy.take_exchanges();
    assert_eq!(exchanges[0].framing, Some(Framing::Upgraded));
}

#[test]
fn engine_half_close_keeps_the_other_direction() {
    let (heard, reported) = std::sync::mpsc::channel();
    let heard = std::sync::Mutex::new(heard);
    let server = Server::with(move |mut stream| {
        stream
            .write_all(b"HTTP/1.1 101 UPGRADED\r\n\r\nthat is all")
            .unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        heard.lock().unwrap().send(rest).unwrap();
    });
    let proxy = server.proxy();
    let mut client = Client::new(&proxy);
    client.send("POST /attach HTTP/1.1\r\n\r\n");
    let (text, end) = client.rest();
    assert_eq!((text.ends_with("that is all"), end), (true, End::Fin));
    client.send("still here");
    client.finish();
    assert_eq!(reported.recv_timeout(MAX_WAIT).unwrap(), "still here");
}

#[test]
fn engine_sees_client_disconnect() {
    let (left, reported) = std::sync::mpsc::channel();
    let left = std::sync::Mutex::new(left);
    let server = Server::with(move |mut stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
            .unwrap();
        let ended = matches!(stream.read(&mut [0]), Ok(0));
        left.lock().unwrap().send(ended).unwrap();
    });
    let proxy = server.proxy();
    let mut client = Client::new(&proxy);
    client.send(GET);
    client.0.read_exact(&mut [0; 10]).unwrap();
    drop(client);
    assert!(reported.recv_timeout(MAX_WAIT).unwrap());
    until("no connection is left", || proxy.connections() == 0);
}

#[test]
fn missing_engine_closes_the_connection() {
    let proxy = FaultProxy::start("unix:///nowhere/engine.sock").unwrap();
    assert_eq!(ask(&proxy, GET), (String::new(), End::Fin));
    assert!(FaultProxy::start("ssh://engine").is_err());
    assert!(FaultProxy::start("unix://relative").is_err());
}

#[test]
fn tcp_proxy_passes_bytes_unchanged() {
    let server = Server::answering(HELLO);
    let proxy = FaultProxy::start_on_tcp(&server.uri()).unwrap();
    let again = FaultProxy::start(&proxy.uri()).unwrap();
    assert_eq!(ask(&again, GET).0.as_bytes(), HELLO);
    assert_eq!(server.requests(), [GET]);
}

#[test]
fn dropping_proxy_closes_connections_and_socket() {
    let server = echoing();
    let proxy = server.proxy();
    let path = proxy.uri();
    let path = std::path::Path::new(path.strip_prefix("unix://").unwrap()).to_owned();
    let mut idle = Client::new(&proxy);
    let mut upgraded = Client::new(&proxy);
    upgraded.send(GET);
    upgraded.0.read_exact(&mut [0; 20]).unwrap();
    assert!(path.exists());
    until("both are connected", || proxy.connections() == 2);
    drop(proxy);
    assert!(!path.exists() && !path.parent().unwrap().exists());
    assert_eq!(idle.rest().1, End::Fin);
    assert_eq!(upgraded.rest().1, End::Fin);
}

#[test]
fn scripted_proxy_answers_without_engine() {
    let proxy = FaultProxy::scripted(|request| match request.path.as_str() {
        "/things" => Answer::new(200).chunks([request.query.clone(), "end".to_owned()]),
        _ => Answer::new(404).header("X-Body", &String::from_utf8_lossy(&request.body)),
    })
    .unwrap();
    let mut client = Client::new(&proxy);
    client.send(GET);
    client.send(POST);
    let (text, end) = client.rest();
    let expected = "HTTP/1.1 200 Answer\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nall=1\r\n3\r\nend\r\n0\r\n\r\n\
                    HTTP/1.1 404 Answer\r\nX-Body: body\r\nContent-Length: 0\r\n\r\n";
    assert_eq!((text.as_str(), end), (expected, End::Silence));
}

#[test]
fn endless_response_ends_when_client_disconnects() {
    let proxy = FaultProxy::scripted(|_| Answer::new(200).endless("first", "again")).unwrap();
    let mut client = Client::new(&proxy);
    client.send(GET);
    let mut much = vec![0; 3_000_000];
    client.0.read_exact(&mut much).unwrap();
    assert!(String::from_utf8_lossy(&much).contains("5\r\nfirst\r\n5\r\nagain\r\n5\r\nagain\r\n"));
    drop(client);
    until("the connection has ended", || proxy.connections() == 0);
}

#[test]
fn rule_without_fault_shields_its_requests() {
    let server = Server::answering(HELLO);
    let proxy = server.proxy();
    let shield = proxy.inject(Rule::on("GET /things"));
    let broken = proxy.inject(Rule::any().fault(Fault::Break(Position::BeforeRequest, Break::Fin)));
    assert_eq!(ask(&proxy, GET).0.as_bytes(), HELLO);
    assert_eq!((shield.matched(), shield.hits(), broken.matched()), (1, 0, 0));
    assert_eq!(ask(&proxy, POST).0, "");
    assert_eq!(broken.hits(), 1);
    proxy.clear().unwrap();
    assert_eq!(ask(&proxy, POST).0.as_bytes(), HELLO);
}
