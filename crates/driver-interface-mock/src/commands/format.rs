//! The simulated command `printf`.

use super::escape::unescape;
use crate::process::MockProcess;

/// One conversion of a format, such as `%-5s`: flags, width, precision and type.
#[derive(Default)]
struct Directive {
    left: bool,
    zero: bool,
    plus: bool,
    width: usize,
    precision: Option<usize>,
    kind: char,
}

/// The maximum width of a field, in characters.
const MAX_WIDTH: usize = 16 << 20;

pub(crate) async fn printf(process: MockProcess) -> u8 {
    let args = process.args().get(1..).unwrap_or_default();
    let args = if args.first().is_some_and(|arg| arg == "--") {
        args.get(1..).unwrap_or_default()
    } else {
        args
    };
    let Some((format, args)) = args.split_first() else {
        process.say("printf: missing operand").await;
        return 1;
    };
    let mut printer = Printer {
        out: Vec::new(),
        args,
        problems: Vec::new(),
        done: false,
    };
    loop {
        let before = printer.args.len();
        printer.print(format);
        // The format is used again for the remaining arguments, unless it has consumed none.
        if printer.done || printer.args.is_empty() || printer.args.len() == before {
            break;
        }
    }
    let Printer { out, problems, .. } = printer;
    for problem in &problems {
        process.say(format!("sh: {problem}")).await;
    }
    let status = process.answer(out).await;
    status.max(u8::from(!problems.is_empty()))
}

struct Printer<'a> {
    out: Vec<u8>,
    args: &'a [String],
    problems: Vec<String>,
    done: bool,
}

impl<'a> Printer<'a> {
    fn next(&mut self) -> &'a str {
        match self.args.split_first() {
            Some((first, rest)) => {
                self.args = rest;
                first
            }
            None => "",
        }
    }

    fn print(&mut self, format: &str) {
        let mut rest = format;
        while let Some(at) = rest.find('%') {
            let (text, directive) = rest.split_at(at);
            self.literal(text);
            if self.done {
                return;
            }
            rest = self.directive(directive.get(1..).unwrap_or_default());
            if self.done {
                return;
            }
        }
        self.literal(rest);
    }

    fn literal(&mut self, text: &str) {
        let (bytes, cut) = unescape(text, false);
        self.out.extend(bytes);
        self.done |= cut;
    }

    /// Prints an argument according to the conversion at the start of `text`. The conversion's `%` is already
    /// consumed. Returns the text after the conversion.
    fn directive<'f>(&mut self, text: &'f str) -> &'f str {
        let mut directive = Directive::default();
        let mut chars = text.char_indices().peekable();
        while let Some((_, flag)) = chars.next_if(|(_, c)| matches!(c, '-' | '0' | '+' | ' ' | '#')) {
            directive.left |= flag == '-';
            directive.zero |= flag == '0';
            directive.plus |= flag == '+';
        }
        if chars.next_if(|(_, c)| *c == '*').is_some() {
            directive.width = self.next().parse().unwrap_or_default();
        }
        while let Some(digit) = chars
            .next_if(|(_, c)| c.is_ascii_digit())
            .and_then(|(_, c)| c.to_digit(10))
        {
            directive.width = directive.width.saturating_mul(10).saturating_add(digit as usize);
        }
        if chars.next_if(|(_, c)| *c == '.').is_some() {
            let mut precision = 0_usize;
            while let Some(digit) = chars
                .next_if(|(_, c)| c.is_ascii_digit())
                .and_then(|(_, c)| c.to_digit(10))
            {
                precision = precision.saturating_mul(10).saturating_add(digit as usize);
            }
            directive.precision = Some(precision);
        }
        directive.width = directive.width.min(MAX_WIDTH);
        let Some((_, kind)) = chars.next() else {
            self.out.push(b'%');
            return "";
        };
        directive.kind = kind;
        self.convert(&directive);
        chars
            .next()
            .map_or("", |(at, _)| text.get(at..).unwrap_or_default())
    }

    fn convert(&mut self, directive: &Directive) {
        let text: Vec<u8> = match directive.kind {
            '%' => {
                self.out.push(b'%');
                return;
            }
            's' => self.next().as_bytes().to_vec(),
            'b' => {
                let (bytes, cut) = unescape(self.next(), true);
                self.done |= cut;
                bytes
            }
            'c' => self
                .next()
                .chars()
                .next()
                .map(|c| c.to_string().into_bytes())
                .unwrap_or_default(),
            'd' | 'i' | 'u' => {
                let number = self.number();
                let sign = if directive.plus && number >= 0 { "+" } else { "" };
                format!("{sign}{number}").into_bytes()
            }
            'x' => format!("{:x}", self.number()).into_bytes(),
            'X' => format!("{:X}", self.number()).into_bytes(),
            'o' => format!("{:o}", self.number()).into_bytes(),
            'f' | 'g' | 'e' => {
                let text = self.next();
                let number: f64 = text.trim().parse().unwrap_or_default();
                format!("{number:.*}", directive.precision.unwrap_or(6).min(1000)).into_bytes()
            }
            other => {
                self.problems.push(format!("%{other}: invalid format"));
                self.done = true;
                return;
            }
        };
        self.pad(directive, text);
    }

    fn pad(&mut self, directive: &Directive, mut text: Vec<u8>) {
        if let (Some(precision), 's' | 'b') = (directive.precision, directive.kind) {
            text.truncate(precision);
        }
        let missing = directive.width.saturating_sub(text.len());
        let is_number = matches!(directive.kind, 'd' | 'i' | 'u' | 'x' | 'X' | 'o' | 'f');
        if directive.left {
            self.out.extend(text);
            self.out.extend(std::iter::repeat_n(b' ', missing));
        } else if directive.zero && is_number {
            let sign = text.first().copied().filter(|byte| matches!(byte, b'-' | b'+'));
            self.out.extend(sign);
            self.out.extend(std::iter::repeat_n(b'0', missing));
            self.out
                .extend(text.get(usize::from(sign.is_some())..).unwrap_or_default());
        } else {
            self.out.extend(std::iter::repeat_n(b' ', missing));
            self.out.extend(text);
        }
    }

    fn number(&mut self) -> i64 {
        let text = self.next();
        if let Some(c) = text
            .strip_prefix(['\'', '"'])
            .and_then(|rest| rest.chars().next())
        {
            return i64::from(u32::from(c));
        }
        let trimmed = text.trim();
        let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
        let magnitude = match digits.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16).ok(),
            None if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8).ok(),
            None if digits.is_empty() => Some(0),
            None => digits.parse().ok(),
        };
        match magnitude {
            Some(value) if trimmed.starts_with('-') => -value,
            Some(value) => value,
            None => {
                self.problems.push(format!("invalid number '{text}'"));
                0
            }
        }
    }
}
