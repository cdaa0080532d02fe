//! Pure conversions: from configs to the engine's requests, and from the engine's records and errors to the
//! interface's types.

pub(crate) mod build;
pub(crate) mod capabilities;
pub(crate) mod container;
pub(crate) mod enforcement;
pub(crate) mod errors;
pub(crate) mod event;
pub(crate) mod exec;
pub(crate) mod file_error;
pub(crate) mod image;
pub(crate) mod instance;
pub(crate) mod labels;
pub(crate) mod path_stat;
pub(crate) mod program;
pub(crate) mod records;
pub(crate) mod resource;
pub(crate) mod setup;
pub(crate) mod status;
pub(crate) mod tar;
pub(crate) mod time;
pub(crate) mod tmpfs;
pub(crate) mod usage;
