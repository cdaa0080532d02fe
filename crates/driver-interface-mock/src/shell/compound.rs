//! Parsing of compound commands, such as `if` and `while`.

use super::ast::{Command, Compound, List};
use super::parser::{ParseError, Parsed, Parser, unknown};

impl Parser {
    pub(super) fn command(&mut self) -> Parsed<Command> {
        let compound = match (self.reserved(), self.peek()) {
            (Some("if"), _) => self.if_command()?,
            (Some(word @ ("while" | "until")), _) => self.loop_command(word)?,
            (Some("for"), _) => self.for_command()?,
            (Some("case"), _) => self.case_command()?,
            (Some("{"), _) => {
                self.at += 1;
                let list = self.body("}")?;
                self.expect("}")?;
                Compound::Group(list)
            }
            (None, Some('(')) if self.peek_at(1) == Some('(') => return unknown("(( … ))"),
            (None, Some('(')) => {
                self.at += 1;
                let list = self.body(")")?;
                self.expect(")")?;
                Compound::Subshell(list)
            }
            (Some(_), _) => return Err(self.unexpected()),
            (None, _) => return self.simple_or_function(),
        };
        let mut redirects = Vec::new();
        while self.redirect(&mut redirects)? {}
        Ok(Command::Compound(compound, redirects))
    }

    fn if_command(&mut self) -> Parsed<Compound> {
        self.at += 2;
        let mut branches = Vec::new();
        loop {
            let condition = self.body("then")?;
            self.expect("then")?;
            branches.push((condition, self.body("fi")?));
            self.blank_lines();
            match self.reserved() {
                Some("elif") => self.at += 4,
                Some("else") => {
                    self.at += 4;
                    let otherwise = Some(self.body("fi")?);
                    self.expect("fi")?;
                    return Ok(Compound::If { branches, otherwise });
                }
                _ => {
                    self.expect("fi")?;
                    return Ok(Compound::If {
                        branches,
                        otherwise: None,
                    });
                }
            }
        }
    }

    fn loop_command(&mut self, word: &str) -> Parsed<Compound> {
        self.at += word.len();
        let condition = self.body("do")?;
        Ok(Compound::Loop {
            until: word == "until",
            condition,
            body: self.do_group()?,
        })
    }

    fn do_group(&mut self) -> Parsed<List> {
        self.expect("do")?;
        let body = self.body("done")?;
        self.expect("done")?;
        Ok(body)
    }

    fn for_command(&mut self) -> Parsed<Compound> {
        self.at += 3;
        self.blanks();
        let variable = self.name().ok_or(ParseError::Syntax(
            "syntax error: bad for loop variable".to_owned(),
        ))?;
        self.blank_lines();
        let mut words = None;
        if self.reserved() == Some("in") {
            self.at += 2;
            let mut listed = Vec::new();
            loop {
                self.blanks();
                match self.word()? {
                    Some(word) => listed.push(word),
                    None => break,
                }
            }
            words = Some(listed);
        }
        self.blanks();
        if self.peek() == Some(';') {
            self.at += 1;
        }
        Ok(Compound::For {
            variable,
            words,
            body: self.do_group()?,
        })
    }

    fn case_command(&mut self) -> Parsed<Compound> {
        self.at += 4;
        self.blanks();
        let Some(subject) = self.word()? else {
            return Err(self.unexpected());
        };
        self.expect("in")?;
        let mut arms = Vec::new();
        loop {
            self.blank_lines();
            if self.reserved() == Some("esac") {
                self.at += 4;
                return Ok(Compound::Case { subject, arms });
            }
            self.eat("(");
            let mut patterns = Vec::new();
            loop {
                self.blanks();
                let Some(pattern) = self.word()? else {
                    return Err(self.expected(")"));
                };
                patterns.push(pattern);
                self.blanks();
                if !self.eat("|") {
                    break;
                }
            }
            if !self.eat(")") {
                return Err(self.expected(")"));
            }
            let body = self.nested(Self::list)?;
            arms.push((patterns, body));
            self.blank_lines();
            if !self.eat(";;") {
                self.expect("esac")?;
                return Ok(Compound::Case { subject, arms });
            }
        }
    }
}
