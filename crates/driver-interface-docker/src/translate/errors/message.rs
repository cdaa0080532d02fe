//! An engine's message, taken apart so that only the engine's own words are ever compared.
//!
//! A message holds what the user wrote: names, paths, programs, users. It stands between words of the engine, so a
//! message is known by what it begins and ends with, never by what it has somewhere.

use super::Cause;

/// What is known about one message: how it begins, how it ends, what it means. What lies between is the user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Phrase {
    begins: &'static str,
    ends: &'static str,
    pub(super) cause: Cause,
}

pub(super) const fn begins(begins: &'static str, cause: Cause) -> Phrase {
    between(begins, "", cause)
}

pub(super) const fn ends(ends: &'static str, cause: Cause) -> Phrase {
    between("", ends, cause)
}

pub(super) const fn between(begins: &'static str, ends: &'static str, cause: Cause) -> Phrase {
    Phrase { begins, ends, cause }
}

impl Phrase {
    pub(super) fn fits(&self, text: &str) -> bool {
        text.len() >= self.begins.len() + self.ends.len()
            && text.starts_with(self.begins)
            && text.ends_with(self.ends)
    }

    #[cfg(test)]
    pub(super) fn words(&self) -> [&'static str; 2] {
        [self.begins, self.ends]
    }
}

/// A message in lower case, without what engines put around it.
#[derive(Debug)]
pub(super) struct Message {
    text: String,
    from_runtime: bool,
}

/// What an engine says before the reason, outermost first.
const ENGINE_PREFIXES: [&str; 3] = [
    "container create: ",
    "failed to set up container networking: ",
    "failed to create task for container: ",
];

/// What Docker says before the words of its runtime.
const SHIM: &str = "failed to create shim task: ";
const DOCKER_RUNTIME: [&str; 3] = [
    "oci runtime create failed: ",
    "oci runtime start failed: ",
    "oci runtime exec failed: ",
];
/// What Docker says after the words of its runtime. It takes "not a directory" for a mount that does not fit, and says
/// "permission denied" of what is a directory.
const DOCKER_ENDS: [&str; 3] = [
    ": unknown: are you trying to mount a directory onto a file (or vice-versa)? check if the specified host path exists \
     and is the expected type",
    ": unknown: permission denied",
    ": unknown",
];
/// What Podman says after the words of its runtime. It chooses by words anywhere in them, the user's among them, so
/// the choice means nothing.
const PODMAN_ENDS: [&str; 3] = [
    ": oci runtime attempted to invoke a command that was not found",
    ": oci permission denied",
    ": oci runtime error",
];
/// What runc says before the reason.
const RUNTIME_PREFIXES: [&str; 6] = [
    "runc create failed: ",
    "runc start failed: ",
    "exec failed: ",
    "unable to start container process: ",
    "starting container process caused: ",
    "error during container init: ",
];

impl Message {
    pub(super) fn new(message: &str) -> Self {
        let lower = message.to_ascii_lowercase();
        let text = without_prefixes(&lower, &ENGINE_PREFIXES);
        let runtime = docker_runtime(text).or_else(|| podman_runtime(text));
        Self {
            text: runtime.unwrap_or(text).to_owned(),
            from_runtime: runtime.is_some(),
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is the runtime that speaks (runc or crun): of the program, its user, its folder.
    pub(super) fn is_from_runtime(&self) -> bool {
        self.from_runtime
    }

    /// The cause of the first phrase that fits. What a message begins with is always the engine's, while some end with
    /// the user's text: so phrases that only say how a message ends come last.
    pub(super) fn find(&self, tables: &[&[Phrase]]) -> Option<Cause> {
        let all = || tables.iter().copied().flatten();
        let find = |text: &str| {
            let begun = all().filter(|phrase| !phrase.begins.is_empty());
            let ended = all().filter(|phrase| phrase.begins.is_empty());
            begun
                .chain(ended)
                .find(|phrase| phrase.fits(text))
                .map(|phrase| phrase.cause)
        };
        // An id at the end may also be what the user named: an image, for one.
        find(&self.text).or_else(|| find(self.without_id()))
    }

    /// The text without the id that engines put at the end of some messages.
    pub(super) fn without_id(&self) -> &str {
        match self.text.rsplit_once(' ') {
            Some((rest, id))
                if !self.from_runtime
                    && id.len() >= 12
                    && id.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
            {
                rest
            }
            _ => &self.text,
        }
    }
}

fn docker_runtime(text: &str) -> Option<&str> {
    let text = text.strip_prefix(SHIM).unwrap_or(text);
    let words = DOCKER_RUNTIME
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))?;
    let words = DOCKER_ENDS
        .iter()
        .find_map(|end| words.strip_suffix(end))
        .unwrap_or(words);
    Some(reason(words))
}

/// Podman puts the name or path of the runtime before its words.
fn podman_runtime(text: &str) -> Option<&str> {
    let words = PODMAN_ENDS.iter().find_map(|end| text.strip_suffix(end))?;
    let (runtime, words) = words.split_once(": ")?;
    let is_name = !runtime.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '`'));
    is_name.then(|| reason(words))
}

fn reason(words: &str) -> &str {
    let mut words = without_prefixes(words, &RUNTIME_PREFIXES);
    // runc before 1.1 names its source: `container_linux.go:380: starting container process caused: exec: …`.
    while let Some((place, rest)) = words.split_once(": ")
        && is_source_line(place)
    {
        words = without_prefixes(rest, &RUNTIME_PREFIXES);
    }
    words
}

fn is_source_line(place: &str) -> bool {
    place.split_once(".go:").is_some_and(|(file, line)| {
        let is_file = file.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        is_file && line.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn without_prefixes<'a>(mut text: &'a str, prefixes: &[&str]) -> &'a str {
    while let Some(rest) = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix)) {
        text = rest;
    }
    text
}
