//! `cargo xtask conformance --self-test`: verifies that the checks detect the faults that they must detect.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use driver_interface_conformance::self_test::{SelfTest, self_test};
use driver_interface_conformance::{Cancellation, Check, Options, Selection, TestImage, render};

use super::output::Output;
use super::{Args, INTERRUPTED, image_for, in_its_time, required, subjects};

/// The seed of every self-test. The seed is fixed, because with some random choices a check may miss a fault.
const SEED: u64 = 1;

/// Runs the self-test on one driver after the other. On the first driver, all selected checks are tested. On each
/// later driver, only the checks that still have no result are tested.
pub(super) fn prove(
    args: &Args,
    selected: &[Check],
    output: &Output,
    cancellation: Cancellation,
) -> Result<ExitCode> {
    let drivers: Vec<&String> = args.drivers.iter().collect();
    let (subjects, absent) = subjects(&drivers, &required()?, args.time_scale)?;
    for target in &absent {
        output.absent(target);
    }
    // Some faulty drivers panic on purpose. These panics must not be printed.
    std::panic::set_hook(Box::new(|_| {}));
    let mut found = SelfTest::default();
    let mut imageless = false;
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
        let image = image_for(&subject, args.image.as_deref())?;
        imageless |= subject.required && matches!(image, TestImage::Missing(_));
        let options = Options::new(image)
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
    let absent = absent.iter().any(|target| target.required);
    Ok(if cancellation.is_cancelled() {
        ExitCode::from(INTERRUPTED)
    } else if absent || imageless || !found.is_proof() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
