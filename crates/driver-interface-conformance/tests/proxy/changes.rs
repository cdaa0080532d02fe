use std::time::{Duration, Instant};

use driver_interface_conformance::proxy::{Answer, Break, Fault, FrameField, Stage, When};

use super::server::{End, GET, POST, Server, requested};

const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n6\r\nefghij\r\n0\r\n\r\n";
const FRAMES: &[u8] = b"HTTP/1.1 101 UPGRADED\r\n\r\n\x01\0\0\0\0\0\0\x05hello\x02\0\0\0\0\0\0\x06worlds";

fn changed(answer: &'static [u8], fault: Fault) -> (String, Duration) {
    let started = Instant::now();
    let (text, end) = requested(&Server::answering(answer), GET, fault);
    assert_eq!(end, End::Fin);
    (text, started.elapsed())
}

#[test]
fn delay_applies_at_its_stage() {
    let time = Duration::from_millis(300);
    for stage in [Stage::BeforeRequest, Stage::BeforeResponse] {
        let (text, took) = changed(CHUNKED, Fault::Delay(stage, time));
        assert_eq!(text.as_bytes(), CHUNKED);
        assert!(took >= time, "{stage}: {took:?}");
    }
    let server = Server::answering(CHUNKED);
    let proxy = server.proxy();
    let fault = Fault::Delay(Stage::EachChunk, time);
    let rule = proxy.inject(super::server::any(fault));
    let started = Instant::now();
    assert_eq!(super::server::ask(&proxy, GET).0.as_bytes(), CHUNKED);
    assert!(started.elapsed() >= 2 * time, "one for each chunk");
    assert_eq!(rule.hits(), 2);
}

#[test]
fn throttle_limits_bytes_per_second() {
    let (text, took) = changed(CHUNKED, Fault::Throttle(100));
    assert_eq!(text.as_bytes(), CHUNKED);
    let least = Duration::from_millis(10 * (GET.len() + CHUNKED.len()) as u64);
    assert!(took >= least, "{took:?} for {least:?}");
}

#[test]
fn throttle_is_independent_of_chunk_size() {
    const COUNT: usize = 1000;
    const RATE: u64 = 10_000;
    let answer = |body: String| -> &'static [u8] {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        Box::leak(format!("{head}{body}0\r\n\r\n").into_boxed_str()).as_bytes()
    };
    // Both responses have the same size.
    let small = answer("1\r\nx\r\n".repeat(COUNT));
    let large = answer(format!(
        "{:x}\r\n{}\r\n",
        6 * COUNT - 8,
        "x".repeat(6 * COUNT - 8)
    ));
    let (_, at_once) = changed(large, Fault::Throttle(RATE));
    let (text, in_pieces) = changed(small, Fault::Throttle(RATE));
    assert_eq!(text.as_bytes(), small);
    assert!(in_pieces < at_once * 2, "{in_pieces:?} against {at_once:?}");
}

#[test]
fn pause_happens_once() {
    let time = Duration::from_millis(400);
    for after in [0, 4, 5] {
        let (text, took) = changed(CHUNKED, Fault::Pause { after, time });
        assert_eq!(text.as_bytes(), CHUNKED);
        assert!(took >= time && took < 2 * time, "{took:?}");
    }
}

#[test]
fn scripted_answer_replaces_the_response() {
    for (when, sees) in [(When::Instead, 0), (When::AfterEffect, 1)] {
        let server = Server::answering(CHUNKED);
        let answer = Answer::new(500)
            .header("Content-Type", "text/html")
            .body("<html>");
        let (text, end) = requested(&server, POST, Fault::Answer(when, answer));
        let expected = "HTTP/1.1 500 Answer\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>";
        assert_eq!((text.as_str(), end), (expected, End::Fin));
        assert_eq!(server.requests().len(), sees, "{when:?}");
    }
}

#[test]
fn answer_supports_every_body_kind() {
    for (answer, expected, end) in [
        (
            Answer::new(204),
            "HTTP/1.1 204 Answer\r\nContent-Length: 0\r\n\r\n",
            End::Fin,
        ),
        (Answer::new(101), "HTTP/1.1 101 Answer\r\n\r\n", End::Fin),
        (Answer::raw("\0\x01rubbish"), "\0\x01rubbish", End::Fin),
        (
            Answer::new(200).header("content-length", "9").body("short"),
            "HTTP/1.1 200 Answer\r\ncontent-length: 9\r\n\r\nshort",
            End::Fin,
        ),
        (
            Answer::new(200)
                .json(&serde_json::json!({"a": 1}))
                .then(Break::Silence),
            "HTTP/1.1 200 Answer\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
            End::Silence,
        ),
        (
            Answer::new(200).body("x").then(Break::Reset),
            "HTTP/1.1 200 Answer\r\nContent-Length: 1\r\n\r\nx",
            End::Reset,
        ),
    ] {
        for when in [When::Instead, When::AfterEffect] {
            let fault = Fault::Answer(when, answer.clone());
            let result = requested(&Server::answering(CHUNKED), GET, fault);
            assert_eq!(result, (expected.to_owned(), end), "{answer}");
        }
    }
}

#[test]
fn endless_heads_and_bodies_do_not_end() {
    for (answer, part) in [
        (Answer::endless_head(), "X-More: and more\r\nX-More: and more\r\n"),
        (Answer::new(200).endless("[", "{},"), "3\r\n{},\r\n3\r\n{},\r\n"),
    ] {
        let proxy = Server::answering(CHUNKED).proxy();
        proxy.inject(super::server::any(Fault::Answer(When::Instead, answer)));
        let mut client = super::server::Client::new(&proxy);
        client.send(GET);
        let mut much = vec![0; 2_000_000];
        std::io::Read::read_exact(&mut client.0, &mut much).unwrap();
        assert!(String::from_utf8_lossy(&much).contains(part));
    }
}

#[test]
fn engine_response_can_be_altered() {
    let body = "4\r\nabcd\r\n6\r\nefghij\r\n0\r\n\r\n";
    let whole = |first: &str| format!("{first}\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    let text = |fault| changed(CHUNKED, fault).0;
    assert_eq!(text(Fault::Status(418)), whole("HTTP/1.1 418 Replaced"));
    assert_eq!(
        text(Fault::HugeHeader(70_000)),
        whole(&format!("HTTP/1.1 200 OK\r\nX-Huge: {}", "x".repeat(70_000)))
    );
    assert_eq!(
        text(Fault::Length(3)),
        "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nabcdefghij"
    );
    assert_eq!(
        text(Fault::Length(-3)),
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nabcdefghij"
    );
    assert!(text(Fault::ChunkLength(1, 10)).ends_with("4\r\nabcd\r\n10\r\nefghij\r\n0\r\n\r\n"));
}

#[test]
fn upgrade_status_can_be_replaced() {
    let (text, _) = changed(FRAMES, Fault::Status(200));
    assert!(text.starts_with("HTTP/1.1 200 Replaced\r\n\r\n\x01"), "{text:?}");
}

#[test]
fn frame_headers_can_be_altered() {
    let text = |fault| changed(FRAMES, fault).0;
    let first = "\x01\0\0\0\0\0\0\x05hello";
    assert!(text(Fault::Frame(0, FrameField::Stream(9))).contains("\r\n\r\n\x09\0\0\0\0\0\0\x05hello\x02"));
    assert!(
        text(Fault::Frame(1, FrameField::Stream(7))).ends_with(&format!("{first}\x07\0\0\0\0\0\0\x06worlds"))
    );
    assert!(
        text(Fault::Frame(1, FrameField::Length(0x7f00_0001)))
            .ends_with(&format!("{first}\x02\0\0\0\x7f\0\0\x01worlds"))
    );
}
