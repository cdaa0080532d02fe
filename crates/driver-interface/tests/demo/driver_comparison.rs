//! Two drivers side by side. They may differ in limits, speed and wording, and in nothing else.

mod capabilities;
mod error_handling;
mod interface_compliance;
mod performance;
mod resource_management;
mod state_management;
