//! The simulated shell and programs compared with busybox.

use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::support::{run, run_script, script};

/// The busybox version of the recorded [`CASES`].
const RECORDED_WITH: &str = "BusyBox v1.35";

/// Scripts with their recorded results. `RECORD_BUSYBOX=1` records them again.
const CASES: &str = include_str!("busybox.txt");

struct Case {
    script: String,
    stdout: String,
    stderr: String,
    code: i64,
}

fn parse_cases(text: &str) -> Vec<Case> {
    let cases = text.split("==== script\n").skip(1).map(|block| {
        let (script, rest) = block.split_once("==== stdout\n").unwrap();
        let (stdout, rest) = rest.split_once("==== stderr\n").unwrap();
        let (stderr, code) = rest.split_once("==== code ").unwrap();
        let text = |text: &str| text.strip_suffix('\n').unwrap_or(text).to_owned();
        Case {
            script: text(script),
            stdout: text(stdout),
            stderr: text(stderr),
            code: code.trim().parse().unwrap(),
        }
    });
    cases.collect()
}

#[tokio::test(start_paused = true)]
async fn scripts_behave_like_busybox() {
    let cases = parse_cases(CASES);
    assert!(cases.len() > 250, "only {} cases", cases.len());
    let mut wrong = String::new();
    for case in cases {
        let mut config = script(&case.script);
        config.security.user = Some("0:0".to_owned());
        let ran = run(&config).await;
        let same = (ran.code, &ran.stdout, &ran.stderr) == (case.code, &case.stdout, &case.stderr);
        if !same {
            let Case {
                script,
                stdout,
                stderr,
                code,
            } = case;
            writeln!(
                wrong,
                "{script}\n  busybox: {code} {stdout:?} {stderr:?}\n  mock:    {ran:?}"
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Compares the recorded cases with busybox of the same version, or of any version if it records them.
#[test]
fn recorded_cases_match_busybox() {
    let record = std::env::var_os("RECORD_BUSYBOX").is_some();
    match Command::new("busybox").stdout(Stdio::piped()).output() {
        Ok(help) if record || String::from_utf8_lossy(&help.stdout).contains(RECORDED_WITH) => {}
        Ok(_) => return eprintln!("not compared: another busybox than {RECORDED_WITH}"),
        Err(error) => return eprintln!("not compared: no busybox on the path ({error})"),
    }
    let programs = std::env::temp_dir().join(format!("busybox-{}", std::process::id()));
    std::fs::create_dir_all(&programs).unwrap();
    let installed = Command::new("busybox")
        .args(["--install", "-s"])
        .arg(&programs)
        .status()
        .unwrap();
    assert!(installed.success());
    let mut text = String::new();
    for Case { script, .. } in parse_cases(CASES) {
        // Reset ignored signals (SIGHUP under `nohup`), which the children would inherit.
        let out = Command::new("/usr/bin/env")
            .args(["--default-signal", "busybox", "sh", "-c", &script])
            .env_clear()
            .env("PATH", &programs)
            .env("HOME", "/root")
            .current_dir("/")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let code = out
            .status
            .code()
            .or(out.status.signal().map(|signal| 128 + signal))
            .unwrap();
        let (stdout, stderr) = (
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr),
        );
        write!(
            text,
            "==== script\n{script}\n==== stdout\n{stdout}\n==== stderr\n{stderr}\n==== code {code}\n"
        )
        .unwrap();
    }
    std::fs::remove_dir_all(&programs).unwrap();
    if record {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/mock/busybox.txt");
        std::fs::write(file, text).unwrap();
    } else {
        let wrong = text.split("==== script\n").zip(CASES.split("==== script\n"));
        let wrong: Vec<_> = wrong.filter(|(now, recorded)| now != recorded).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn scripts_take_their_simulated_time() {
    let cases = [
        ("sleep 60", 60.0),
        ("sleep 0.25; sleep 1m", 60.25),
        ("sleep 5 & sleep 7 & wait", 7.0),
        ("for i in 1 2 3; do sleep 10; done", 30.0),
        ("sleep 10 | sleep 20", 20.0),
        ("x=$(sleep 3)", 3.0),
        ("(sleep 2; sleep 2) & sleep 1", 1.0),
        ("timeout 4 sleep 100", 4.0),
        (
            "trap 'exit 0' TERM; (sleep 5; kill $$) & while true; do sleep 1; done",
            5.0,
        ),
        ("trap 'exit 0' TERM; (sleep 5; kill $$) & sleep 60 & wait $!", 5.0),
    ];
    for (text, seconds) in cases {
        let took = run_script(text).await.time.as_secs_f64();
        assert!((seconds..seconds + 0.2).contains(&took), "{text} took {took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn busy_loop_takes_time_and_yields() {
    let ran = run_script("(sleep 1; kill -9 $$) & while :; do :; done").await;
    assert_eq!(ran.code, 137);
    assert!(ran.time < Duration::from_secs(3), "{:?}", ran.time);
}

#[tokio::test(start_paused = true)]
async fn unsupported_syntax_is_reported() {
    for text in [
        "echo ((1))", "cat <<< a", "echo ${x/a/b}", "exec 3>/tmp/x", "[[ a = a ]] && ((x++))",
    ] {
        let ran = run_script(text).await;
        assert_ne!(ran.code, 0, "{text}");
        assert!(!ran.stderr.is_empty(), "{text}");
    }
    let ran = run_script("echo ${x/a/b}").await;
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(
        ran.stderr.contains("the mock shell does not support"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("MockBuilder::command"), "{}", ran.stderr);
}

#[tokio::test(start_paused = true)]
async fn deep_nesting_does_not_overflow_the_stack() {
    let deep = [
        "f() { f; }; f".to_owned(),
        "f() { echo $(f); }; f".to_owned(),
        "f() { if true; then { (f); }; fi; }; f".to_owned(),
        format!("{}:{}", "(".repeat(50_000), ")".repeat(50_000)),
        format!("{}:{}", "{ ".repeat(50), "; }".repeat(50)),
        format!("echo {}x{}", "$(echo ".repeat(40), ")".repeat(40)),
        format!("echo {}x{}", "\"${a:-".repeat(40), "}\"".repeat(40)),
        format!("echo $(({}1{}))", "(".repeat(5000), ")".repeat(5000)),
        format!("test {} a", "! ".repeat(5000)),
        "eval() { :; }; x='eval \"$x\"'; eval \"$x\"".to_owned(),
        format!("{}true", "! ".repeat(5000)),
        format!("true{}", " && true".repeat(5000)),
        format!("true{}", " | true".repeat(30)),
    ];
    for text in deep {
        let ran = run_script(&text).await;
        assert!(ran.code <= 2, "{:.60}: {:?}", text, ran.code);
    }
}

#[tokio::test(start_paused = true)]
async fn scripts_run_from_files_and_stdin() {
    let text = "echo 'echo $0 $1; exit 3' > /tmp/script; sh /tmp/script arg; echo $?; echo 'echo piped' | sh";
    assert_eq!(run_script(text).await.stdout, "/tmp/script arg\n3\npiped\n");
}
