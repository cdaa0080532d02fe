//! Patterns around a driver: many containers, many users, more than one engine.

mod cross_driver;
mod events;
mod monitoring;
mod orchestration;
mod pooling;
mod recovery;
mod sessions;
