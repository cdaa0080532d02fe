//! Finding driver errors inside other errors.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use driver_interface_errors::*;

mod samples;
use samples::one_of_each;

fn reset() -> ConnectionError {
    ConnectionError::new("connection reset")
}

#[track_caller]
fn assert_found(error: &(dyn Error + 'static)) {
    assert!(is_driver_error(error));
    assert!(is_retryable_error(error));
    assert_eq!(get_error_code(error), codes::CONNECTION_ERROR);
    assert_eq!(
        get_error_message(error),
        "connection to the engine failed: connection reset"
    );
    assert_eq!(
        find_driver_error(error).map(|found| found.name()),
        Some("ConnectionError")
    );
}

#[test]
fn finds_errors_of_every_level() {
    assert_found(&reset());
    assert_found(&SystemError::from(reset()));
    assert_found(&DriverError::from(reset()));
}

#[test]
fn finds_every_class_on_every_level() {
    macro_rules! leaf_of {
        ($error:expr, $($category:ident::$kind:ident { $($variant:ident)+ })+) => {
            match $error {
                $($(DriverError::$category($kind::$variant(leaf)) => {
                    (Box::new(leaf.clone()) as Box<dyn Error>, Box::new($kind::from(leaf)) as Box<dyn Error>)
                })+)+
                other => panic!("not in the list: {other:?}"),
            }
        };
    }
    for error in one_of_each() {
        let code = error.code();
        assert_eq!(get_error_code(&error), code);
        let (leaf, category) = leaf_of!(error,
            Container::ContainerError { NotFound Creation Start Stop Remove NotRunning WaitTimeout }
            Resource::ResourceError { Limit }
            Volume::VolumeError { Creation NotFound Remove }
            Network::NetworkError { Creation NotFound Remove Connect }
            System::SystemError { Health Timeout Connection FileSystem Internal }
            Security::SecurityError { Authentication Authorization }
            Configuration::InputError { Configuration Unsupported }
            Image::ImageError { NotFound Pull Import Remove Build Push }
            Exec::ExecError { Exec }
        );
        assert_eq!(get_error_code(leaf.as_ref()), code);
        assert_eq!(get_error_code(category.as_ref()), code);
    }
}

#[test]
fn finds_shared_and_boxed_errors() {
    assert_found(&Arc::new(DriverError::from(reset())));
    assert_found(&Box::new(DriverError::from(reset())));
    assert_found(&Arc::new(reset()));
    assert_found(&(Arc::new(reset()) as Arc<dyn Error + Send + Sync>));
    assert_found(&(Arc::new(reset()) as Arc<dyn Error>));

    let boxed: Box<dyn Error + Send + Sync> = DriverError::from(reset()).into();
    assert_found(boxed.as_ref());
    let boxed: Box<dyn Error> = reset().into();
    assert_found(boxed.as_ref());
}

#[test]
fn finds_errors_inside_io_errors() {
    let inside = || io::Error::other(DriverError::from(reset()));
    assert_found(&inside());
    assert_found(&Arc::new(inside()));
    assert_found(&Box::new(inside()));
    assert_found(&io::Error::other(inside()));
    assert_found(&io::Error::other(Arc::new(reset())));
    assert_found(&io::Error::other(Box::<dyn Error + Send + Sync>::from(reset())));
}

#[derive(Debug, thiserror::Error)]
enum AppError {
    #[error("deploying failed")]
    Deploy(#[from] DriverError),
    #[error("reading failed")]
    Read(#[source] io::Error),
    #[error(transparent)]
    Transparent(DriverError),
}

#[test]
fn finds_errors_nested_in_other_types() {
    assert_found(&AppError::from(DriverError::from(reset())));
    assert_found(&AppError::Read(io::Error::other(AppError::from(
        DriverError::from(reset()),
    ))));
}

#[test]
fn finds_errors_inside_anyhow() {
    let error = anyhow::Error::from(DriverError::from(reset()));
    assert_found(error.as_ref());
    let error = error.context("deploying").context("releasing");
    assert_found(error.as_ref());
    assert_found(&io::Error::other(error));
}

#[test]
fn transparent_wrapper_hides_only_its_own_error() {
    // `#[error(transparent)]` forwards to the source of its error, a documented limit.
    let hidden = AppError::Transparent(reset().into());
    assert!(!is_driver_error(&hidden));
    assert_found(&AppError::Transparent(
        DriverError::from(InternalError::new("x")).with_source(reset()),
    ));
}

#[test]
fn outermost_driver_error_is_used() {
    let error = ContainerCreationError::new("no answer")
        .with_source(reset())
        .after_attempts(3);
    assert!(!is_retryable_error(&error));
    assert_eq!(get_error_code(&error), codes::CONTAINER_CREATION_FAILED);
}

#[test]
fn other_errors_are_unknown_and_not_retryable() {
    #[derive(Debug)]
    struct Foreign;
    impl fmt::Display for Foreign {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("something else")
        }
    }
    impl Error for Foreign {}

    for error in [&Foreign as &(dyn Error + 'static), &io::Error::other(Foreign)] {
        assert!(!is_driver_error(error));
        assert!(!is_retryable_error(error));
        assert_eq!(get_error_code(error), codes::UNKNOWN_ERROR);
        assert_eq!(get_error_message(error), "something else");
    }
    assert!(!is_driver_error(&io::Error::from(io::ErrorKind::NotFound)));
}
