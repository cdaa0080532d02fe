//! Parsing of redirections and here-documents.

use super::ast::{Part, Redirect, Target, Word};
use super::parser::{Parsed, Parser, syntax, unknown};

impl Parser {
    /// Parses the redirection at this position, if there is one, and adds it to `into`. Returns whether there was a
    /// redirection.
    pub(super) fn redirect(&mut self, into: &mut Vec<Redirect>) -> Parsed<bool> {
        self.blanks();
        let start = self.at;
        let digit = self
            .peek()
            .and_then(|c| c.to_digit(10))
            .and_then(|digit| u8::try_from(digit).ok());
        if digit.is_some() {
            self.at += 1;
        } else if self.eat("&>") {
            let target = Target::Write(self.target_word()?);
            into.push(Redirect { fd: 1, target });
            into.push(Redirect {
                fd: 2,
                target: Target::Same(1),
            });
            return Ok(true);
        }
        let (default, target) = match self.peek() {
            Some('<') => (0, self.input()?),
            Some('>') => (1, self.output()?),
            _ => {
                self.at = start;
                return Ok(false);
            }
        };
        let fd = digit.unwrap_or(default);
        if fd > 2 {
            return unknown(format!("file descriptor {fd}"));
        }
        into.push(Redirect { fd, target });
        Ok(true)
    }

    fn input(&mut self) -> Parsed<Target> {
        if self.eat("<<<") || self.eat("<>") {
            return unknown("`<<<` and `<>`");
        }
        if self.eat("<<-") {
            return self.document(true);
        }
        if self.eat("<<") {
            return self.document(false);
        }
        if self.eat("<&") {
            return self.same_as();
        }
        self.at += 1;
        Ok(Target::Read(self.target_word()?))
    }

    fn output(&mut self) -> Parsed<Target> {
        if self.eat(">>") {
            return Ok(Target::Append(self.target_word()?));
        }
        if self.eat(">&") {
            return self.same_as();
        }
        if !self.eat(">|") {
            self.at += 1;
        }
        Ok(Target::Write(self.target_word()?))
    }

    fn same_as(&mut self) -> Parsed<Target> {
        let target = match self.peek() {
            Some('-') => Target::Close,
            Some('0') => Target::Same(0),
            Some('1') => Target::Same(1),
            Some('2') => Target::Same(2),
            _ => return unknown("this file descriptor"),
        };
        self.at += 1;
        Ok(target)
    }

    fn target_word(&mut self) -> Parsed<Word> {
        self.blanks();
        match self.word()? {
            Some(word) => Ok(word),
            None => Err(self.unexpected()),
        }
    }

    /// Parses the delimiter of a here-document and reads the document's lines, which start on the next line of the
    /// script. Removes these lines from the script.
    fn document(&mut self, strip_tabs: bool) -> Parsed<Target> {
        self.blanks();
        let Some(name) = self.word()? else {
            return Err(self.unexpected());
        };
        let mut delimiter = String::new();
        let mut quoted = false;
        for part in &name.0 {
            match part {
                Part::Plain(text) => delimiter.push_str(text),
                Part::Quoted(text) => {
                    quoted = true;
                    delimiter.push_str(text);
                }
                _ => return unknown("an expansion in the name of a here-document"),
            }
        }
        let rest = self.chars.get(self.at..).unwrap_or_default();
        let Some(line_end) = rest.iter().position(|c| *c == '\n') else {
            return syntax("syntax error: unexpected end of file");
        };
        let start = self.at + line_end + 1;
        let text: String = self.chars.get(start..).unwrap_or_default().iter().collect();
        let (mut body, mut taken) = (String::new(), 0);
        for line in text.split_inclusive('\n') {
            taken += line.chars().count();
            let line = if strip_tabs {
                line.trim_start_matches('\t')
            } else {
                line
            };
            if line.trim_end_matches('\n') == delimiter {
                break;
            }
            body.push_str(line);
        }
        let end = (start + taken).min(self.chars.len());
        self.chars.drain(start..end);
        let word = if quoted {
            Word(vec![Part::Quoted(body)])
        } else {
            self.double_quoted_text(&body)?
        };
        Ok(Target::Text(word))
    }
}
