//! Finding the program of a command line: search path, permissions, scripts and their interpreters.

use std::fmt;
use std::sync::Arc;

use super::{CommandTable, MockCommand};
use crate::fs::{Access, FileSystem, Node, absolute};

/// The search path that is used if the environment has no `PATH`.
pub(crate) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The first bytes of a script that names its interpreter.
const SHEBANG: &[u8] = b"#!";
/// The number of bytes that the kernel reads of a script's first line, after `#!`.
const LONGEST_SHEBANG: usize = 255;
/// The maximum length of a chain of interpreters. A chain arises if a script's interpreter is itself a script.
const MOST_INTERPRETERS: u32 = 4;

/// The reason why a program cannot be run. Its message has Linux's wording.
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
    /// Returns the exit code of a shell command whose program cannot be run for this reason.
    pub(crate) fn exit_code(self) -> u8 {
        if self == Self::NotFound { 127 } else { 126 }
    }
}

/// A program and its arguments. For a script, the program is the script's interpreter, and the script's path is among
/// the arguments.
pub(crate) struct Program {
    pub(crate) command: Arc<dyn MockCommand>,
    pub(crate) argv: Vec<String>,
}

/// A program that exists and is executable.
#[derive(Clone)]
pub(crate) enum Located {
    Command(Arc<dyn MockCommand>),
    /// A script file, with the path under which it was found.
    File(String),
}

/// Finds programs for a process. Programs in the usual directories come from the command table; all other programs
/// are files.
pub(crate) struct Launcher<'a> {
    pub(crate) commands: &'a CommandTable,
    pub(crate) files: &'a FileSystem,
    pub(crate) cwd: &'a str,
    /// The value of the variable `PATH`.
    pub(crate) path: Option<&'a str>,
}

impl Launcher<'_> {
    /// Finds the program that the first word of a command line names: by its path, or in the directories of `PATH`.
    pub(crate) fn locate(&self, word: &str) -> Result<Located, LaunchError> {
        if word.is_empty() {
            return Err(LaunchError::NotFound);
        }
        if word.contains('/') {
            return self.at(word);
        }
        let directories = self.path.unwrap_or(DEFAULT_PATH).split(':');
        let paths: Vec<String> = directories
            .map(|directory| if directory.is_empty() { "." } else { directory })
            .map(|directory| format!("{}/{word}", directory.trim_end_matches('/')))
            .collect();
        // The table's programs are in all usual directories, so a script in any directory takes precedence over them.
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
        let location = absolute(self.cwd, path);
        if let Some(command) = self.commands.find(&location) {
            return Ok(Located::Command(command));
        }
        match self.files.node(&location) {
            // An image's own programs that are not in the table cannot be simulated.
            Some(Node::File(_)) if CommandTable::stands_for(&location) => Err(LaunchError::NotFound),
            Some(Node::File(_)) if self.may_execute(&location) => Ok(Located::File(path.to_owned())),
            Some(Node::File(_) | Node::Dir) => Err(LaunchError::Denied),
            Some(Node::Link(_)) | None => Err(LaunchError::NotFound),
        }
    }

    fn is_script(&self, path: &str) -> bool {
        let location = absolute(self.cwd, path);
        let has_shebang =
            matches!(self.files.node(&location), Some(Node::File(data)) if data.starts_with(SHEBANG));
        has_shebang && self.may_execute(&location)
    }

    /// Returns whether the user may execute a file. Even root needs at least one execute permission on the file.
    fn may_execute(&self, location: &str) -> bool {
        let executable = self
            .files
            .meta(location)
            .is_some_and(|meta| meta.mode & 0o111 != 0);
        executable && self.files.may(location, Access::Execute)
    }

    /// Loads a located program. For a script, loads its interpreter, with the script's path as an argument.
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
            // The kernel does not search `PATH` for an interpreter.
            located = self.at(&interpreter)?;
        }
        Err(LaunchError::TooManyLinks)
    }

    /// Returns the interpreter in the first line of a script. The rest of that line, if any, is returned as the
    /// interpreter's only argument.
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

    /// Loads the program `word` like the C library's `execvp`: a file without a known format is run as a shell script.
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
