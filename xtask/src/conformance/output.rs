//! The output of a run on the terminal and in files.

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use driver_interface_conformance::render::{Pretty, Progress, html, json, junit, markdown};
use driver_interface_conformance::{NotRun, Observer, Report, SUITE_VERSION};

use super::Format;
use crate::engines_command::target_dir;

/// The template of the command that reruns a single check.
const AGAIN: &str = "cargo xtask conformance --driver {uri} --filter {id} --seed {seed}";

pub(super) struct Output {
    format: Format,
    directory: PathBuf,
}

impl Output {
    pub(super) fn new(format: Format, directory: Option<PathBuf>) -> Self {
        Self {
            format,
            directory: directory.unwrap_or_else(|| target_dir().join("conformance")),
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns whether the final output may have colours. Only the human-readable format has colours. `anstream`
    /// removes them if the terminal cannot show colours.
    pub(super) fn color(&self) -> bool {
        self.format == Format::Pretty
    }

    /// Returns whether progress is printed to stderr. Progress must not get into a machine-readable report on stdout.
    fn progress_is_on_stderr(&self) -> bool {
        self.format != Format::Pretty
    }

    pub(super) fn begin(&self, seed: u64) {
        self.say(&format!(
            "driver-interface conformance {SUITE_VERSION}   seed {seed}\n"
        ));
    }

    /// Reports immediately that a driver is unavailable, so that users do not mistake the missing results for
    /// success.
    pub(super) fn absent(&self, target: &NotRun) {
        let must = if target.required { "it was required: " } else { "" };
        self.say(&format!(
            "\u{1b}[33m{}\u{1b}[0m  not run: {must}{}",
            target.uri, target.reason
        ));
    }

    /// Reports that only mocks are checked, so that users do not believe that real engines were checked.
    pub(super) fn no_engine(&self) {
        self.say("\u{1b}[1;33mno engine reachable\u{1b}[0m: only simulated drivers are checked\n");
    }

    /// Reports which resources of killed runs were found on an engine, and which of them could not be removed.
    pub(super) fn cleared_up(&self, uri: &str, found: &[String], problems: &[String]) {
        if !found.is_empty() {
            self.say(&format!(
                "{uri}  removed leftovers of a killed run: {}",
                found.join(", ")
            ));
        }
        for problem in problems {
            self.say(&format!(
                "\u{1b}[33m{uri}\u{1b}[0m  leftovers of a killed run could not be removed: {problem}"
            ));
        }
    }

    pub(super) fn observer(&self) -> Arc<dyn Observer> {
        if self.progress_is_on_stderr() {
            let live = std::io::stderr().is_terminal();
            Arc::new(Progress::new(
                Box::new(anstream::AutoStream::auto(std::io::stderr())),
                true,
                live,
            ))
        } else {
            let live = std::io::stdout().is_terminal();
            Arc::new(Progress::new(
                Box::new(anstream::AutoStream::auto(std::io::stdout())),
                true,
                live,
            ))
        }
    }

    /// Writes the report to the output directory in every format, and prints it in the requested format.
    pub(super) fn finish(&self, report: &Report) -> Result<()> {
        let texts = [
            ("report.json", json(report)?),
            ("junit.xml", junit(report)?),
            ("report.md", markdown(report)),
            ("report.html", html(report, Some(AGAIN))),
        ];
        fs::create_dir_all(&self.directory)
            .with_context(|| format!("cannot create {}", self.directory.display()))?;
        for (name, text) in &texts {
            let path = self.directory.join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        let [(_, json), (_, junit), (_, markdown), (_, html)] = &texts;
        match self.format {
            Format::Pretty => {
                let page = self.directory.join("report.html");
                self.say(&format!(
                    "\ndetails: {}; in the same directory: report.json, report.md, junit.xml",
                    page.display()
                ));
                self.print(&Pretty::new(true).again(AGAIN).render(report));
            }
            Format::Json => self.print(json),
            Format::Junit => self.print(junit),
            Format::Markdown => self.print(markdown),
            Format::Html => self.print(html),
        }
        Ok(())
    }

    /// Prints a text, which must end with a newline. If the output is closed, the function does nothing.
    pub(super) fn print(&self, text: &str) {
        let _ = anstream::stdout().write_all(text.as_bytes());
    }

    /// Prints a line of progress: to stdout, or to stderr if the format on stdout is machine-readable.
    pub(super) fn say(&self, line: &str) {
        if self.progress_is_on_stderr() {
            anstream::eprintln!("{line}");
        } else {
            anstream::println!("{line}");
        }
    }
}
