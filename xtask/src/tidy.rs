//! `cargo xtask tidy`: checks the rules of the workspace that the compiler does not check.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use driver_interface_conformance::{Check, SUITE_VERSION, checks};
use serde_json::Value;

use crate::docs;

/// Each row: a crate, and the crates of the workspace that the crate may depend on. No driver depends on another
/// driver. The conformance suite depends only on the crates that define the contract.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("driver-interface-errors", &[]),
    ("driver-interface-types", &["errors"]),
    ("driver-interface-validation", &["errors", "types"]),
    ("driver-interface-kit", &["errors", "types"]),
    ("driver-interface-convert", &["errors", "types"]),
    ("driver-interface-mock", &["errors", "types", "validation", "kit"]),
    (
        "driver-interface-docker",
        &["errors", "types", "validation", "kit"],
    ),
    ("driver-interface-conformance", &["errors", "types"]),
    (
        "driver-interface",
        &[
            "errors", "types", "validation", "kit", "convert", "mock", "docker", "conformance",
        ],
    ),
];

/// Each row: a crate, and the crates that must not be direct or indirect dependencies of the crate.
const NEVER_BUILDS: &[(&str, &[&str])] = &[
    ("driver-interface-errors", &["tokio", "garde", "bollard", "hyper"]),
    ("driver-interface-types", &["garde", "bollard", "hyper"]),
    ("driver-interface-validation", &["bollard", "hyper"]),
    ("driver-interface-kit", &["garde", "bollard", "hyper"]),
    ("driver-interface-convert", &["garde", "bollard", "hyper"]),
    ("driver-interface-mock", &["bollard", "hyper"]),
    ("driver-interface-conformance", &["bollard", "hyper", "garde"]),
];

/// Each row describes a directory whose code must use every field of a container's config: the directory, the text
/// before a field's name in that code, and whether the code may reject fields that need a capability.
const FIELD_USERS: &[(&str, &str, bool)] = &[
    ("driver-interface-conformance/src/checks", ".", false),
    ("driver-interface-docker/src", "config.", true),
    ("driver-interface-mock/src", "config.", true),
];

/// The headings that the documentation of each trait method must have.
const HEADINGS: &[&str] = &["# Errors", "# Idempotency", "# Cancel safety", "# Conformance"];

/// Beginnings of words or phrases that must not occur in comments, pages and strings, each with the term to use
/// instead.
const GLOSSARY: &[(&str, &str)] = &[
    ("folder", "directory"),
    ("graphics processor", "GPU"),
    ("name server", "DNS server"),
    ("stranger", "unmanaged resource"),
    ("bystander", "unmanaged resource"),
    ("saboteur", "faulty driver"),
    ("sabotage", "mutation, injected fault"),
    ("killer", "fault that the check detects"),
    ("twin", "duplicate"),
    ("look-up", "lookup, inspection"),
    ("looks up", "returns, gets, inspects"),
    ("is told", "is reported"),
    ("are told", "are reported"),
    ("told of", "reported to"),
    ("tells of", "reports"),
    ("gone on with", "resumed"),
    ("goes on with", "resumes"),
    ("left to itself", "detached"),
    ("left to themselves", "detached"),
    ("anew", "again"),
    ("somebody", "the driver, the engine, the caller"),
    ("anybody", "the driver, the engine, the caller"),
    ("complaint", "error message"),
    ("patience", "timeout"),
    ("decoy", "lookalike"),
    ("quirk", "engine difference"),
    ("too busy to tell", "inconclusive: host overloaded"),
    ("the way to the engine", "the connection"),
    ("makes a container", "creates a container"),
    ("made a container", "created a container"),
    ("making a container", "creating a container"),
    ("figures of use", "stats, resource usage"),
];

/// Words that must not occur in identifiers, each with the word to use instead.
const NAMES: &[(&str, &str)] = &[
    ("folder", "directory"),
    ("folders", "directories"),
    ("stranger", "other namespace, unmanaged"),
    ("bystander", "unmanaged"),
    ("bystanders", "unmanaged"),
    ("sabotage", "mutation"),
    ("saboteur", "faulty"),
    ("killers", "detected by"),
    ("twin", "duplicate"),
    ("twins", "duplicates"),
    ("patience", "timeout, max wait"),
    ("complaint", "error"),
    ("complaints", "errors"),
    ("decoy", "lookalike"),
    ("logins", "credentials"),
    ("rerecord", "convert"),
];

/// Words that must not occur in identifiers outside of tests, each with the word to use instead.
const SOURCE_NAMES: &[(&str, &str)] = &[
    ("asked", "requested"),
    ("told", "reported"),
    ("tell", "report"),
    ("tells", "reports"),
    ("stray", "leftover"),
    ("misfit", "mismatch"),
];

/// Directories in which the glossary applies only to comments, not to identifiers and strings.
const OLD_NAMES: &[&str] = &["crates/driver-interface-docker/tests/real"];

const LONGEST_FILE: usize = 800;

/// Each row: a file that may be longer than `LONGEST_FILE`, and the limit of that file in lines.
const LONGER_FILES: &[(&str, usize)] = &[
    // A trait cannot be split, and the documentation of its methods is the contract.
    ("crates/driver-interface-types/src/driver.rs", 1480),
];

/// Checks all rules, and reports all violations together.
pub(crate) fn main() -> Result<ExitCode> {
    let root = workspace();
    run(&root, &checks::all())?;
    println!("tidy: every rule holds");
    Ok(ExitCode::SUCCESS)
}

/// Returns the root directory of the workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
        .to_owned()
}

fn run(root: &Path, checks: &[Check]) -> Result<()> {
    let check_ids: Vec<&str> = checks.iter().map(|check| check.id).collect();
    let mut wrong = Vec::new();
    let metadata = metadata(root)?;
    dependency_direction(&metadata, &mut wrong)?;
    forbidden_dependencies(root, &mut wrong)?;
    config_fields(root, &mut wrong)?;
    trait_docs(root, &check_ids, &mut wrong)?;
    generated_pages(root, checks, &mut wrong)?;
    file_lengths(root, &mut wrong)?;
    glossary(root, &mut wrong)?;
    if !wrong.is_empty() {
        bail!("{} rule(s) broken:\n  {}", wrong.len(), wrong.join("\n  "));
    }
    Ok(())
}

fn metadata(root: &Path) -> Result<Value> {
    let output = cargo(root, &["metadata", "--format-version", "1", "--locked"])?;
    Ok(serde_json::from_str(&output)?)
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(env!("CARGO"));
    let output = command
        .args(arguments)
        .current_dir(root)
        .output()
        .context("cargo did not start")?;
    if !output.status.success() {
        let problem = String::from_utf8_lossy(&output.stderr);
        bail!("cargo {} failed: {problem}", arguments.join(" "));
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value
        .get(key)
        .and_then(Value::as_str)
        .with_context(|| format!("cargo metadata has no `{key}`"))
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value
        .get(key)
        .and_then(Value::as_array)
        .with_context(|| format!("cargo metadata has no `{key}`"))
}

fn dependency_direction(metadata: &Value, wrong: &mut Vec<String>) -> Result<()> {
    let rules: BTreeMap<&str, &[&str]> = MAY_DEPEND_ON.iter().copied().collect();
    for package in list(metadata, "packages")? {
        let name = text(package, "name")?;
        if !name.starts_with("driver-interface") {
            continue;
        }
        let Some(allowed) = rules.get(name) else {
            wrong.push(format!(
                "{name}: not listed in xtask/src/tidy.rs; list its allowed dependencies there"
            ));
            continue;
        };
        for dependency in list(package, "dependencies")? {
            let on = text(dependency, "name")?;
            let normal = dependency.get("kind").is_none_or(Value::is_null);
            let Some(short) = on.strip_prefix("driver-interface-") else {
                continue;
            };
            if normal && !allowed.contains(&short) {
                wrong.push(format!(
                    "{name} depends on {on}: arrows point towards errors and types only"
                ));
            }
        }
    }
    Ok(())
}

fn forbidden_dependencies(root: &Path, wrong: &mut Vec<String>) -> Result<()> {
    for (crate_name, banned) in NEVER_BUILDS {
        // `cargo metadata` merges the features that all crates enable. A user of this crate gets only its own.
        let tree = [
            "tree", "--locked", "--edges", "normal", "--prefix", "none", "--package", crate_name,
        ];
        let output = cargo(root, &tree)?;
        let built: BTreeSet<&str> = output.lines().filter_map(|line| line.split(' ').next()).collect();
        for name in banned.iter().filter(|name| built.contains(*name)) {
            wrong.push(format!(
                "{crate_name} builds {name}, which its users must not have to build"
            ));
        }
    }
    Ok(())
}

/// Checks that the code in each directory of [`FIELD_USERS`] uses every field of a container's config. A driver need
/// not use a field that needs a capability, because the driver may reject that field.
fn config_fields(root: &Path, wrong: &mut Vec<String>) -> Result<()> {
    let read = |file: &str| -> Result<String> {
        let path = root.join("crates/driver-interface-types/src").join(file);
        std::fs::read_to_string(&path).with_context(|| path.display().to_string())
    };
    let (config, needs) = (read("config.rs")?, read("config/needs.rs")?);
    let fields: Vec<&str> = config
        .lines()
        .filter_map(|line| {
            line.strip_prefix("    pub ")?
                .split_once(": ")
                .map(|(name, _)| name)
        })
        .filter(|name| !name.contains([' ', '(']))
        .collect();
    for (part, owner, may_refuse) in FIELD_USERS {
        let mut code = String::new();
        for (_, source) in files(&root.join("crates").join(part), "rs")? {
            code.extend(source.split_whitespace());
        }
        for field in &fields {
            let is_optional = *may_refuse && needs.contains(&format!("self.{field}."));
            if !is_optional && !is_used(&code, owner, field) {
                wrong.push(format!("ContainerConfig::{field} is not used in {part}"));
            }
        }
    }
    Ok(())
}

/// Returns whether `code` uses the field `field`. `code` must not contain spaces. The code may use the field
/// directly, as in `.dns`, or call the setter of one item of the field, as in `.port(…)`.
fn is_used(code: &str, owner: &str, field: &str) -> bool {
    let item = field.strip_suffix("es").or_else(|| field.strip_suffix('s'));
    let mut names = item.into_iter().chain([field]);
    names.any(|name| code.contains(&format!("{owner}{name}")))
}

fn trait_docs(root: &Path, check_ids: &[&str], wrong: &mut Vec<String>) -> Result<()> {
    let path = root.join("crates/driver-interface-types/src/driver.rs");
    let source = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut docs = String::new();
    for line in source.lines().map(str::trim) {
        if let Some(doc) = line.strip_prefix("///") {
            docs.push_str(doc.trim());
            docs.push('\n');
            continue;
        }
        let method = line
            .strip_prefix("async fn ")
            .and_then(|rest| rest.split('(').next());
        if let Some(method) = method {
            for heading in HEADINGS
                .iter()
                .filter(|heading| !docs.lines().any(|line| line == **heading))
            {
                wrong.push(format!("docs of ContainerDriver::{method} have no `{heading}`"));
            }
            for id in ids_under_conformance(&docs).filter(|id| !exists(id, check_ids)) {
                wrong.push(format!(
                    "docs of ContainerDriver::{method} name the check `{id}`, which does not exist"
                ));
            }
        }
        docs.clear();
    }
    Ok(())
}

/// Returns whether there is a check with the id `pattern`. A `*` at the end of `pattern` stands for any text.
fn exists(pattern: &str, check_ids: &[&str]) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => check_ids.iter().any(|id| id.starts_with(beginning)),
        None => check_ids.contains(&pattern),
    }
}

/// Returns the check ids that are in backticks in the section `# Conformance`.
fn ids_under_conformance(docs: &str) -> impl Iterator<Item = &str> {
    let section = docs.split("# Conformance\n").nth(1).unwrap_or_default();
    let section = section.split("\n# ").next().unwrap_or_default();
    section.split('`').skip(1).step_by(2)
}

/// Reports generated pages that are out of date. Also reports the results page if another version of the suite
/// generated it.
fn generated_pages(root: &Path, checks: &[Check], wrong: &mut Vec<String>) -> Result<()> {
    for (path, content) in docs::generated(root, checks)? {
        if std::fs::read_to_string(root.join(&path)).unwrap_or_default() != content {
            wrong.push(format!(
                "{} is out of date: run `cargo xtask docs`",
                path.display()
            ));
        }
    }
    let path = root.join("docs/CONFORMANCE.md");
    let page = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    if !page.starts_with(&format!("# Conformance\n\nSuite {SUITE_VERSION},")) {
        wrong.push(
            "docs/CONFORMANCE.md has the results of another version of the suite: run `cargo xtask conformance` with every engine and \
             copy target/conformance/report.md there"
                .to_owned(),
        );
    }
    Ok(())
}

fn file_lengths(root: &Path, wrong: &mut Vec<String>) -> Result<()> {
    for (path, text) in files(root, "rs")? {
        let lines = text.lines().count();
        let own = LONGER_FILES.iter().find(|(file, _)| path.ends_with(file));
        if lines > own.map_or(LONGEST_FILE, |(_, longest)| *longest) {
            wrong.push(format!(
                "{} has {lines} lines; split it by subject",
                path.display()
            ));
        }
    }
    Ok(())
}

/// Reports words of the glossary in comments, strings, identifiers and pages. Skips generated pages, because the text
/// of these pages comes from the code.
fn glossary(root: &Path, wrong: &mut Vec<String>) -> Result<()> {
    for (path, text) in files(root, "rs")? {
        // This file contains the words itself.
        if path.ends_with("xtask/src/tidy.rs") {
            continue;
        }
        let old = OLD_NAMES.iter().any(|old| path.starts_with(root.join(old)));
        let source_lines = source_lines(path.strip_prefix(root).unwrap_or(&path), &text);
        for (number, line) in text.lines().enumerate() {
            if let Some(comment) = line.trim_start().strip_prefix("//") {
                misused(&path, number, comment, wrong);
            } else if !old {
                let (code, texts) = split(line);
                misused(&path, number, &texts, wrong);
                misnamed(&path, number, &code, NAMES, wrong);
                if number < source_lines {
                    misnamed(&path, number, &code, SOURCE_NAMES, wrong);
                }
            }
        }
    }
    for (path, text) in files(root, "md")? {
        if ["docs/CONFORMANCE.md", "docs/CHECKS.md", "CHANGELOG.md"]
            .iter()
            .any(|page| path.ends_with(page))
        {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            misused(&path, number, line, wrong);
        }
    }
    Ok(())
}

/// Returns the number of lines before the tests of a file. Returns 0 if the file contains only tests.
fn source_lines(path: &Path, text: &str) -> usize {
    if path.iter().any(|part| part == "tests" || part == "tests.rs") {
        return 0;
    }
    let tests = text.lines().position(|line| line.ends_with("mod tests {"));
    tests.unwrap_or(usize::MAX)
}

/// Splits a line into its code and its string literals. The later lines of a multi-line literal count as code.
fn split(line: &str) -> (String, String) {
    let (mut code, mut texts) = (String::new(), String::new());
    let (mut inside, mut escaped) = (false, false);
    for c in line.chars() {
        if c == '"' && !escaped {
            inside = !inside;
            code.push(' ');
            texts.push('`');
        } else if inside {
            texts.push(c);
        } else {
            code.push(c);
        }
        escaped = c == '\\' && !escaped;
    }
    (code, texts)
}

fn misused(path: &Path, number: usize, line: &str, wrong: &mut Vec<String>) {
    let line = line.to_lowercase();
    for (word, instead) in GLOSSARY {
        let found = line.match_indices(word).any(|(at, _)| {
            let before = line.get(..at).and_then(|text| text.chars().next_back());
            !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | '`'))
        });
        if found {
            let (path, number) = (path.display(), number + 1);
            wrong.push(format!("{path}:{number}: say {instead:?}, not {word:?}"));
        }
    }
}

/// Reports the identifiers in a line of code that contain one of the words in `names`.
fn misnamed(path: &Path, number: usize, code: &str, names: &[(&str, &str)], wrong: &mut Vec<String>) {
    let identifiers = code.split(|c: char| !c.is_alphanumeric() && c != '_');
    for identifier in identifiers.filter(|name| name.chars().any(char::is_alphabetic)) {
        let words = words(identifier);
        for (word, instead) in names.iter().filter(|(word, _)| words.iter().any(|w| w == word)) {
            let (path, number) = (path.display(), number + 1);
            wrong.push(format!(
                "{path}:{number}: rename `{identifier}`: say {instead:?}, not {word:?}"
            ));
        }
    }
}

/// Returns the words that an identifier consists of, in lower case.
fn words(identifier: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for c in identifier.chars() {
        if c == '_' || c.is_uppercase() && lower_before {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c != '_') {
            word.extend(c.to_lowercase());
        }
        lower_before = c.is_lowercase();
    }
    words
}

/// Returns the path and the content of each file in the workspace with this extension.
fn files(root: &Path, extension: &str) -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(path) = open.pop() {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            if path != root && (name == "target" || name.starts_with('.')) {
                continue;
            }
            for entry in std::fs::read_dir(&path)? {
                open.push(entry?.path());
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            found.push((path, text));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_glossary_words_at_word_start() {
        let wrong_in = |line: &str| {
            let mut wrong = Vec::new();
            misused(Path::new("a.rs"), 6, line, &mut wrong);
            wrong
        };
        assert_eq!(
            wrong_in(" Copies the Folders"),
            ["a.rs:7: say \"directory\", not \"folder\""]
        );
        assert!(wrong_in("`folder` in `files/folder-mode`, entwined sub_folder names").is_empty());
    }

    #[test]
    fn finds_words_in_identifiers_and_texts() {
        assert_eq!(words("NoSuchFolder"), ["no", "such", "folder"]);
        let (code, texts) = split(r#"let folder = "a \" folder of";"#);
        assert_eq!(
            (code.trim(), texts.contains(" folder of`")),
            ("let folder =   ;", true)
        );
        let mut wrong = Vec::new();
        let code = "let (host_folders, x) = TWIN;";
        misnamed(Path::new("a.rs"), 6, code, NAMES, &mut wrong);
        assert_eq!(
            wrong,
            [
                "a.rs:7: rename `host_folders`: say \"directories\", not \"folders\"",
                "a.rs:7: rename `TWIN`: say \"duplicate\", not \"twin\"",
            ]
        );
    }

    #[test]
    fn field_use_matches_name_or_singular() {
        let code = "body.user=config.user;plain().port(80)";
        assert!(is_used(code, "config.", "user") && is_used(code, ".", "ports"));
        assert!(!is_used(code, "config.", "ports") && !is_used(code, ".", "dns"));
    }

    #[test]
    fn reads_check_ids_only_from_their_section() {
        let docs = "does `x/y`\n# Conformance\n`a/b`, `c/d`\n# Errors\n`e/f`\n";
        assert_eq!(ids_under_conformance(docs).collect::<Vec<_>>(), ["a/b", "c/d"]);
    }
}
