use crate::leaf::{category, leaf};
use crate::text::{clean, joined};

category! {
    /// Groups what can go wrong with running a command in a container.
    pub enum ExecutionError {
        /// The command could not be run.
        Exec(ExecError),
    }
}

leaf! {
    /// Says that a command could not be run in a container.
    ///
    /// What a command does, failing included, is its outcome and never this error. The effect is unknown:
    /// it may have begun. Where the program does not exist
    /// ([`CommandNotFound`](crate::Hint::CommandNotFound)), it has not, and a retry cannot help.
    pub struct ExecError(String);
    code: EXEC_FAILED,
    category: "exec",
    retryable: true,
    effect: Unknown,
    user: |_| "The command could not be run in the container.".to_owned(),
}

impl ExecError {
    /// Makes one from the container's id or name and the reason.
    pub fn new(container: impl Into<String>, message: impl Into<String>) -> Self {
        let container = container.into();
        let prefix = format!("command could not be run in container `{}`", clean(&container));
        Self::build(joined(&prefix, &message.into()), container.clone()).with_context("container", container)
    }

    /// The id or name of the container.
    pub fn container(&self) -> &str {
        &self.body.data
    }
}
