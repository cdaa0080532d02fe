//! The simulated command `dd`.

use super::filters::{CHUNK, cost};
use super::options::count;
use crate::process::MockProcess;

/// Copies blocks from the file `if=` to the file `of=`. The process's memory usage is one block, whose size is `bs=`.
pub(crate) async fn dd(process: MockProcess) -> u8 {
    let (mut input, mut output) = (process.stdin.clone(), process.stdout.clone());
    let (mut block, mut blocks, mut quiet) = (512_u64, u64::MAX, false);
    for arg in process.args().iter().skip(1) {
        let (key, value) = arg.split_once('=').unwrap_or((arg, ""));
        let number = || count(value);
        match (key, number()) {
            ("if", _) => match process.open_input(value) {
                Ok(opened) => input = opened,
                Err(errno) => {
                    process.say(format!("dd: can't open '{value}': {errno}")).await;
                    return 1;
                }
            },
            ("of", _) => match process.open_output(value, false) {
                Ok(opened) => output = opened,
                Err(errno) => {
                    process.say(format!("dd: can't open '{value}': {errno}")).await;
                    return 1;
                }
            },
            ("bs", Some(number)) if number > 0 => block = number,
            ("count", Some(number)) => blocks = number,
            ("status", _) => quiet = true,
            ("conv", _) => {}
            _ => {
                process.say(format!("dd: invalid argument '{arg}'")).await;
                return 1;
            }
        }
    }
    process.use_memory(block);
    let (mut full, mut partial, mut status) = (0_u64, 0_u64, 0);
    while full + partial < blocks {
        let mut copied = 0;
        let mut failure = None;
        while copied < block {
            let required = usize::try_from(block - copied).unwrap_or(usize::MAX).min(CHUNK);
            let chunk = input.read(required).await;
            if chunk.is_empty() {
                break;
            }
            process.work(cost(chunk.len())).await;
            copied += chunk.len() as u64;
            if let Err(errno) = output.write(&chunk).await {
                failure = Some(errno);
                break;
            }
        }
        if let Some(errno) = failure {
            process.say(format!("dd: error writing: {errno}")).await;
            status = 1;
            break;
        }
        full += u64::from(copied == block);
        partial += u64::from(copied > 0 && copied < block);
        if copied < block {
            break;
        }
    }
    process.use_memory(0);
    if !quiet {
        process
            .say(format!(
                "{full}+{partial} records in\n{full}+{partial} records out"
            ))
            .await;
    }
    status
}
