//! The engine's record of a command in a container.

use driver_interface_types::{ExecOutcome, Signal};
use serde::Deserialize;

pub(crate) use driver_interface_validation::validate_exec_config as check;

use super::records::nullable;

/// The engine's record of a command, as returned by inspect.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ExecRecord {
    #[serde(rename = "ContainerID", deserialize_with = "nullable")]
    pub(crate) container: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) running: bool,
    /// The exit code. Until the command has exited, this is `None` on Docker and 0 on Podman.
    pub(crate) exit_code: Option<i64>,
    /// The process id. Until the command has begun, this is 0. On Podman, it is also 0 after the exit.
    #[serde(deserialize_with = "nullable")]
    pub(crate) pid: i64,
    /// On Podman, whether the command has exited.
    #[serde(deserialize_with = "nullable")]
    pub(crate) can_remove: bool,
}

/// The phase of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Prepared,
    Runs,
    Exited(Exited),
}

/// How a command exited, as far as the engine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exited {
    pub(crate) code: i64,
    /// Whether the engine could start the command. `None` if the engine does not distinguish a failed start from a
    /// failed command.
    pub(crate) started: Option<bool>,
}

impl ExecRecord {
    pub(crate) fn phase_on_docker(&self) -> Phase {
        match self.exit_code {
            // Docker reports a command as running from the moment it is requested.
            _ if self.running && self.pid == 0 => Phase::Prepared,
            _ if self.running => Phase::Runs,
            None => Phase::Prepared,
            Some(code) => Phase::Exited(Exited {
                code,
                started: Some(self.pid != 0),
            }),
        }
    }

    pub(crate) fn phase_on_podman(&self) -> Phase {
        let code = self.exit_code.unwrap_or_default();
        match self.can_remove {
            _ if self.running => Phase::Runs,
            false if code == 0 => Phase::Prepared,
            _ => Phase::Exited(Exited { code, started: None }),
        }
    }
}

impl Exited {
    /// Returns the engine's error message if the engine could not start the command, or `None` if the command was
    /// started. The engine writes the message to the command's output.
    pub(crate) fn failure(self, stdout: &[u8], stderr: &[u8]) -> Option<String> {
        match self.started {
            Some(true) => None,
            Some(false) => Some(String::from_utf8_lossy(stdout).trim().to_owned()),
            None => {
                let both = [stdout, stderr].concat();
                let text = String::from_utf8_lossy(&both);
                let first = text.lines().next()?.trim_end().strip_prefix("Error: ")?;
                let runtime = ["OCI ", "unable to start container process", "executable file "]
                    .iter()
                    .any(|phrase| first.contains(phrase));
                (matches!(self.code, 125..=127) && runtime).then(|| first.to_owned())
            }
        }
    }

    /// Returns the outcome that the exit code alone suggests. Callers must verify this outcome.
    pub(crate) fn outcome(self) -> ExecOutcome {
        match Signal::from_number(self.code - 128) {
            Some(signal) => ExecOutcome::Signaled(signal),
            None => ExecOutcome::Exited(self.code),
        }
    }

    /// Returns whether something other than the command itself may have caused this exit.
    pub(crate) fn is_suspicious(self) -> bool {
        self.code == Signal::KILL.exit_code() || self.code < 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(json: &str) -> ExecRecord {
        serde_json::from_str(json).unwrap()
    }

    fn exited(code: i64, started: Option<bool>) -> Exited {
        Exited { code, started }
    }

    #[test]
    fn reads_exec_phases_of_docker() {
        let docker = |json| record(json).phase_on_docker();
        assert_eq!(
            docker(r#"{"Running":false,"ExitCode":null,"Pid":0}"#),
            Phase::Prepared
        );
        assert_eq!(
            docker(r#"{"Running":true,"ExitCode":null,"Pid":0}"#),
            Phase::Prepared
        );
        assert_eq!(docker(r#"{"Running":true,"ExitCode":null,"Pid":7}"#), Phase::Runs);
        assert_eq!(
            docker(r#"{"Running":false,"ExitCode":0,"Pid":7}"#),
            Phase::Exited(exited(0, Some(true)))
        );
        assert_eq!(
            docker(r#"{"Running":false,"ExitCode":126,"Pid":0}"#),
            Phase::Exited(exited(126, Some(false)))
        );
    }

    #[test]
    fn reads_exec_phases_of_podman() {
        let podman = |json| record(json).phase_on_podman();
        assert_eq!(
            podman(r#"{"Running":false,"ExitCode":0,"Pid":0,"CanRemove":false}"#),
            Phase::Prepared
        );
        assert_eq!(
            podman(r#"{"Running":true,"ExitCode":0,"Pid":7,"CanRemove":false}"#),
            Phase::Runs
        );
        assert_eq!(
            podman(r#"{"Running":false,"ExitCode":0,"Pid":0,"CanRemove":true}"#),
            Phase::Exited(exited(0, None))
        );
    }

    #[test]
    fn distinguishes_engine_errors_from_command_output() {
        let docker = exited(126, Some(false));
        assert_eq!(
            docker.failure(b"OCI runtime exec failed\r\n", b"").unwrap(),
            "OCI runtime exec failed"
        );
        assert_eq!(
            exited(126, Some(true)).failure(b"OCI runtime exec failed", b""),
            None
        );
        let podman = exited(127, None);
        let text = b"Error: runc: exec failed: unable to start container process: exec: \"x\": executable file not \
                     found in $PATH: OCI runtime attempted to invoke a command that was not found\nError: read\n";
        assert!(podman.failure(b"", text).unwrap().ends_with("was not found"));
        assert_eq!(podman.failure(b"", b"sh: x: not found\n"), None);
        assert_eq!(exited(1, None).failure(b"", text), None);
    }

    #[test]
    fn codes_above_128_are_signals() {
        assert_eq!(exited(0, None).outcome(), ExecOutcome::Exited(0));
        assert_eq!(exited(137, None).outcome(), ExecOutcome::Signaled(Signal::KILL));
        assert_eq!(exited(255, None).outcome(), ExecOutcome::Exited(255));
    }
}
