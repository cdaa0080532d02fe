//! Faults in exec calls that wait for the command's exit.

use std::sync::Arc;
use std::time::Duration;

use driver_interface_errors::{ExecFailedError, codes};
use driver_interface_types::{
    ContainerDriver as _, ContainerId, DriverError, ExecConfig, ExecOutcome, ExecOutput, Result, StopOptions,
};
use futures_util::FutureExt as _;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::calls::detached;
use crate::self_test::Fault;
use crate::self_test::mutation::Inside;
use crate::self_test::mutation::Mutation::{Command, Error, Exec, ExecDetached, ExecStream, Output};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "exec-loses-stderr",
        "The standard error of a command is lost.",
        &[Output(|output| output.stderr.clear())],
        &["exec/output", "concurrency/exec"],
    ),
    Fault::new(
        "exec-merges-streams",
        "The standard error of a command is merged into its output.",
        &[Output(|output| {
            output.stdout = [output.stdout.as_ref(), output.stderr.as_ref()].concat().into();
            output.stderr.clear();
        })],
        &["exec/output", "exec/binary-safe"],
    ),
    Fault::new(
        "exec-exit-codes-lost",
        "Every exit code other than 0 becomes 1.",
        &[Output(|output| {
            if let ExecOutcome::Exited(code) = output.outcome {
                output.outcome = ExecOutcome::Exited(code.min(1));
            }
        })],
        &["exec/exit-code", "concurrency/exec"],
    ),
    Fault::new(
        "exec-code-read-too-early",
        "Some exit codes are 0 because they are read before the engine has recorded them.",
        &[Exec(|inside, id, config| {
            code_read_too_early(inside, id, config).boxed()
        })],
        &["exec/exit-code"],
    ),
    Fault::new(
        "exec-drops-empty-arguments",
        "Empty arguments are dropped.",
        &[Command(|config| config.argv.retain(|word| !word.is_empty()))],
        &["exec/arguments"],
    ),
    Fault::new(
        "exec-ignores-input",
        "A command does not receive its input.",
        &[Exec(|inside, id, mut config| {
            config.stdin = None;
            inside.driver.exec(id, config)
        })],
        &["exec/stdin", "exec/binary-safe", "exec/output-large"],
    ),
    Fault::new(
        "exec-input-ends-at-nul",
        "Input after a NUL is lost.",
        &[Command(|config| {
            if let Some(input) = &mut config.stdin {
                let end = input.iter().position(|byte| *byte == 0);
                input.truncate(end.unwrap_or(usize::MAX));
            }
        })],
        &["exec/binary-safe"],
    ),
    Fault::new(
        "exec-input-never-ends",
        "The standard input of a command without input never ends.",
        &[Exec(|inside, id, config| {
            input_never_ends(inside, id, config).boxed()
        })],
        &["exec/stdin"],
    ),
    Fault::new(
        "exec-ignores-environment",
        "A command has only the container's variables.",
        &[Command(|config| config.env.clear())],
        &["exec/environment"],
    ),
    Fault::new(
        "exec-ignores-user",
        "A command runs as the container's user, regardless of its options.",
        &[Command(|config| config.user = None)],
        &["exec/environment", "exec/no-such-program"],
    ),
    Fault::new(
        "exec-ignores-group",
        "A command runs with its user's own group instead of the requested one.",
        &[Command(|config| {
            if let Some((user, _)) = config.user.as_deref().and_then(|user| user.split_once(':')) {
                config.user = Some(user.to_owned());
            }
        })],
        &["exec/environment"],
    ),
    Fault::new(
        "exec-ignores-working-dir",
        "A command runs in the container's working directory, regardless of its options.",
        &[Command(|config| config.working_dir = None)],
        &["exec/environment", "exec/no-such-program"],
    ),
    Fault::new(
        "exec-signals-are-codes",
        "A signal that terminated a command is reported as the exit code of a shell.",
        &[Output(|output| {
            if let ExecOutcome::Signaled(signal) = output.outcome {
                output.outcome = ExecOutcome::Exited(signal.exit_code());
            }
        })],
        &["exec/signaled"],
    ),
    Fault::new(
        "exec-output-is-text",
        "Output bytes that are not UTF-8 are replaced.",
        &[Output(|output| {
            output.stdout = output.stdout_text().into_owned().into();
        })],
        &["exec/binary-safe"],
    ),
    Fault::new(
        "exec-output-ends-early",
        "The last part of a long output is lost.",
        &[Output(|output| output.stdout.truncate(1024 * 1024))],
        &["exec/output-large"],
    ),
    Fault::new(
        "exec-output-is-shuffled",
        "The parts of a long output are returned in another order.",
        &[Output(|output| {
            let mut shuffled = output.stdout.to_vec();
            let middle = shuffled.len() / 2;
            if middle > 1024 * 1024 {
                shuffled.rotate_left(middle);
            }
            output.stdout = shuffled.into();
        })],
        &["exec/output-large"],
    ),
    Fault::new(
        "exec-ignores-limit",
        "The output limit is ignored.",
        &[Command(|config| {
            config.output_limit = ExecConfig::DEFAULT_OUTPUT_LIMIT;
        })],
        &["exec/output-limit"],
    ),
    Fault::new(
        "exec-limit-keeps-the-end",
        "Output that exceeds the limit keeps its end instead of its beginning.",
        &[Exec(|inside, id, config| {
            limit_keeps_the_end(inside, id, config).boxed()
        })],
        &["exec/output-limit"],
    ),
    Fault::new(
        "exec-limit-off-by-one",
        "Output of exactly the limit is reported as truncated.",
        &[Exec(|inside, id, config| {
            limit_off_by_one(inside, id, config).boxed()
        })],
        &["exec/output-limit"],
    ),
    Fault::new(
        "exec-ignores-terminal",
        "A command with a terminal gets pipes.",
        &[Command(|config| config.tty = None)],
        &["exec/tty"],
    ),
    Fault::new(
        "exec-timeout-loses-output",
        "A command that exceeds its timeout has no output.",
        &[Output(|output| {
            if output.outcome == ExecOutcome::TimedOut {
                output.stdout.clear();
                output.stderr.clear();
            }
        })],
        &["exec/timeout-keeps-output"],
    ),
    Fault::new(
        "exec-timeout-late",
        "Timeouts take ten times too long.",
        &[Command(|config| {
            config.timeout = config.timeout.map(|longest| longest * 10);
        })],
        &[
            "exec/timeout-keeps-output",
            "exec/timeout-kills-children",
            "exec/timeout-kills-ignoring-signals",
            "exec-stream/timeout",
        ],
    ),
    Fault::new(
        "exec-not-killed",
        "A timeout or a dropped call ends the wait but not the command.",
        &[Exec(|inside, id, config| not_killed(inside, id, config).boxed())],
        &[
            "exec/timeout-kills-children",
            "exec/timeout-kills-ignoring-signals",
            "exec/timeout-kills-new-session",
            "cancellation/exec",
            "cancellation/exec-dropped-at-each-await",
        ],
    ),
    Fault::new(
        "exec-timeout-kills-one-process",
        "A timeout kills the command but not its children.",
        &[Exec(|inside, id, config| {
            killed_by("-KILL ", inside, id, config).boxed()
        })],
        &["exec/timeout-kills-children"],
    ),
    Fault::new(
        "exec-timeout-sends-sigterm",
        "A timeout sends a signal that the command can ignore.",
        &[Exec(|inside, id, config| {
            killed_by("-TERM ", inside, id, config).boxed()
        })],
        &["exec/timeout-kills-ignoring-signals"],
    ),
    Fault::new(
        "exec-timeout-kills-process-group",
        "A timeout kills only the command's process group, which its children can leave.",
        &[Exec(|inside, id, config| {
            killed_by("-KILL -", inside, id, config).boxed()
        })],
        &["exec/timeout-kills-new-session"],
    ),
    Fault::new(
        "exec-timeout-stops-container",
        "A timeout stops the container.",
        &[Exec(|inside, id, config| {
            stops_the_container(inside, id, config).boxed()
        })],
        &["exec/timeout-kills-only-command"],
    ),
    Fault::new(
        "exec-always-waits-for-timeout",
        "A command with a timeout always takes the whole timeout.",
        &[Exec(|inside, id, config| {
            async move {
                let longest = tokio::time::sleep(config.timeout.unwrap_or_default());
                let output = inside.driver.exec(id, config).await;
                longest.await;
                output
            }
            .boxed()
        })],
        &["exec/timeout-kills-only-command"],
    ),
    Fault::new(
        "exec-oom-is-a-signal",
        "A command killed for lack of memory is reported as killed by a signal.",
        &[Output(|output| {
            if output.outcome == ExecOutcome::OomKilled {
                output.outcome = ExecOutcome::Signaled(driver_interface_types::Signal::KILL);
            }
        })],
        &["exec/out-of-memory"],
    ),
    Fault::new(
        "exec-ends-at-request-deadline",
        "Commands end after a minute, the driver's request deadline.",
        &[Command(|config| {
            config.timeout.get_or_insert(Duration::from_secs(60));
        })],
        &["exec/outlasts-request-deadline"],
    ),
    Fault::new(
        "exec-missing-program-is-output",
        "A missing program is reported in the command's output.",
        &[Exec(|inside, id, config| {
            missing_program_is_output(inside, id, config).boxed()
        })],
        &["exec/no-such-program"],
    ),
    Fault::new(
        "exec-failure-is-retryable",
        "A command that cannot run returns a retryable error.",
        &[Error(|error| match error.code() {
            codes::EXEC_FAILED => error.with_retryable(true),
            _ => error,
        })],
        &["exec/no-such-program", "exec-stream/refusals"],
    ),
    Fault::new(
        "exec-skips-validation",
        "Invalid commands are passed to the engine.",
        &[
            Exec(|inside, id, config| {
                let done = inside.driver.exec(id, config);
                done.map(|result| result.map_err(|error| refused_by_engine(id, error)))
                    .boxed()
            }),
            ExecStream(|inside, id, config| {
                let began = inside.driver.exec_stream(id, config);
                began
                    .map(|result| result.map_err(|error| refused_by_engine(id, error)))
                    .boxed()
            }),
            ExecDetached(|inside, id, config| {
                let began = inside.driver.exec_detached(id, config);
                began
                    .map(|result| result.map_err(|error| refused_by_engine(id, error)))
                    .boxed()
            }),
        ],
        &[
            "exec/empty-command", "exec-stream/refusals", "exec-detached/refusals",
        ],
    ),
    Fault::new(
        "exec-starts-the-container",
        "`exec` starts a container that is not running.",
        &[Exec(|inside, id, config| {
            async move {
                inside.driver.start_container(id).await?;
                inside.driver.exec(id, config).await
            }
            .boxed()
        })],
        &["exec/not-running"],
    ),
    Fault::new(
        "exec-container-gone-is-a-code",
        "A command whose container exits is reported with exit code 137.",
        &[Output(|output| {
            if output.outcome == ExecOutcome::ContainerGone {
                output.outcome = ExecOutcome::Exited(137);
            }
        })],
        &["exec/container-gone"],
    ),
    Fault::new(
        "exec-container-gone-loses-output",
        "A command whose container exits has no output.",
        &[Output(|output| {
            if output.outcome == ExecOutcome::ContainerGone {
                output.stdout.clear();
            }
        })],
        &["exec/container-gone"],
    ),
    Fault::new(
        "exec-errors-contain-variables",
        "Errors contain the command's variables.",
        &[Exec(|inside, id, config| {
            let variables = format!("{:?}", config.env);
            leaks_in_errors(variables, inside, id, config).boxed()
        })],
        &["exec/no-secrets-in-errors"],
    ),
    Fault::new(
        "exec-errors-contain-input",
        "Errors contain the command's input.",
        &[Exec(|inside, id, config| {
            let input = format!("{:?}", config.stdin);
            leaks_in_errors(input, inside, id, config).boxed()
        })],
        &["exec/no-secrets-in-errors"],
    ),
];

async fn code_read_too_early(inside: &Inside, id: &ContainerId, config: ExecConfig) -> Result<ExecOutput> {
    let mut output = inside.driver.exec(id, config).await?;
    let early = inside.memory.note("exec") % 10 == 9;
    if early && let ExecOutcome::Exited(_) = output.outcome {
        output.outcome = ExecOutcome::Exited(0);
    }
    Ok(output)
}

async fn input_never_ends(inside: &Inside, id: &ContainerId, config: ExecConfig) -> Result<ExecOutput> {
    if config.stdin.is_some() {
        return inside.driver.exec(id, config).await;
    }
    let mut session = inside.driver.exec_stream(id, config).await?;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let (out, err) = tokio::join!(
        session.stdout.read_to_end(&mut stdout),
        session.stderr.read_to_end(&mut stderr)
    );
    let broken = |error: std::io::Error| ExecFailedError::new(id.as_str(), error.to_string());
    out.and(err).map_err(broken)?;
    Ok(ExecOutput::new(session.wait().await?, stdout, stderr))
}

async fn limit_keeps_the_end(
    inside: &Inside,
    id: &ContainerId,
    mut config: ExecConfig,
) -> Result<ExecOutput> {
    let limit = std::mem::replace(&mut config.output_limit, ExecConfig::DEFAULT_OUTPUT_LIMIT);
    let mut output = inside.driver.exec(id, config).await?;
    for stream in [&mut output.stdout, &mut output.stderr] {
        let too_much = stream.len().saturating_sub(limit);
        *stream = stream.split_off(too_much);
        output.truncated |= too_much > 0;
    }
    Ok(output)
}

async fn limit_off_by_one(inside: &Inside, id: &ContainerId, config: ExecConfig) -> Result<ExecOutput> {
    let limit = config.output_limit;
    let mut output = inside.driver.exec(id, config).await?;
    output.truncated = output.stdout.len() >= limit || output.stderr.len() >= limit;
    Ok(output)
}

async fn not_killed(inside: &Inside, id: &ContainerId, mut config: ExecConfig) -> Result<ExecOutput> {
    let (driver, container, longest) = (Arc::clone(&inside.driver), id.clone(), config.timeout.take());
    let command = detached(async move { driver.exec(&container, config).await });
    let Some(longest) = longest else {
        return command.await;
    };
    let done = timeout(longest, command).await;
    done.unwrap_or_else(|_| Ok(ExecOutput::new(ExecOutcome::TimedOut, "", "")))
}

/// Runs a command. If the command exceeds its timeout, kills it with a second command: `kill`, followed by the
/// arguments `args` and the process id.
async fn killed_by(
    args: &str,
    inside: &Inside,
    id: &ContainerId,
    mut config: ExecConfig,
) -> Result<ExecOutput> {
    let Some(longest) = config.timeout.take() else {
        return inside.driver.exec(id, config).await;
    };
    let noted = ["sh", "-c", "echo $$ > /tmp/number; exec \"$@\"", "sh"];
    config.argv.splice(0..0, noted.map(str::to_owned));
    let (driver, container) = (Arc::clone(&inside.driver), id.clone());
    let command = detached(async move { driver.exec(&container, config).await });
    if let Ok(done) = timeout(longest, command).await {
        return done;
    }
    let kill = ExecConfig::shell(format!("kill {args}$(cat /tmp/number)"));
    drop(inside.driver.exec(id, kill).await?);
    Ok(ExecOutput::new(ExecOutcome::TimedOut, "", ""))
}

async fn stops_the_container(inside: &Inside, id: &ContainerId, config: ExecConfig) -> Result<ExecOutput> {
    let output = inside.driver.exec(id, config).await?;
    if output.outcome == ExecOutcome::TimedOut {
        inside.driver.stop_container(id, StopOptions::kill()).await?;
    }
    Ok(output)
}

async fn missing_program_is_output(
    inside: &Inside,
    id: &ContainerId,
    config: ExecConfig,
) -> Result<ExecOutput> {
    match inside.driver.exec(id, config).await {
        Err(error) if error.code() == codes::EXEC_FAILED => {
            Ok(ExecOutput::new(ExecOutcome::Exited(127), error.message(), ""))
        }
        result => result,
    }
}

fn refused_by_engine(id: &ContainerId, error: DriverError) -> DriverError {
    match error.code() {
        codes::CONFIGURATION_ERROR => ExecFailedError::new(id.as_str(), error.message()).into(),
        _ => error,
    }
}

async fn leaks_in_errors(
    secret: String,
    inside: &Inside,
    id: &ContainerId,
    config: ExecConfig,
) -> Result<ExecOutput> {
    let result = inside.driver.exec(id, config).await;
    result.map_err(|error| {
        let message = format!("{} with {secret}", error.message());
        ExecFailedError::new(id.as_str(), message).into()
    })
}
