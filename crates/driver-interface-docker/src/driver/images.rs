//! Images.

mod access;
mod build;
mod commit;
mod image;
mod progress;
mod pull;
mod push;
