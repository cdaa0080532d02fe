//! Errors for machines, operators and end users.

use std::error::Error;
use std::io;
use std::sync::Arc;

use driver_interface::mock::Operation;
use driver_interface::{
    ConnectionError, ContainerDriver, DriverError, Effect, ErrorReport, Hint, MockDockerDriver, Result,
};

use crate::support::{drivers, run, server};

#[tokio::test(start_paused = true)]
async fn error_round_trips_through_json_with_context() -> Result<()> {
    let driver: Arc<dyn ContainerDriver> = Arc::new(MockDockerDriver::new());
    let error = driver.start_container(&"ghost".parse()?).await.unwrap_err();
    let line = serde_json::to_string(&error.clone().with_context("request", "r-81")).unwrap();

    let report: ErrorReport = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&*report.code, &*report.category),
        ("CONTAINER_NOT_FOUND", "container")
    );
    assert_eq!((report.retryable, report.effect), (false, Effect::NotApplied));
    assert_eq!(report.context.driver(), Some("mock-docker"));
    assert_eq!(report.context.operation(), Some("start_container"));
    assert_eq!(report.context.get("container"), Some("ghost"));
    assert_eq!(report.context.get("request"), Some("r-81"));
    assert_eq!(report.message, error.message());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn source_chain_leads_to_the_root_cause() {
    let driver = MockDockerDriver::new();
    let refused = io::Error::new(io::ErrorKind::ConnectionReset, "peer went away");
    let fault = ConnectionError::new("the answer was cut off").with_source(refused);
    driver.faults().fail_next(Operation::CreateContainer, fault);
    let error = driver.create_container(&server("sources")).await.unwrap_err();

    let cause = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    assert_eq!(cause.map(io::Error::kind), Some(io::ErrorKind::ConnectionReset));
    assert_eq!(error.to_report().sources, ["peer went away"]);
    assert!(
        format!("{error:?}").contains("peer went away"),
        "a developer sees the chain at a glance"
    );
    assert!(
        !error.to_string().contains("peer went away"),
        "one line stays one line"
    );
}

#[tokio::test(start_paused = true)]
async fn users_get_a_sentence_and_operators_a_remedy() -> Result<()> {
    let driver: Arc<dyn ContainerDriver> = Arc::new(MockDockerDriver::new());
    let id = run(&driver, &server("messages").name("web")).await;
    let errors = [
        driver
            .create_container(&server("messages").name("web"))
            .await
            .unwrap_err(),
        driver
            .create_container(&server("messages").cpu(32.0))
            .await
            .unwrap_err(),
        driver
            .remove_container(&id, Default::default())
            .await
            .unwrap_err(),
    ];
    let sentences = errors.each_ref().map(DriverError::user_message);
    assert_eq!(
        sentences,
        [
            "That name is already in use.",
            "This needs more computing power than is allowed: 32 cores, and the limit is 4 cores.",
            "The container is still running.",
        ]
    );
    for (error, sentence) in errors.iter().zip(&sentences) {
        let hint: Hint = error.hint().expect("each is a well-known case");
        assert!(
            format!("{error:#}").ends_with(&format!("(hint: {})", hint.remedy())),
            "{error:#}"
        );
        assert!(
            !sentence.contains(id.as_str()),
            "ids say nothing to a user: {sentence}"
        );
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn errors_never_show_config_secrets() {
    for driver in drivers() {
        let config = server("secrets")
            .name("web")
            .env("DB_PASSWORD", "hunter2")
            .label("note", "x");
        driver.create_container(&config).await.unwrap();
        for refused in [config.clone(), config.clone().cpu(-1.0), config.clone().cpu(99.0)] {
            let error = driver.create_container(&refused).await.unwrap_err();
            let json = serde_json::to_string(&error).unwrap();
            for text in [
                format!("{error}"),
                format!("{error:#}"),
                format!("{error:?}"),
                json,
            ] {
                assert!(!text.contains("hunter2"), "{text}");
            }
        }
        assert!(
            !format!("{config:?}").contains("hunter2"),
            "nor does the config itself"
        );
    }
}
