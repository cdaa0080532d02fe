//! The parser of shell scripts.

use std::sync::Arc;

use super::ast::{Command, Item, Join, List, Simple, Word};

/// The reason why a script cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ParseError {
    /// A syntax error, in busybox's wording.
    Syntax(String),
    /// A construct of the shell language that this shell does not support.
    Unknown(String),
}

pub(super) type Parsed<T> = Result<T, ParseError>;

/// The maximum nesting depth in a script. This limit prevents scripts from overflowing the stack.
pub(super) const MAX_DEPTH: usize = 60;

const RESERVED: [&str; 16] = [
    "if", "then", "elif", "else", "fi", "while", "until", "for", "in", "do", "done", "case", "esac", "{",
    "}", "!",
];

/// Parses a script.
pub(crate) fn parse(script: &str) -> Parsed<List> {
    let mut parser = Parser::new(script);
    let list = parser.list()?;
    match parser.peek() {
        None => Ok(list),
        Some(_) => Err(parser.unexpected()),
    }
}

pub(super) struct Parser {
    pub(super) chars: Vec<char>,
    pub(super) at: usize,
    pub(super) depth: usize,
}

pub(super) fn syntax<T>(message: impl Into<String>) -> Parsed<T> {
    Err(ParseError::Syntax(message.into()))
}

pub(super) fn unknown<T>(what: impl Into<String>) -> Parsed<T> {
    Err(ParseError::Unknown(what.into()))
}

impl Parser {
    pub(super) fn new(text: &str) -> Self {
        Self {
            chars: text.chars().collect(),
            at: 0,
            depth: 0,
        }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let fits = text
            .chars()
            .enumerate()
            .all(|(ahead, c)| self.peek_at(ahead) == Some(c));
        if fits {
            self.at += text.chars().count();
        }
        fits
    }

    /// Calls `parse` for a nested construct. Fails if the nesting is too deep.
    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return unknown(format!("commands nested more than {MAX_DEPTH} deep"));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    pub(super) fn unexpected(&self) -> ParseError {
        match self.peek() {
            None => ParseError::Syntax("syntax error: unexpected end of file".to_owned()),
            Some('\n') => ParseError::Syntax("syntax error: unexpected newline".to_owned()),
            Some(_) => {
                let fits = |text: &str| {
                    text.chars()
                        .enumerate()
                        .all(|(ahead, c)| self.peek_at(ahead) == Some(c))
                };
                let operator = [";;", "&&", "||", ";", "&", "|", "(", ")", "<", ">"]
                    .into_iter()
                    .find(|op| fits(op));
                match operator.or_else(|| self.reserved().filter(|word| !matches!(*word, "{" | "in"))) {
                    Some(token) => ParseError::Syntax(format!("syntax error: unexpected \"{token}\"")),
                    None => ParseError::Syntax("syntax error: unexpected word".to_owned()),
                }
            }
        }
    }

    /// Skips blanks, comments and line continuations, but not line feeds.
    pub(super) fn blanks(&mut self) {
        loop {
            match (self.peek(), self.peek_at(1)) {
                (Some(' ' | '\t'), _) => self.at += 1,
                (Some('\\'), Some('\n')) => self.at += 2,
                (Some('#'), _) => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    /// Skips everything before the next command: blanks, comments and line feeds.
    pub(super) fn blank_lines(&mut self) {
        self.blanks();
        while self.peek() == Some('\n') {
            self.at += 1;
            self.blanks();
        }
    }

    /// Returns the next word if it is a reserved word, otherwise `None`. Does not consume the word.
    pub(super) fn reserved(&self) -> Option<&'static str> {
        let ends = |length: usize| {
            self.peek_at(length)
                .is_none_or(|c| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')' | '<' | '>'))
        };
        RESERVED.into_iter().find(|word| {
            word.chars()
                .enumerate()
                .all(|(ahead, c)| self.peek_at(ahead) == Some(c))
                && ends(word.len())
        })
    }

    fn at_end_of_list(&self) -> bool {
        match self.peek() {
            None | Some(')') => true,
            Some(';') => self.peek_at(1) == Some(';'),
            Some(_) => matches!(
                self.reserved(),
                Some("then" | "elif" | "else" | "fi" | "do" | "done" | "esac" | "}")
            ),
        }
    }

    pub(super) fn expect(&mut self, word: &'static str) -> Parsed<()> {
        self.blank_lines();
        let found = if word == ")" {
            self.peek() == Some(')')
        } else {
            self.reserved() == Some(word)
        };
        if found {
            self.at += word.len();
            return Ok(());
        }
        Err(self.expected(word))
    }

    /// Returns the error for an unexpected token in a place where `word` was expected.
    pub(super) fn expected(&self, word: &str) -> ParseError {
        match self.unexpected() {
            ParseError::Syntax(message) => ParseError::Syntax(format!("{message} (expecting \"{word}\")")),
            other => other,
        }
    }

    pub(super) fn list(&mut self) -> Parsed<List> {
        let mut items = Vec::new();
        loop {
            self.blank_lines();
            if self.at_end_of_list() {
                return Ok(items.into());
            }
            let command = self.and_or()?;
            self.blanks();
            let background = self.peek() == Some('&');
            items.push(Item { command, background });
            match self.peek() {
                Some(';') if self.peek_at(1) == Some(';') => return Ok(items.into()),
                Some(';' | '&') => self.at += 1,
                Some('\n') => {}
                _ => return Ok(items.into()),
            }
        }
    }

    /// Parses a list, which must not be empty. If the script ends instead, the error names `end` as the expected
    /// word.
    pub(super) fn body(&mut self, end: &str) -> Parsed<List> {
        let list = self.nested(Self::list)?;
        match (list.is_empty(), self.peek()) {
            (false, _) => Ok(list),
            (true, None) => Err(self.expected(end)),
            (true, Some(_)) => Err(self.unexpected()),
        }
    }

    fn and_or(&mut self) -> Parsed<Command> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.blanks();
            let join = if self.eat("&&") {
                Join::And
            } else if self.eat("||") {
                Join::Or
            } else {
                break;
            };
            self.blank_lines();
            rest.push((join, self.pipeline()?));
        }
        Ok(if rest.is_empty() {
            first
        } else {
            Command::Chain(Box::new(first), rest)
        })
    }

    pub(super) fn pipeline(&mut self) -> Parsed<Command> {
        self.blanks();
        if self.reserved() == Some("!") {
            self.at += 1;
            return Ok(Command::Not(Box::new(self.nested(Self::pipeline)?)));
        }
        let mut stages = vec![self.command()?];
        loop {
            self.blanks();
            if self.peek() != Some('|') || self.peek_at(1) == Some('|') {
                break;
            }
            self.at += 1;
            self.blank_lines();
            stages.push(self.command()?);
        }
        match (stages.pop(), stages.is_empty()) {
            (Some(only), true) => Ok(only),
            (last, _) => {
                stages.extend(last);
                Ok(Command::Pipeline(stages))
            }
        }
    }

    pub(super) fn simple_or_function(&mut self) -> Parsed<Command> {
        let mut simple = Simple::default();
        loop {
            self.blanks();
            if self.redirect(&mut simple.redirects)? {
                continue;
            }
            if simple.words.is_empty()
                && let Some(assignment) = self.assignment()?
            {
                simple.assignments.push(assignment);
                continue;
            }
            match self.word()? {
                Some(word) => simple.words.push(word),
                None => break,
            }
            let only = (simple.words.len() == 1)
                .then(|| simple.words.first().and_then(Word::plain))
                .flatten();
            if let (Some(name), Some('(')) = (only, self.peek()) {
                return self.function(name.to_owned());
            }
        }
        if simple == Simple::default() {
            return Err(self.unexpected());
        }
        Ok(Command::Simple(simple))
    }

    fn function(&mut self, name: String) -> Parsed<Command> {
        self.at += 1;
        self.blanks();
        if !self.eat(")") {
            return Err(self.expected(")"));
        }
        self.blank_lines();
        let body = self.nested(Self::command)?;
        Ok(Command::Function(name, Arc::new(body)))
    }

    /// Parses a name of letters, digits and `_` that does not start with a digit. Returns `None` if there is no such
    /// name at this position.
    pub(super) fn name(&mut self) -> Option<String> {
        let first = self.peek().filter(|c| c.is_ascii_alphabetic() || *c == '_')?;
        let mut name = String::from(first);
        self.at += 1;
        while let Some(c) = self.peek().filter(|c| c.is_ascii_alphanumeric() || *c == '_') {
            name.push(c);
            self.at += 1;
        }
        Some(name)
    }

    fn assignment(&mut self) -> Parsed<Option<(String, Word)>> {
        let start = self.at;
        let name = self.name();
        match (name, self.peek()) {
            (Some(name), Some('=')) => {
                self.at += 1;
                Ok(Some((name, self.word()?.unwrap_or_default())))
            }
            _ => {
                self.at = start;
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Generates fragments of scripts. Their combinations get further in the parser than random text.
    fn piece() -> impl Strategy<Value = String> {
        let words = [
            "if", "then", "else", "fi", "while", "do", "done", "for", "in", "case", "esac", "{", "}", "(",
            ")", ";", ";;", "&", "&&", "||", "|", "!", "\n", " ", "\"", "'", "`", "\\", "$", "${", "${x:-",
            "$(", "$((", "))", "<", ">", ">>", "2>&1", "<<EOF\n", "EOF\n", "x", "x=", "f()", "#", "*", "[a]",
            "1", "$?", "é",
        ];
        prop_oneof![8 => prop::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn parser_never_panics(pieces in prop::collection::vec(piece(), 0..60)) {
            let _ = parse(&pieces.concat());
        }
    }

    #[test]
    fn lists_and_chains_are_flat() {
        let list = parse("a; b & c && d || e\n! f | g").unwrap_or_default();
        assert_eq!(list.len(), 4);
        assert!(list.get(1).is_some_and(|item| item.background));
        assert!(
            matches!(list.get(2).map(|item| &item.command), Some(Command::Chain(_, rest)) if rest.len() == 2)
        );
        assert!(matches!(
            list.get(3).map(|item| &item.command),
            Some(Command::Not(_))
        ));
    }

    #[test]
    fn rejects_too_deep_nesting() {
        for opening in ["( ", "{ ", "! ", "$(", "\"${x:-", "if ", "f() "] {
            assert!(parse(&opening.repeat(20_000)).is_err(), "{opening}");
        }
    }
}
