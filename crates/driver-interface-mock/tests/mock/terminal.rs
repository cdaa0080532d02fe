//! Terminals: input, echo and output.

use std::time::Duration;

use driver_interface_types::{ContainerDriver, ContainerStatus, ExecConfig, ExecOutcome, TtySize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::{instant_driver, logs, ready, script, server, started};

const SECOND: Duration = Duration::from_secs(1);

fn in_terminal(text: &str) -> ExecConfig {
    let size = TtySize {
        columns: 132,
        rows: 43,
    };
    ExecConfig::shell(text).tty(size).timeout(60 * SECOND)
}

/// Recorded from a Docker terminal into which the input and an EOF were typed.
#[tokio::test(start_paused = true)]
async fn stdin_is_echoed_and_ended_by_eof() {
    let driver = instant_driver();
    let id = ready(&driver, &server()).await;
    for (text, input, output) in [
        (
            "read x; echo got $x; stty size",
            "hi\n",
            "hi\r\ngot hi\r\n43 132\r\n",
        ),
        ("cat", "x", "xx"),
        ("cat", "x\n", "x\r\nx\r\n"),
        ("cat", "", ""),
        ("cat", "a\tb\x01c\x1bz\n", "a\tb^Ac^[z\r\na\tb\x01c\x1bz\r\n"),
        (
            "cat",
            "one two\x17three\n",
            "one two\x08 \x08\x08 \x08\x08 \x08three\r\none three\r\n",
        ),
        ("cat", "a\rb\r\n", "a\r\nb\r\n\r\na\r\nb\r\n\r\n"),
        ("wc -c", &"y".repeat(99), &format!("{}99\r\n", "y".repeat(99))),
        ("read x; exit 0", "hi\nleft over\n", "hi\r\nleft over\r\n"),
        ("head -c 2; echo; head -c 9", "abcdef\n", "abcdef\r\nab\r\n"),
        ("sleep 1; cat", "early\n", "early\r\nearly\r\n"),
        (
            "test -t 0 && test -t 1 && echo both; test -t 1 | cat; tty",
            "",
            "both\r\n/dev/pts/0\r\n",
        ),
        (
            "test -t 0 < /dev/null || echo no; test -t 1 > /tmp/f || echo no",
            "",
            "no\r\nno\r\n",
        ),
    ] {
        let done = driver
            .exec(&id, in_terminal(text).stdin(input.to_owned()))
            .await
            .unwrap();
        assert_eq!(
            (done.outcome, done.stdout_text().as_ref()),
            (ExecOutcome::Exited(0), output),
            "{text} with {input:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn terminal_without_input_blocks_readers() {
    let driver = instant_driver();
    let id = ready(&driver, &server()).await;
    let waiting = driver.exec(&id, in_terminal("echo begun; cat")).await.unwrap();
    assert_eq!(
        (waiting.outcome, waiting.stdout_text().as_ref()),
        (ExecOutcome::TimedOut, "begun\r\n")
    );
    let twice = in_terminal("cat; echo again; cat").stdin("x\n");
    let twice = driver.exec(&id, twice).await.unwrap();
    assert_eq!(
        (twice.outcome, twice.stdout_text().as_ref()),
        (ExecOutcome::TimedOut, "x\r\nx\r\nagain\r\n")
    );
    let container = started(&driver, &script("test -t 0; echo $?; cat; echo over").tty(true)).await;
    tokio::time::sleep(60 * SECOND).await;
    let now = driver.get_container(&container).await.unwrap().unwrap();
    assert_eq!(
        (now.status, logs(&driver, &container).await.as_str()),
        (ContainerStatus::Running, "0\r\n")
    );
}

#[tokio::test(start_paused = true)]
async fn session_input_ends_with_eof() {
    let driver = instant_driver();
    let id = ready(&driver, &server()).await;
    for (text, keys, output, code) in [
        (
            "cat; sleep 1; echo later; exit 3",
            "hi\n",
            "hi\r\nhi\r\nlater\r\n",
            3,
        ),
        ("cat; exit 3", "hi", "hihi", 3),
        (
            "stty -echo; echo ready; sleep 1; cat",
            "quiet\n",
            "ready\r\nquiet\r\n",
            0,
        ),
        ("stty raw; head -c 4", "a\x04\x03\n", "a^D^C^J^Da\x04\x03\n", 0),
        (
            "trap 'echo int; exit 5' INT; while true; do sleep 1; done",
            "par\x03",
            "^Cint\r\n",
            5,
        ),
    ] {
        let mut session = driver.exec_stream(&id, in_terminal(text)).await.unwrap();
        tokio::time::sleep(SECOND / 2).await;
        session
            .stdin
            .as_mut()
            .unwrap()
            .write_all(keys.as_bytes())
            .await
            .unwrap();
        session.close_stdin().await.unwrap();
        let mut shown = String::new();
        session.stdout.read_to_string(&mut shown).await.unwrap();
        assert_eq!(
            (session.wait().await.unwrap(), shown.as_str()),
            (ExecOutcome::Exited(code), output),
            "{text} with {keys:?}"
        );
    }
}
