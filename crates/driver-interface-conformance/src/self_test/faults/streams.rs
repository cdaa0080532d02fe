//! Functions for faulty streams of any item type.

use std::future::ready;
use std::task::Poll;

use driver_interface_types::{DriverError, DriverStream, Result};
use futures_util::StreamExt as _;

use super::calls::WhenDropped;

/// Returns `stream` with each item replaced by the result of `change`. Items for which `change` returns `None` are
/// omitted.
pub(super) fn changed<T: Send + 'static>(
    stream: DriverStream<T>,
    mut change: impl FnMut(T) -> Option<T> + Send + 'static,
) -> DriverStream<T> {
    DriverStream::new(stream.filter_map(move |item| {
        ready(match item {
            Ok(item) => change(item).map(Ok),
            error => Some(error),
        })
    }))
}

/// Returns the stream of a call, but ends the stream before its first error. If the call itself failed, returns an
/// empty stream.
pub(super) fn without_errors<T: Send + 'static>(called: Result<DriverStream<T>>) -> Result<DriverStream<T>> {
    Ok(match called {
        Ok(stream) => DriverStream::new(stream.take_while(|item| ready(item.is_ok()))),
        Err(_) => DriverStream::of_items([]),
    })
}

/// Returns the result of a call. `change` replaces the error of the call and the errors of its stream.
pub(super) fn with_errors<T: Send + 'static>(
    called: Result<DriverStream<T>>,
    change: impl Fn(DriverError) -> DriverError + Send + 'static,
) -> Result<DriverStream<T>> {
    let stream = called.map_err(&change)?;
    Ok(DriverStream::new(stream.map(move |item| item.map_err(&change))))
}

/// Returns a stream that yields the items of `stream`, but only after `stream` has ended. If `stream` fails, yields
/// only the error.
pub(super) fn buffered<T: Send + 'static>(stream: DriverStream<T>) -> DriverStream<T> {
    let all = futures_util::stream::once(stream.collect_all());
    DriverStream::new(all.flat_map(|all: Result<Vec<T>>| {
        let (items, error) = match all {
            Ok(items) => (items, None),
            Err(error) => (Vec::new(), Some(Err(error))),
        };
        futures_util::stream::iter(items.into_iter().map(Ok).chain(error))
    }))
}

/// Returns a stream that yields the items of `stream` and then never ends.
pub(super) fn endless<T: Send + 'static>(stream: DriverStream<T>) -> DriverStream<T> {
    DriverStream::new(stream.chain(futures_util::stream::pending()))
}

/// Returns a stream with the items of `stream`. A task reads `stream` as fast as possible, even if no items are
/// requested.
pub(super) fn read_ahead<T: Send + 'static>(mut stream: DriverStream<T>) -> DriverStream<T> {
    let (send, receive) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(item) = stream.next().await
            && send.send(item).is_ok()
        {}
    });
    DriverStream::new(futures_util::stream::unfold(receive, |mut receive| async {
        Some((receive.recv().await?, receive))
    }))
}

/// Returns a stream with the items of `stream`. The action `dropped` runs if the returned stream is dropped before
/// its end.
pub(super) fn until_dropped<T: Send + 'static>(
    stream: DriverStream<T>,
    dropped: WhenDropped,
) -> DriverStream<T> {
    let mut dropped = Some(dropped);
    let end = futures_util::stream::poll_fn(move |_| {
        if let Some(dropped) = dropped.take() {
            dropped.done();
        }
        Poll::Ready(None)
    });
    DriverStream::new(stream.chain(end))
}
