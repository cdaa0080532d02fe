//! Interceptors, which run the same code around every call of a driver.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use driver_interface_errors::{DriverError, Effect, Result, UnsupportedError};
use futures_util::Stream;
use futures_util::future::BoxFuture;

use crate::{
    AttachControl, AttachSession, BuildOptions, Bytes, CommitOptions, ContainerConfig, ContainerDriver,
    ContainerFilter, ContainerId, ContainerInstance, ContainerPath, ContainerStats, CreationPlan,
    DriverHealth, DriverStream, EventFilter, ExecConfig, ExecControl, ExecId, ExecOutcome, ExecOutput,
    ExecSession, ExitInfo, ImageFilter, ImageInfo, ImageRef, LayeredDriver, LogOptions, LogStreamOptions,
    Network, NetworkConfig, NetworkConnectOptions, NetworkId, Operation, PauseOutcome, PullOptions,
    PushOptions, ReadFileOptions, RemoveOptions, ResourceFilter, RestartOutcome, Signal, StartOutcome,
    StopOptions, StopOutcome, TarStream, TtySize, UnpauseOutcome, Volume, VolumeConfig, VolumeId,
    WaitOptions, WriteFile, with_operations,
};

/// A handler that runs around every call of a driver, for example to measure, retry, limit, refuse or record calls.
///
/// [`Intercepted`] is a driver that passes every call through the handler. To change only a few operations and to use
/// their concrete types, implement [`LayeredDriver`] instead.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// use driver_interface_errors::UnsupportedError;
/// use driver_interface_mock::MockDockerDriver;
/// use driver_interface_types::{
///     Call, ContainerDriver, Intercepted, Interceptor, Next, OperationKind, Result, VolumeConfig, async_trait,
/// };
///
/// /// Allows only reads, and counts them.
/// #[derive(Debug, Default)]
/// struct ReadOnly {
///     reads: AtomicUsize,
/// }
///
/// #[async_trait]
/// impl Interceptor for ReadOnly {
///     async fn around<T: Send + 'static>(&self, call: Call<'_>, mut next: Next<'_, T>) -> Result<T> {
///         if call.operation.kind() != OperationKind::Read {
///             return Err(UnsupportedError::new(call.operation.as_str(), "this driver only reads").into());
///         }
///         self.reads.fetch_add(1, Ordering::Relaxed);
///         next.run().await
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<()> {
/// let driver = Intercepted::new(Arc::new(MockDockerDriver::new()), ReadOnly::default());
/// assert!(driver.list_volumes(&Default::default()).await?.is_empty());
/// assert!(driver.create_volume(&VolumeConfig::new("data")).await.is_err());
/// assert_eq!(driver.interceptor().reads.load(Ordering::Relaxed), 1);
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Interceptor: Send + Sync + Debug + 'static {
    /// Handles a call. To run the call itself, invoke [`Next::run`]. The handler may invoke `run` once or not at all.
    /// If the operation is [safe to repeat](Operation::repeat), the handler may invoke `run` several times. A call
    /// that takes a stream (an archive or file content) can run only once.
    ///
    /// # Errors
    /// Those of the call. If the interceptor refuses the call, the interceptor returns an error that states the
    /// reason.
    ///
    /// # Cancel safety
    /// If the caller drops the future of the call, the future of `around` is dropped too. The call that `around` runs
    /// is then also dropped.
    async fn around<T: Send + 'static>(&self, call: Call<'_>, next: Next<'_, T>) -> Result<T>;

    /// Is called when a stream, exec session or attach session that a call returned has ended, once for each stream
    /// or session. The default implementation does nothing.
    fn stream_ended(&self, operation: Operation, container: Option<&ContainerId>, end: StreamEnd<'_>) {
        let _ = (operation, container, end);
    }
}

/// A call that an [`Interceptor`] handles: the operation, and the arguments that most interceptors need. A field is
/// `None` if the operation has no such argument.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Call<'a> {
    /// The operation that is called.
    pub operation: Operation,
    /// The id of the container, as passed by the caller.
    pub container: Option<&'a ContainerId>,
    /// The id of the volume, as passed by the caller.
    pub volume: Option<&'a VolumeId>,
    /// The id of the network, as passed by the caller.
    pub network: Option<&'a NetworkId>,
    /// The reference to the image, as passed by the caller. For [`tag_image`](ContainerDriver::tag_image), this is
    /// the reference to the existing image.
    pub image: Option<&'a ImageRef>,
    /// The path in the container, as passed by the caller.
    pub path: Option<&'a ContainerPath>,
    /// The config of the container, for an operation that creates a container or plans the creation of a container.
    pub config: Option<&'a ContainerConfig>,
}

impl<'a> Call<'a> {
    fn new(operation: Operation) -> Self {
        Self {
            operation,
            container: None,
            volume: None,
            network: None,
            image: None,
            path: None,
            config: None,
        }
    }

    fn about(mut self, argument: &'a (impl Argument + ?Sized)) -> Self {
        argument.describe(&mut self);
        self
    }
}

/// A borrowed argument of an operation.
trait Argument {
    fn describe<'a>(&'a self, call: &mut Call<'a>);
}

macro_rules! arguments {
    ($($Type:ty => $field:ident),+; $($Other:ty),+) => {
        $(impl Argument for $Type {
            fn describe<'a>(&'a self, call: &mut Call<'a>) {
                call.$field.get_or_insert(self);
            }
        })+
        // `Call` has no field for these arguments, because most interceptors do not need them.
        $(impl Argument for $Other {
            fn describe<'a>(&'a self, _: &mut Call<'a>) {}
        })+
    };
}

arguments! {
    ContainerId => container, VolumeId => volume, NetworkId => network, ImageRef => image, ContainerPath => path,
    ContainerConfig => config;
    VolumeConfig, NetworkConfig, ContainerFilter, ResourceFilter, ImageFilter, EventFilter, ExecId
}

/// An owned argument of an operation. The argument is kept, so that the call can run again.
trait Input: Sized {
    type Kept: Send;

    fn keep(self) -> Self::Kept;

    fn again(kept: &mut Self::Kept) -> Result<Self>;
}

macro_rules! inputs {
    ($($Type:ty),+) => {$(
        impl Input for $Type {
            type Kept = Self;

            fn keep(self) -> Self {
                self
            }

            fn again(kept: &mut Self) -> Result<Self> {
                Ok(kept.clone())
            }
        }
    )+};
}

inputs! {
    StopOptions, RemoveOptions, LogOptions, WaitOptions, Signal, ExecConfig, LogStreamOptions, ReadFileOptions,
    PullOptions, NetworkConnectOptions, Bytes, BuildOptions, PushOptions, CommitOptions
}

macro_rules! streamed_inputs {
    ($($Type:ty),+) => {$(
        impl Input for $Type {
            type Kept = Option<Self>;

            fn keep(self) -> Option<Self> {
                Some(self)
            }

            fn again(kept: &mut Option<Self>) -> Result<Self> {
                // The outcome of the first run is not known here, so neither is the effect.
                let consumed = || {
                    UnsupportedError::new("repeat", "the content is a stream and was already read")
                        .with_effect(Effect::Unknown)
                };
                Ok(kept.take().ok_or_else(consumed)?)
            }
        }
    )+};
}

streamed_inputs! { TarStream, WriteFile }

/// The call that an [`Interceptor`] handles. The call runs only when the interceptor invokes [`run`](Self::run).
pub struct Next<'a, T> {
    run: Box<dyn FnMut() -> BoxFuture<'a, Result<T>> + Send + 'a>,
}

impl<'a, T> Next<'a, T> {
    fn new(run: impl FnMut() -> BoxFuture<'a, Result<T>> + Send + 'a) -> Self {
        Self { run: Box::new(run) }
    }

    /// Runs the call on the inner driver, and returns the result.
    ///
    /// # Errors
    /// - Those of the call.
    /// - `UnsupportedError`: the call takes an archive or file content, and has already run once. The archive or file
    ///   content is a stream, and a stream cannot be read again.
    pub async fn run(&mut self) -> Result<T> {
        (self.run)().await
    }
}

impl<T> std::fmt::Debug for Next<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Next").finish_non_exhaustive()
    }
}

/// How a stream, exec session or attach session ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum StreamEnd<'a> {
    /// The stream was read to its end, or [`ExecSession::wait`] returned the outcome of the exec session.
    Complete,
    /// The stream or session ended with this error.
    Failed(&'a DriverError),
    /// The stream or session was dropped before its end. An attach session always ends in this way.
    Dropped,
}

/// A driver whose calls pass through an [`Interceptor`].
#[derive(Debug)]
pub struct Intercepted<I> {
    inner: Arc<dyn ContainerDriver>,
    interceptor: Arc<I>,
}

impl<I: Interceptor> Intercepted<I> {
    /// Creates a driver that passes every call of the driver `inner` through `interceptor`.
    pub fn new(inner: Arc<dyn ContainerDriver>, interceptor: I) -> Self {
        let interceptor = Arc::new(interceptor);
        Self { inner, interceptor }
    }

    /// Returns the interceptor.
    pub fn interceptor(&self) -> &I {
        &self.interceptor
    }
}

macro_rules! intercepted {
    ($($(#[$docs:meta])* $Operation:ident $method:ident[$($lent:ident: $Lent:ty),*][$($given:ident: $Given:ty),*]
        -> $answer:ty, $kind:ident, $repeat:ident, $required:ident;)*) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<I: Interceptor> LayeredDriver for Intercepted<I> {
            fn inner(&self) -> &dyn ContainerDriver {
                &self.inner
            }

            fn name(&self) -> &str {
                self.inner.name()
            }

            fn version(&self) -> &str {
                self.inner.version()
            }

            fn capabilities(&self) -> crate::Capabilities {
                self.inner.capabilities()
            }

            $(async fn $method(&self, $($lent: &$Lent,)* $($given: $Given),*) -> Result<$answer> {
                let inner = &*self.inner;
                let call = Call::new(Operation::$Operation)$(.about($lent))*;
                $(let mut $given = Input::keep($given);)*
                let next = Next::new(move || {
                    $(let $given = Input::again(&mut $given);)*
                    Box::pin(async move { inner.$method($($lent,)* $($given?),*).await })
                });
                let answer = self.interceptor.around(call, next).await?;
                Ok(answer.watched(&self.interceptor, call))
            })*
        }
    };
}

with_operations!(intercepted);

/// The return value of an operation. `watched` wraps a stream or session, so that the interceptor is notified when
/// the stream or session ends.
trait Answer: Sized {
    fn watched<I: Interceptor>(self, _: &Arc<I>, _: Call<'_>) -> Self {
        self
    }
}

macro_rules! answers {
    ($($Type:ty),+) => { $(impl Answer for $Type {})+ };
}

answers! {
    (), bool, usize, String, Bytes, ContainerInstance, StartOutcome, StopOutcome, RestartOutcome, PauseOutcome, UnpauseOutcome, Volume,
    Network, DriverHealth, ExitInfo, ExecOutput, ExecId, ContainerStats, CreationPlan, ImageInfo
}

impl<T> Answer for Option<T> {}
impl<T> Answer for Vec<T> {}

impl<T: Send + 'static> Answer for DriverStream<T> {
    fn watched<I: Interceptor>(self, interceptor: &Arc<I>, call: Call<'_>) -> Self {
        let watch = Watch::new(interceptor, call);
        Self::new(Watched { stream: self, watch })
    }
}

impl Answer for ExecSession {
    fn watched<I: Interceptor>(mut self, interceptor: &Arc<I>, call: Call<'_>) -> Self {
        let watch = Watch::new(interceptor, call).into();
        let control = self.control;
        self.control = Box::new(WatchedControl { control, watch });
        self
    }
}

impl Answer for AttachSession {
    fn watched<I: Interceptor>(mut self, interceptor: &Arc<I>, call: Call<'_>) -> Self {
        let _watch = Watch::new(interceptor, call);
        let control = self.control;
        self.control = Box::new(WatchedAttach { control, _watch });
        self
    }
}

/// Reports the end of a stream or session to the interceptor exactly once.
struct Watch<I: Interceptor> {
    interceptor: Arc<I>,
    operation: Operation,
    container: Option<ContainerId>,
    is_reported: bool,
}

impl<I: Interceptor> Watch<I> {
    fn new(interceptor: &Arc<I>, call: Call<'_>) -> Self {
        Self {
            interceptor: Arc::clone(interceptor),
            operation: call.operation,
            container: call.container.cloned(),
            is_reported: false,
        }
    }

    fn report(&mut self, end: StreamEnd<'_>) {
        if !std::mem::replace(&mut self.is_reported, true) {
            self.interceptor
                .stream_ended(self.operation, self.container.as_ref(), end);
        }
    }
}

impl<I: Interceptor> Drop for Watch<I> {
    fn drop(&mut self) {
        self.report(StreamEnd::Dropped);
    }
}

struct Watched<T, I: Interceptor> {
    stream: DriverStream<T>,
    watch: Watch<I>,
}

impl<T, I: Interceptor> Stream for Watched<T, I> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.stream).poll_next(context);
        match &polled {
            Poll::Ready(None) => self.watch.report(StreamEnd::Complete),
            Poll::Ready(Some(Err(error))) => self.watch.report(StreamEnd::Failed(error)),
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        polled
    }
}

struct WatchedAttach<I: Interceptor> {
    control: Box<dyn AttachControl>,
    _watch: Watch<I>,
}

#[async_trait]
impl<I: Interceptor> AttachControl for WatchedAttach<I> {
    async fn resize(&self, size: TtySize) -> Result<()> {
        self.control.resize(size).await
    }
}

struct WatchedControl<I: Interceptor> {
    control: Box<dyn ExecControl>,
    watch: std::sync::Mutex<Watch<I>>,
}

#[async_trait]
impl<I: Interceptor> ExecControl for WatchedControl<I> {
    async fn resize(&self, size: TtySize) -> Result<()> {
        self.control.resize(size).await
    }

    async fn wait(&self) -> Result<ExecOutcome> {
        let outcome = self.control.wait().await;
        let end = outcome
            .as_ref()
            .map_or_else(StreamEnd::Failed, |_| StreamEnd::Complete);
        let mut watch = self
            .watch
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        watch.report(end);
        drop(watch);
        outcome
    }

    async fn kill(&self) -> Result<()> {
        self.control.kill().await
    }
}
