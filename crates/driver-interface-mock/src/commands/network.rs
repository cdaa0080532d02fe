//! Simulated commands that resolve host names. They send nothing: a host whose name resolves counts as reachable.

use crate::process::MockProcess;

fn last_word(process: &MockProcess) -> String {
    process.args().last().cloned().unwrap_or_default()
}

/// Implements `getent hosts NAME`.
pub(crate) async fn getent(process: MockProcess) -> u8 {
    let name = last_word(&process);
    match process.host.address_of(&name) {
        Some(address) => process.answer(format!("{address:<15} {name}\n")).await,
        None => 2,
    }
}

pub(crate) async fn nslookup(process: MockProcess) -> u8 {
    let name = last_word(&process);
    match process.host.address_of(&name) {
        Some(address) => {
            process
                .answer(format!("Name:\t{name}\nAddress: {address}\n"))
                .await
        }
        None => {
            process
                .say(format!("** server can't find {name}: NXDOMAIN"))
                .await;
            1
        }
    }
}

pub(crate) async fn ping(process: MockProcess) -> u8 {
    let name = last_word(&process);
    match process.host.address_of(&name) {
        Some(address) => {
            process
                .answer(format!("PING {name} ({address}): 56 data bytes\n"))
                .await;
            if process.host.is_capable(process.user().0, "NET_RAW") {
                return 0;
            }
            process.say("ping: permission denied (are you root?)").await;
            1
        }
        None => {
            process.say(format!("ping: bad address '{name}'")).await;
            1
        }
    }
}
