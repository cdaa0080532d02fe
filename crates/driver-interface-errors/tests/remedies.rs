//! The remedy appears in every way to print an error.

use std::error::Error;
use std::fmt::Write as _;
use std::io;

use driver_interface_errors::*;

const SAYS: &str = "exec: \"serve\": executable file not found in $PATH";
const REMEDY: &str = "hint: choose another name, or remove the resource that uses it first";

fn taken() -> DriverError {
    ContainerCreationError::new("name `web` is taken")
        .with_hint(Hint::NameTaken)
        .into()
}

fn refused() -> DriverError {
    DriverError::from(ContainerStartError::new("web", "no such program: `serve`"))
        .with_source(io::Error::other(SAYS))
        .with_hint(Hint::CommandNotFound)
}

/// Prints an error like a program that uses only the standard library, or `eyre` by default.
fn printed(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let _ = write!(text, "\ncaused by: {source}");
        next = source.source();
    }
    text
}

#[test]
fn source_chain_shows_remedy_once_before_the_cause() {
    assert_eq!(
        printed(&taken()),
        format!("container could not be created: name `web` is taken\ncaused by: {REMEDY}")
    );
    let lines = printed(&refused());
    let lines: Vec<_> = lines.lines().collect();
    assert_eq!(
        lines[0],
        "container `web` could not be started: no such program: `serve`"
    );
    assert!(
        lines[1].starts_with("caused by: hint: check the command's spelling"),
        "{lines:?}"
    );
    assert_eq!(lines[2], format!("caused by: {SAYS}"));
    assert_eq!(lines.len(), 3);
}

#[test]
fn anyhow_shows_the_remedy() {
    let error = anyhow::Error::from(taken()).context("deploying");
    assert_eq!(
        format!("{error:#}"),
        format!("deploying: container could not be created: name `web` is taken: {REMEDY}")
    );
    let story = format!("{error:?}");
    let end =
        format!("Caused by:\n    0: container could not be created: name `web` is taken\n    1: {REMEDY}");
    assert!(story.contains(&end), "{story}");
    // Without a context, as `fn main() -> anyhow::Result<()>` prints it.
    let story = format!("{:?}", anyhow::Error::from(refused()));
    assert!(
        story.contains("    0: hint: check the command's spelling"),
        "{story}"
    );
    assert!(story.contains(&format!("    1: {SAYS}")), "{story}");
}

#[test]
fn own_forms_show_the_remedy_once() {
    let remedy = Hint::CommandNotFound.remedy();
    let json = serde_json::to_string(&refused()).unwrap();
    for form in [format!("{:#}", refused()), format!("{:?}", refused()), json] {
        assert_eq!(form.matches(remedy).count(), 1, "{form}");
    }
    assert_eq!(refused().to_report().sources, [SAYS]);
    assert!(!refused().to_string().contains(remedy));
}

#[test]
fn later_hint_replaces_the_default_remedy() {
    let hint = |error: &dyn Error| error.source().and_then(|it| it.downcast_ref()).map(Remedy::hint);
    let missing = ContainerNotFoundError::new("web");
    assert_eq!(hint(&missing), Some(Hint::NotFoundHere));
    let other = missing
        .with_source(io::Error::other("404"))
        .with_hint(Hint::VerifyFirst);
    assert_eq!(hint(&other), Some(Hint::VerifyFirst));
    assert!(printed(&other).ends_with("\ncaused by: 404"));
    assert_eq!(hint(&ConnectionError::new("reset")), None);
}

#[test]
fn finds_errors_below_a_remedy() {
    let outer = taken().with_source(ConnectionError::new("reset"));
    let below = outer.source().and_then(Error::source);
    assert_eq!(below.map(get_error_code), Some(codes::CONNECTION_ERROR));
    assert_eq!(outer.source().map(get_error_code), Some(codes::CONNECTION_ERROR));
}
