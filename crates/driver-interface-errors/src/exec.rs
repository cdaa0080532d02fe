use crate::leaf::{about, category, leaf};

category! {
    /// Errors of exec in containers.
    pub enum ExecError {
        /// The command could not be run.
        Exec(ExecFailedError),
    }
}

leaf! {
    /// The error returned if a command could not be run in a container.
    ///
    /// The result of a command that ran, including a failure, is its outcome and never this error. The effect is
    /// unknown: the command may have started. If the program does not exist
    /// ([`CommandNotFound`](crate::Hint::CommandNotFound)), it has not started, and a retry cannot help.
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
