//! Simulated commands about the system and its processes, such as `date` and `kill`.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use driver_interface_types::TtySize;

use super::basic::duration;
use super::options::Line;
use crate::process::{LaunchError, MockProcess, Modes, Program, Signal, SignalAction};

pub(crate) async fn id(process: MockProcess) -> u8 {
    let Some(line) = Line::parse(&process, "ugnG").await else {
        return 1;
    };
    let (uid, gid) = process.user();
    let name = process.user.name.clone();
    let named = |id: u32, name: Option<&str>| name.map_or(id.to_string(), |name| format!("{id}({name})"));
    let group = (gid == 0).then_some("root");
    let groups = process.user.groups.clone();
    let all = std::iter::once(gid).chain(groups);
    let text = match (line.has('u'), line.has('g') || line.has('G'), line.has('n')) {
        (true, _, true) => name.unwrap_or_else(|| uid.to_string()),
        (true, _, false) => uid.to_string(),
        (_, true, _) if line.has('g') => gid.to_string(),
        (_, true, _) => all.map(|id| id.to_string()).collect::<Vec<_>>().join(" "),
        _ => {
            let all: Vec<String> = all.map(|id| named(id, group.filter(|_| id == gid))).collect();
            let (uid, gid) = (named(uid, name.as_deref()), named(gid, group));
            format!("uid={uid} gid={gid} groups={}", all.join(","))
        }
    };
    process.answer(format!("{text}\n")).await
}

pub(crate) async fn whoami(process: MockProcess) -> u8 {
    match process.user.name.clone() {
        Some(name) => process.answer(format!("{name}\n")).await,
        None => {
            process
                .say(format!("whoami: unknown uid {}", process.user().0))
                .await;
            1
        }
    }
}

pub(crate) async fn hostname(process: MockProcess) -> u8 {
    if process.args().get(1).is_some_and(|word| !word.starts_with('-')) {
        process
            .say("hostname: sethostname: Operation not permitted")
            .await;
        return 1;
    }
    let text = format!("{}\n", process.host.hostname);
    process.answer(text).await
}

pub(crate) async fn nproc(process: MockProcess) -> u8 {
    process.answer("2\n").await
}

pub(crate) async fn uname(process: MockProcess) -> u8 {
    let all = process.args().iter().any(|arg| arg == "-a");
    let text = if all {
        format!("Linux {} 6.1.0-sim x86_64 GNU/Linux\n", process.host.hostname)
    } else {
        "Linux\n".to_owned()
    };
    process.answer(text).await
}

/// Prints the engine's time. In a format such as `+%s%N`, replaces `%s` and `%N`. Without a format, prints the time
/// as RFC 3339.
pub(crate) async fn date(process: MockProcess) -> u8 {
    let now = process.host.clock.now();
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let format = process.args().iter().find_map(|arg| arg.strip_prefix('+'));
    let text = match format {
        Some(format) => format
            .replace("%s", &since.as_secs().to_string())
            .replace("%N", &format!("{:09}", since.subsec_nanos())),
        None => humantime::format_rfc3339_seconds(now).to_string(),
    };
    process.answer(format!("{text}\n")).await
}

/// Prints the environment, or runs a program with additional environment variables.
pub(crate) async fn env(mut process: MockProcess) -> u8 {
    let mut rest = process.args().get(1..).unwrap_or_default().to_vec();
    if rest.first().is_some_and(|arg| arg == "-i" || arg == "-") {
        process.env = Arc::default();
        rest.remove(0);
    }
    while let Some((key, value)) = rest.first().and_then(|arg| arg.split_once('=')) {
        Arc::make_mut(&mut process.env).insert(key.to_owned(), value.to_owned());
        rest.remove(0);
    }
    if rest.is_empty() {
        let text: String = process
            .env
            .iter()
            .map(|(key, value)| format!("{key}={value}\n"))
            .collect();
        return process.answer(text).await;
    }
    run_instead(process, rest, "env").await
}

/// Runs another program in `process`. `words` are that program and its arguments. Error messages begin with `name`,
/// the command that was called, such as `nohup`.
async fn run_instead(mut process: MockProcess, words: Vec<String>, name: &str) -> u8 {
    let program = words.first().cloned().unwrap_or_default();
    match process.launcher().load_as_script(&program, &words) {
        Ok(Program { command, argv }) => {
            process.entry.rename(&program);
            process.args = argv.into();
            command.run(process).await
        }
        Err(problem) => cannot_execute(&process, name, &program, problem).await,
    }
}

async fn cannot_execute(process: &MockProcess, name: &str, program: &str, problem: LaunchError) -> u8 {
    process
        .say(format!("{name}: can't execute '{program}': {problem}"))
        .await;
    problem.exit_code()
}

/// Runs a program. A real `setsid` runs the program in a new session, but the simulation has no sessions.
pub(crate) async fn setsid(process: MockProcess) -> u8 {
    let words = process.args().get(1..).unwrap_or_default().to_vec();
    run_instead(process, words, "setsid").await
}

pub(crate) async fn nohup(process: MockProcess) -> u8 {
    process.on_signal(Signal::Hup, SignalAction::Ignore);
    let words = process.args().get(1..).unwrap_or_default().to_vec();
    run_instead(process, words, "nohup").await
}

/// Prints the terminal's path if standard input is a terminal, otherwise prints `not a tty`.
pub(crate) async fn tty(process: MockProcess) -> u8 {
    let there = process.stdin.is_terminal();
    process
        .answer(if there { "/dev/pts/0\n" } else { "not a tty\n" })
        .await;
    u8::from(!there)
}

/// Prints the terminal's size if the argument is `size`. Otherwise, changes the modes in [`Modes`]. Accepts all other
/// settings, but ignores them.
pub(crate) async fn stty(process: MockProcess) -> u8 {
    let Some(terminal) = process.terminal.clone().filter(|_| process.stdin.is_terminal()) else {
        process
            .say("stty: standard input: Inappropriate ioctl for device")
            .await;
        return 1;
    };
    for word in process.args().iter().skip(1) {
        if word == "size" {
            let TtySize { columns, rows } = terminal.size();
            if (columns, rows) == (0, 0) {
                process.say("stty: standard input").await;
                return 1;
            }
            return process.answer(format!("{rows} {columns}\n")).await;
        }
        let (name, on) = word
            .strip_prefix('-')
            .map_or((word.as_str(), true), |name| (name, false));
        terminal.change_modes(|modes| match (name, on) {
            ("echo", on) => modes.echo = on,
            ("icanon", on) => modes.canonical = on,
            ("isig", on) => modes.signals = on,
            ("icrnl", on) => modes.maps_returns = on,
            ("opost" | "onlcr", on) => modes.processes_output = on,
            ("raw", true) | ("cooked", false) => {
                *modes = Modes {
                    echo: modes.echo,
                    ..Modes::RAW
                };
            }
            ("cooked", true) | ("raw", false) => {
                *modes = Modes {
                    echo: modes.echo,
                    ..Modes::COOKED
                };
            }
            ("sane", true) => *modes = Modes::COOKED,
            _ => {}
        });
    }
    0
}

pub(crate) async fn printenv(process: MockProcess) -> u8 {
    let Some(name) = process.args().get(1) else {
        let text: String = process
            .env
            .iter()
            .map(|(key, value)| format!("{key}={value}\n"))
            .collect();
        return process.answer(text).await;
    };
    match process.env(name) {
        Some(value) => process.answer(format!("{value}\n")).await,
        None => 1,
    }
}

pub(crate) async fn ps(process: MockProcess) -> u8 {
    let (uid, _) = process.user();
    let user = process.user.name.clone().unwrap_or_else(|| uid.to_string());
    let mut text = format!("PID   USER     TIME  COMMAND\n    1 {user:<8}  0:00 init\n");
    for entry in process.host.processes() {
        text.push_str(&format!("{:5} {user:<8}  0:00 {}\n", entry.pid, entry.name()));
    }
    process.answer(text).await
}

/// Sends a signal to the processes with the given ids. With `-l`, lists the signals.
pub(crate) async fn kill(process: MockProcess) -> u8 {
    let mut args = process.args().get(1..).unwrap_or_default().to_vec();
    let mut signal = Some(Signal::Term);
    if let Some(flag) = args
        .first()
        .filter(|arg| arg.len() > 1 && arg.starts_with('-'))
        .cloned()
    {
        args.remove(0);
        let name = if flag == "-s" && !args.is_empty() {
            args.remove(0)
        } else {
            flag.trim_start_matches('-').to_owned()
        };
        if name == "l" {
            return list_signals(&process, args.first()).await;
        }
        signal = Signal::parse(&name);
        if signal.is_none() && name != "0" {
            process.say(format!("sh: bad signal name '{name}'")).await;
            return 1;
        }
    }
    if args.is_empty() {
        process.say("sh: you need to specify whom to kill").await;
        return 1;
    }
    let mut status = 0;
    for arg in &args {
        let sent = match arg.parse::<u32>() {
            Ok(pid) => process
                .host
                .kill(&process.entry, pid, signal)
                .map_err(|errno| format!("can't kill pid {pid}: {errno}")),
            Err(_) => Err(format!("invalid number '{arg}'")),
        };
        if let Err(problem) = sent {
            process.say(format!("sh: {problem}")).await;
            status = 1;
        }
    }
    // If the signal is for this process, it must take effect before the next command runs.
    tokio::task::yield_now().await;
    status
}

async fn list_signals(process: &MockProcess, of: Option<&String>) -> u8 {
    let text = match of {
        None => Signal::ALL
            .iter()
            .map(|signal| format!("{:2}) {signal}\n", signal.number()))
            .collect(),
        Some(text) => {
            let number = text
                .parse::<u8>()
                .map_or(text.clone(), |code| (code & 127).to_string());
            match (Signal::parse(&number), text.parse::<u8>()) {
                (Some(signal), Ok(_)) => format!("{signal}\n"),
                (Some(signal), Err(_)) => format!("{}\n", signal.number()),
                (None, _) => format!("{text}\n"),
            }
        }
    };
    process.answer(text).await
}

/// Runs a program. If the program is still running after the given time, sends `TERM` or the signal given by `-s` to
/// the program.
pub(crate) async fn timeout(process: MockProcess) -> u8 {
    let mut args = process.args().get(1..).unwrap_or_default().to_vec();
    let mut signal = Signal::Term;
    if args.first().is_some_and(|arg| arg == "-s") && args.len() > 1 {
        signal = args
            .get(1)
            .and_then(|name| Signal::parse(name))
            .unwrap_or(Signal::Term);
        args.drain(..2);
    }
    let limit = args
        .first()
        .and_then(|arg| duration(arg))
        .unwrap_or(Duration::ZERO);
    let words = args.split_off(args.len().min(1));
    let program = words.first().cloned().unwrap_or_default();
    let Program { command, argv } = match process.launcher().load_as_script(&program, &words) {
        Ok(program) => program,
        Err(problem) => return cannot_execute(&process, "timeout", &program, problem).await,
    };
    let child = match process.fork(argv) {
        Ok(child) => child,
        Err(errno) => {
            process.say(format!("timeout: can't fork: {errno}")).await;
            return 1;
        }
    };
    let (host, entry) = (Arc::clone(&child.host), Arc::clone(&child.entry));
    let mut run = std::pin::pin!(host.supervise(&entry, command.run(child)));
    match tokio::time::timeout(limit, &mut run).await {
        Ok(exit) => exit.code,
        Err(_) => {
            entry.send(signal);
            let exit = run.await;
            // Really, `timeout` and the program share a process, so a signal that ends one ends both.
            if let Some(signal) = exit.signal {
                process.entry.send(signal);
                tokio::task::yield_now().await;
            }
            exit.code
        }
    }
}

/// Prints a limit of the process: the soft limit or, with `-H`, the hard limit.
pub(crate) async fn ulimit(process: MockProcess) -> u8 {
    const NAMES: [(char, &str); 8] = [
        ('n', "nofile"),
        ('u', "nproc"),
        ('c', "core"),
        ('f', "fsize"),
        ('s', "stack"),
        ('l', "memlock"),
        ('t', "cpu"),
        ('v', "as"),
    ];
    let flags: String = process
        .args()
        .iter()
        .skip(1)
        .map(|arg| arg.trim_start_matches('-'))
        .collect();
    let requested = NAMES.iter().find(|(letter, _)| flags.contains(*letter));
    let name = requested.map_or("fsize", |(_, name)| name);
    let limit = process.host.ulimits.iter().find(|limit| limit.name == name);
    let text = match limit {
        Some(limit) if flags.contains('H') => limit.hard.to_string(),
        Some(limit) => limit.soft.to_string(),
        None => "unlimited".to_owned(),
    };
    process.answer(format!("{text}\n")).await
}
