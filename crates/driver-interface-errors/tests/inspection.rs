//! How the functions on `&dyn Error` find our errors inside others.

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
fn leaf_category_and_driver_error_are_found_as_they_are() {
    assert_found(&reset());
    assert_found(&SystemError::from(reset()));
    assert_found(&DriverError::from(reset()));
}

#[test]
fn every_class_is_found_on_every_level() {
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
            Image::ImageError { NotFound Pull Import Remove }
            Exec::ExecError { Exec }
        );
        assert_eq!(get_error_code(leaf.as_ref()), code);
        assert_eq!(get_error_code(category.as_ref()), code);
    }
}

#[test]
fn shared_and_boxed_errors_are_found() {
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
fn an_error_inside_an_io_error_is_found() {
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
fn an_error_below_another_type_is_found_however_deep() {
    assert_found(&AppError::from(DriverError::from(reset())));
    assert_found(&AppError::Read(io::Error::other(AppError::from(
        DriverError::from(reset()),
    ))));
}

#[test]
fn an_error_below_anyhow_is_found_with_and_without_context() {
    let error = anyhow::Error::from(DriverError::from(reset()));
    assert_found(error.as_ref());
    let error = error.context("deploying").context("releasing");
    assert_found(error.as_ref());
    assert_found(&io::Error::other(error));
}

#[test]
fn a_transparent_wrapper_hides_what_it_holds_but_not_what_lies_below() {
    // `#[error(transparent)]` passes on the source of the error it holds: it is documented as a limit.
    let hidden = AppError::Transparent(reset().into());
    assert!(!is_driver_error(&hidden));
    assert_found(&AppError::Transparent(
        DriverError::from(InternalError::new("x")).with_source(reset()),
    ));
}

#[test]
fn the_outermost_of_our_errors_answers() {
    let error = ContainerCreationError::new("no answer")
        .with_source(reset())
        .after_attempts(3);
    assert!(!is_retryable_error(&error));
    assert_eq!(get_error_code(&error), codes::CONTAINER_CREATION_FAILED);
}

#[test]
fn a_foreign_error_is_unknown_not_retryable_and_speaks_for_itself() {
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
