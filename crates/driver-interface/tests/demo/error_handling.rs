//! What to do when something fails: tell errors apart, try again or not, recover, report, and prevent.

mod circuit_breaker;
mod consistency;
mod error_types;
mod prevention;
mod recovery;
mod reporting;
mod retrying;
