//! Simulated commands that print all or a part of their input, such as `cat` and `tail`.

use std::time::Duration;

use super::options::{Line, count};
use crate::process::{Input, MockProcess, Output};

/// The maximum number of bytes that a command reads at once.
pub(super) const CHUNK: usize = 64 * 1024;
/// The interval at which `tail -f` checks the file for new data.
const FOLLOW_PAUSE: Duration = Duration::from_secs(1);

/// Returns the CPU time that a command uses to process `bytes` bytes: one second per gigabyte.
pub(super) fn cost(bytes: usize) -> Duration {
    Duration::from_nanos(bytes as u64)
}

/// Opens the files `names`, or standard input if `names` is empty. Returns each opened input with its name, and the
/// exit code: 1 if a file could not be opened, otherwise 0.
pub(super) async fn inputs(process: &MockProcess, names: &[String]) -> (Vec<(String, Input)>, u8) {
    if names.is_empty() {
        return (vec![(String::new(), process.stdin.clone())], 0);
    }
    let (mut opened, mut status) = (Vec::new(), 0);
    for name in names {
        if name == "-" {
            opened.push((name.clone(), process.stdin.clone()));
            continue;
        }
        match process.open_input(name) {
            Ok(input) => opened.push((name.clone(), input)),
            Err(errno) => {
                let program = process.args().first().map_or("", String::as_str);
                process
                    .say(format!("{program}: can't open '{name}': {errno}"))
                    .await;
                status = 1;
            }
        }
    }
    (opened, status)
}

pub(crate) async fn cat(process: MockProcess) -> u8 {
    let Some(line) = Line::parse(&process, "u").await else {
        return 1;
    };
    let (inputs, status) = inputs(&process, &line.operands).await;
    for (_, input) in inputs {
        loop {
            let chunk = input.read(CHUNK).await;
            if chunk.is_empty() {
                break;
            }
            process.work(cost(chunk.len())).await;
            if let Err(errno) = process.stdout.write(&chunk).await {
                return process.write_failed(errno).await;
            }
        }
    }
    status
}

pub(crate) async fn head(process: MockProcess) -> u8 {
    let Some(line) = Line::parse(&process, "n:c:qv").await else {
        return 1;
    };
    let limit = line.value('c').or(line.value('n')).unwrap_or("10");
    let Some(limit) = count(limit) else {
        process.say(format!("head: invalid number '{limit}'")).await;
        return 1;
    };
    let (inputs, status) = inputs(&process, &line.operands).await;
    for (_, input) in inputs {
        let (mut left, mut used) = (limit, 0);
        while left > 0 {
            let part = if line.has('c') {
                input
                    .read(usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK))
                    .await
            } else {
                input.read_line().await
            };
            if part.is_empty() {
                break;
            }
            used += part.len() as u64;
            left -= if line.has('c') { part.len() as u64 } else { 1 };
            process.work(cost(part.len())).await;
            if let Err(errno) = process.stdout.write(&part).await {
                return process.write_failed(errno).await;
            }
        }
        input.drop_block(used).await;
    }
    status
}

/// Prints the end of each input. The whole input is buffered and counts as memory usage, so `tail /dev/zero` runs out
/// of memory.
pub(crate) async fn tail(process: MockProcess) -> u8 {
    let Some(line) = Line::parse(&process, "n:c:fFqs:").await else {
        return 1;
    };
    let text = line.value('c').or(line.value('n')).unwrap_or("10");
    let (from_start, digits) = text
        .strip_prefix('+')
        .map_or((false, text), |digits| (true, digits));
    let Some(limit) = count(digits.trim_start_matches('-')) else {
        process.say(format!("tail: invalid number '{text}'")).await;
        return 1;
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (inputs, mut status) = inputs(&process, &line.operands).await;
    if inputs.is_empty() {
        process.say("tail: no files").await;
    }
    for (_, input) in inputs {
        let mut data = Vec::new();
        loop {
            let chunk = input.read(CHUNK).await;
            if chunk.is_empty() {
                break;
            }
            process.work(cost(chunk.len())).await;
            data.extend(chunk);
            process.use_memory(data.len() as u64);
        }
        let start = start_of_tail(&data, limit, line.has('c'), from_start);
        status = status.max(process.answer(data.get(start..).unwrap_or_default()).await);
    }
    if line.has('f') || line.has('F') {
        follow(&process, &line.operands).await;
    }
    status
}

fn start_of_tail(data: &[u8], limit: usize, in_bytes: bool, from_start: bool) -> usize {
    match (in_bytes, from_start) {
        (true, true) => limit.saturating_sub(1),
        (true, false) => data.len().saturating_sub(limit),
        (false, from_start) => {
            let starts: Vec<usize> = data
                .split_inclusive(|byte| *byte == b'\n')
                .scan(0, |at, line| {
                    let start = *at;
                    *at += line.len();
                    Some(start)
                })
                .collect();
            let index = if from_start {
                limit.saturating_sub(1)
            } else {
                starts.len().saturating_sub(limit)
            };
            starts.get(index).copied().unwrap_or(data.len())
        }
    }
}

/// Prints the bytes that are appended to the last of the files `names`. Never returns.
async fn follow(process: &MockProcess, names: &[String]) {
    let path = names.last().map(|name| process.path(name)).unwrap_or_default();
    let length = || process.read_path(&path).map_or(0, |data| data.len());
    let mut seen = length();
    if path.starts_with("/dev/") || names.is_empty() {
        std::future::pending::<()>().await;
    }
    loop {
        process.sleep(FOLLOW_PAUSE).await;
        let data = process.read_path(&path).unwrap_or_default();
        if data.len() > seen {
            process.answer(data.get(seen..).unwrap_or_default()).await;
        }
        seen = data.len();
    }
}

pub(crate) async fn wc(process: MockProcess) -> u8 {
    let Some(line) = Line::parse(&process, "clwm").await else {
        return 1;
    };
    let (inputs, status) = inputs(&process, &line.operands).await;
    for (name, input) in inputs {
        let (mut lines, mut words, mut bytes, mut in_word) = (0_u64, 0_u64, 0_u64, false);
        loop {
            let chunk = input.read(CHUNK).await;
            if chunk.is_empty() {
                break;
            }
            process.work(cost(chunk.len())).await;
            bytes += chunk.len() as u64;
            for byte in chunk {
                lines += u64::from(byte == b'\n');
                words += u64::from(!in_word && !byte.is_ascii_whitespace());
                in_word = !byte.is_ascii_whitespace();
            }
        }
        let all = !line.has('l') && !line.has('w') && !line.has('c') && !line.has('m');
        let required = [('l', lines), ('w', words), ('c', bytes), ('m', bytes)];
        let counts = required
            .iter()
            .filter(|(flag, _)| line.has(*flag) || (all && *flag != 'm'));
        let mut text: Vec<String> = counts
            .map(|(_, count)| {
                if all {
                    format!("{count:9}")
                } else {
                    count.to_string()
                }
            })
            .collect();
        if !name.is_empty() {
            text.push(name);
        }
        process.answer(format!("{}\n", text.join(" "))).await;
    }
    status
}

pub(crate) async fn tee(process: MockProcess) -> u8 {
    let Some(line) = Line::parse(&process, "ai").await else {
        return 1;
    };
    let (mut outputs, mut status) = (vec![process.stdout.clone()], 0);
    for name in &line.operands {
        match process.open_output(name, line.has('a')) {
            Ok(output) => outputs.push(output),
            Err(errno) => {
                process.say(format!("tee: {name}: {errno}")).await;
                status = 1;
            }
        }
    }
    loop {
        let chunk = process.stdin.read(CHUNK).await;
        if chunk.is_empty() {
            return status;
        }
        process.work(cost(chunk.len())).await;
        for output in &outputs {
            status = status.max(u8::from(write(output, &chunk).await.is_err()));
        }
    }
}

async fn write(output: &Output, bytes: &[u8]) -> Result<(), crate::fs::Errno> {
    output.write(bytes).await
}
