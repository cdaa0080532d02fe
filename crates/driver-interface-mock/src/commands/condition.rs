//! The simulated commands `test` and `[`.

use crate::fs::{Access, Node};
use crate::process::MockProcess;

/// The maximum nesting depth of a condition.
const MAX_DEPTH: usize = 50;

pub(crate) async fn test(process: MockProcess) -> u8 {
    let mut words: Vec<&str> = process.args().iter().map(String::as_str).collect();
    let name = if words.is_empty() { "test" } else { words.remove(0) };
    if name == "[" && words.pop() != Some("]") {
        process.say("sh: missing ]").await;
        return 2;
    }
    let mut reader = Reader {
        process: &process,
        words: &words,
        depth: 0,
    };
    let verdict = match words.as_slice() {
        [] => Ok(false),
        [word] => Ok(!word.is_empty()),
        // If there are three words and the middle one is a binary operator, it is one even if the other words look like
        // operators.
        [left, operator, right] if is_binary(operator) => reader.compare(left, operator, right),
        _ => reader.any(),
    };
    let verdict = match (verdict, reader.words.first()) {
        (Ok(_), Some(left)) if words.len() > 3 => Err(format!("{left}: unknown operand")),
        (verdict, _) => verdict,
    };
    match verdict {
        Ok(holds) => u8::from(!holds),
        Err(problem) => {
            process.say(format!("sh: {problem}")).await;
            2
        }
    }
}

struct Reader<'a> {
    process: &'a MockProcess,
    words: &'a [&'a str],
    depth: usize,
}

type Verdict = Result<bool, String>;

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.words.first() == Some(&word);
        if found {
            self.next();
        }
        found
    }

    fn any(&mut self) -> Verdict {
        let mut holds = self.all()?;
        while self.eat("-o") {
            holds |= self.all()?;
        }
        Ok(holds)
    }

    fn all(&mut self) -> Verdict {
        let mut holds = self.one()?;
        while self.eat("-a") {
            holds &= self.one()?;
        }
        Ok(holds)
    }

    fn one(&mut self) -> Verdict {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("nested too deep".to_owned());
        }
        let verdict = self.one_inner();
        self.depth -= 1;
        verdict
    }

    fn one_inner(&mut self) -> Verdict {
        let Some(word) = self.next() else {
            return Err("argument expected".to_owned());
        };
        if let Some(operator) = self.words.first().copied().filter(|operator| is_binary(operator)) {
            self.next();
            let right = self
                .next()
                .ok_or_else(|| format!("{operator}: argument expected"))?;
            return self.compare(word, operator, right);
        }
        if word == "!" {
            return self.one().map(|holds| !holds);
        }
        if word == "(" {
            let holds = self.any()?;
            return if self.eat(")") {
                Ok(holds)
            } else {
                Err("closing paren expected".to_owned())
            };
        }
        if word.len() == 2 && word.starts_with('-') && !self.words.is_empty() {
            let operand = self.next().unwrap_or_default();
            return self.unary(word, operand);
        }
        if is_binary(word) || (word.len() == 2 && word.starts_with('-') && self.words.is_empty()) {
            return Err(format!("{word}: argument expected"));
        }
        Ok(!word.is_empty())
    }

    fn unary(&self, operator: &str, operand: &str) -> Verdict {
        let node = || self.process.node(operand);
        let path = self.process.path(operand);
        Ok(match operator {
            "-n" => !operand.is_empty(),
            "-z" => operand.is_empty(),
            "-e" => node().is_some(),
            "-f" => matches!(node(), Some(Node::File(_))) && !path.starts_with("/dev/"),
            "-d" => matches!(node(), Some(Node::Dir)),
            "-s" => self.process.read_path(&path).is_ok_and(|data| !data.is_empty()),
            "-r" => {
                node().is_some()
                    && (path.starts_with("/proc/") || self.process.files.may(&path, Access::Read))
            }
            "-w" => node().is_some() && (path.starts_with("/dev/") || self.process.files.is_writable(&path)),
            "-x" => {
                matches!(node(), Some(Node::Dir))
                    || self.process.files.may(&path, Access::Execute)
                    || (operand.contains('/') && self.process.host.commands.find(operand).is_some())
            }
            "-c" => node().is_some() && path.starts_with("/dev/"),
            "-t" => match operand {
                "0" => self.process.stdin.is_terminal(),
                "1" => self.process.stdout.is_terminal(),
                "2" => self.process.stderr.is_terminal(),
                _ => false,
            },
            "-h" | "-L" => self.process.files.link_target(&path).is_some(),
            "-b" | "-p" | "-S" | "-u" | "-g" | "-k" => false,
            _ => return Err(format!("{operand}: unknown operand")),
        })
    }

    fn compare(&self, left: &str, operator: &str, right: &str) -> Verdict {
        let numbers = || -> Result<(i64, i64), String> { Ok((number(left)?, number(right)?)) };
        Ok(match operator {
            "=" | "==" => left == right,
            "!=" => left != right,
            "<" => left < right,
            ">" => left > right,
            "-eq" => numbers().map(|(a, b)| a == b)?,
            "-ne" => numbers().map(|(a, b)| a != b)?,
            "-lt" => numbers().map(|(a, b)| a < b)?,
            "-le" => numbers().map(|(a, b)| a <= b)?,
            "-gt" => numbers().map(|(a, b)| a > b)?,
            _ => numbers().map(|(a, b)| a >= b)?,
        })
    }
}

fn is_binary(word: &str) -> bool {
    matches!(
        word,
        "=" | "==" | "!=" | "<" | ">" | "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge"
    )
}

fn number(text: &str) -> Result<i64, String> {
    text.trim().parse().map_err(|_| format!("{text}: bad number"))
}
