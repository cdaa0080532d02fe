//! A small shell that runs on simulated processes. It implements the subset of busybox's `sh` that test scripts use.

mod arith;
mod ast;
mod builtins;
mod compound;
mod exec;
mod expand;
mod external;
pub(crate) mod glob;
mod jobs;
mod naming;
mod parser;
mod redirects;
mod state;
mod streams;
mod traps;
mod variables;
mod words;

use crate::process::MockProcess;
use state::Shell;

/// The program `sh`: `sh -c SCRIPT [NAME [ARG…]]`, `sh FILE [ARG…]`, or a script on standard input.
pub(crate) async fn sh(process: MockProcess) -> u8 {
    let mut args = process.args().iter().skip(1).cloned().peekable();
    let (mut is_text, mut is_file) = (false, false);
    let mut flags = String::new();
    while let Some(flag) = args.next_if(|arg| arg.len() > 1 && (arg.starts_with('-') || arg.starts_with('+')))
    {
        if flag == "--" {
            break;
        }
        is_text |= flag.starts_with('-') && flag.contains('c');
        flags.extend(flag.chars().filter(|c| !matches!(c, 'c' | '-' | '+')));
    }
    let program = process.args().first().cloned().unwrap_or_else(|| "sh".to_owned());
    let program = program.rsplit('/').next().unwrap_or("sh").to_owned();
    let (script, name) = if is_text {
        let Some(script) = args.next() else {
            process.say(format!("{program}: -c requires an argument")).await;
            return 2;
        };
        (script, args.next().unwrap_or(program))
    } else if let Some(file) = args.next() {
        is_file = true;
        match process.read_path(&process.path(&file)) {
            Ok(text) => (String::from_utf8_lossy(&text).into_owned(), file),
            Err(_) => {
                process
                    .say(format!(
                        "{program}: can't open '{file}': No such file or directory"
                    ))
                    .await;
                return 2;
            }
        }
    } else {
        let mut script = Vec::new();
        loop {
            let chunk = process.stdin.read(usize::MAX).await;
            if chunk.is_empty() {
                break;
            }
            script.extend(chunk);
        }
        (String::from_utf8_lossy(&script).into_owned(), program)
    };
    let mut shell = Shell::new(process.clone(), name, args.collect());
    for flag in flags.chars() {
        shell.set_flag(flag, true);
    }
    if is_text || is_file {
        shell.take_interrupts();
    }
    if is_text {
        return shell.run_text(&script).await;
    }
    shell.run_script(&script).await
}
