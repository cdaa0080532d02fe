use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::MockProcess;

/// A program that simulated containers can run. Every `async` function or closure from [`MockProcess`] to an exit
/// code implements this trait.
///
/// ```
/// use driver_interface_mock::{MockDockerDriver, MockProcess};
///
/// async fn greet(process: MockProcess) -> u8 {
///     let name = process.env("NAME").unwrap_or("world").to_owned();
///     process.print(format!("hello {name}\n")).await.map_or(1, |()| 0)
/// }
///
/// let driver = MockDockerDriver::builder().command("greet", greet).build();
/// ```
pub trait MockCommand: Send + Sync + 'static {
    /// Runs the program to completion and returns its exit code. The future is dropped if a signal ends the process
    /// because the process does not [catch](MockProcess::on_signal) the signal.
    fn run(&self, process: MockProcess) -> Pin<Box<dyn Future<Output = u8> + Send>>;
}

impl<F, R> MockCommand for F
where
    F: Fn(MockProcess) -> R + Send + Sync + 'static,
    R: Future<Output = u8> + Send + 'static,
{
    fn run(&self, process: MockProcess) -> Pin<Box<dyn Future<Output = u8> + Send>> {
        Box::pin(self(process))
    }
}

/// The programs that containers can run, by name. Clones share the table until one of them is modified.
#[derive(Clone, Default)]
pub(crate) struct CommandTable(Arc<BTreeMap<String, Arc<dyn MockCommand>>>);

/// The directories in which containers find every program of the table.
const PROGRAM_DIRECTORIES: [&str; 6] = [
    "/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/",
];

impl CommandTable {
    pub(crate) fn add(&mut self, name: &str, command: impl MockCommand) {
        self.add_shared(name, Arc::new(command));
    }

    pub(crate) fn add_shared(&mut self, name: &str, command: Arc<dyn MockCommand>) {
        Arc::make_mut(&mut self.0).insert(name.to_owned(), command);
    }

    /// Returns whether `path` is in one of the usual program directories.
    pub(crate) fn stands_for(path: &str) -> bool {
        PROGRAM_DIRECTORIES
            .iter()
            .any(|directory| path.starts_with(directory))
    }

    /// Returns the program with this name, or with this path in one of the usual program directories.
    pub(crate) fn find(&self, program: &str) -> Option<Arc<dyn MockCommand>> {
        let name = PROGRAM_DIRECTORIES
            .iter()
            .find_map(|directory| program.strip_prefix(directory))
            .unwrap_or(program);
        self.0.get(name).cloned()
    }
}

impl fmt::Debug for CommandTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
