//! The syntax tree of a shell script.

use std::sync::Arc;

/// A list of commands that are run one after the other.
pub(crate) type List = Arc<[Item]>;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) command: Command,
    /// Whether the command ended in `&`, that is, runs in the background.
    pub(crate) background: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    Simple(Simple),
    /// Two or more commands. The output of each command is the input of the next one.
    Pipeline(Vec<Command>),
    Not(Box<Command>),
    /// Commands joined by `&&` and `||`, which are run from left to right.
    Chain(Box<Command>, Vec<(Join, Command)>),
    Compound(Compound, Vec<Redirect>),
    Function(String, Arc<Command>),
}

/// The condition on which a command of a chain is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    /// `&&`: the command is run if the chain before it succeeded.
    And,
    /// `||`: the command is run if the chain before it failed.
    Or,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Simple {
    pub(crate) assignments: Vec<(String, Word)>,
    pub(crate) words: Vec<Word>,
    pub(crate) redirects: Vec<Redirect>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Compound {
    Group(List),
    Subshell(List),
    If {
        branches: Vec<(List, List)>,
        otherwise: Option<List>,
    },
    Loop {
        until: bool,
        condition: List,
        body: List,
    },
    /// A `for` loop over words. If no words are given, the loop iterates over the script's arguments.
    For {
        variable: String,
        words: Option<Vec<Word>>,
        body: List,
    },
    Case {
        subject: Word,
        arms: Vec<(Vec<Word>, List)>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Redirect {
    pub(crate) fd: u8,
    pub(crate) target: Target,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    Read(Word),
    Write(Word),
    Append(Word),
    /// A duplicate of this file descriptor. In `2>&1`, this is file descriptor 1.
    Same(u8),
    Close,
    /// A here-document with this text.
    Text(Word),
}

/// A word as written in the script, before expansion.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Word(pub(crate) Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    /// Text without quotes, in which `*`, `?` and `[` are special.
    Plain(String),
    /// Text with any kind of quotes, in which no character is special.
    Quoted(String),
    /// Parts in double quotes. They are expanded, but the result is not split into fields.
    Double(Vec<Part>),
    Parameter(Parameter),
    Arithmetic(Word),
    Command(List),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) form: Form,
}

/// The operation that a `${…}` performs on the parameter's value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Form {
    Plain,
    Length,
    /// The operator `-`, `=`, `?` or `+`, as in `${name-word}`. If `colon` is set, as in `${name:-word}`, an empty
    /// value is treated like a missing value.
    Instead {
        operator: char,
        colon: bool,
        word: Word,
    },
    /// `#`, `##`, `%` or `%%`: removes the prefix or suffix that matches a pattern.
    Cut {
        suffix: bool,
        longest: bool,
        pattern: Word,
    },
}

impl Word {
    /// Returns the text of a word that has neither quotes nor expansions, or `None` for any other word.
    pub(crate) fn plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Plain(text)] => Some(text),
            _ => None,
        }
    }
}
