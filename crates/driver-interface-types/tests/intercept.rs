//! Interceptors: what they see of a call, repeated calls, and the end of streams.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::sync::{Arc, Mutex};

use driver_interface_errors::codes;
use driver_interface_mock::MockDockerDriver;
use driver_interface_types::{
    Call, ContainerConfig, ContainerDriver, ContainerId, ContainerPath, ExecConfig, Intercepted, Interceptor,
    LogStreamOptions, Next, Operation, Result, StreamEnd, TarStream, async_trait,
};

/// Runs every call twice and records what it sees.
#[derive(Debug, Default)]
struct Twice {
    notes: Mutex<Vec<String>>,
}

impl Twice {
    fn note(&self, text: String) {
        self.notes.lock().unwrap().push(text);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap())
    }
}

#[async_trait]
impl Interceptor for Twice {
    async fn around<T: Send + 'static>(&self, call: Call<'_>, mut next: Next<'_, T>) -> Result<T> {
        let container = call.container.map_or("", |id| id.as_str());
        let path = call.path.map_or("", ContainerPath::as_str);
        self.note(format!("{}({container}{path})", call.operation));
        next.run().await?;
        next.run().await
    }

    fn stream_ended(&self, operation: Operation, container: Option<&ContainerId>, end: StreamEnd<'_>) {
        let end = match end {
            StreamEnd::Complete => "complete",
            StreamEnd::Failed(_) => "failed",
            StreamEnd::Dropped => "dropped",
            _ => "otherwise",
        };
        self.note(format!("{operation} of {}: {end}", container.is_some()));
    }
}

fn twice() -> Intercepted<Twice> {
    Intercepted::new(Arc::new(MockDockerDriver::new()), Twice::default())
}

/// Returns a config with an operation key, since it is created twice.
fn keyed(script: &str) -> ContainerConfig {
    ContainerConfig::new("s1", "busybox")
        .command(["sh", "-c", script])
        .operation_key("key")
}

#[tokio::test(start_paused = true)]
async fn call_can_be_repeated_with_same_arguments() -> Result<()> {
    let driver = twice();
    let created = driver.create_container(&keyed("sleep 60")).await?;
    driver.start_container(&created.id).await?;
    let append = ExecConfig::shell("echo run >> /tmp/runs");
    assert!(driver.exec(&created.id, append).await?.success());
    let runs = driver
        .exec(&created.id, ExecConfig::shell("cat /tmp/runs"))
        .await?;
    assert_eq!(runs.stdout, "run\nrun\n");
    let id = &created.id;
    assert_eq!(
        driver.interceptor().take(),
        [
            "create_container()".to_owned(),
            format!("start_container({id})"),
            format!("exec({id})"),
            format!("exec({id})"),
        ]
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn archive_can_be_read_only_once() -> Result<()> {
    let driver = twice();
    let created = driver.create_container(&keyed("sleep 60")).await?;
    driver.start_container(&created.id).await?;
    let path = ContainerPath::new("/tmp").unwrap();
    let archive = TarStream::from(vec![0; 1024]);
    let error = driver
        .copy_into_container(&created.id, &path, archive)
        .await
        .unwrap_err();
    assert_eq!(error.code(), codes::UNSUPPORTED_OPERATION);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn stream_end_is_reported_once() -> Result<()> {
    let driver = twice();
    let created = driver.create_container(&keyed("echo hello")).await?;
    driver.start_container(&created.id).await?;
    let logs = driver
        .stream_container_logs(&created.id, LogStreamOptions::default().follow(true))
        .await?;
    logs.collect_all().await?;
    // The interceptor drops the stream of the first run before it is observed.
    let ended: Vec<String> = driver
        .interceptor()
        .take()
        .into_iter()
        .filter(|note| note.contains(" of "))
        .collect();
    assert_eq!(ended, ["stream_container_logs of true: complete"]);

    drop(
        driver
            .stream_container_logs(&created.id, LogStreamOptions::default())
            .await?,
    );
    assert_eq!(
        driver.interceptor().take().last().unwrap(),
        "stream_container_logs of true: dropped"
    );

    let driver = twice();
    let running = driver.create_container(&keyed("sleep 60")).await?;
    driver.start_container(&running.id).await?;
    let mut session = driver
        .exec_stream(&running.id, ExecConfig::shell("exit 3"))
        .await?;
    session.wait().await?;
    drop(session);
    assert_eq!(
        driver.interceptor().take().last().unwrap(),
        "exec_stream of true: complete"
    );
    Ok(())
}
