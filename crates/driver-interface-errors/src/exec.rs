use crate::leaf::{about, category, leaf};

category! {
    /// Errors of running commands in containers (exec).
    pub enum ExecError {
        /// The command could not be run.
        Exec(ExecFailedError),
    }
}

leaf! {
    /// The error returned if a command could not be run in a container.
    ///
    /// A command that ran and failed is reported as an outcome, never as this error. The effect is unknown, because
    /// the command may have started. If the program does not exist (hint
    /// [`CommandNotFound`](crate::Hint::CommandNotFound)), the command has not started, and a retry cannot help.
    pub struct ExecFailedError(String);
    code: EXEC_FAILED,
    category: "exec",
    retryable: true,
    effect: Unknown,
    user: |_| "The command could not be run in the container.".to_owned(),
}

about!(
    ExecFailedError,
    container,
    "the id or name of the container",
    "command could not be run in container `{}`"
);
