//! Two drivers side by side: where they may differ (what they allow, how fast they are, how they word things)
//! and where they may not (everything else).

mod capabilities;
mod error_handling;
mod interface_compliance;
mod performance;
mod resource_management;
mod state_management;
