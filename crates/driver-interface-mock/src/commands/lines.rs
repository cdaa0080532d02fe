//! Simulated commands that process their input line by line, such as `grep`.

use super::filters::{CHUNK, cost, inputs};
use super::options::Line;
use super::regex::Pattern;
use crate::process::MockProcess;

/// Prints the lines that match a pattern. Rejects patterns that the simulation does not support.
pub(crate) async fn grep(process: MockProcess) -> u8 {
    let Some(line) = Line::parse(&process, "qcvioFEnhHs").await else {
        return 2;
    };
    let Some((pattern, files)) = line.operands.split_first() else {
        process.say("grep: missing pattern").await;
        return 2;
    };
    let Some(pattern) = Pattern::parse(pattern, line.has('F'), line.has('E'), line.has('i')) else {
        process
            .say(format!(
                "grep: the mock does not support patterns such as '{pattern}'"
            ))
            .await;
        return 2;
    };
    let (inputs, failed) = inputs(&process, files).await;
    let several = files.len() > 1 && !line.has('h');
    let mut found = false;
    for (name, input) in inputs {
        let (mut count, mut number) = (0_u64, 0_u64);
        loop {
            let bytes = input.read_line().await;
            if bytes.is_empty() {
                break;
            }
            process.work(cost(bytes.len())).await;
            number += 1;
            let text = String::from_utf8_lossy(&bytes);
            if pattern.fits(text.trim_end_matches('\n')) == line.has('v') {
                continue;
            }
            found = true;
            count += 1;
            if line.has('q') {
                return 0;
            }
            if !line.has('c') {
                let location = if several {
                    format!("{name}:")
                } else {
                    String::new()
                };
                let number = if line.has('n') {
                    format!("{number}:")
                } else {
                    String::new()
                };
                let mut out = format!("{location}{number}").into_bytes();
                out.extend_from_slice(bytes.strip_suffix(b"\n").unwrap_or(&bytes));
                out.push(b'\n');
                process.answer(out).await;
            }
        }
        if line.has('c') {
            let location = if several {
                format!("{name}:")
            } else {
                String::new()
            };
            process.answer(format!("{location}{count}\n")).await;
        }
    }
    if failed > 0 { 2 } else { u8::from(!found) }
}

pub(crate) async fn tr(process: MockProcess) -> u8 {
    let Some(line) = Line::parse(&process, "dcs").await else {
        return 1;
    };
    let set = |at: usize| {
        line.operands
            .get(at)
            .map(|text| byte_set(text))
            .unwrap_or_default()
    };
    let (from, to) = (set(0), set(1));
    let last = to.last().copied();
    let member = |byte: &u8| from.contains(byte) != line.has('c');
    loop {
        let chunk = process.stdin.read(CHUNK).await;
        if chunk.is_empty() {
            return 0;
        }
        process.work(cost(chunk.len())).await;
        let change = |byte: u8| {
            if !member(&byte) {
                return Some(byte);
            }
            if line.has('d') {
                return None;
            }
            let index = from.iter().position(|other| *other == byte);
            index.and_then(|at| to.get(at).copied()).or(last).or(Some(byte))
        };
        let out: Vec<u8> = chunk.into_iter().filter_map(change).collect();
        if let Err(errno) = process.stdout.write(&out).await {
            return process.write_failed(errno).await;
        }
    }
}

/// Returns the bytes that a set contains. `text` is the set in the notation of `tr`, such as `a-z`, `\n` or
/// `[:upper:]`.
fn byte_set(text: &str) -> Vec<u8> {
    let class = |range: std::ops::RangeInclusive<u8>| range.collect::<Vec<u8>>();
    match text {
        "[:upper:]" => return class(b'A'..=b'Z'),
        "[:lower:]" => return class(b'a'..=b'z'),
        "[:digit:]" => return class(b'0'..=b'9'),
        _ => {}
    }
    let (bytes, _) = super::escape::unescape(text, false);
    let mut set = Vec::new();
    let mut rest = bytes.as_slice();
    while let Some((&first, tail)) = rest.split_first() {
        match tail {
            [b'-', last, after @ ..] => {
                set.extend(first..=*last);
                rest = after;
            }
            _ => {
                set.push(first);
                rest = tail;
            }
        }
    }
    set
}

pub(crate) async fn cut(process: MockProcess) -> u8 {
    let Some(line) = Line::parse(&process, "d:f:c:b:s").await else {
        return 1;
    };
    let list = line
        .value('f')
        .or(line.value('c'))
        .or(line.value('b'))
        .unwrap_or_default()
        .to_owned();
    let delimiter = line
        .value('d')
        .and_then(|text| text.chars().next())
        .unwrap_or('\t');
    let (inputs, status) = inputs(&process, &line.operands).await;
    for (_, input) in inputs {
        loop {
            let bytes = input.read_line().await;
            if bytes.is_empty() {
                break;
            }
            let text = String::from_utf8_lossy(&bytes);
            let text = text.trim_end_matches('\n');
            let out = if !line.has('f') {
                text.chars()
                    .enumerate()
                    .filter(|(at, _)| in_list(&list, at + 1))
                    .map(|(_, c)| c)
                    .collect()
            } else if text.contains(delimiter) {
                let fields = text
                    .split(delimiter)
                    .enumerate()
                    .filter(|(at, _)| in_list(&list, at + 1));
                fields
                    .map(|(_, field)| field)
                    .collect::<Vec<_>>()
                    .join(&delimiter.to_string())
            } else {
                text.to_owned()
            };
            process.answer(format!("{out}\n")).await;
        }
    }
    status
}

/// Returns whether `list` contains `number`. `list` has a form such as `1,3-5,7-`.
fn in_list(list: &str, number: usize) -> bool {
    list.split(',').any(|part| match part.split_once('-') {
        None => part.parse() == Ok(number),
        Some((low, high)) => {
            low.parse().unwrap_or(1) <= number && number <= high.parse().unwrap_or(usize::MAX)
        }
    })
}

pub(crate) async fn sort(process: MockProcess) -> u8 {
    let Some(line) = Line::parse(&process, "nru").await else {
        return 2;
    };
    let (inputs, status) = inputs(&process, &line.operands).await;
    let mut lines = Vec::new();
    for (_, input) in inputs {
        loop {
            let bytes = input.read_line().await;
            if bytes.is_empty() {
                break;
            }
            process.work(cost(bytes.len())).await;
            lines.push(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned());
        }
    }
    if line.has('n') {
        let number = |text: &String| text.trim().parse::<f64>().unwrap_or_default();
        lines.sort_by(|a, b| number(a).total_cmp(&number(b)).then_with(|| a.cmp(b)));
    } else {
        lines.sort();
    }
    if line.has('u') {
        lines.dedup();
    }
    if line.has('r') {
        lines.reverse();
    }
    let text: String = lines.into_iter().map(|line| line + "\n").collect();
    status.max(process.answer(text).await)
}
