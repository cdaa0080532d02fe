//! `cargo xtask conformance --self-test`: shows that the checks notice what they are there for.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use driver_interface_conformance::self_test::{SelfTest, self_test};
use driver_interface_conformance::{Check, Options, Selection, render};

use super::output::Output;
use super::{Args, INTERRUPTED, image_for, in_its_time, required, targets};

/// Tries the faults on each driver in turn, on the checks that those before it could say nothing about.
pub(super) fn prove(args: &Args, selected: &[Check], output: &Output, options: &Options) -> Result<ExitCode> {
    let (subjects, absent) = targets::find(&args.drivers, &required()?)?;
    for target in &absent {
        output.absent(target);
    }
    let mut found = SelfTest::default();
    for subject in subjects {
        let mut selection = Selection::default();
        selection.globs = if found.checks.is_empty() {
            selected.iter().map(|check| check.id.to_owned()).collect()
        } else {
            found.unproven().iter().map(|(id, _)| (*id).to_owned()).collect()
        };
        if selection.globs.is_empty() || options.cancellation.is_cancelled() {
            break;
        }
        let mut options = options.clone().selection(selection);
        options.image = image_for(&subject, args.image.as_deref())?;
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
    let failed = found.survivors().next().is_some() || no_fault || absent;
    Ok(if options.cancellation.is_cancelled() {
        ExitCode::from(INTERRUPTED)
    } else if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
