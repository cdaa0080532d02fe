//! Snapshots of every error as Display, Debug and JSON.

use driver_interface_errors::*;
use proptest::prelude::*;

mod samples;
use samples::one_of_each;

fn lines(form: impl Fn(&DriverError) -> String) -> String {
    one_of_each().iter().map(form).collect::<Vec<_>>().join("\n")
}

/// Returns an error with every optional part.
fn full() -> DriverError {
    DriverError::from(ContainerStartError::new("web", "no such program: `serve`"))
        .with_driver("docker")
        .with_operation("start_container")
        .with_context("session", "s1")
        .with_hint(Hint::CommandNotFound)
        .with_source(
            ConnectionError::new("engine answered 400").with_source(std::io::Error::other("exec: \"serve\"")),
        )
        .after_attempts(3)
}

#[test]
fn display_of_every_error() {
    insta::assert_snapshot!(lines(|error| error.to_string()));
}

#[test]
fn debug_of_every_error() {
    insta::assert_snapshot!(lines(|error| format!("{error:?}")));
}

#[test]
fn json_of_every_error() {
    insta::assert_json_snapshot!(one_of_each());
}

#[test]
fn user_message_of_every_error() {
    insta::assert_snapshot!(lines(DriverError::user_message));
}

#[test]
fn remedy_of_every_hint() {
    let hints: Vec<_> = Hint::ALL
        .iter()
        .map(|hint| format!("{hint}: {}", hint.remedy()))
        .collect();
    insta::assert_snapshot!(hints.join("\n"));
}

#[test]
fn full_error_on_one_line() {
    insta::assert_snapshot!(format!("{:#}", full()));
}

#[test]
fn full_error_as_pretty_debug() {
    insta::assert_snapshot!(format!("{:#?}", full()));
}

#[test]
fn full_error_as_json() {
    insta::assert_json_snapshot!(full());
}

#[test]
fn every_report_round_trips_through_json() {
    for error in one_of_each().into_iter().chain([full()]) {
        let text = serde_json::to_string(&error).unwrap();
        assert_eq!(
            serde_json::from_str::<ErrorReport>(&text).unwrap(),
            error.to_report()
        );
        let value = serde_json::to_value(&error).unwrap();
        assert_eq!(
            serde_json::from_value::<ErrorReport>(value).unwrap(),
            error.to_report()
        );
    }
}

#[test]
fn reads_reports_of_later_versions() {
    let mut value = serde_json::to_value(full()).unwrap();
    value["severity"] = "high".into();
    value["hint"]["code"] = "a-hint-of-tomorrow".into();
    let report: ErrorReport = serde_json::from_value(value).unwrap();
    assert_eq!(
        report.hint.map(|hint| hint.code).as_deref(),
        Some("a-hint-of-tomorrow")
    );
}

#[test]
fn report_omits_non_finite_limits() {
    let error = ResourceLimitError::new("cpu", 4.0, f64::INFINITY);
    let report: ErrorReport = serde_json::from_str(&serde_json::to_string(&error).unwrap()).unwrap();
    assert_eq!(report, error.to_report());
    assert_eq!(
        report.details.map(|limit| (limit.limit, limit.requested)),
        Some((Some(4.0), None))
    );
}

#[test]
fn effect_and_hint_serialise_as_their_documented_names() {
    for effect in [Effect::NotApplied, Effect::Applied, Effect::Unknown] {
        assert_eq!(serde_json::to_value(effect).unwrap(), effect.as_str());
    }
    for &hint in Hint::ALL {
        assert_eq!(serde_json::to_value(hint).unwrap(), hint.code());
        assert_eq!(serde_json::from_value::<Hint>(hint.code().into()).unwrap(), hint);
    }
}

#[test]
fn display_is_one_lowercase_line_without_period() {
    for error in one_of_each() {
        let line = error.to_string();
        assert!(!line.contains('\n') && !line.ends_with('.'), "{line}");
        assert!(line.starts_with(|c: char| c.is_lowercase()), "{line}");
    }
}

#[test]
fn user_message_is_one_sentence() {
    let of_hints = Hint::ALL
        .iter()
        .map(|&hint| DriverError::from(ContainerCreationError::new("x")).with_hint(hint));
    for error in one_of_each().into_iter().chain(of_hints) {
        let sentence = error.user_message();
        assert!(sentence.starts_with(|c: char| c.is_uppercase()), "{sentence}");
        assert!(
            sentence.ends_with('.') && !sentence.contains(['\n', '`']),
            "{sentence}"
        );
    }
}

#[test]
fn remedy_is_one_lowercase_line_without_period() {
    for &hint in Hint::ALL {
        let remedy = hint.remedy();
        assert!(remedy.starts_with(|c: char| c.is_lowercase()), "{remedy}");
        assert!(
            !remedy.ends_with('.') && !remedy.contains(['\n']) && !remedy.contains("  "),
            "{remedy}"
        );
    }
}

proptest! {
    #[test]
    fn any_text_stays_on_one_line_and_round_trips(
        id in ".*", message in ".*", key in ".*", value in ".*",
    ) {
        let error = DriverError::from(ContainerStartError::new(id.clone(), message))
            .with_context(key, value)
            .with_driver(id);
        prop_assert!(!error.to_string().contains(char::is_control));
        let text = serde_json::to_string(&error).unwrap();
        prop_assert_eq!(serde_json::from_str::<ErrorReport>(&text).unwrap(), error.to_report());
    }
}
