//! An operation under test: how to prepare it, call it and observe its effect.

use driver_interface_errors::DriverError;
use driver_interface_types::{ContainerInstance, EventCursor, ExecId, ImageRef, NetworkId, VolumeId};
use futures_util::future::BoxFuture;

use super::world::World;

/// The resources that an operation works on.
#[derive(Debug, Default)]
pub(crate) struct Subject {
    pub container: Option<ContainerInstance>,
    pub volume: Option<VolumeId>,
    pub network: Option<NetworkId>,
    pub image: Option<ImageRef>,
    pub exec: Option<ExecId>,
    pub cursor: Option<EventCursor>,
}

impl Subject {
    pub(crate) fn container(&self) -> &ContainerInstance {
        self.container.as_ref().unwrap()
    }

    pub(crate) fn image(&self) -> &ImageRef {
        self.image.as_ref().unwrap()
    }
}

impl From<ContainerInstance> for Subject {
    fn from(container: ContainerInstance) -> Self {
        Self {
            container: Some(container),
            ..Self::default()
        }
    }
}

/// Why a call did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The driver returned an error.
    Error(DriverError),
    /// The driver reported success, but the result is wrong.
    Wrong(String),
    /// The driver reported success and marked the result as incomplete.
    Marked,
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        Self::Error(error)
    }
}

pub(crate) type Called = Result<(), Failure>;

pub(crate) fn right(is: bool, what: impl FnOnce() -> String) -> Called {
    if is { Ok(()) } else { Err(Failure::Wrong(what())) }
}

#[derive(Clone, Copy)]
pub(crate) struct Operation {
    pub name: &'static str,
    /// Creates the resources directly on the engine. Returns `None` if the engine lacks the operation.
    pub prepare: for<'a> fn(&'a World) -> BoxFuture<'a, Option<Subject>>,
    /// Calls the operation through the proxy and checks its result.
    pub call: for<'a> fn(&'a World, &'a Subject) -> BoxFuture<'a, Called>,
    /// Returns whether the engine applied the operation. `None` for read-only operations.
    pub applied: Option<for<'a> fn(&'a World, &'a Subject) -> BoxFuture<'a, bool>>,
    /// The number of consecutive deadlines that the operation may take, as documented.
    pub deadlines: u32,
    /// Whether all cases share the same resources.
    pub is_shared: bool,
}

impl Operation {
    pub(crate) fn shared(mut self) -> Self {
        self.is_shared = true;
        self
    }
}

/// Defines an operation. Without `applied` it is read-only.
macro_rules! operation {
    ($name:literal, $deadlines:literal, |$pw:ident| $prepare:expr, |$cw:ident, $cs:ident| $call:expr $(, |$aw:ident, $as:ident| $applied:expr)? $(,)?) => {
        Operation {
            name: $name,
            prepare: |$pw| Box::pin(async move { $prepare }),
            call: |$cw, $cs| Box::pin(async move { $call }),
            applied: operation!(@applied $(|$aw, $as| $applied)?),
            deadlines: $deadlines,
            is_shared: false,
        }
    };
    (@applied) => { None };
    (@applied |$aw:ident, $as:ident| $applied:expr) => {
        Some(|$aw, $as| Box::pin(async move { $applied }))
    };
}

pub(crate) use operation;
