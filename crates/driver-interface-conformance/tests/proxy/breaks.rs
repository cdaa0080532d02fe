use std::io::{Read, Write};
use std::time::{Duration, Instant};

use driver_interface_conformance::proxy::{Break, Fault, FaultProxy, Position, Rule};

use super::server::{Client, End, GET, MAX_WAIT, POST, Server, ask, hit, requested, until};

const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n6\r\nefghij\r\n0\r\n\r\n";
const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Two Docker frames: `hello` on stdout, `worlds` on stderr.
const FRAMES: &[u8] = b"HTTP/1.1 101 UPGRADED\r\n\r\n\x01\0\0\0\0\0\0\x05hello\x02\0\0\0\0\0\0\x06worlds";

fn broken(answer: &'static [u8], position: Position, how: Break) -> (String, End) {
    requested(&Server::answering(answer), GET, Fault::Break(position, how))
}

#[test]
fn breaks_at_every_position_of_a_chunked_response() {
    let positions = [
        (Position::BeforeRequest, ""),
        (Position::AfterRequest, ""),
        (Position::BeforeResponse, ""),
        (Position::InHead, &HEAD[..HEAD.len() / 2]),
        (Position::AfterHead, HEAD),
        (Position::AfterBytes(0), HEAD),
        (Position::InChunkHead(0), &format!("{HEAD}4")),
        (Position::InChunk(0), &format!("{HEAD}4\r\nab")),
        (Position::AfterChunk(0), &format!("{HEAD}4\r\nabcd\r\n")),
        (Position::InChunkHead(1), &format!("{HEAD}4\r\nabcd\r\n6")),
        (Position::AfterBytes(6), &format!("{HEAD}4\r\nabcd\r\n6\r\nef")),
        (Position::InChunk(1), &format!("{HEAD}4\r\nabcd\r\n6\r\nefg")),
        (
            Position::BeforeLastChunk,
            &format!("{HEAD}4\r\nabcd\r\n6\r\nefghij\r\n"),
        ),
    ];
    let check = |(position, expected): &(Position, &str)| {
        for (how, end) in [
            (Break::Fin, End::Fin),
            (Break::Reset, End::Reset),
            (Break::Silence, End::Silence),
            (Break::HalfClose, End::Fin),
        ] {
            assert_eq!(
                broken(CHUNKED, *position, how),
                ((*expected).to_owned(), end),
                "{how} {position}"
            );
        }
    };
    std::thread::scope(|scope| {
        for position in &positions {
            scope.spawn(move || check(position));
        }
    });
}

#[test]
fn breaks_at_every_position_of_a_frame_stream() {
    let frames = "HTTP/1.1 101 UPGRADED\r\n\r\n";
    for (position, expected) in [
        (Position::InFrameHead(0), "\x01\0\0\0"),
        (Position::InFrame(0), "\x01\0\0\0\0\0\0\x05he"),
        (Position::AfterFrame(0), "\x01\0\0\0\0\0\0\x05hello"),
        (Position::InFrameHead(1), "\x01\0\0\0\0\0\0\x05hello\x02\0\0\0"),
        (
            Position::InFrame(1),
            "\x01\0\0\0\0\0\0\x05hello\x02\0\0\0\0\0\0\x06wor",
        ),
        (
            Position::AfterFrame(1),
            "\x01\0\0\0\0\0\0\x05hello\x02\0\0\0\0\0\0\x06worlds",
        ),
        (Position::AfterBytes(9), "\x01\0\0\0\0\0\0\x05h"),
    ] {
        for (how, end) in [(Break::Fin, End::Fin), (Break::Reset, End::Reset)] {
            let expected = format!("{frames}{expected}");
            assert_eq!(broken(FRAMES, position, how), (expected, end), "{how} {position}");
        }
    }
}

#[test]
fn frame_positions_are_independent_of_chunking() {
    let server = Server::with(|mut stream| {
        for byte in FRAMES {
            stream.write_all(&[*byte]).unwrap_or_default();
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let (text, end) = requested(&server, GET, Fault::Break(Position::InFrame(1), Break::Reset));
    assert!(text.ends_with("\x06wor"), "{text:?}");
    assert_eq!(end, End::Reset);
}

#[test]
fn unreached_position_is_not_a_hit() {
    let server = Server::answering(CHUNKED);
    let proxy = server.proxy();
    let rule = proxy.inject(Rule::any().fault(Fault::Break(Position::InChunk(2), Break::Fin)));
    assert_eq!(ask(&proxy, GET).0.as_bytes(), CHUNKED);
    assert_eq!((rule.matched(), rule.hits()), (1, 0));
}

#[test]
fn position_decides_whether_engine_sees_the_request() {
    for (position, sees) in [
        (Position::BeforeRequest, false),
        (Position::AfterRequest, true),
        (Position::BeforeResponse, true),
    ] {
        let server = Server::answering(CHUNKED);
        let proxy = server.proxy();
        proxy.inject(Rule::any().fault(Fault::Break(position, Break::Fin)));
        assert_eq!(ask(&proxy, POST), (String::new(), End::Fin));
        if sees {
            until("the request has come", || !server.requests().is_empty());
            assert_eq!(server.requests(), [POST], "{position}");
        } else {
            assert!(server.requests().is_empty(), "{position}");
        }
    }
}

#[test]
fn upload_breaks_at_the_given_offset() {
    for (how, end) in [(Break::Fin, End::Fin), (Break::Reset, End::Reset)] {
        let server = Server::answering(CHUNKED);
        let (text, ended) = requested(&server, POST, Fault::Break(Position::InRequest(3), how));
        assert_eq!((text.as_str(), ended), ("", end));
        until("the engine has seen its part", || !server.requests().is_empty());
        assert_eq!(server.requests(), [POST.strip_suffix("y").unwrap()]);
    }
}

#[test]
fn silence_keeps_connections_open_without_data() {
    let (state, reported) = std::sync::mpsc::channel();
    let state = std::sync::Mutex::new(state);
    let server = Server::with(move |mut stream| {
        stream.write_all(b"HTTP/1.1 101 UPGRADED\r\n\r\nhello").unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        let silent = stream.read(&mut [0]).is_err();
        stream.set_read_timeout(Some(MAX_WAIT)).unwrap();
        let closed = matches!(stream.read(&mut [0]), Ok(0));
        state.lock().unwrap().send((silent, closed)).unwrap();
    });
    let proxy = server.proxy();
    let rule = proxy.inject(Rule::any().fault(Fault::Break(Position::AfterBytes(2), Break::Silence)));
    let mut client = Client::new(&proxy);
    client.send(GET);
    hit(&rule);
    client.send("nobody hears this");
    let (text, end) = client.rest();
    assert_eq!((text.ends_with("he"), end), (true, End::Silence));
    // A half-close by the client must not close the connection.
    client.finish();
    assert_eq!(client.rest().1, End::Silence);
    assert_eq!(proxy.connections(), 1);
    drop(client);
    assert_eq!(reported.recv_timeout(MAX_WAIT).unwrap(), (true, true));
    until("the connection has ended", || proxy.connections() == 0);
}

#[test]
fn half_close_keeps_the_direction_to_the_engine() {
    let (heard, reported) = std::sync::mpsc::channel();
    let heard = std::sync::Mutex::new(heard);
    let server = Server::with(move |mut stream| {
        stream.write_all(b"HTTP/1.1 101 UPGRADED\r\n\r\nhello").unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        heard.lock().unwrap().send(rest).unwrap();
    });
    let proxy = server.proxy();
    proxy.inject(Rule::any().fault(Fault::Break(Position::AfterBytes(2), Break::HalfClose)));
    let mut client = Client::new(&proxy);
    client.send(GET);
    assert_eq!(client.rest().1, End::Fin);
    client.send("still here");
    client.finish();
    assert_eq!(reported.recv_timeout(MAX_WAIT).unwrap(), "still here");
}

#[test]
fn close_write_ends_engine_input_but_not_response() {
    let server = Server::with(|mut stream| {
        let ended = matches!(stream.read(&mut [0]), Ok(0));
        let answer = format!("HTTP/1.1 101 UPGRADED\r\n\r\nended: {ended}");
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let (text, _) = requested(&server, GET, Fault::CloseWrite);
    assert!(text.ends_with("ended: true"), "{text}");
}

#[test]
fn connection_breaks_after_duration() {
    let server = Server::with(|mut stream| {
        stream.write_all(b"HTTP/1.1 101 UPGRADED\r\n\r\nhello").unwrap();
        let _ = stream.read(&mut [0]);
    });
    let started = Instant::now();
    let time = Duration::from_millis(400);
    let (text, end) = requested(&server, GET, Fault::Break(Position::After(time), Break::Reset));
    assert_eq!((text.ends_with("hello"), end), (true, End::Reset));
    assert!(started.elapsed() >= time);
}

#[test]
fn every_open_connection_can_be_broken() {
    for (how, end) in [
        (Break::Fin, End::Fin),
        (Break::Reset, End::Reset),
        (Break::Silence, End::Silence),
        (Break::HalfClose, End::Fin),
    ] {
        let server = Server::with(|mut stream| {
            stream.write_all(b"HTTP/1.1 101 UPGRADED\r\n\r\nhello").unwrap();
            let _ = stream.read(&mut [0]);
        });
        let proxy = server.proxy();
        let mut clients = [Client::new(&proxy), Client::new(&proxy)];
        for client in &mut clients {
            client.send(GET);
            client.0.read_exact(&mut [0; 30]).unwrap();
        }
        proxy.break_all(how);
        for client in &mut clients {
            assert_eq!(client.rest(), (String::new(), end), "{how}");
        }
        // Later connections are unaffected.
        let mut later = Client::new(&proxy);
        later.send(GET);
        later.0.read_exact(&mut [0; 30]).unwrap();
    }
}

#[test]
fn tcp_reset_reaches_the_client() {
    let server = Server::answering(CHUNKED);
    for (how, expected) in [
        (Break::Fin, None),
        (Break::Reset, Some(std::io::ErrorKind::ConnectionReset)),
    ] {
        let proxy = FaultProxy::start_on_tcp(&server.uri()).unwrap();
        let rule = proxy.inject(Rule::any().fault(Fault::Break(Position::InChunk(1), how)));
        let address = proxy.uri();
        let mut stream = std::net::TcpStream::connect(address.strip_prefix("tcp://").unwrap()).unwrap();
        stream.set_read_timeout(Some(MAX_WAIT)).unwrap();
        stream.write_all(GET.as_bytes()).unwrap();
        let ended = stream.read_to_end(&mut Vec::new());
        assert_eq!(ended.err().map(|error| error.kind()), expected, "{how}");
        assert_eq!(rule.hits(), 1);
    }
}
