//! `cargo xtask conformance --self-test`: shows that the checks notice what they are there for.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use driver_interface_conformance::self_test::{Attempt, SelfTest, self_test};
use driver_interface_conformance::{Cancellation, Check, Options, Outcome, Selection, render};

use super::output::Output;
use super::{Args, INTERRUPTED, image_for, in_its_time, required, targets};

/// What is random in a check is the same in every self-test: a walk must not miss a fault now and then.
const SEED: u64 = 1;

/// Tries the faults on each driver in turn, on the checks that those before it could say nothing about.
pub(super) fn prove(
    args: &Args,
    selected: &[Check],
    output: &Output,
    cancellation: Cancellation,
) -> Result<ExitCode> {
    let (subjects, absent) = targets::find(&args.drivers, &required()?)?;
    for target in &absent {
        output.absent(target);
    }
    // Some drivers panic on purpose; that the checks notice is all there is to say.
    std::panic::set_hook(Box::new(|_| {}));
    let mut found = SelfTest::default();
    for subject in subjects {
        let mut selection = Selection::default();
        selection.globs = if found.checks.is_empty() {
            selected.iter().map(|check| check.id.to_owned()).collect()
        } else {
            found.unproven().iter().map(|(id, _)| (*id).to_owned()).collect()
        };
        if selection.globs.is_empty() || cancellation.is_cancelled() {
            break;
        }
        let options = Options::new(image_for(&subject, args.image.as_deref())?)
            .selection(selection)
            .seed(args.seed.unwrap_or(SEED))
            .jobs(args.jobs)
            .cancellation(cancellation.clone());
        found.extend(in_its_time(
            &subject,
            output,
            self_test(Arc::clone(&subject.target), &options),
            |_| false,
        )?);
    }
    output.print(&render::self_test(&found, output.color()));
    let no_fault = found
        .unproven()
        .iter()
        .any(|(_, reason)| reason.starts_with("no fault"));
    let absent = absent.iter().any(|target| target.required);
    // One that could not tell, on a machine that is too busy, is listed and no more.
    let fooled = found
        .survivors()
        .any(|attempt| attempt.outcome == Outcome::Passed);
    let nothing = !found.attempts.iter().any(Attempt::is_kill);
    let failed = fooled || no_fault || absent || nothing;
    Ok(if cancellation.is_cancelled() {
        ExitCode::from(INTERRUPTED)
    } else if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
