//! Dockerfiles: parsing them, and the instructions that change the settings of an image.

use std::collections::BTreeMap;

use driver_interface_types::Signal;

use super::Image;
use crate::fs::absolute;

/// An instruction of a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instruction {
    /// The name in upper case, such as `COPY`.
    pub(crate) name: String,
    pub(crate) arguments: String,
}

/// A parsed Dockerfile.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recipe(pub(crate) Vec<Instruction>);

/// All Dockerfile instructions. The flag states whether a simulated engine can carry out the instruction.
const KNOWN: [(&str, bool); 18] = [
    ("FROM", true),
    ("ARG", true),
    ("COPY", true),
    ("ADD", true),
    ("CMD", true),
    ("ENTRYPOINT", true),
    ("ENV", true),
    ("EXPOSE", true),
    ("LABEL", true),
    ("MAINTAINER", true),
    ("STOPSIGNAL", true),
    ("USER", true),
    ("VOLUME", true),
    ("WORKDIR", true),
    ("RUN", false),
    ("HEALTHCHECK", false),
    ("ONBUILD", false),
    ("SHELL", false),
];

impl Recipe {
    /// Parses a Dockerfile. Returns a description of the problem if the Dockerfile is invalid, for example because it
    /// is empty or has an unknown instruction.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (mut found, mut unfinished) = (Vec::new(), String::new());
        for line in text.lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(part) = line.strip_suffix('\\') {
                unfinished.push_str(part);
                continue;
            }
            found.push(Instruction::parse(&(std::mem::take(&mut unfinished) + line))?);
        }
        if !unfinished.is_empty() {
            found.push(Instruction::parse(&unfinished)?);
        }
        match found.iter().find(|instruction| instruction.name != "ARG") {
            None => Err("the Dockerfile cannot be empty".to_owned()),
            Some(first) if first.name != "FROM" => {
                Err("no build stage in current context: the first instruction is not `FROM`".to_owned())
            }
            Some(_) => Ok(Self(found)),
        }
    }

    /// Returns the name of the first instruction that a simulated engine cannot carry out.
    pub(crate) fn unsupported(&self) -> Option<&str> {
        let unsupported = |name: &str| KNOWN.contains(&(name, false));
        let mut names = self.0.iter().map(|instruction| instruction.name.as_str());
        names.find(|name| unsupported(name))
    }
}

impl Instruction {
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let (name, arguments) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let name = name.to_ascii_uppercase();
        if !KNOWN.iter().any(|(known, _)| *known == name) {
            return Err(format!("dockerfile parse error: unknown instruction: {name}"));
        }
        let arguments = arguments.trim().to_owned();
        if arguments.is_empty() {
            return Err(format!("{name} requires at least one argument"));
        }
        Ok(Self { name, arguments })
    }
}

/// Applies an instruction such as `ENV` or `USER` to the settings of an image. `variables` are the values that the
/// instruction may use. Returns `false` for an instruction that does not change settings, such as `COPY`.
pub(crate) fn change_setting(
    image: &mut Image,
    instruction: &Instruction,
    variables: &BTreeMap<String, String>,
) -> Result<bool, String> {
    let text = instruction.arguments.as_str();
    let expanded = || expand(text, variables);
    match instruction.name.as_str() {
        "CMD" => image.command = command(text),
        "ENTRYPOINT" => {
            image.entrypoint = command(text);
            image.command = Vec::new();
        }
        "ENV" => image.env.extend(pairs("ENV", &expanded())?),
        "LABEL" => image.labels.extend(pairs("LABEL", &expanded())?),
        "USER" => image.user = Some(expanded()),
        "VOLUME" => image.volumes.extend(paths(&expanded())),
        "WORKDIR" => {
            image.working_dir = absolute(&image.working_dir, &expanded());
            image.root.mkdir_all(image.working_dir.trim_start_matches('/'));
        }
        "STOPSIGNAL" => {
            let signal: Result<Signal, _> = expanded().parse();
            image.stop_signal = Some(signal.map_err(|_| format!("unknown signal: {}", expanded()))?);
        }
        // The simulated engine records neither ports nor authors.
        "EXPOSE" | "MAINTAINER" => {}
        _ => return Ok(false),
    }
    Ok(true)
}

/// Returns the words of a command. `text` is a JSON list of words. Any other text is a shell command line, and the
/// words are `/bin/sh`, `-c` and that text.
fn command(text: &str) -> Vec<String> {
    let words = serde_json::from_str(text);
    words.unwrap_or_else(|_| vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()])
}

/// Returns a list of paths. `text` is either a JSON list, or the paths separated by spaces.
pub(crate) fn paths(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|_| words(text))
}

/// Returns keys and values. `text` has the form `key=value …`, or `key value` for a single pair.
fn pairs(name: &str, text: &str) -> Result<Vec<(String, String)>, String> {
    let words = words(text);
    if words.first().is_some_and(|first| !first.contains('=')) {
        let (key, value) = text
            .split_once(char::is_whitespace)
            .ok_or_else(|| format!("{name} must have two arguments"))?;
        return Ok(vec![(key.to_owned(), value.trim().to_owned())]);
    }
    let pair = |word: String| match word.split_once('=') {
        Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
        None => Err(format!(
            "syntax error: can't find = in {word:?}. Must be of the form: name=value"
        )),
    };
    words.into_iter().map(pair).collect()
}

/// Splits a text into words at whitespace. Whitespace in quotes or after a backslash does not end a word.
fn words(text: &str) -> Vec<String> {
    let (mut all, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', _) => word.get_or_insert_default().extend(letters.next()),
            (mark, Some(open)) if mark == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (space, None) if space.is_whitespace() => all.extend(word.take()),
            (letter, _) => word.get_or_insert_default().push(letter),
        }
    }
    all.extend(word);
    all
}

/// Replaces `$NAME` and `${NAME}` by the value of the variable. An unknown variable is replaced by an empty text.
pub(crate) fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let (name, tail) = braced.unwrap_or_else(|| {
            let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            after.split_at(end.unwrap_or(after.len()))
        });
        if name.is_empty() {
            out.push('$');
        }
        out.push_str(variables.get(name).map_or("", String::as_str));
        rest = tail;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::Tree;

    #[test]
    fn lines_become_instructions() {
        let recipe =
            Recipe::parse("# comment\nARG V=1\nfrom x:$V\n\nENV A=1 \\\n  # inside\n  B=2\n").unwrap();
        let found: Vec<_> = recipe
            .0
            .iter()
            .map(|one| (one.name.as_str(), one.arguments.as_str()))
            .collect();
        assert_eq!(found, [("ARG", "V=1"), ("FROM", "x:$V"), ("ENV", "A=1 B=2")]);
        for invalid in ["", "# only a comment", "FROM x\nFOO bar", "COPY a b", "FROM"] {
            assert!(Recipe::parse(invalid).is_err(), "{invalid:?}");
        }
        assert_eq!(Recipe::parse("FROM x\nRUN y").unwrap().unsupported(), Some("RUN"));
    }

    #[test]
    fn instructions_change_settings() {
        let mut image = Image::new("x".parse().unwrap(), Tree::default());
        let variables = BTreeMap::from([("V".to_owned(), "7".to_owned())]);
        for line in [
            "ENV A=\"one two\" B=$V",
            "ENV C last one",
            "LABEL a.b='x y'",
            "CMD echo $V",
            "ENTRYPOINT [\"/run\", \"-v\"]",
            "CMD [\"now\"]",
            "USER ${V}:8",
            "WORKDIR srv",
            "WORKDIR app",
            "VOLUME /data /cache",
            "VOLUME [\"/more\"]",
            "STOPSIGNAL SIGQUIT",
        ] {
            let instruction = Instruction::parse(line).unwrap();
            assert_eq!(
                change_setting(&mut image, &instruction, &variables),
                Ok(true),
                "{line}"
            );
        }
        let env: Vec<_> = image
            .env
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(env, ["A=one two", "B=7", "C=last one"]);
        assert_eq!(image.labels["a.b"], "x y");
        assert_eq!(
            (image.entrypoint, image.command),
            (vec!["/run".to_owned(), "-v".to_owned()], vec!["now".to_owned()])
        );
        assert_eq!(
            (image.user.as_deref(), image.working_dir.as_str()),
            (Some("7:8"), "/srv/app")
        );
        assert_eq!(
            image.volumes.into_iter().collect::<Vec<_>>(),
            ["/cache", "/data", "/more"]
        );
        assert_eq!(image.stop_signal, Some(Signal::QUIT));
        assert_eq!(expand("a$ $V-${V}$NONE.", &variables), "a$ 7-7.");
    }
}
