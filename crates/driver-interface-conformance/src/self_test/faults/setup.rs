//! What a config asks for is lost on the way.

use crate::self_test::Fault;
use crate::self_test::sabotage::Sabotage::Config;

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "stop-signal-lost",
        "The signal that a config sets for stopping is not used.",
        &[Config(|config| config.stop_signal = None)],
        &["setup/stop-signal"],
    ),
    Fault::new(
        "working-dir-lost",
        "The working directory is the image's, whatever the config says.",
        &[Config(|config| config.working_dir = None)],
        &["setup/working-dir"],
    ),
];
