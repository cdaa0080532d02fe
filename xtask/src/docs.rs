//! `cargo xtask docs`: generates pages from the code, and parts of pages from the results of conformance runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use driver_interface::validation::json_schema_files;
use driver_interface_conformance::render::rules;
use driver_interface_conformance::{Check, checks};

use crate::tidy::workspace;

/// The page with the drivers' results. It includes the capabilities that the drivers declared when the page was
/// generated.
const RESULTS: &str = "docs/CONFORMANCE.md";
/// The comment before the table of capabilities in a page. The comment after the table is `END`.
const BEGIN: &str = "<!-- capabilities -->\n";
const END: &str = "<!-- end of capabilities -->\n";

/// Writes every generated file. `cargo xtask tidy` fails if a generated file is out of date.
pub(crate) fn main() -> Result<ExitCode> {
    let root = workspace();
    for (path, content) in generated(&root, &checks::all())? {
        let path = root.join(path);
        std::fs::write(&path, content).with_context(|| path.display().to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the path and the content of each generated file. No engine is needed: the drivers' results are copied from
/// the results page in the repository.
pub(crate) fn generated(root: &Path, checks: &[Check]) -> Result<Vec<(PathBuf, String)>> {
    let schemas = json_schema_files().into_iter();
    let mut files: Vec<(PathBuf, String)> = schemas
        .map(|(name, content)| (Path::new("docs/schema").join(name), content))
        .collect();
    files.push((PathBuf::from("docs/CHECKS.md"), rules(checks)));
    let results = read(root, RESULTS)?;
    let table = capabilities(&results).with_context(|| format!("{RESULTS} has no table of capabilities"))?;
    let readme = read(root, "README.md")?;
    let old = capabilities(&readme).context("README.md has no table of capabilities")?;
    let [old, new] = [old, table].map(|table| format!("{BEGIN}{table}{END}"));
    files.push((PathBuf::from("README.md"), readme.replacen(&old, &new, 1)));
    Ok(files)
}

/// Returns the table of capabilities in a page, or `None` if the page has no such table.
pub(crate) fn capabilities(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once(BEGIN)?;
    rest.split_once(END).map(|(table, _)| table)
}

/// Returns the cells of the table of capabilities in a page, by capability and driver.
pub(crate) fn declared(page: &str) -> BTreeMap<(&str, &str), &str> {
    let rows = capabilities(page).unwrap_or_default().lines();
    let mut rows = rows.filter_map(|line| Some(line.strip_prefix("| ")?.split(" | ")));
    let drivers: Vec<&str> = rows.next().into_iter().flatten().skip(1).collect();
    rows.flat_map(|mut cells| {
        let capability = cells.next().unwrap_or_default();
        drivers
            .iter()
            .zip(cells)
            .map(move |(driver, cell)| ((capability, *driver), cell))
    })
    .collect()
}

fn read(root: &Path, path: &str) -> Result<String> {
    std::fs::read_to_string(root.join(path)).with_context(|| path.to_owned())
}
