//! The validation rules for commands, and the rules that involve several fields.

use std::time::Duration;

use super::limits::{MAX_HEALTH_TIME, MAX_WORD, MAX_WORDS_TOTAL};
use super::text::shown;
use super::{Findings, Index, Verdict, codes, refuse};
use crate::{ContainerConfig, EventFilter, HealthTest, NetworkMode, TtySize};

/// Checks a program and its arguments.
pub(crate) fn command(words: &[String], found: &mut Findings<'_>) {
    for (index, word) in words.iter().enumerate() {
        let verdict = match index {
            0 if word.is_empty() => refuse(codes::EMPTY, "must not be empty: it is the program"),
            _ => argument(word),
        };
        found.note(Index(index), verdict);
    }
    let total: usize = words.iter().map(|word| word.len() + 1).sum();
    if total > MAX_WORDS_TOTAL {
        let message = format!("must be at most {MAX_WORDS_TOTAL} bytes long in total, has {total}");
        found.note("", refuse(codes::TOO_LONG, message));
    }
}

fn argument(text: &str) -> Verdict {
    if text.contains('\0') {
        return refuse(codes::INVALID_CHARACTER, "must not contain NUL characters");
    }
    if text.len() > MAX_WORD {
        let message = format!("must be at most {MAX_WORD} bytes long, has {}", text.len());
        return refuse(codes::TOO_LONG, message);
    }
    Ok(())
}

/// Checks a command that must not be empty, because there is no default program to run.
pub(crate) fn names_program(words: &[String], found: &mut Findings<'_>) {
    if words.is_empty() {
        found.note("", refuse(codes::EMPTY, "must not be empty: it is the program"));
    }
    command(words, found);
}

pub(crate) fn entrypoint(words: &Option<Vec<String>>, found: &mut Findings<'_>) {
    command(words.as_deref().unwrap_or_default(), found);
}

/// Checks the fields of a config that depend on each other.
pub(crate) fn together(config: &ContainerConfig, found: &mut Findings<'_>) {
    // An entrypoint, even an empty one, replaces the image's entrypoint and discards the image's command.
    if config.entrypoint.as_ref().is_some_and(Vec::is_empty) && config.command.is_empty() {
        let message = "must not be empty without a `command`: it discards the image's entrypoint and command, so \
                       there is no program to run; set `command`, or omit `entrypoint` to use the image's";
        found.note("entrypoint", refuse(codes::EMPTY, message));
    }
    let of_network = [
        ("networkAliases", config.network_aliases.is_empty()),
        ("ports", config.ports.is_empty()),
        ("networks", config.networks.is_empty()),
    ];
    for (field, _) in of_network.iter().filter(|(_, is_unset)| !is_unset) {
        if config.network == NetworkMode::None {
            let message = "must not be set if `network` is `none`: the container would be unreachable";
            found.note(*field, refuse(codes::CONTRADICTION, message));
        }
    }
    for key in config
        .unset_env
        .iter()
        .filter(|key| config.env.contains_key(*key))
    {
        let message = format!("must not contain {}, which `env` sets", shown(key));
        found.note("unsetEnv", refuse(codes::CONTRADICTION, message));
    }
    let NetworkMode::Named(network) = &config.network else {
        if !config.addresses.is_empty() {
            let message = "must not be set unless `network` names a network with subnets of its own";
            found.note("addresses", refuse(codes::CONTRADICTION, message));
        }
        return;
    };
    if config.networks.contains_key(network) {
        let message = "must not contain `network`, to which the container is connected anyway";
        found.note("networks", refuse(codes::DUPLICATE, message));
    }
}

pub(crate) fn test(test: &HealthTest, found: &mut Findings<'_>) {
    match test {
        HealthTest::Command(words) => names_program(words, found),
        HealthTest::Shell(line) if line.trim().is_empty() => {
            found.note("", refuse(codes::EMPTY, "must not be empty"));
        }
        HealthTest::Shell(line) => found.note("", argument(line)),
        HealthTest::Disabled => {}
    }
}

/// Returns a rule for a duration in a health check. The rule accepts durations from `least` milliseconds to
/// [`MAX_HEALTH_TIME`].
pub(crate) fn health_time(least: u64) -> impl Fn(&Duration) -> Verdict {
    move |time| {
        if (Duration::from_millis(least)..=MAX_HEALTH_TIME).contains(time) {
            return Ok(());
        }
        let most = MAX_HEALTH_TIME.as_millis();
        let message = format!("must be {least} to {most} milliseconds; got {}", time.as_millis());
        refuse(codes::OUT_OF_RANGE, message)
    }
}

pub(crate) fn check_size_nonzero(size: &TtySize) -> Verdict {
    if size.columns > 0 && size.rows > 0 {
        return Ok(());
    }
    let message = format!(
        "must have at least 1 column and 1 row; got {}×{}",
        size.columns, size.rows
    );
    refuse(codes::OUT_OF_RANGE, message)
}

/// Checks that at least one stream of the logs is selected.
pub(crate) fn selects_stream(stdout: bool, stderr: bool) -> Verdict {
    if stdout || stderr {
        return Ok(());
    }
    let message = "must be selected if `stderr` is not: logs require at least one stream";
    refuse(codes::NO_STREAM, message)
}

/// Checks that a filter does not have both `since` and `after`.
pub(crate) fn one_start(filter: &EventFilter) -> Verdict {
    if filter.since.is_none() || filter.after.is_none() {
        return Ok(());
    }
    refuse(codes::CONTRADICTION, "must not be set together with `since`")
}
