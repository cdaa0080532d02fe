//! Value types: signals, paths, ports, streams, output, secrets.

#![allow(
    clippy::unwrap_used,
    reason = "a test may fail by panicking, and so may what it is helped by"
)]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use driver_interface_errors::ConnectionError;
use driver_interface_types::{
    ByteStream, Bytes, ContainerPath, DriverStream, ExecConfig, ExecControl, ExecOutcome, ExecOutput,
    ExecSession, FileContent, ImageInfo, LayerProgress, LogChunk, LogSource, PortMapping, PullOptions,
    PullProgress, PullStream, RegistryCredentials, Result, Signal, TtySize, WriteFile, async_trait,
};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

proptest! {
    #[test]
    fn signals_round_trip_by_name_and_number(number in 1_i64..=64) {
        let signal = Signal::from_number(number).unwrap();
        prop_assert_eq!(signal.to_string().parse::<Signal>().unwrap(), signal);
        prop_assert_eq!(number.to_string().parse::<Signal>().unwrap(), signal);
        let name = signal.to_string();
        let short = name.strip_prefix("SIG").unwrap_or(&name).to_lowercase();
        prop_assert_eq!(short.parse::<Signal>().unwrap(), signal);
    }

    #[test]
    fn parsing_a_signal_never_panics(text in ".*") {
        if let Ok(signal) = text.parse::<Signal>() {
            prop_assert!((1..=64).contains(&signal.number()));
        }
    }

    #[test]
    fn accepted_path_is_absolute_and_normalised(text in "[/.a\\x00]{0,12}") {
        if let Ok(path) = ContainerPath::new(&text) {
            prop_assert!(path.as_str().starts_with('/') && !path.as_str().contains('\0'));
            prop_assert!(path.as_str().split('/').skip(1).all(|part| !matches!(part, "." | "..")));
            prop_assert_eq!(ContainerPath::new(path.as_str()).unwrap(), path.clone());
            match path.file_name() {
                Some(name) => prop_assert_eq!(path.parent().join(name).unwrap(), path),
                None => prop_assert_eq!(path.as_str(), "/"),
            }
        }
    }

    #[test]
    fn port_mappings_round_trip(
        container in 1_u16.., host in proptest::option::of(1_u16..), address: std::net::IpAddr
    ) {
        let mut mapping = PortMapping::new(container).host_ip(address);
        mapping.host_port = host;
        prop_assert_eq!(mapping.to_string().parse::<PortMapping>().unwrap(), mapping);
    }

    #[test]
    fn parsing_a_port_mapping_never_panics(text in "[0-9.:/\\[\\]a-z]{0,24}") {
        if let Ok(mapping) = text.parse::<PortMapping>() {
            prop_assert!(mapping.container_port > 0 && mapping.host_port != Some(0));
        }
    }
}

#[test]
fn signal_aliases_are_accepted() {
    for (text, number) in [
        ("SIGTERM", 15),
        ("term", 15),
        ("SigUsr1", 10),
        ("9", 9),
        ("IOT", 6),
        ("SIGRTMIN", 34),
        ("RTMIN+3", 37),
        ("SIGRTMAX-1", 63),
        ("RTMAX", 64),
    ] {
        assert_eq!(text.parse::<Signal>().unwrap().number(), number, "{text}");
    }
    for text in [
        "", "SIG", "0", "65", "-9", "+9", "TERMINATE", "RTMIN+31", "RTMAX-31", "RTMIN-1", "KILL ",
    ] {
        assert!(text.parse::<Signal>().is_err(), "{text:?}");
    }
    assert_eq!(Signal::KILL.exit_code(), 137);
}

#[test]
fn escaping_paths_are_rejected_with_code() {
    for (path, code) in [
        ("", "not-absolute"),
        ("srv/app", "not-absolute"),
        ("./srv", "not-absolute"),
        ("/srv/..", "not-normalised"),
        ("/srv/../../etc", "not-normalised"),
        ("/a\0b", "invalid-character"),
    ] {
        let error = ContainerPath::new(path).unwrap_err();
        assert_eq!(error.violations()[0].code, code, "{path:?}");
    }
    assert!(ContainerPath::new("/".to_owned() + &"a".repeat(4095)).is_err());
    assert_eq!(ContainerPath::new("/a..b/...").unwrap().as_str(), "/a..b/...");
    assert!(serde_json::from_str::<ContainerPath>("\"../etc\"").is_err());
    assert!(ContainerPath::new("/srv").unwrap().join("../etc").is_err());
}

#[test]
fn ambiguous_port_mappings_are_rejected() {
    for text in [
        "", ":", "0", "80/", "80/icmp", "65536", ":80", "a:80", "8080:", "1.2.3:80:80", "::1:80:80", "+80",
        "127.0.0.1:0:80",
    ] {
        assert!(text.parse::<PortMapping>().is_err(), "{text:?}");
    }
}

#[test]
fn debug_hides_secrets() {
    let secret = "hunter2";
    let exec = ExecConfig::new(["login"]).env("TOKEN", secret).stdin(secret);
    let output = ExecOutput::new(ExecOutcome::Exited(0), secret, secret);
    let pull = |credentials| PullOptions::default().credentials(credentials);
    for printed in [
        format!("{exec:?}"),
        format!("{output:?}"),
        format!("{:?}", LogChunk::new(LogSource::Stdout, secret)),
        format!("{:?}", WriteFile::new(secret)),
        format!("{:?}", ByteStream::from(Bytes::from(secret))),
        format!("{:?}", pull(RegistryCredentials::password("robot", secret))),
        format!("{:?}", pull(RegistryCredentials::identity_token(secret))),
    ] {
        assert!(!printed.contains(secret), "{printed}");
    }
    assert!(format!("{exec:?}").contains("TOKEN"));
}

#[test]
fn outcome_reports_success_and_exit_code() {
    assert!(ExecOutcome::Exited(0).success() && !ExecOutcome::Exited(1).success());
    assert_eq!(ExecOutcome::Signaled(Signal::TERM).exit_code(), Some(143));
    for outcome in [
        ExecOutcome::TimedOut,
        ExecOutcome::OomKilled,
        ExecOutcome::ContainerGone,
    ] {
        assert!(!outcome.success() && outcome.exit_code().is_none());
    }
    let output = ExecOutput::new(ExecOutcome::Exited(0), vec![b'a', 0xff], "");
    assert_eq!(output.stdout_text(), "a\u{fffd}");
    assert_eq!(ExecConfig::new(["true"]).output_limit, 10 * 1024 * 1024);
}

#[tokio::test]
async fn stream_ends_at_its_first_error() {
    let items: Vec<Result<u8>> = vec![Ok(1), Err(ConnectionError::new("cut").into()), Ok(2)];
    let mut stream = DriverStream::new(futures_util::stream::iter(items));
    assert_eq!(stream.next().await.unwrap().unwrap(), 1);
    assert!(stream.next().await.unwrap().is_err());
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn from_reader_streams_bounded_pieces() {
    let content: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
    let mut stream = ByteStream::from_reader("content", std::io::Cursor::new(content.clone()));
    let mut read = Vec::new();
    while let Some(piece) = stream.next().await {
        let piece = piece.unwrap();
        assert!(!piece.is_empty() && piece.len() <= ByteStream::PIECE);
        read.extend_from_slice(&piece);
    }
    assert_eq!(read, content);
}

#[tokio::test]
async fn read_all_refuses_more_than_the_limit() {
    let error = ByteStream::from(vec![0; 11]).read_all(10).await.unwrap_err();
    assert_eq!(error.code(), "FILE_SYSTEM_ERROR");
    assert_eq!(
        ByteStream::from(vec![0; 10]).read_all(10).await.unwrap().len(),
        10
    );
    assert!(
        ByteStream::from(Vec::new())
            .collect_all()
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(FileContent::from(vec![0; 10]).length(), 10);
}

#[tokio::test]
async fn finish_returns_the_pulled_image() {
    let image = ImageInfo::new("sha256:00", 1);
    let layer = PullProgress::Layer(LayerProgress::new("a1", "Downloading").bytes(1, Some(2)));
    let done = PullStream::of_items([layer.clone(), PullProgress::Done(image.clone())]);
    assert_eq!(done.finish().await.unwrap(), image);
    let cut = PullStream::of_items([layer]);
    assert_eq!(cut.finish().await.unwrap_err().code(), "INTERNAL_ERROR");
}

struct Noted(Arc<AtomicBool>);

#[async_trait]
impl ExecControl for Noted {
    async fn resize(&self, _: TtySize) -> Result<()> {
        Ok(())
    }

    async fn wait(&self) -> Result<ExecOutcome> {
        Ok(ExecOutcome::Exited(0))
    }

    async fn kill(&self) -> Result<()> {
        Ok(())
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn session_can_half_close_and_drops_its_control() {
    fn sendable<T: Send>(value: T) -> T {
        value
    }
    let (ours, mut theirs) = tokio::io::duplex(64);
    let dropped = Arc::new(AtomicBool::new(false));
    let stdin: Pin<Box<dyn tokio::io::AsyncWrite + Send>> = Box::pin(ours);
    let control = Noted(Arc::clone(&dropped));
    let mut session = sendable(ExecSession::new(
        Some(stdin),
        &b"out"[..],
        tokio::io::empty(),
        control,
    ));
    session.stdin.as_mut().unwrap().write_all(b"in").await.unwrap();
    session.close_stdin().await.unwrap();
    session.close_stdin().await.unwrap();
    let mut input = String::new();
    theirs.read_to_string(&mut input).await.unwrap();
    assert_eq!(input, "in");
    let mut output = String::new();
    session.stdout.read_to_string(&mut output).await.unwrap();
    assert_eq!(output, "out");
    assert_eq!(sendable(session.wait()).await.unwrap(), ExecOutcome::Exited(0));
    drop(session);
    assert!(dropped.load(Ordering::SeqCst));
}
