//! Images.

mod image;
mod pull;
