//! Simulated commands that print text, such as `echo`.

use super::escape::unescape;
use crate::process::MockProcess;

/// The number of bytes that a command with much output writes at once.
const CHUNK: usize = 8 * 1024;

pub(crate) async fn echo(process: MockProcess) -> u8 {
    let mut args = process.args().iter().skip(1).peekable();
    let (mut line_feed, mut escapes) = (true, false);
    let is_flag = |arg: &&String| {
        arg.len() > 1
            && arg
                .strip_prefix('-')
                .is_some_and(|f| f.chars().all(|c| "neE".contains(c)))
    };
    while let Some(flags) = args.next_if(is_flag) {
        line_feed &= !flags.contains('n');
        escapes |= flags.contains('e');
    }
    let text = args.map(String::as_str).collect::<Vec<_>>().join(" ");
    let (mut bytes, cut) = if escapes {
        unescape(&text, true)
    } else {
        (text.into_bytes(), false)
    };
    if line_feed && !cut {
        bytes.push(b'\n');
    }
    process.answer(bytes).await
}

pub(crate) async fn pwd(process: MockProcess) -> u8 {
    let text = format!("{}\n", process.cwd);
    process.answer(text).await
}

pub(crate) async fn basename(process: MockProcess) -> u8 {
    let path = process
        .args()
        .get(1)
        .map_or("", String::as_str)
        .trim_end_matches('/');
    let name = path.rsplit('/').next().unwrap_or(path);
    let suffix = process.args().get(2).map_or("", String::as_str);
    let name = name
        .strip_suffix(suffix)
        .filter(|name| !name.is_empty())
        .unwrap_or(name);
    process.answer(format!("{name}\n")).await
}

pub(crate) async fn dirname(process: MockProcess) -> u8 {
    let path = process
        .args()
        .get(1)
        .map_or("", String::as_str)
        .trim_end_matches('/');
    let directory = match path.rsplit_once('/') {
        None => ".",
        Some(("", _)) => "/",
        Some((directory, _)) => directory,
    };
    process.answer(format!("{directory}\n")).await
}

/// Prints a line repeatedly until standard output is closed.
pub(crate) async fn yes(process: MockProcess) -> u8 {
    let words = process.args().get(1..).unwrap_or_default();
    let line = format!(
        "{}\n",
        if words.is_empty() {
            "y".to_owned()
        } else {
            words.join(" ")
        }
    );
    let chunk = line.repeat((CHUNK / line.len()).max(1));
    loop {
        process.work(super::filters::cost(chunk.len())).await;
        if let Err(errno) = process.stdout.write(chunk.as_bytes()).await {
            return process.write_failed(errno).await;
        }
    }
}

pub(crate) async fn seq(process: MockProcess) -> u8 {
    let numbers: Option<Vec<i64>> = process
        .args()
        .iter()
        .skip(1)
        .map(|arg| arg.parse().ok())
        .collect();
    let (first, step, last) = match numbers.as_deref() {
        Some([last]) => (1, 1, *last),
        Some([first, last]) => (*first, 1, *last),
        Some([first, step, last]) if *step != 0 => (*first, *step, *last),
        _ => {
            process.say("seq: invalid number").await;
            return 1;
        }
    };
    let mut text = String::new();
    let mut number = first;
    while if step > 0 { number <= last } else { number >= last } {
        text.push_str(&number.to_string());
        text.push('\n');
        if text.len() >= CHUNK {
            process.work(super::filters::cost(text.len())).await;
            if let Err(errno) = process.stdout.write(std::mem::take(&mut text).as_bytes()).await {
                return process.write_failed(errno).await;
            }
        }
        number = match number.checked_add(step) {
            Some(next) => next,
            None => break,
        };
    }
    process.answer(text).await
}
