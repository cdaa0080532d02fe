//! `cargo xtask tidy`: the rules of the workspace that no compiler checks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use driver_interface_conformance::render::rules;
use driver_interface_conformance::{Check, SUITE_VERSION, checks};
use serde_json::Value;

/// Which crates of ours a crate may depend on. Arrows point towards errors and types; no driver knows
/// another, and the suite knows only the contract.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    ("driver-interface-errors", &[]),
    ("driver-interface-types", &["errors"]),
    ("driver-interface-validation", &["errors", "types"]),
    ("driver-interface-mock", &["errors", "types", "validation"]),
    ("driver-interface-docker", &["errors", "types", "validation"]),
    ("driver-interface-conformance", &["errors", "types"]),
    (
        "driver-interface",
        &["errors", "types", "validation", "mock", "docker", "conformance"],
    ),
];

/// What must never be built for whoever depends on one crate alone.
const NEVER_BUILDS: &[(&str, &[&str])] = &[
    ("driver-interface-errors", &["tokio", "garde", "bollard", "hyper"]),
    ("driver-interface-types", &["garde", "bollard", "hyper"]),
    ("driver-interface-validation", &["bollard", "hyper"]),
    ("driver-interface-mock", &["bollard", "hyper"]),
    ("driver-interface-conformance", &["bollard", "hyper", "garde"]),
];

/// What the docs of each trait method must say.
const HEADINGS: &[&str] = &["# Errors", "# Idempotency", "# Cancel safety", "# Conformance"];

const LONGEST_FILE: usize = 800;

/// Files that may be longer, and why nothing can be split off.
const LONGER_FILES: &[(&str, usize)] = &[
    // One trait is one block, and its methods' docs are the contract.
    ("crates/driver-interface-types/src/driver.rs", 1200),
];

/// Checks every rule and reports all that is wrong at once.
pub(crate) fn main() -> Result<ExitCode> {
    let root = workspace();
    run(&root, &checks::all())?;
    println!("tidy: every rule holds");
    Ok(ExitCode::SUCCESS)
}

/// The folder of the workspace's `Cargo.toml`.
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
    lean_crates(&metadata, &mut wrong)?;
    trait_docs(root, &check_ids, &mut wrong)?;
    conformance_page(root, checks, &mut wrong)?;
    file_lengths(root, &mut wrong)?;
    if !wrong.is_empty() {
        bail!("{} rule(s) broken:\n  {}", wrong.len(), wrong.join("\n  "));
    }
    Ok(())
}

fn metadata(root: &Path) -> Result<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root)
        .output()
        .context("cargo metadata did not start")?;
    if !output.status.success() {
        bail!(
            "cargo metadata failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(serde_json::from_slice(&output.stdout)?)
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
                "{name}: not listed in xtask/src/tidy.rs; say there what it may depend on"
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

fn lean_crates(metadata: &Value, wrong: &mut Vec<String>) -> Result<()> {
    let resolve = metadata
        .get("resolve")
        .context("cargo metadata has no `resolve`")?;
    let mut names = BTreeMap::new();
    for package in list(metadata, "packages")? {
        names.insert(text(package, "id")?, text(package, "name")?);
    }
    let mut edges: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in list(resolve, "nodes")? {
        let mut targets = Vec::new();
        for dependency in list(node, "deps")? {
            let kinds = list(dependency, "dep_kinds")?;
            if kinds
                .iter()
                .any(|kind| kind.get("kind").is_none_or(Value::is_null))
            {
                targets.push(text(dependency, "pkg")?);
            }
        }
        edges.insert(text(node, "id")?, targets);
    }
    for (crate_name, banned) in NEVER_BUILDS {
        let Some(start) = names
            .iter()
            .find(|(_, name)| *name == crate_name)
            .map(|(id, _)| *id)
        else {
            continue;
        };
        let mut seen = BTreeSet::new();
        let mut open = vec![start];
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                open.extend(edges.get(id).into_iter().flatten());
            }
        }
        let built: BTreeSet<&str> = seen.iter().filter_map(|id| names.get(id).copied()).collect();
        for name in banned.iter().filter(|name| built.contains(*name)) {
            wrong.push(format!(
                "{crate_name} builds {name}, which its users must not pay for"
            ));
        }
    }
    Ok(())
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

/// Whether a check has this id, or begins with what stands before a closing `*`.
fn exists(pattern: &str, check_ids: &[&str]) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => check_ids.iter().any(|id| id.starts_with(beginning)),
        None => check_ids.contains(&pattern),
    }
}

/// The check ids in backticks under the `# Conformance` heading.
fn ids_under_conformance(docs: &str) -> impl Iterator<Item = &str> {
    let section = docs.split("# Conformance\n").nth(1).unwrap_or_default();
    let section = section.split("\n# ").next().unwrap_or_default();
    section.split('`').skip(1).step_by(2)
}

/// The page of results is of this suite: its rules stand there as they are, under its version.
fn conformance_page(root: &Path, checks: &[Check], wrong: &mut Vec<String>) -> Result<()> {
    let path = root.join("docs/CONFORMANCE.md");
    let page = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    if !page.starts_with(&format!("# Conformance\n\nSuite {SUITE_VERSION},"))
        || !page.ends_with(&rules(checks))
    {
        wrong.push(
            "docs/CONFORMANCE.md is of another suite: run all drivers with `cargo xtask conformance --format \
             markdown` and put what it prints there"
                .to_owned(),
        );
    }
    Ok(())
}

fn file_lengths(root: &Path, wrong: &mut Vec<String>) -> Result<()> {
    let mut open = vec![root.join("crates"), root.join("xtask")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries: Vec<PathBuf> = std::fs::read_dir(&path)?
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<_, _>>()?;
            open.extend(entries);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let lines = std::fs::read_to_string(&path)?.lines().count();
            let own = LONGER_FILES.iter().find(|(file, _)| path.ends_with(file));
            if lines > own.map_or(LONGEST_FILE, |(_, longest)| *longest) {
                wrong.push(format!(
                    "{} has {lines} lines; split it by subject",
                    path.display()
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_ids_are_read_from_their_section_only() {
        let docs = "does `x/y`\n# Conformance\n`a/b`, `c/d`\n# Errors\n`e/f`\n";
        assert_eq!(ids_under_conformance(docs).collect::<Vec<_>>(), ["a/b", "c/d"]);
    }
}
