//! Expansion of words: parameters, command substitution, field splitting and file name patterns.

use std::future::Future;
use std::pin::Pin;

use super::arith::{ArithError, evaluate};
use super::ast::{Form, Parameter, Part, Word};
use super::glob::{self, Symbol};
use super::state::{Shell, Stop};
use crate::fs::Node;

/// The result of expanding a part of a word.
enum Piece {
    /// `Text(text, is_quoted)`: text that is not split into fields. In quoted text, no character is special in a
    /// pattern.
    Text(String, bool),
    /// Text that is split into fields at the characters of `IFS`.
    Split(String),
    /// The end of a field, as between two arguments in `"$@"`.
    Break,
}

type Pieces = Result<Vec<Piece>, Stop>;

impl Shell {
    /// Expands words into fields. A field that is a pattern is replaced by the names of the files that match the
    /// pattern.
    pub(super) async fn expand_all(&mut self, words: &[Word]) -> Result<Vec<String>, Stop> {
        let mut fields = Vec::new();
        for word in words {
            let pieces = self.pieces(&word.0, false).await?;
            for field in self.split(pieces) {
                self.push_field(field, &mut fields);
            }
        }
        Ok(fields)
    }

    /// Expands a word into a single string, without splitting it.
    pub(super) async fn expand_text(&mut self, word: &Word) -> Result<String, Stop> {
        let pieces = self.pieces(&word.0, false).await?;
        Ok(pieces
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text, _) | Piece::Split(text) => text,
                Piece::Break => " ".to_owned(),
            })
            .collect())
    }

    /// Expands a word into a pattern, in which quoted characters are literal.
    pub(super) async fn expand_pattern(&mut self, word: &Word) -> Result<Vec<Symbol>, Stop> {
        let pieces = self.pieces(&word.0, false).await?;
        let mut symbols = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text(text, quoted) => symbols.extend(text.chars().map(|c| (c, quoted))),
                Piece::Split(text) => symbols.extend(text.chars().map(|c| (c, false))),
                Piece::Break => symbols.push((' ', true)),
            }
        }
        Ok(symbols)
    }

    fn pieces<'a>(
        &'a mut self,
        parts: &'a [Part],
        quoted: bool,
    ) -> Pin<Box<dyn Future<Output = Pieces> + Send + 'a>> {
        Box::pin(async move {
            let mut pieces = Vec::new();
            for (index, part) in parts.iter().enumerate() {
                match part {
                    Part::Plain(text) if index == 0 && !quoted && is_home(text) => {
                        let home = self.value("HOME").unwrap_or_default();
                        pieces.push(Piece::Text(home, true));
                        pieces.push(Piece::Text(text.get(1..).unwrap_or_default().to_owned(), false));
                    }
                    Part::Plain(text) => pieces.push(Piece::Text(text.clone(), quoted)),
                    Part::Quoted(text) => pieces.push(Piece::Text(text.clone(), true)),
                    Part::Double(inner) => {
                        if !(self.args.is_empty() && inner.as_slice() == [all_args()]) {
                            pieces.push(Piece::Text(String::new(), true));
                        }
                        pieces.extend(self.pieces(inner, true).await?);
                    }
                    Part::Parameter(parameter) => self.parameter(parameter, quoted, &mut pieces).await?,
                    Part::Arithmetic(word) => {
                        let text = self.expand_text(word).await?;
                        let value = match evaluate(&text, self) {
                            Ok(value) => value,
                            Err(ArithError::DivideByZero) => return Err(self.fail("divide by zero").await),
                            Err(ArithError::Syntax) => {
                                return Err(self.fail("arithmetic syntax error").await);
                            }
                        };
                        pieces.push(Piece::Text(value.to_string(), quoted));
                    }
                    Part::Command(list) => {
                        let output = self.substitute(list).await?;
                        pieces.push(result_piece(output, quoted));
                    }
                }
            }
            Ok(pieces)
        })
    }

    async fn parameter(
        &mut self,
        parameter: &Parameter,
        quoted: bool,
        pieces: &mut Vec<Piece>,
    ) -> Result<(), Stop> {
        let Parameter { name, form } = parameter;
        let value = self.value(name);
        match form {
            Form::Plain if name == "@" || (name == "*" && !quoted) => {
                let args = self.args.clone();
                for (index, arg) in args.into_iter().enumerate() {
                    if index > 0 {
                        pieces.push(Piece::Break);
                    }
                    pieces.push(result_piece(arg, quoted));
                }
            }
            Form::Plain if name == "*" => {
                let separator = self.value("IFS").unwrap_or_default().chars().next();
                let separator = separator.map(String::from).unwrap_or_default();
                pieces.push(Piece::Text(self.args.join(&separator), true));
            }
            Form::Plain => {
                let value = self.needed(name, value).await?;
                pieces.push(result_piece(value, quoted));
            }
            Form::Length => {
                let value = self.needed(name, value).await?;
                pieces.push(Piece::Text(value.chars().count().to_string(), quoted));
            }
            Form::Instead {
                operator,
                colon,
                word,
            } => {
                let present = value.filter(|value| !(*colon && value.is_empty()));
                match (operator, present) {
                    ('+', None) => {}
                    ('-', None) | ('+', Some(_)) => pieces.extend(self.pieces(&word.0, quoted).await?),
                    ('=', None) => {
                        let text = self.expand_text(word).await?;
                        self.assign(name, text.clone()).await?;
                        pieces.push(result_piece(text, quoted));
                    }
                    (_, None) => {
                        let text = self.expand_text(word).await?;
                        let message = match (text.is_empty(), colon) {
                            (true, true) => "parameter not set or null",
                            (true, false) => "parameter not set",
                            (false, _) => text.as_str(),
                        };
                        return Err(self.fail(&format!("{name}: {message}")).await);
                    }
                    (_, Some(value)) => pieces.push(result_piece(value, quoted)),
                }
            }
            Form::Cut {
                suffix,
                longest,
                pattern,
            } => {
                let value = self.needed(name, value).await?;
                let pattern = self.expand_pattern(pattern).await?;
                pieces.push(result_piece(cut(&value, &pattern, *suffix, *longest), quoted));
            }
        }
        Ok(())
    }

    /// Returns `value`, or an empty string if `value` is `None`. With `set -u`, a `value` of `None` ends the shell
    /// instead.
    async fn needed(&mut self, name: &str, value: Option<String>) -> Result<String, Stop> {
        match value {
            Some(value) => Ok(value),
            None if self.options.nounset && !matches!(name, "@" | "*" | "!") => {
                Err(self.fail(&format!("{name}: parameter not set")).await)
            }
            None => Ok(String::new()),
        }
    }

    async fn fail(&mut self, message: &str) -> Stop {
        self.complain(message).await;
        self.status = 2;
        Stop::Exit
    }

    fn split(&self, pieces: Vec<Piece>) -> Vec<Vec<Symbol>> {
        let separators = self.value("IFS").unwrap_or_else(|| " \t\n".to_owned());
        let mut fields = Vec::new();
        let mut field: Option<Vec<Symbol>> = None;
        for piece in pieces {
            match piece {
                Piece::Text(text, quoted) => {
                    if quoted || !text.is_empty() {
                        field
                            .get_or_insert_default()
                            .extend(text.chars().map(|c| (c, quoted)));
                    }
                }
                Piece::Break => fields.extend(field.take()),
                Piece::Split(text) => {
                    for c in text.chars() {
                        match separators.contains(c) {
                            false => field.get_or_insert_default().push((c, false)),
                            true if c.is_whitespace() => fields.extend(field.take()),
                            true => fields.push(field.take().unwrap_or_default()),
                        }
                    }
                }
            }
        }
        fields.extend(field);
        fields
    }

    /// Adds a field to `fields`. If the field is a pattern that matches files, adds the names of these files instead.
    fn push_field(&self, field: Vec<Symbol>, fields: &mut Vec<String>) {
        if glob::is_pattern(&field) && !self.options.noglob {
            let files = self.files_like(&field);
            if !files.is_empty() {
                fields.extend(files);
                return;
            }
        }
        fields.push(field.into_iter().map(|(c, _)| c).collect());
    }

    fn files_like(&self, pattern: &[Symbol]) -> Vec<String> {
        let mut found = vec![String::new()];
        let mut parts = pattern.split(|(c, _)| *c == '/').peekable();
        if parts.next_if(|first| first.is_empty()).is_some() {
            found = vec!["/".to_owned()];
        }
        for part in parts {
            let text: String = part.iter().map(|(c, _)| c).collect();
            let mut next = Vec::new();
            for base in found {
                let join = |name: &str| {
                    if base.is_empty() || base.ends_with('/') {
                        format!("{base}{name}")
                    } else {
                        format!("{base}/{name}")
                    }
                };
                if !glob::is_pattern(part) {
                    let path = join(&text);
                    next.extend(self.process.node(&path).map(|_| path));
                    continue;
                }
                let directory = if base.is_empty() { "." } else { base.as_str() };
                let names = self
                    .process
                    .files
                    .list(&self.process.path(directory))
                    .unwrap_or_default();
                let fitting = names.into_iter().filter(|name| {
                    let hidden = name.starts_with('.') && !text.starts_with('.');
                    !hidden && glob::fits(part, &name.chars().collect::<Vec<_>>())
                });
                next.extend(fitting.map(|name| join(&name)));
            }
            found = next;
        }
        found
    }

    /// Returns whether there is a directory at `path`.
    pub(super) fn is_directory(&self, path: &str) -> bool {
        matches!(self.process.node(path), Some(Node::Dir))
    }
}

fn all_args() -> Part {
    Part::Parameter(Parameter {
        name: "@".to_owned(),
        form: Form::Plain,
    })
}

fn is_home(text: &str) -> bool {
    text == "~" || text.starts_with("~/")
}

fn result_piece(text: String, quoted: bool) -> Piece {
    if quoted {
        Piece::Text(text, true)
    } else {
        Piece::Split(text)
    }
}

/// Removes the shortest or longest prefix or suffix of `value` that matches `pattern`.
fn cut(value: &str, pattern: &[Symbol], suffix: bool, longest: bool) -> String {
    let chars: Vec<char> = value.chars().collect();
    let length = chars.len();
    let mut sizes: Vec<usize> = (0..=length).collect();
    if longest {
        sizes.reverse();
    }
    for size in sizes {
        let (end, rest) = if suffix {
            let (rest, end) = chars.split_at(length - size);
            (end, rest)
        } else {
            chars.split_at(size)
        };
        if glob::fits(pattern, end) {
            return rest.iter().collect();
        }
    }
    value.to_owned()
}
