#![doc = include_str!("../README.md")]

pub mod background;
pub mod effects;
mod key;
mod locks;
mod log_chunks;
mod log_text;
mod ownership;
mod rollback;
mod runner;
pub mod time;

pub use driver_interface_types::CappedBuffer;
pub use key::CreationKey;
pub use locks::{KeyLocks, lock};
pub use log_chunks::{LogChunkSplitter, LogChunks, needs_times};
pub use log_text::LogText;
pub use ownership::{Labels, Ownership, belongs, process_owner, selector, session_of, user_labels};
pub use rollback::{Rollback, repeat_until};
pub use runner::{Caller, Runner, within};
