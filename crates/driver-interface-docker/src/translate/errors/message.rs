//! Recognises an engine's error messages by the text that the engine itself wrote.
//!
//! A message contains text from the user: names, paths, programs, users. The engine's own text surrounds it, so a
//! message is recognised by its beginning and end, never by text in the middle.

use super::Cause;

/// A known error message of an engine: its beginning, its end and its cause. Text from the user is between the
/// beginning and the end.
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

/// An engine's error message in lower case. It is reduced to the reason: the prefixes and suffixes of the engine and
/// its runtime are removed.
#[derive(Debug)]
pub(super) struct Message {
    text: String,
    from_runtime: bool,
}

/// The engine's prefixes before the reason, outermost first.
const ENGINE_PREFIXES: [&str; 3] = [
    "container create: ",
    "failed to set up container networking: ",
    "failed to create task for container: ",
];

/// Docker's prefix before the message of its runtime.
const SHIM: &str = "failed to create shim task: ";
const DOCKER_RUNTIME: [&str; 3] = [
    "oci runtime create failed: ", "oci runtime start failed: ", "oci runtime exec failed: ",
];
/// Docker's suffixes after the message of its runtime. Docker adds the first suffix if the runtime reports "not a
/// directory", and the second suffix if the program is a directory.
const DOCKER_ENDS: [&str; 3] = [
    ": unknown: are you trying to mount a directory onto a file (or vice-versa)? check if the specified host path exists \
     and is the expected type",
    ": unknown: permission denied",
    ": unknown",
];
/// Podman's suffixes after the message of its runtime. Podman chooses a suffix by words anywhere in the message, even
/// by words from the user. Therefore the suffixes carry no information.
const PODMAN_ENDS: [&str; 3] = [
    ": oci runtime attempted to invoke a command that was not found",
    ": oci permission denied",
    ": oci runtime error",
];
/// runc's prefixes before the reason.
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

    /// Returns whether the message is from the runtime (runc or crun). Such a message is about the program, its
    /// user or its working directory.
    pub(super) fn is_from_runtime(&self) -> bool {
        self.from_runtime
    }

    /// Returns the cause of the first phrase that matches. A message always begins with the engine's text, but may
    /// end with the user's. Therefore the phrases that only match the end of a message are tried last.
    pub(super) fn find(&self, tables: &[&[Phrase]]) -> Option<Cause> {
        let all = || tables.iter().copied().flatten();
        let find = |text: &str| {
            let began = all().filter(|phrase| !phrase.begins.is_empty());
            let ended = all().filter(|phrase| phrase.begins.is_empty());
            began
                .chain(ended)
                .find(|phrase| phrase.fits(text))
                .map(|phrase| phrase.cause)
        };
        // Keep an id at the end if possible, because it may also come from the user, for example as the id of an image.
        find(&self.text).or_else(|| find(self.without_id()))
    }

    /// Returns the text without the id that engines append to some messages, or the whole text if it does not end
    /// with an id.
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

/// Returns the runtime's message that `text`, a message of Podman, contains. The runtime's name is left out. Returns
/// `None` if `text` contains no message of a runtime.
fn podman_runtime(text: &str) -> Option<&str> {
    let words = PODMAN_ENDS.iter().find_map(|end| text.strip_suffix(end))?;
    let (runtime, words) = words.split_once(": ")?;
    let is_name = !runtime.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '`'));
    is_name.then(|| reason(words))
}

fn reason(words: &str) -> &str {
    let mut words = without_prefixes(words, &RUNTIME_PREFIXES);
    // runc before 1.1 includes the source location: `container_linux.go:380: starting container process caused:
    // exec: …`.
    while let Some((location, rest)) = words.split_once(": ")
        && is_source_line(location)
    {
        words = without_prefixes(rest, &RUNTIME_PREFIXES);
    }
    words
}

fn is_source_line(location: &str) -> bool {
    location.split_once(".go:").is_some_and(|(file, line)| {
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
