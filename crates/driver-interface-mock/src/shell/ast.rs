//! What a script means, once parsed.

use std::sync::Arc;

/// Commands to run one after the other.
pub(crate) type List = Arc<[Item]>;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) command: Command,
    /// Whether it ended in `&`.
    pub(crate) background: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    Simple(Simple),
    /// Two commands or more, the output of each the input of the next.
    Pipeline(Vec<Command>),
    Not(Box<Command>),
    /// Commands joined by `&&` and `||`, from the left to the right.
    Chain(Box<Command>, Vec<(Join, Command)>),
    Compound(Compound, Vec<Redirect>),
    Function(String, Arc<Command>),
}

/// When a command of a chain runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    /// `&&`: when what was before it succeeded.
    And,
    /// `||`: when it failed.
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
    /// Without words it goes over the arguments.
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
    /// `2>&1`: the same as another one.
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
    /// As written, with `*`, `?` and `[` meaning something.
    Plain(String),
    /// Quoted in any way: it means itself.
    Quoted(String),
    /// In double quotes: expanded, but not split.
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

/// What a `${…}` does with the value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Form {
    Plain,
    Length,
    /// `-`, `=`, `?` or `+`; with `colon` an empty value counts as none.
    Instead {
        operator: char,
        colon: bool,
        word: Word,
    },
    /// `#`, `##`, `%` or `%%`: cut what a pattern fits off an end.
    Cut {
        suffix: bool,
        longest: bool,
        pattern: Word,
    },
}

impl Word {
    /// The text of a word in which nothing is expanded or quoted.
    pub(crate) fn plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Plain(text)] => Some(text),
            _ => None,
        }
    }
}
