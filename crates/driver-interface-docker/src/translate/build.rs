//! The output of a build, and the reasons why builds fail.

use crate::wire::Refusal;

/// The maximum length of a line, in bytes. Longer lines are split.
const MAX_LINE: usize = 64 * 1024;
/// The maximum number of output lines in an error. They are the last lines of the output.
const LINES: usize = 5;
const LENGTH: usize = 500;

/// The marks that Docker puts around the error output of commands.
const MARKS: [&str; 2] = ["\u{1b}[91m", "\u{1b}[0m"];

/// Joins the parts of a build's output into lines, and keeps the last lines for errors.
#[derive(Debug, Default)]
pub(crate) struct Output {
    unfinished: String,
    last: Vec<String>,
}

impl Output {
    /// Adds a part of the output, and returns the lines that are complete.
    pub(crate) fn push(&mut self, part: &str) -> Vec<String> {
        let part = MARKS
            .iter()
            .fold(part.to_owned(), |text, mark| text.replace(mark, ""));
        let text = std::mem::take(&mut self.unfinished) + &part;
        let (mut rest, mut lines) = (text.as_str(), Vec::new());
        while let Some((line, after)) = rest.split_once('\n') {
            lines.push(line.trim_end_matches('\r').to_owned());
            rest = after;
        }
        rest.clone_into(&mut self.unfinished);
        if self.unfinished.len() > MAX_LINE {
            lines.push(std::mem::take(&mut self.unfinished));
        }
        for line in lines.iter().filter(|line| !line.trim().is_empty()) {
            self.last.push(line.clone());
        }
        let surplus = self.last.len().saturating_sub(LINES);
        self.last.drain(..surplus);
        lines
    }

    /// Returns the rest of the output after the last line break, or `None` if there is no rest.
    pub(crate) fn finish(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.unfinished);
        (!line.is_empty()).then_some(line)
    }

    /// Returns `; the output ends with: ` followed by the last lines of the output, joined into one line. Returns an
    /// empty text if there was no output.
    pub(crate) fn end(&self) -> String {
        let unfinished = Some(self.unfinished.as_str()).filter(|text| !text.trim().is_empty());
        let lines: Vec<&str> = self.last.iter().map(String::as_str).chain(unfinished).collect();
        let text = lines.join(" | ");
        match text.char_indices().rev().nth(LENGTH) {
            _ if text.is_empty() => String::new(),
            Some((cut, _)) => format!("; the output ends with: …{}", text.get(cut..).unwrap_or_default()),
            None => format!("; the output ends with: {text}"),
        }
    }
}

/// Returns whether a build was refused because the Dockerfile is missing, empty or invalid, or lacks the requested
/// stage. Docker checks the whole file first and responds with status 400. Podman reports an error in the file only
/// when the build reaches the faulty line.
pub(crate) fn is_about_dockerfile(refusal: &Refusal) -> bool {
    let text = refusal.message.as_str();
    let begins = [
        "Cannot locate specified Dockerfile",
        // Podman's messages. Its messages about a step begin with `building at STEP`.
        "no contents in ",
        "stat /",
        "the specified Containerfile or Dockerfile",
        "The target \"",
        "the target \"",
        "target \"",
    ];
    refusal.status == 400
        || begins.iter().any(|begin| text.starts_with(begin))
        || text.starts_with("building at STEP \"")
            && text.contains("\": Build error: Unknown instruction: \"")
}

/// Returns whether a build failed because of a base image. A build can also fail at a step that runs a command or
/// copies files.
pub(crate) fn is_about_base(refusal: &Refusal) -> bool {
    let text = refusal.message.as_str();
    let steps = ["building at STEP ", "The command ", "COPY failed", "ADD failed"];
    !steps.iter().any(|step| text.starts_with(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_become_lines() {
        let mut output = Output::default();
        assert!(output.push("Step 1/2 : FROM x").is_empty());
        assert_eq!(output.push("\n"), ["Step 1/2 : FROM x"]);
        assert_eq!(output.push("\u{1b}[91merr\r\n\u{1b}[0m"), ["err"]);
        assert_eq!(output.push("a\n\nb"), ["a", ""]);
        assert_eq!(
            output.end(),
            "; the output ends with: Step 1/2 : FROM x | err | a | b"
        );
        assert_eq!(output.finish().as_deref(), Some("b"));
        assert_eq!(output.finish(), None);
        assert_eq!(output.push(&"x".repeat(MAX_LINE + 1)).len(), 1);
        assert!(output.end().len() < 2 * LENGTH);
        assert_eq!(Output::default().end(), "");
    }

    #[test]
    fn recorded_failures_are_recognised() {
        for (status, message, dockerfile, base) in [
            (
                400,
                "dockerfile parse error line 2: unknown instruction: FOO",
                true,
                true,
            ),
            (500, "Cannot locate specified Dockerfile: sub/nope", true, true),
            (400, "failed to reach build target nope in Dockerfile", true, true),
            (
                200,
                "The command '/bin/sh -c echo unauthorized; exit 3' returned a non-zero code: 3",
                false,
                false,
            ),
            (
                200,
                "COPY failed: file not found in build context or excluded by .dockerignore: stat nope: file does not exist",
                false,
                false,
            ),
            (
                200,
                "manifest for 127.0.0.1:5000/nope/nope:1 not found: manifest unknown: manifest unknown",
                false,
                true,
            ),
            (
                200,
                "building at STEP \"RUN echo last words; exit 3\": while running runtime: exit status 3\n",
                false,
                false,
            ),
            (
                200,
                "building at STEP \"FOO \": Build error: Unknown instruction: \"FOO\" &imagebuilder.Step{}\n",
                true,
                false,
            ),
            (
                200,
                "creating build container: initializing source docker://127.0.0.1:5000/nope/nope:1: reading manifest 1 in 127.0.0.1:5000/nope/nope: manifest unknown: manifest unknown\n",
                false,
                true,
            ),
            (
                200,
                "stat /var/tmp/libpod_builder3630129312/build/Dockerfile: no such file or directory\n",
                true,
                true,
            ),
            (
                200,
                "no contents in \"/var/tmp/libpod_builder2573703230/build/Dockerfile\"\n",
                true,
                true,
            ),
            (
                200,
                "The target \"nope\" was not found in the provided Dockerfile\n",
                true,
                true,
            ),
            (
                200,
                "the target \"nope\" was not found in the provided Dockerfile\n",
                true,
                true,
            ),
        ] {
            let refusal = Refusal {
                status,
                message: message.to_owned(),
            };
            assert_eq!(
                (is_about_dockerfile(&refusal), is_about_base(&refusal)),
                (dockerfile, base),
                "{message}"
            );
        }
    }
}
