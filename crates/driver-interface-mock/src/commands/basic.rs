//! Simulated commands that only wait, succeed or fail, such as `sleep` and `true`.

use std::time::Duration;

use crate::process::MockProcess;

/// Sleeps until a signal ends the process.
pub(crate) async fn idle(_: MockProcess) -> u8 {
    std::future::pending().await
}

pub(crate) async fn succeed(_: MockProcess) -> u8 {
    0
}

pub(crate) async fn fail(_: MockProcess) -> u8 {
    1
}

/// Sleeps for the sum of its arguments. Each argument is a number of seconds, or a number with a unit, such as `5m`.
pub(crate) async fn sleep(process: MockProcess) -> u8 {
    let mut total = Duration::ZERO;
    for arg in process.args().iter().skip(1) {
        match duration(arg) {
            Some(time) => total = total.saturating_add(time),
            None => {
                process.say(format!("sleep: invalid number '{arg}'")).await;
                return 1;
            }
        }
    }
    if process.args().len() < 2 {
        process.say("sleep: missing operand").await;
        return 1;
    }
    if total == Duration::MAX {
        // A paused clock would jump to the end of the sleep when nothing else is running.
        return std::future::pending().await;
    }
    process.sleep(total).await;
    0
}

pub(super) fn duration(text: &str) -> Option<Duration> {
    if matches!(text, "inf" | "infinity") {
        return Some(Duration::MAX);
    }
    let (number, unit) = match text.char_indices().last()? {
        (at, 's') => (text.get(..at)?, 1.0),
        (at, 'm') => (text.get(..at)?, 60.0),
        (at, 'h') => (text.get(..at)?, 3600.0),
        (at, 'd') => (text.get(..at)?, 86_400.0),
        _ => (text, 1.0),
    };
    let seconds = number
        .parse::<f64>()
        .ok()
        .filter(|seconds| *seconds >= 0.0 && number != "-0")?;
    Duration::try_from_secs_f64(seconds * unit).ok()
}

/// Sleeps for the number of microseconds given by the first argument.
pub(crate) async fn usleep(process: MockProcess) -> u8 {
    let micros = process
        .args()
        .get(1)
        .and_then(|arg| arg.parse().ok())
        .unwrap_or_default();
    process.sleep(Duration::from_micros(micros)).await;
    0
}
