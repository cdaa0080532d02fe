//! Error handling: distinguish errors, retry, recover, report, and prevent.

mod circuit_breaker;
mod consistency;
mod error_types;
mod prevention;
mod recovery;
mod reporting;
mod retrying;
