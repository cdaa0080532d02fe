//! One error of each class, in the order of the contract.

use std::time::Duration;

use driver_interface_errors::*;

pub(crate) fn one_of_each() -> Vec<DriverError> {
    vec![
        ContainerNotFoundError::new("web").into(),
        ContainerCreationError::new("engine answered 500").into(),
        ContainerStartError::new("web", "no such program: `serve`").into(),
        ContainerStopError::new("web", "still running after 10s").into(),
        ContainerRemoveError::new("web", "it is running").into(),
        ContainerNotRunningError::new("web", "it is stopped").into(),
        WaitTimeoutError::new("web", "written \"ready\"", Duration::from_secs(5)).into(),
        ResourceLimitError::new("memory", 4096.0, 8192.0).into(),
        VolumeCreationError::new("data", "engine answered 500").into(),
        VolumeNotFoundError::new("data").into(),
        VolumeRemoveError::new("data", "container `web` uses it").into(),
        NetworkCreationError::new("net", "engine answered 500").into(),
        NetworkNotFoundError::new("net").into(),
        NetworkRemoveError::new("net", "container `web` is connected").into(),
        NetworkConnectError::new("net", "web", "it was created without a network").into(),
        DriverHealthError::new("answer is not JSON").into(),
        TimeoutError::new("create_container", Duration::from_secs(30)).into(),
        ConnectionError::new("connection reset").into(),
        FileSystemError::new("/tmp/archive.tar", FileSystemErrorKind::StorageFull, "disk full").into(),
        InternalError::new("container `web` has no state").into(),
        AuthenticationError::new("no credentials for registry.test").into(),
        AuthorizationError::new("cannot open /var/run/docker.sock").into(),
        ConfigurationError::new(vec![
            Violation::new("resources.cpu", "out-of-range", "must be a finite number above 0"),
            Violation::new("image", "required", "must not be empty"),
        ])
        .into(),
        UnsupportedError::new("pause_container", "the engine has no freezer").into(),
        ImageNotFoundError::new("alpine:3").into(),
        ImagePullError::new("alpine:3", "connection reset").into(),
        ImageImportError::new("alpine:3", "unexpected end of file").into(),
        ImageRemoveError::new("alpine:3", "container `web` uses it").into(),
        ImageBuildError::new("app:1", "step 2 returned 1; its output ends with: no such file").into(),
        ImagePushError::new("app:1", "connection reset").into(),
        ExecFailedError::new("web", "engine answered 500").into(),
    ]
}
