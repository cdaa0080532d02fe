//! Cleanup after killed runs. Each run records the namespaces that it uses on an engine. The record is locked while
//! the run is alive. If a record is not locked, the run was killed before it cleaned up.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use driver_interface::Namespace;

use super::targets::random_seed;

/// The record of a run that is alive.
pub(super) struct Record {
    path: PathBuf,
    file: File,
    noted: Mutex<Vec<Namespace>>,
}

impl Record {
    /// Creates a record for a run on the engine at `endpoint`.
    pub(super) fn begin(directory: &Path, endpoint: &str) -> Result<Self> {
        let name = format!("{}-{:x}", std::process::id(), random_seed());
        let (draft, path) = (directory.join(format!("{name}.new")), directory.join(name));
        let begin = || -> std::io::Result<File> {
            fs::create_dir_all(directory)?;
            let mut file = File::create_new(&draft)?;
            file.lock()?;
            writeln!(file, "{endpoint}")?;
            // No other process can see the record before it is locked.
            fs::rename(&draft, &path)?;
            Ok(file)
        };
        let file = begin().with_context(|| format!("cannot write a record to {}", directory.display()))?;
        Ok(Self {
            path,
            file,
            noted: Mutex::default(),
        })
    }

    /// Adds a namespace to the record. Call this function before the namespace is used.
    pub(super) fn note(&self, namespace: &Namespace) -> std::io::Result<()> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if !noted.contains(namespace) {
            (&self.file).write_all(format!("{namespace}\n").as_bytes())?;
            noted.push(namespace.clone());
        }
        Ok(())
    }

    /// Deletes the record, because the run has cleaned up.
    pub(super) fn end(&self) {
        // If the record remains, a later run sweeps its namespaces and finds nothing.
        let _ = fs::remove_file(&self.path);
    }
}

/// The namespaces that a killed run has used. The record of the killed run is locked, so that no other run cleans up
/// these namespaces at the same time.
pub(super) struct Abandoned {
    pub(super) namespaces: Vec<Namespace>,
    path: PathBuf,
    _lock: File,
}

impl Abandoned {
    /// Deletes the record, because all resources of the run were removed.
    pub(super) fn forget(self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Finds the records of killed runs on the engine at `endpoint`, locks the records, and returns them.
pub(super) fn abandoned(directory: &Path, endpoint: &str) -> Vec<Abandoned> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let records = paths.filter(|path| path.extension().is_none());
    records.filter_map(|path| read(path, endpoint)).collect()
}

/// Reads and locks a record. Returns `None` if the recorded run is still alive, or was on another engine.
fn read(path: PathBuf, endpoint: &str) -> Option<Abandoned> {
    let mut file = File::open(&path).ok()?;
    file.try_lock().ok()?;
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    // The last line may be incomplete. Its namespace was not used yet, and a part of its name could match other
    // namespaces.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let mut lines = whole.lines();
    if lines.next() != Some(endpoint) {
        return None;
    }
    let namespaces = lines.filter_map(|line| Namespace::new(line).ok()).collect();
    Some(Abandoned {
        namespaces,
        path,
        _lock: file,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(test: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("xtask-{test}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        directory
    }

    const ENDPOINT: &str = "unix:///engine.sock";

    #[test]
    fn only_dead_runs_of_the_same_engine_are_abandoned() {
        let directory = directory("abandoned");
        let namespaces = ["conf-00000001", "other-00000001-3"].map(|name| Namespace::new(name).unwrap());
        let killed = Record::begin(&directory, ENDPOINT).unwrap();
        for namespace in [&namespaces[0], &namespaces[1], &namespaces[0]] {
            killed.note(namespace).unwrap();
        }
        let alive = Record::begin(&directory, ENDPOINT).unwrap();
        drop(Record::begin(&directory, "unix:///other.sock").unwrap());
        assert_eq!(abandoned(&directory, ENDPOINT).len(), 0, "both are alive");
        drop(killed);
        let mut found = abandoned(&directory, ENDPOINT);
        assert_eq!(found.len(), 1);
        assert_eq!(
            abandoned(&directory, ENDPOINT).len(),
            0,
            "another run is already sweeping it"
        );
        let one = found.remove(0);
        assert_eq!(one.namespaces, namespaces);
        one.forget();
        alive.end();
        drop(alive);
        assert_eq!(abandoned(&directory, ENDPOINT).len(), 0);
        assert_eq!(abandoned(&directory, "unix:///other.sock").len(), 1);
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn partial_line_is_not_a_namespace() {
        let directory = directory("half");
        let record = Record::begin(&directory, ENDPOINT).unwrap();
        let namespace = Namespace::new("conf-00000001").unwrap();
        record.note(&namespace).unwrap();
        (&record.file).write_all(b"conf").unwrap();
        drop(record);
        assert_eq!(abandoned(&directory, ENDPOINT)[0].namespaces, [namespace]);
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn no_records_means_nothing_abandoned() {
        assert_eq!(abandoned(&directory("none"), ENDPOINT).len(), 0);
    }
}
