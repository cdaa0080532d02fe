//! The guarantees of each error class: code, category, retryability, effect and data.

use std::error::Error;
use std::time::Duration;

use driver_interface_errors::*;

mod samples;
use samples::one_of_each;

/// The contract's table, with the default effect of each class.
#[rustfmt::skip] // one row per class
const TABLE: &[(&str, &str, &str, bool, Effect)] = &[
    ("container", "ContainerNotFoundError", "CONTAINER_NOT_FOUND", false, Effect::NotApplied),
    ("container", "ContainerCreationError", "CONTAINER_CREATION_FAILED", true, Effect::Unknown),
    ("container", "ContainerStartError", "CONTAINER_START_FAILED", true, Effect::NotApplied),
    ("container", "ContainerStopError", "CONTAINER_STOP_FAILED", true, Effect::NotApplied),
    ("container", "ContainerRemoveError", "CONTAINER_REMOVE_FAILED", false, Effect::NotApplied),
    ("container", "ContainerNotRunningError", "CONTAINER_NOT_RUNNING", false, Effect::NotApplied),
    ("container", "WaitTimeoutError", "WAIT_TIMEOUT", false, Effect::NotApplied),
    ("resource", "ResourceLimitError", "RESOURCE_LIMIT_EXCEEDED", false, Effect::NotApplied),
    ("volume", "VolumeCreationError", "VOLUME_CREATION_FAILED", true, Effect::Unknown),
    ("volume", "VolumeNotFoundError", "VOLUME_NOT_FOUND", false, Effect::NotApplied),
    ("volume", "VolumeRemoveError", "VOLUME_REMOVE_FAILED", false, Effect::NotApplied),
    ("network", "NetworkCreationError", "NETWORK_CREATION_FAILED", true, Effect::Unknown),
    ("network", "NetworkNotFoundError", "NETWORK_NOT_FOUND", false, Effect::NotApplied),
    ("network", "NetworkRemoveError", "NETWORK_REMOVE_FAILED", false, Effect::NotApplied),
    ("network", "NetworkConnectError", "NETWORK_CONNECT_FAILED", false, Effect::NotApplied),
    ("system", "DriverHealthError", "DRIVER_HEALTH_CHECK_FAILED", false, Effect::NotApplied),
    ("system", "TimeoutError", "TIMEOUT_ERROR", true, Effect::Unknown),
    ("system", "ConnectionError", "CONNECTION_ERROR", true, Effect::Unknown),
    ("system", "FileSystemError", "FILE_SYSTEM_ERROR", false, Effect::Unknown),
    ("system", "InternalError", "INTERNAL_ERROR", false, Effect::Unknown),
    ("security", "AuthenticationError", "AUTHENTICATION_FAILED", false, Effect::NotApplied),
    ("security", "AuthorizationError", "AUTHORIZATION_FAILED", false, Effect::NotApplied),
    ("configuration", "ConfigurationError", "CONFIGURATION_ERROR", false, Effect::NotApplied),
    ("configuration", "UnsupportedError", "UNSUPPORTED_OPERATION", false, Effect::NotApplied),
    ("image", "ImageNotFoundError", "IMAGE_NOT_FOUND", false, Effect::NotApplied),
    ("image", "ImagePullError", "IMAGE_PULL_FAILED", true, Effect::NotApplied),
    ("image", "ImageImportError", "IMAGE_IMPORT_FAILED", false, Effect::NotApplied),
    ("image", "ImageRemoveError", "IMAGE_REMOVE_FAILED", false, Effect::NotApplied),
    ("image", "ImageBuildError", "IMAGE_BUILD_FAILED", false, Effect::NotApplied),
    ("image", "ImagePushError", "IMAGE_PUSH_FAILED", true, Effect::NotApplied),
    ("exec", "ExecFailedError", "EXEC_FAILED", true, Effect::Unknown),
];

#[test]
fn every_class_matches_the_contract_table() {
    let actual: Vec<_> = one_of_each()
        .iter()
        .map(|error| {
            (
                error.category(),
                error.name(),
                error.code(),
                error.is_retryable(),
                error.effect(),
            )
        })
        .collect();
    assert_eq!(actual, TABLE);
}

#[test]
fn all_codes_lists_every_class_once() {
    let table: Vec<_> = TABLE.iter().map(|row| row.2).collect();
    assert_eq!(codes::ALL_CODES, table);
    assert!(!codes::ALL_CODES.contains(&codes::UNKNOWN_ERROR));
}

#[test]
fn container_errors_name_their_container() {
    let not_found = ContainerNotFoundError::new("web");
    assert_eq!(not_found.container(), "web");
    assert_eq!(not_found.message(), "container `web` not found");
    assert_eq!(ContainerStartError::new("web", "x").container(), "web");
    assert_eq!(ContainerStopError::new("web", "x").container(), "web");
    assert_eq!(ContainerRemoveError::new("web", "x").container(), "web");
    assert_eq!(ContainerNotRunningError::new("web", "x").container(), "web");
    assert_eq!(ExecFailedError::new("web", "x").container(), "web");
    assert_eq!(
        ExecFailedError::new("web", "x").context().get("container"),
        Some("web")
    );
}

#[test]
fn resource_errors_name_their_resource() {
    assert_eq!(VolumeCreationError::new("data", "x").volume(), "data");
    assert_eq!(VolumeNotFoundError::new("data").volume(), "data");
    assert_eq!(VolumeRemoveError::new("data", "x").volume(), "data");
    assert_eq!(NetworkCreationError::new("net", "x").network(), "net");
    assert_eq!(NetworkNotFoundError::new("net").network(), "net");
    assert_eq!(NetworkRemoveError::new("net", "x").network(), "net");
    assert_eq!(NetworkConnectError::new("net", "web", "x").network(), "net");
    assert_eq!(ImageNotFoundError::new("alpine:3").image(), "alpine:3");
    assert_eq!(ImagePullError::new("alpine:3", "x").image(), "alpine:3");
    assert_eq!(
        FileSystemError::new("/tmp/x", FileSystemErrorKind::Other, "x").path(),
        "/tmp/x"
    );
    assert_eq!(
        VolumeNotFoundError::new("data").context().get("volume"),
        Some("data")
    );
    assert_eq!(
        NetworkNotFoundError::new("net").context().get("network"),
        Some("net")
    );
    assert_eq!(
        ImageNotFoundError::new("alpine:3").context().get("image"),
        Some("alpine:3")
    );
    assert_eq!(
        FileSystemError::new("/tmp/x", FileSystemErrorKind::Other, "x")
            .context()
            .get("path"),
        Some("/tmp/x")
    );
}

#[test]
fn limit_error_has_resource_limit_and_requested() {
    let error = ResourceLimitError::new("cpu", 4.0, 8.5);
    assert_eq!(
        (error.resource(), error.limit(), error.requested()),
        ("cpu", 4.0, 8.5)
    );
    assert_eq!(
        error.to_string(),
        "cpu limit exceeded: 8.5 cores requested, the limit is 4 cores"
    );
    assert_eq!(error.hint(), Some(Hint::RaiseLimit));
}

#[test]
fn timeout_error_has_operation_and_deadline() {
    let error = TimeoutError::new("create_container", Duration::from_millis(1500));
    assert_eq!(error.operation(), "create_container");
    assert_eq!(error.deadline(), Duration::from_millis(1500));
    assert_eq!(error.context().operation(), Some("create_container"));
}

#[test]
fn wait_timeout_names_container_condition_and_timeout() {
    let error = WaitTimeoutError::new("web", "exited", Duration::from_secs(2));
    assert_eq!(
        (error.container(), error.timeout()),
        ("web", Duration::from_secs(2))
    );
    assert_eq!(error.to_string(), "container `web` had not exited within 2s");
    assert_eq!(
        error.with_last_seen("it was paused").to_string(),
        "container `web` had not exited within 2s: it was paused"
    );
}

#[test]
fn wait_timeout_is_not_a_system_error() {
    let error = DriverError::from(WaitTimeoutError::new("web", "exited", Duration::from_secs(2)));
    assert_ne!(error.category(), "system");
    assert_eq!(
        (error.is_retryable(), error.effect()),
        (false, Effect::NotApplied)
    );
}

#[test]
fn unsupported_error_has_operation_and_reason() {
    let error = UnsupportedError::new("pause_container", "the engine has no freezer");
    assert_eq!(
        (error.operation(), error.reason()),
        ("pause_container", "the engine has no freezer")
    );
    assert_eq!(
        error.to_string(),
        "pause_container is not supported: the engine has no freezer"
    );
}

#[test]
fn configuration_error_lists_violations_on_one_line() {
    let error = ConfigurationError::new(vec![
        Violation::new("resources.cpu", "out-of-range", "must be a finite number above 0"),
        Violation::new("image", "required", "must not\nbe empty."),
    ]);
    assert_eq!(
        error.to_string(),
        "invalid configuration: 2 violations: resources.cpu: must be a finite number above 0; \
         image: must not be empty"
    );
    assert_eq!(error.violations()[0].code, "out-of-range");

    let single = ConfigurationError::single("image", "required", "must not be empty");
    assert_eq!(
        single.to_string(),
        "invalid configuration: image: must not be empty"
    );
    assert_eq!(
        ConfigurationError::new(Vec::new()).to_string(),
        "invalid configuration"
    );
}

#[test]
fn internal_error_asks_for_a_bug_report() {
    let error = InternalError::new("state `x` cannot be");
    assert_eq!(error.hint(), Some(Hint::ReportBug));
    assert!(format!("{error:#}").contains("please report it"));
}

#[test]
fn all_error_levels_report_the_same() {
    let leaf = ContainerStopError::new("web", "still running")
        .with_driver("mock-docker")
        .after_attempts(2);
    let category = ContainerError::from(leaf.clone());
    let whole = DriverError::from(category.clone());
    assert!(matches!(whole, DriverError::Container(ContainerError::Stop(_))));
    for level in [&leaf as &dyn ErrorInfo, &category, &whole] {
        assert_eq!(level.to_report(), whole.to_report());
        assert_eq!(level.to_string(), leaf.to_string());
        assert_eq!(format!("{level:?}"), format!("{leaf:?}"));
        assert_eq!(format!("{level:#}"), format!("{leaf:#}"));
    }
}

#[test]
fn question_mark_converts_to_driver_error() {
    fn from_leaf() -> Result<()> {
        Err(ImageNotFoundError::new("alpine:3"))?
    }
    fn from_category() -> Result<()> {
        Err(ImageError::from(ImageNotFoundError::new("alpine:3")))?
    }
    assert_eq!(
        from_leaf().unwrap_err().to_report(),
        from_category().unwrap_err().to_report()
    );
}

#[test]
fn is_not_found_matches_only_not_found_errors() {
    let found_missing: Vec<_> = one_of_each()
        .iter()
        .filter(|error| error.is_not_found())
        .map(DriverError::name)
        .collect();
    let expected = [
        "ContainerNotFoundError", "VolumeNotFoundError", "NetworkNotFoundError", "ImageNotFoundError",
    ];
    assert_eq!(found_missing, expected);
    for &kind in FileSystemErrorKind::ALL {
        let error = DriverError::from(FileSystemError::new("/x", kind, "x"));
        assert_eq!(
            error.is_not_found(),
            kind == FileSystemErrorKind::NotFound,
            "{kind}"
        );
    }
}

#[test]
fn file_error_kind_survives_every_form() {
    for &kind in FileSystemErrorKind::ALL {
        let error = FileSystemError::new("/x", kind, "x");
        assert_eq!(error.kind(), kind);
        assert_eq!(kind.to_string().parse(), Ok(kind));
        let json = serde_json::to_value(kind).unwrap();
        assert_eq!(json, kind.code());
        assert_eq!(serde_json::from_value::<FileSystemErrorKind>(json).unwrap(), kind);
        assert_eq!(error.to_report().kind.as_deref(), Some(kind.code()));
        assert!(
            format!("{error:?}").contains(&format!("kind: {kind}")),
            "{error:?}"
        );
    }
    assert!("nonesuch".parse::<FileSystemErrorKind>().is_err());
    assert_eq!(
        DriverError::from(ConnectionError::new("x")).to_report().kind,
        None
    );
    let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
    assert_eq!(
        FileSystemError::from_io("/x", full).kind(),
        FileSystemErrorKind::StorageFull
    );
}

#[test]
fn persistent_causes_rule_out_retry() {
    let persisting: Vec<_> = Hint::ALL
        .iter()
        .filter(|hint| hint.rules_out_retry())
        .map(|h| h.code())
        .collect();
    assert_eq!(
        persisting,
        [
            "image-unavailable", "pull-forbidden", "not-found-here", "unknown-runtime",
            "disk-quota-unsupported", "socket-permission", "api-too-old", "api-too-new", "name-taken",
            "no-command", "command-not-found", "command-not-executable", "working-dir-not-found",
            "permission-denied", "read-only-root", "ulimit-refused", "user-not-found", "raise-limit",
            "report-bug", "missing-mount-source", "missing-network",
        ]
    );
    for &hint in Hint::ALL {
        let error = ContainerCreationError::new("x").with_hint(hint);
        assert_eq!(error.is_retryable(), !hint.rules_out_retry(), "{hint}");
    }
}

#[test]
fn hint_never_makes_an_error_retryable() {
    for &hint in Hint::ALL {
        assert!(
            !ContainerRemoveError::new("web", "x")
                .with_hint(hint)
                .is_retryable(),
            "{hint}"
        );
    }
}

#[test]
fn name_taken_means_not_applied() {
    let error = VolumeCreationError::new("data", "exists").with_hint(Hint::NameTaken);
    assert_eq!(error.effect(), Effect::NotApplied);
    assert!(!error.is_retryable());
}

#[test]
fn explicit_values_override_the_hint() {
    let before = ContainerStartError::new("web", "x")
        .with_retryable(true)
        .with_effect(Effect::Applied)
        .with_hint(Hint::CommandNotFound);
    let after = ContainerStartError::new("web", "x")
        .with_hint(Hint::CommandNotFound)
        .with_retryable(true)
        .with_effect(Effect::Applied);
    for error in [before, after] {
        assert!(error.is_retryable());
        assert_eq!(error.effect(), Effect::Applied);
    }
}

#[test]
fn error_after_retries_is_final() {
    let error = DriverError::from(ConnectionError::new("reset"))
        .with_retryable(true)
        .after_attempts(3);
    assert!(!error.is_retryable());
    assert_eq!(error.attempts(), Some(3));
    assert_eq!(
        error.to_string(),
        "connection to the engine failed: reset (gave up after 3 attempts)"
    );
    assert_eq!(error.message(), "connection to the engine failed: reset");
    assert!(
        error
            .after_attempts(1)
            .to_string()
            .ends_with("(gave up after 1 attempt)")
    );
}

#[test]
fn innermost_context_is_kept() {
    let error = DriverError::from(ImagePullError::new("alpine:3", "reset"))
        .with_driver("docker")
        .with_operation("pull_image")
        .with_context("session", "s1")
        .with_driver("outer")
        .with_operation("create_container")
        .with_context("image", "other")
        .with_context("container", 7)
        .with_context("attempt", 2);
    assert_eq!(error.context().driver(), Some("docker"));
    assert_eq!(error.context().operation(), Some("pull_image"));
    let fields: Vec<_> = error.context().fields().collect();
    let ordered = [
        ("container", "7"),
        ("image", "alpine:3"),
        ("session", "s1"),
        ("attempt", "2"),
    ];
    assert_eq!(fields, ordered);
}

#[test]
fn source_is_the_given_error() {
    let error = DriverError::from(FileSystemError::new(
        "/x",
        FileSystemErrorKind::Other,
        "cannot read",
    ))
    .with_source(std::io::Error::from(std::io::ErrorKind::NotFound));
    let source = error
        .source()
        .and_then(|source| source.downcast_ref::<std::io::Error>());
    assert_eq!(
        source.map(std::io::Error::kind),
        Some(std::io::ErrorKind::NotFound)
    );
    assert!(error.clone().source().is_some());
    assert!(ContainerStartError::new("web", "x").source().is_none());
}

#[test]
fn no_form_shows_credentials() {
    let echoed = "GET https://joe:hunter2@registry.test/v2/ with REGISTRY_TOKEN=hunter2";
    let error = DriverError::from(ImagePullError::new(
        "https://joe:hunter2@registry.test/app",
        echoed,
    ))
    .with_context("registryPassword", "hunter2")
    .with_context("url", "https://joe:hunter2@registry.test")
    .with_source(std::io::Error::other(echoed));
    let json = serde_json::to_string(&error).unwrap();
    for form in [
        error.to_string(),
        format!("{error:?}"),
        format!("{error:#?}"),
        json,
        error.user_message(),
    ] {
        assert!(!form.contains("hunter2"), "{form}");
    }
    assert_eq!(error.context().get("registryPassword"), Some("[redacted]"));
}

#[test]
fn errors_are_small_and_thread_safe() {
    fn shareable<T: Clone + Send + Sync + 'static>() {}
    shareable::<DriverError>();
    shareable::<ContainerError>();
    shareable::<ConfigurationError>();
    shareable::<ErrorReport>();
    assert!(size_of::<DriverError>() <= 48, "{}", size_of::<DriverError>());
    assert!(size_of::<Result<()>>() <= 48);
    assert_eq!(size_of::<ConfigurationError>(), size_of::<usize>());
}
