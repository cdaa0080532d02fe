//! The syntax tree of a script.

use std::sync::Arc;

/// A sequence of commands.
pub(crate) type List = Arc<[Item]>;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) command: Command,
    /// Whether the command ended in `&`.
    pub(crate) background: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    Simple(Simple),
    /// Two or more commands, where the output of each is the input of the next.
    Pipeline(Vec<Command>),
    Not(Box<Command>),
    /// Commands joined by `&&` and `||`, evaluated from left to right.
    Chain(Box<Command>, Vec<(Join, Command)>),
    Compound(Compound, Vec<Redirect>),
    Function(String, Arc<Command>),
}

/// The condition for running a command of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    /// `&&`: if the preceding part succeeded.
    And,
    /// `||`: if the preceding part failed.
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
    /// A `for` loop. Without words, the loop iterates over the arguments.
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
    /// `2>&1`: a duplicate of another descriptor.
    Same(u8),
    Close,
    /// A here-document.
    Text(Word),
}

/// A word before expansion.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Word(pub(crate) Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    /// Text as written, in which `*`, `?` and `[` are special.
    Plain(String),
    /// Text quoted in any way, in which nothing is special.
    Quoted(String),
    /// Parts in double quotes, which are expanded but not split.
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

/// The operation of a `${…}` on the value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Form {
    Plain,
    Length,
    /// `-`, `=`, `?` or `+`; with `colon`, an empty value counts as unset.
    Instead {
        operator: char,
        colon: bool,
        word: Word,
    },
    /// `#`, `##`, `%` or `%%`: removes a prefix or suffix that matches a pattern.
    Cut {
        suffix: bool,
        longest: bool,
        pattern: Word,
    },
}

impl Word {
    /// Returns the text of a word in which nothing is expanded or quoted.
    pub(crate) fn plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Plain(text)] => Some(text),
            _ => None,
        }
    }
}
