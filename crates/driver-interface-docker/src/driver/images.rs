//! Images.

mod access;
mod build;
mod commit;
mod image;
mod pull;
mod push;
