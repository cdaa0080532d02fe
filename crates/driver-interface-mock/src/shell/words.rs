//! Parsing of words: quotes, escapes and `$` expansions.

use super::ast::{Form, List, Parameter, Part, Word};
use super::parser::{Parsed, Parser, syntax, unknown};
use crate::commands::unescape;

/// Where a word ends.
#[derive(Clone, Copy, PartialEq)]
enum Until {
    /// At whitespace or an operator, which are not consumed.
    Word,
    /// At the closing double quote, which is not consumed.
    Quote,
    /// At the closing brace of `${…}`, which is not consumed. `quoted` means that the `${…}` is in double quotes.
    Brace { quoted: bool },
    /// At the end of the text.
    End,
}

impl Parser {
    /// Parses the next word. Returns `None` if there is no word at this position.
    pub(super) fn word(&mut self) -> Parsed<Option<Word>> {
        let start = self.at;
        let parts = self.parts(Until::Word)?;
        Ok((self.at > start).then_some(Word(parts)))
    }

    /// Parses `text`, which is not part of the script itself, as if it were in double quotes.
    pub(super) fn double_quoted_text(&mut self, text: &str) -> Parsed<Word> {
        self.nested(|outer| {
            let mut inner = Parser::new(text);
            inner.depth = outer.depth;
            Ok(Word(inner.parts(Until::End)?))
        })
    }

    fn parts(&mut self, until: Until) -> Parsed<Vec<Part>> {
        let in_quotes = matches!(until, Until::Quote | Until::End | Until::Brace { quoted: true });
        let mut parts = Vec::new();
        let mut text = String::new();
        while let Some(c) = self.peek() {
            let ends = match until {
                Until::Word => c.is_whitespace() || matches!(c, ';' | '&' | '|' | '<' | '>' | '(' | ')'),
                Until::Quote => c == '"',
                Until::Brace { .. } => c == '}',
                Until::End => false,
            };
            if ends {
                break;
            }
            let part = match c {
                '\\' => self.escape(in_quotes, until),
                '\'' if !in_quotes => Some(Part::Quoted(self.single_quoted()?)),
                '"' if until != Until::End => Some(self.double_quoted()?),
                '`' => Some(Part::Command(self.back_quoted()?)),
                '$' => self.dollar(in_quotes)?,
                _ => None,
            };
            match part {
                Some(part) => {
                    flush(&mut text, &mut parts);
                    parts.push(part);
                }
                None => {
                    text.extend(self.peek());
                    self.at += 1;
                }
            }
        }
        flush(&mut text, &mut parts);
        Ok(parts)
    }

    /// Parses a backslash and the character it quotes. Returns `None` if the backslash is literal.
    fn escape(&mut self, in_quotes: bool, until: Until) -> Option<Part> {
        let next = self.peek_at(1);
        let quotes = match next {
            None => false,
            Some('\n') => {
                self.at += 2;
                return Some(Part::Quoted(String::new()));
            }
            Some('"') => until != Until::End,
            Some('}') => !in_quotes || matches!(until, Until::Brace { .. }),
            Some(c) => !in_quotes || matches!(c, '$' | '`' | '\\'),
        };
        if !quotes {
            return None;
        }
        self.at += 2;
        next.map(|c| Part::Quoted(c.to_string()))
    }

    fn single_quoted(&mut self) -> Parsed<String> {
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            if c == '\'' {
                return Ok(text);
            }
            text.push(c);
        }
        unterminated()
    }

    fn double_quoted(&mut self) -> Parsed<Part> {
        self.at += 1;
        let parts = self.nested(|parser| parser.parts(Until::Quote))?;
        if !self.eat("\"") {
            return unterminated();
        }
        Ok(Part::Double(parts))
    }

    fn back_quoted(&mut self) -> Parsed<List> {
        self.at += 1;
        let mut script = String::new();
        loop {
            match self.peek() {
                None => return syntax("syntax error: EOF in backquote substitution"),
                Some('`') => break,
                Some('\\') if matches!(self.peek_at(1), Some('`' | '\\' | '$')) => {
                    script.extend(self.peek_at(1));
                    self.at += 2;
                }
                Some(c) => {
                    script.push(c);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        self.nested(|outer| {
            let mut inner = Parser::new(&script);
            inner.depth = outer.depth;
            let list = inner.list()?;
            if inner.peek().is_some() {
                Err(inner.unexpected())
            } else {
                Ok(list)
            }
        })
    }

    /// Parses a `$` expansion. Returns `None` if the dollar sign is literal.
    fn dollar(&mut self, in_quotes: bool) -> Parsed<Option<Part>> {
        let part = match self.peek_at(1) {
            Some('(') if self.peek_at(2) == Some('(') => self.arithmetic()?,
            Some('(') => {
                self.at += 2;
                let list = self.nested(Self::list)?;
                if !self.eat(")") {
                    return Err(self.expected(")"));
                }
                Part::Command(list)
            }
            Some('{') => {
                self.at += 2;
                self.nested(|parser| parser.braced(in_quotes))?
            }
            Some('\'') if !in_quotes => {
                self.at += 1;
                self.dollar_quoted()?
            }
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                self.at += 1;
                simple(self.name().unwrap_or_default())
            }
            Some(c) if c.is_ascii_digit() || is_special(c) => {
                self.at += 2;
                simple(c.to_string())
            }
            _ => return Ok(None),
        };
        Ok(Some(part))
    }

    fn dollar_quoted(&mut self) -> Parsed<Part> {
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                None => return unterminated(),
                Some('\'') => break,
                Some('\\') => {
                    text.push('\\');
                    text.extend(self.peek_at(1));
                    self.at += 2;
                }
                Some(c) => {
                    text.push(c);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        let (bytes, _) = unescape(&text.replace("\\'", "'"), false);
        Ok(Part::Quoted(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Parses `$((…))`. The text in the parentheses is expanded like text in double quotes, and then evaluated.
    fn arithmetic(&mut self) -> Parsed<Part> {
        self.at += 3;
        let start = self.at;
        let mut open = 0_usize;
        loop {
            match self.peek() {
                None => return syntax("syntax error: missing '))'"),
                Some('(') => open += 1,
                Some(')') if open == 0 => break,
                Some(')') => open -= 1,
                Some(_) => {}
            }
            self.at += 1;
        }
        let text: String = self
            .chars
            .get(start..self.at)
            .unwrap_or_default()
            .iter()
            .collect();
        if !self.eat("))") {
            return unknown("`$((` that starts a subshell (write `$( (`)");
        }
        Ok(Part::Arithmetic(self.double_quoted_text(&text)?))
    }

    /// Parses the content of a `${…}`, up to its closing brace.
    fn braced(&mut self, quoted: bool) -> Parsed<Part> {
        if self.peek() == Some('#') && self.peek_at(1) != Some('}') {
            self.at += 1;
            let name = self.parameter_name()?;
            return self.closed(Parameter {
                name,
                form: Form::Length,
            });
        }
        let name = self.parameter_name()?;
        let colon = self.eat(":");
        let form = match self.peek() {
            Some('}') if !colon => Form::Plain,
            Some(operator @ ('-' | '=' | '?' | '+')) => {
                self.at += 1;
                let word = Word(self.parts(Until::Brace { quoted })?);
                Form::Instead {
                    operator,
                    colon,
                    word,
                }
            }
            Some(end @ ('#' | '%')) if !colon => {
                self.at += 1;
                let longest = self.peek() == Some(end);
                if longest {
                    self.at += 1;
                }
                // The pattern is not quoted, even if the whole expansion is in double quotes.
                let pattern = Word(self.parts(Until::Brace { quoted: false })?);
                Form::Cut {
                    suffix: end == '%',
                    longest,
                    pattern,
                }
            }
            None => return unterminated_brace(),
            Some('"') if quoted => return unterminated(),
            Some(_) => return unknown("this form of `${…}`"),
        };
        self.closed(Parameter { name, form })
    }

    fn closed(&mut self, parameter: Parameter) -> Parsed<Part> {
        if self.eat("}") {
            Ok(Part::Parameter(parameter))
        } else {
            unterminated_brace()
        }
    }

    fn parameter_name(&mut self) -> Parsed<String> {
        if let Some(name) = self.name() {
            return Ok(name);
        }
        let mut digits = String::new();
        while let Some(c) = self.peek().filter(char::is_ascii_digit) {
            digits.push(c);
            self.at += 1;
        }
        match self.peek() {
            _ if !digits.is_empty() => Ok(digits),
            Some(c) if is_special(c) => {
                self.at += 1;
                Ok(c.to_string())
            }
            None => unterminated_brace(),
            Some(_) => syntax("syntax error: bad substitution"),
        }
    }
}

fn simple(name: String) -> Part {
    Part::Parameter(Parameter {
        name,
        form: Form::Plain,
    })
}

fn is_special(c: char) -> bool {
    matches!(c, '@' | '*' | '#' | '?' | '$' | '!' | '-')
}

fn flush(text: &mut String, parts: &mut Vec<Part>) {
    if !text.is_empty() {
        parts.push(Part::Plain(std::mem::take(text)));
    }
}

fn unterminated<T>() -> Parsed<T> {
    syntax("syntax error: unterminated quoted string")
}

fn unterminated_brace<T>() -> Parsed<T> {
    syntax("syntax error: missing '}'")
}
