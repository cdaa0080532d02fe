use std::time::Duration;

use driver_interface_types::{HealthCheck, HealthTest};
use garde::{Path, Report, Validate};
use serde::Serialize;

use super::container::Command;
use crate::ValidationPolicy;
use crate::check::refusal;
use crate::codes;
use crate::limits::{MAX_HEALTH_TIME, MAX_WORD};

/// A health check: a command and its timing.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Health<'a>(pub(super) &'a HealthCheck);

impl Validate for Health<'_> {
    type Context = ValidationPolicy;

    fn validate_into(
        &self,
        policy: &ValidationPolicy,
        parent: &mut dyn FnMut() -> Path,
        report: &mut Report,
    ) {
        let Self(check) = self;
        let mut test = || parent().join("test");
        match &check.test {
            HealthTest::Command(words) if words.is_empty() => {
                report.append(
                    test(),
                    refusal(codes::EMPTY, "must not be empty: it is the program"),
                );
            }
            HealthTest::Command(words) => Command(words).validate_into(policy, &mut test, report),
            HealthTest::Shell(line) if line.trim().is_empty() => {
                report.append(test(), refusal(codes::EMPTY, "must not be empty"));
            }
            HealthTest::Shell(line) if line.contains('\0') => {
                let message = "must not contain NUL characters";
                report.append(test(), refusal(codes::INVALID_CHARACTER, message));
            }
            HealthTest::Shell(line) if line.len() > MAX_WORD => {
                let message = format!("must be at most {MAX_WORD} bytes long, has {}", line.len());
                report.append(test(), refusal(codes::TOO_LONG, message));
            }
            HealthTest::Shell(_) => {}
        }
        for (field, time, least) in [
            ("interval", check.interval, 1),
            ("timeout", check.timeout, 1),
            ("startPeriod", check.start_period, 0),
        ] {
            if time < Duration::from_millis(least) || time > MAX_HEALTH_TIME {
                let most = MAX_HEALTH_TIME.as_millis();
                let message = format!("must be {least} to {most} milliseconds; got {}", time.as_millis());
                report.append(parent().join(field), refusal(codes::OUT_OF_RANGE, message));
            }
        }
        if check.retries == 0 {
            let message = "must be at least 1; got 0";
            report.append(parent().join("retries"), refusal(codes::OUT_OF_RANGE, message));
        }
    }
}
