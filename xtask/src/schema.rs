//! `cargo xtask schema`: the JSON Schemas in `docs/schema`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use driver_interface::validation::json_schema_files;

use crate::tidy::workspace;

/// Writes every schema. A test of the validation crate fails while they are out of date.
pub(crate) fn main() -> Result<ExitCode> {
    let folder = workspace().join("docs/schema");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for (name, content) in json_schema_files() {
        let path = folder.join(name);
        std::fs::write(&path, content).with_context(|| path.display().to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}
