//! From the words of a command to the program that runs: places, permissions, scripts and their interpreters.

use std::fmt;
use std::sync::Arc;

use super::{CommandTable, MockCommand};
use crate::fs::{Access, FileSystem, Node, absolute};

/// Where programs are looked for when the environment does not say.
pub(crate) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a file that is run by an interpreter starts with.
const SHEBANG: &[u8] = b"#!";
/// How much of a script's first line the kernel reads.
const LONGEST_SHEBANG: usize = 255;
/// How many interpreters in a row may be scripts themselves.
const MOST_INTERPRETERS: u32 = 4;

/// Why a program cannot be run, in the words of Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LaunchError {
    NotFound,
    Denied,
    NoFormat,
    TooManyLinks,
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "No such file or directory",
            Self::Denied => "Permission denied",
            Self::NoFormat => "Exec format error",
            Self::TooManyLinks => "Too many levels of symbolic links",
        })
    }
}

impl LaunchError {
    /// The exit code of a shell that could not run it.
    pub(crate) fn exit_code(self) -> u8 {
        if self == Self::NotFound { 127 } else { 126 }
    }
}

/// A program and the words it gets: those of the command, behind those of a script's interpreter.
pub(crate) struct Program {
    pub(crate) command: Arc<dyn MockCommand>,
    pub(crate) argv: Vec<String>,
}

/// A program that is there and may be run.
#[derive(Clone)]
pub(crate) enum Located {
    Command(Arc<dyn MockCommand>),
    /// A file, by the path that it is run under.
    File(String),
}

/// Finds programs as a process sees them: in the table, which stands for what is in the usual folders, and in files.
pub(crate) struct Launcher<'a> {
    pub(crate) commands: &'a CommandTable,
    pub(crate) files: &'a FileSystem,
    pub(crate) cwd: &'a str,
    /// The `PATH` of the environment.
    pub(crate) path: Option<&'a str>,
}

impl Launcher<'_> {
    /// Finds what a word stands for.
    pub(crate) fn locate(&self, word: &str) -> Result<Located, LaunchError> {
        if word.is_empty() {
            return Err(LaunchError::NotFound);
        }
        if word.contains('/') {
            return self.at(word);
        }
        let folders = self.path.unwrap_or(DEFAULT_PATH).split(':');
        let paths: Vec<String> = folders
            .map(|folder| if folder.is_empty() { "." } else { folder })
            .map(|folder| format!("{}/{word}", folder.trim_end_matches('/')))
            .collect();
        // The table is in all of the usual folders at once, so a script in any of them goes first.
        if let Some(script) = paths.iter().find(|path| self.is_script(path)) {
            return Ok(Located::File(script.clone()));
        }
        let mut problem = LaunchError::NotFound;
        for path in &paths {
            match self.at(path) {
                Ok(located) => return Ok(located),
                Err(LaunchError::NotFound) => {}
                Err(other) => problem = other,
            }
        }
        Err(problem)
    }

    fn at(&self, path: &str) -> Result<Located, LaunchError> {
        if self.is_script(path) {
            return Ok(Located::File(path.to_owned()));
        }
        let place = absolute(self.cwd, path);
        if let Some(command) = self.commands.find(&place) {
            return Ok(Located::Command(command));
        }
        match self.files.node(&place) {
            // Among the programs of an image those that the table does not have cannot be simulated.
            Some(Node::File(_)) if CommandTable::stands_for(&place) => Err(LaunchError::NotFound),
            Some(Node::File(_)) if self.may_execute(&place) => Ok(Located::File(path.to_owned())),
            Some(Node::File(_) | Node::Dir) => Err(LaunchError::Denied),
            Some(Node::Link(_)) | None => Err(LaunchError::NotFound),
        }
    }

    fn is_script(&self, path: &str) -> bool {
        let place = absolute(self.cwd, path);
        let has_shebang =
            matches!(self.files.node(&place), Some(Node::File(data)) if data.starts_with(SHEBANG));
        has_shebang && self.may_execute(&place)
    }

    /// Not even root runs what nobody may run.
    fn may_execute(&self, place: &str) -> bool {
        let anybody = self.files.meta(place).is_some_and(|meta| meta.mode & 0o111 != 0);
        anybody && self.files.may(place, Access::Execute)
    }

    /// Loads what was located: a script becomes its interpreter with the script's path behind it.
    pub(crate) fn load(&self, located: Located, words: &[String]) -> Result<Program, LaunchError> {
        let (mut located, mut argv) = (located, words.to_vec());
        for _ in 0..=MOST_INTERPRETERS {
            let path = match located {
                Located::Command(command) => return Ok(Program { command, argv }),
                Located::File(path) => path,
            };
            let (interpreter, argument) = self.interpreter_of(&path)?;
            let rest = argv.into_iter().skip(1);
            let start = [Some(interpreter.clone()), argument, Some(path)];
            argv = start.into_iter().flatten().chain(rest).collect();
            // The kernel looks at the path alone, never along `PATH`.
            located = self.at(&interpreter)?;
        }
        Err(LaunchError::TooManyLinks)
    }

    /// The interpreter that the first line of a script names, and its one argument.
    fn interpreter_of(&self, path: &str) -> Result<(String, Option<String>), LaunchError> {
        let Some(Node::File(data)) = self.files.node(&absolute(self.cwd, path)) else {
            return Err(LaunchError::NotFound);
        };
        let line = data.strip_prefix(SHEBANG).ok_or(LaunchError::NoFormat)?;
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line.get(..LONGEST_SHEBANG).unwrap_or(line));
        let line = line.trim_matches([' ', '\t']);
        let (interpreter, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        if interpreter.is_empty() {
            return Err(LaunchError::NoFormat);
        }
        let argument = argument.trim_start_matches([' ', '\t']);
        Ok((
            interpreter.to_owned(),
            (!argument.is_empty()).then(|| argument.to_owned()),
        ))
    }

    /// Loads as the C library's `execvp` does: what has no format the kernel knows is a script of the shell's.
    pub(crate) fn load_as_script(&self, word: &str, words: &[String]) -> Result<Program, LaunchError> {
        let located = self.locate(word)?;
        match (self.load(located.clone(), words), located) {
            (Err(LaunchError::NoFormat), Located::File(path)) => {
                let shell = self.at("/bin/sh")?;
                let rest = words.iter().skip(1).cloned();
                let argv: Vec<String> = ["sh".to_owned(), path].into_iter().chain(rest).collect();
                self.load(shell, &argv)
            }
            (loaded, _) => loaded,
        }
    }
}
