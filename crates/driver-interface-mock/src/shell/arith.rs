//! Arithmetic expansion, `$((…))`: 64-bit integers with the operators of C.

/// The reason why an arithmetic expression has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ArithError {
    Syntax,
    DivideByZero,
}

/// Access to the variables that an arithmetic expression reads and sets.
pub(crate) trait Variables {
    fn get(&self, name: &str) -> String;
    fn set(&mut self, name: &str, value: i64);
}

/// The maximum nesting depth of an arithmetic expression.
const MAX_DEPTH: usize = 60;

/// The binary operators, by ascending precedence. In each list, longer operators come first, so that `<=` is not
/// taken for `<`.
const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];
const ASSIGNMENTS: [&str; 11] = ["=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="];
/// All operators. Longer operators come first, so that the longest match is found first.
const OPERATORS: [&str; 35] = [
    "<<=", ">>=", "||", "&&", "==", "!=", "<=", ">=", "<<", ">>", "++", "--", "+=", "-=", "*=", "/=", "%=",
    "&=", "|=", "^=", "=", "|", "^", "&", "<", ">", "+", "-", "*", "/", "%", "!", "~", "?", ":",
];

pub(crate) fn evaluate(text: &str, variables: &mut dyn Variables) -> Result<i64, ArithError> {
    let mut reader = Reader {
        rest: text,
        variables,
        depth: 0,
        skipping: false,
    };
    if text.trim().is_empty() {
        return Ok(0);
    }
    let value = reader.expression()?;
    if reader.rest.trim_start().is_empty() {
        Ok(value)
    } else {
        Err(ArithError::Syntax)
    }
}

struct Reader<'a> {
    rest: &'a str,
    variables: &'a mut dyn Variables,
    depth: usize,
    /// Whether assignments are skipped. This is so in an operand of `?:`, `&&` or `||` whose value is not needed. A
    /// division by zero is then not an error.
    skipping: bool,
}

impl<'a> Reader<'a> {
    fn operator(&self) -> Option<&'static str> {
        OPERATORS
            .into_iter()
            .find(|operator| self.rest.trim_start().starts_with(operator))
    }

    fn eat(&mut self, token: &str) -> bool {
        match self.rest.trim_start().strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expression(&mut self) -> Result<i64, ArithError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ArithError::Syntax);
        }
        let value = self.assignment();
        self.depth -= 1;
        value
    }

    fn assignment(&mut self) -> Result<i64, ArithError> {
        let start = self.rest;
        if let Some(name) = self.name()
            && let Some(operator) = self.operator().filter(|operator| ASSIGNMENTS.contains(operator))
        {
            self.eat(operator);
            let right = self.expression()?;
            let value = match operator.strip_suffix('=').filter(|binary| !binary.is_empty()) {
                None => right,
                Some(binary) => {
                    let left = self.value_of(name)?;
                    self.apply(binary, left, right)?
                }
            };
            if !self.skipping {
                self.variables.set(name, value);
            }
            return Ok(value);
        }
        self.rest = start;
        let condition = self.binary(0)?;
        if !self.eat("?") {
            return Ok(condition);
        }
        let chosen = condition != 0;
        let yes = self.skip_unless(chosen, Self::expression)?;
        if !self.eat(":") {
            return Err(ArithError::Syntax);
        }
        let no = self.skip_unless(!chosen, Self::expression)?;
        Ok(if chosen { yes } else { no })
    }

    fn skip_unless(
        &mut self,
        counts: bool,
        read: impl FnOnce(&mut Self) -> Result<i64, ArithError>,
    ) -> Result<i64, ArithError> {
        let outer = self.skipping;
        self.skipping |= !counts;
        let value = read(self);
        self.skipping = outer;
        value
    }

    fn binary(&mut self, level: usize) -> Result<i64, ArithError> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = self.operator().filter(|operator| operators.contains(operator)) {
            self.eat(operator);
            let needed = match operator {
                "||" => left == 0,
                "&&" => left != 0,
                _ => true,
            };
            let right = self.skip_unless(needed, |reader| reader.binary(level + 1))?;
            left = self.apply(operator, left, right)?;
        }
        Ok(left)
    }

    fn apply(&self, operator: &str, left: i64, right: i64) -> Result<i64, ArithError> {
        let shift = u32::try_from(right & 63).unwrap_or_default();
        Ok(match operator {
            "||" => i64::from(left != 0 || right != 0),
            "&&" => i64::from(left != 0 && right != 0),
            "|" => left | right,
            "^" => left ^ right,
            "&" => left & right,
            "==" => i64::from(left == right),
            "!=" => i64::from(left != right),
            "<=" => i64::from(left <= right),
            ">=" => i64::from(left >= right),
            "<" => i64::from(left < right),
            ">" => i64::from(left > right),
            "<<" => left.wrapping_shl(shift),
            ">>" => left.wrapping_shr(shift),
            "+" => left.wrapping_add(right),
            "-" => left.wrapping_sub(right),
            "*" => left.wrapping_mul(right),
            "/" | "%" if right == 0 => {
                if self.skipping {
                    return Ok(0);
                }
                return Err(ArithError::DivideByZero);
            }
            "/" => left.wrapping_div(right),
            "%" => left.wrapping_rem(right),
            _ => return Err(ArithError::Syntax),
        })
    }

    fn unary(&mut self) -> Result<i64, ArithError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(ArithError::Syntax);
        }
        let value = self.unary_operand();
        self.depth -= 1;
        value
    }

    fn unary_operand(&mut self) -> Result<i64, ArithError> {
        match self.operator() {
            Some(step @ ("++" | "--")) => {
                self.eat(step);
                let name = self.name().ok_or(ArithError::Syntax)?;
                self.step(name, step).map(|(_, after)| after)
            }
            Some("-") => {
                self.eat("-");
                Ok(self.unary()?.wrapping_neg())
            }
            Some("+") => {
                self.eat("+");
                self.unary()
            }
            Some("!") => {
                self.eat("!");
                Ok(i64::from(self.unary()? == 0))
            }
            Some("~") => {
                self.eat("~");
                Ok(!self.unary()?)
            }
            _ => self.operand(),
        }
    }

    fn operand(&mut self) -> Result<i64, ArithError> {
        if self.eat("(") {
            let value = self.expression()?;
            return if self.eat(")") {
                Ok(value)
            } else {
                Err(ArithError::Syntax)
            };
        }
        if let Some(name) = self.name() {
            return match self.operator() {
                Some(step @ ("++" | "--")) => {
                    self.eat(step);
                    self.step(name, step).map(|(before, _)| before)
                }
                _ => self.value_of(name),
            };
        }
        let text = self.rest.trim_start();
        let end = text
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(text.len());
        let (digits, rest) = text.split_at(end);
        self.rest = rest;
        number(digits).ok_or(ArithError::Syntax)
    }

    fn step(&mut self, name: &str, step: &str) -> Result<(i64, i64), ArithError> {
        let before = self.value_of(name)?;
        let after = before.wrapping_add(if step == "++" { 1 } else { -1 });
        if !self.skipping {
            self.variables.set(name, after);
        }
        Ok((before, after))
    }

    fn name(&mut self) -> Option<&'a str> {
        let text = self.rest.trim_start();
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return None;
        }
        let (name, rest) = text.split_at(text.find(|c| !word(c)).unwrap_or(text.len()));
        self.rest = rest;
        Some(name)
    }

    fn value_of(&self, name: &str) -> Result<i64, ArithError> {
        let text = self.variables.get(name);
        if text.trim().is_empty() {
            return Ok(0);
        }
        let (negative, digits) = text
            .trim()
            .strip_prefix('-')
            .map_or((false, text.trim()), |digits| (true, digits));
        let value = number(digits).ok_or(ArithError::Syntax)?;
        Ok(if negative { value.wrapping_neg() } else { value })
    }
}

/// Parses an integer in C notation. Returns `None` if it is invalid.
fn number(digits: &str) -> Option<i64> {
    let (radix, digits) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => (16, hex),
        None if digits.len() > 1 && digits.starts_with('0') => (8, digits),
        None => (10, digits),
    };
    i64::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    impl Variables for BTreeMap<String, String> {
        fn get(&self, name: &str) -> String {
            BTreeMap::get(self, name).cloned().unwrap_or_default()
        }

        fn set(&mut self, name: &str, value: i64) {
            self.insert(name.to_owned(), value.to_string());
        }
    }

    #[test]
    fn operator_precedence_follows_c() {
        let mut variables = BTreeMap::from([("x".to_owned(), "7".to_owned())]);
        for (text, value) in [
            ("1 + 2 * 3", 7),
            ("(1 + 2) * 3", 9),
            ("x % 4 == 3 && x > 6", 1),
            ("-x + +1", -6),
            ("!x | 8 >> 1", 4),
            ("x ? 1 : 1 / 0", 1),
            ("0 && 1 / 0", 0),
            ("0x10 + 010", 24),
            ("x += 3", 10),
            ("x++ + ++x", 22),
            ("~0", -1),
            ("", 0),
            ("9223372036854775807 + 1", i64::MIN),
        ] {
            assert_eq!(evaluate(text, &mut variables), Ok(value), "{text}");
        }
    }

    #[test]
    fn invalid_expressions_report_the_error() {
        let mut variables = BTreeMap::new();
        assert_eq!(evaluate("1 / 0", &mut variables), Err(ArithError::DivideByZero));
        for text in ["1 +", "3 4", "(1", "1 ? 2", "a b", "08", &"(".repeat(10_000)] {
            assert_eq!(
                evaluate(text, &mut variables),
                Err(ArithError::Syntax),
                "{text:.20}"
            );
        }
    }
}
