//! An operation that is tried with faults: what it needs, how it is called, and how to see what it did.

use driver_interface_errors::DriverError;
use driver_interface_types::{ContainerInstance, EventCursor, ExecId, ImageRef, NetworkId, VolumeId};
use futures_util::future::BoxFuture;

use super::world::World;

/// What an operation works on, as far as it needs any of it.
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

/// Why a call is not a success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The driver says so.
    Error(DriverError),
    /// The driver says success, and this is not true.
    Wrong(String),
    /// The driver says success and marks what it gives as incomplete.
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

/// An operation. Its functions take their subject and return a future.
#[derive(Clone, Copy)]
pub(crate) struct Operation {
    pub name: &'static str,
    /// Makes what it works on, directly on the engine; none where this engine does not have the operation.
    pub prepare: for<'a> fn(&'a World) -> BoxFuture<'a, Option<Subject>>,
    /// Calls it through the proxy, and holds what it gives against what it should give.
    pub call: for<'a> fn(&'a World, &'a Subject) -> BoxFuture<'a, Called>,
    /// Whether the engine did it; none for what changes nothing.
    pub applied: Option<for<'a> fn(&'a World, &'a Subject) -> BoxFuture<'a, bool>>,
    /// How many of the driver's deadlines it may take one after the other, as its docs say.
    pub deadlines: u32,
    /// Whether all its cases work on the same things, which it leaves as they are.
    pub is_shared: bool,
}

impl Operation {
    pub(crate) fn shared(mut self) -> Self {
        self.is_shared = true;
        self
    }
}

/// Writes an operation down; without `applied` it changes nothing.
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
