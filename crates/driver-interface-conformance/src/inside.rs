//! Methods of the check's context: some run scripts in containers, and some wait for calls or containers.

use std::time::Duration;

use driver_interface_types::{
    ContainerDriver, ContainerId, ContainerInstance, ExecConfig, ExecOutput, ImageRef, Result as DriverResult,
};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::{CheckResult, Ctx, Failure, Verdict};

/// The time limit for a call that should return promptly.
const JOIN: Duration = Duration::from_secs(30);

/// Returns a script that appends a line to the file at `path` every second for as long as it runs.
pub(crate) fn heartbeat_script(path: &str) -> String {
    format!("while true; do echo x >> {path}; sleep 1; done")
}

impl Ctx {
    /// Returns the registry image of the target. If the target has none, the check is not applicable.
    pub fn registry_image(&self) -> CheckResult<ImageRef> {
        let none = || Verdict::NotApplicable("the target has no registry image".to_owned());
        self.target().registry_image().ok_or_else(none)
    }

    /// Records an image that a call may load into the engine. The suite removes the image after the check.
    pub fn may_load(&self, image: &ImageRef) {
        self.driver().may_load(image);
    }

    /// Runs a shell script in a running container and returns the result.
    pub async fn run_in(&self, id: &ContainerId, script: &str) -> CheckResult<ExecOutput> {
        Ok(self.driver().exec(id, ExecConfig::shell(script)).await?)
    }

    /// Runs a shell script in a running container and returns its output. The script must succeed.
    pub async fn output_of(&self, id: &ContainerId, script: &str) -> CheckResult<String> {
        let output = self.run_in(id, script).await?;
        self.ensure(format!("{script:?} works"), output.success(), &output)?;
        Ok(output.stdout_text().into_owned())
    }

    /// Returns the number of lines that [`heartbeat_script`] has written to the file at `path`.
    async fn heartbeat_count(&self, id: &ContainerId, path: &str) -> CheckResult<u64> {
        let count = self
            .output_of(id, &format!("touch {path}; wc -l < {path}"))
            .await?;
        let broken = |_| Verdict::Broken(format!("`wc -l` printed {count:?}"));
        count.trim().parse().map_err(broken)
    }

    /// Asserts that the process that runs [`heartbeat_script`] is alive. `path` is the file to which the script
    /// writes.
    pub(crate) async fn assert_running(&self, about: &str, id: &ContainerId, path: &str) -> CheckResult {
        let before = self.heartbeat_count(id, path).await?;
        self.eventually(about, Duration::from_secs(15), || async {
            let now = self.heartbeat_count(id, path).await?;
            Ok(if now > before {
                Ok(())
            } else {
                Err(format!("{path} stays at {now} lines"))
            })
        })
        .await
    }

    /// Asserts that the process that runs [`heartbeat_script`] has written to the file at `path`, and that the
    /// process exits within 20 s.
    pub(crate) async fn assert_exits(&self, about: &str, id: &ContainerId, path: &str) -> CheckResult {
        let first = self.heartbeat_count(id, path).await?;
        self.ensure(format!("{path} was written to"), first > 0, first)?;
        self.eventually(about, Duration::from_secs(20), || async {
            let before = self.heartbeat_count(id, path).await?;
            sleep(Duration::from_secs(4)).await;
            let after = self.heartbeat_count(id, path).await?;
            Ok(if before == after {
                Ok(())
            } else {
                Err(format!("{path} grew from {before} to {after} lines in 4 s"))
            })
        })
        .await
    }

    /// Waits for the call that runs in `task`, and returns the result of the call. If the call does not return within
    /// [`JOIN`], fails and aborts the task.
    pub(crate) async fn joined<T>(
        &self,
        about: &str,
        task: JoinHandle<DriverResult<T>>,
    ) -> CheckResult<DriverResult<T>> {
        let abort = task.abort_handle();
        self.completes(about, task)
            .await
            .inspect_err(|_| abort.abort())?
            .map_err(|error| Verdict::Broken(format!("a task of the check failed: {error}")))
    }

    /// Waits for a future and returns its output. Fails if the future does not complete within [`JOIN`].
    pub(crate) async fn completes<T>(&self, about: &str, work: impl Future<Output = T>) -> CheckResult<T> {
        let failure = |_| Failure::new(about, format!("to end within {JOIN:?}"), "it continues").into();
        timeout(JOIN, work).await.map_err(failure)
    }

    /// Waits until a container meets `condition`, and returns the container.
    pub(crate) async fn becomes(
        &self,
        about: &str,
        id: &ContainerId,
        condition: impl Fn(&ContainerInstance) -> bool,
    ) -> CheckResult<ContainerInstance> {
        self.eventually(about, Duration::from_secs(30), || async {
            let now = self.get(id).await?;
            Ok(if condition(&now) {
                Ok(now)
            } else {
                Err(format!("{now:?}"))
            })
        })
        .await
    }
}
