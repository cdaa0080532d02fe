//! A proxy that injects faults into the connection between a driver and its engine, for tests of drivers.
//!
//! A driver that is connected to a [`FaultProxy`] reaches its engine as usual until a [`Rule`] injects a [`Fault`] into
//! a request. The proxy understands HTTP/1.1, the frames in which Docker sends the output of commands, and connections
//! that are upgraded to byte streams.
//!
//! ```no_run
//! use driver_interface_conformance::proxy::{Break, Fault, FaultProxy, Position, Rule};
//!
//! # fn main() -> std::io::Result<()> {
//! let proxy = FaultProxy::start("unix:///var/run/docker.sock")?;
//! // … connect a driver to `proxy.uri()` and create a container …
//! let lost = Fault::Break(Position::BeforeResponse, Break::Fin);
//! let rule = proxy.inject(Rule::on("POST */start").times(1).fault(lost));
//! // … start the container: the engine starts it, and the driver gets no response …
//! assert_eq!(rule.hits(), 1);
//! proxy.clear()?;
//! # Ok(())
//! # }
//! ```

mod answer;
mod endpoint;
mod engine;
mod fault;
mod http;
mod plan;
mod relay;
mod rule;
mod shape;
mod stream;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

pub use answer::Answer;
pub use endpoint::Endpoint;
pub use engine::Request;
pub use fault::{Break, Fault, FrameField, Position, Stage, When};
pub use http::Framing;
pub use plan::Plan;
pub use rule::{Injected, Rule};

use endpoint::{Address, Listener, listen};
use engine::Engine;
use relay::Relay;

/// A proxy that injects faults. When the proxy is dropped, it closes its connections and removes its socket.
///
/// The proxy runs on its own thread, so it is independent of the driver's runtime and of that runtime's clock.
#[derive(Debug)]
pub struct FaultProxy {
    address: Address,
    relay: Arc<Relay>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A request that a proxy received, and a summary of the engine's response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchange {
    /// The HTTP method, such as `GET`.
    pub method: String,
    /// The path of the request, without the query.
    pub path: String,
    /// The HTTP status of the engine's response; `None` if the engine received no request or did not respond.
    pub status: Option<u16>,
    /// How the body of the engine's response is delimited; `None` if there was no response.
    pub framing: Option<Framing>,
    /// The number of bytes of the engine's response body that the proxy has read. The lines that delimit chunks are
    /// included. The number is 0 if a fault replaced the response or its `Content-Length`.
    pub bytes: u64,
}

impl Exchange {
    fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            status: None,
            framing: None,
            bytes: 0,
        }
    }

    fn answered(&mut self, status: u16, framing: Framing) {
        self.status = Some(status);
        self.framing = Some(framing);
    }
}

impl FaultProxy {
    /// Starts a proxy on a Unix socket in a temporary directory, for the engine at `unix:///path` or
    /// `tcp://host:port`.
    ///
    /// # Errors
    /// `InvalidInput` if the URI has another form; otherwise, the operating system's error from creating the socket.
    pub fn start(engine: &str) -> io::Result<Self> {
        Self::run(Engine::parse(engine)?, false)
    }

    /// Starts a proxy like [`start`](Self::start), but on a loopback TCP port, which every program on this host can
    /// reach.
    ///
    /// # Errors
    /// The same errors as [`start`](Self::start).
    pub fn start_on_tcp(engine: &str) -> io::Result<Self> {
        Self::run(Engine::parse(engine)?, true)
    }

    /// Starts a server on a Unix socket in a temporary directory. There is no engine: `script` responds to the
    /// requests.
    ///
    /// ```
    /// use driver_interface_conformance::proxy::{Answer, FaultProxy};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let hostile = FaultProxy::scripted(|request| match request.path.as_str() {
    ///     "/version" => Answer::new(200).body("{}"),
    ///     _ => Answer::new(200).endless("[", "[]"),
    /// })?;
    /// assert!(hostile.uri().starts_with("unix:///"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The operating system's error from creating the socket.
    pub fn scripted(script: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> io::Result<Self> {
        Self::run(Engine::Script(Arc::new(script)), false)
    }

    fn run(engine: Engine, tcp: bool) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("fault-proxy-").tempdir()?;
        let condition = if tcp {
            Address::Tcp(([127, 0, 0, 1], 0).into())
        } else {
            Address::Unix(directory.path().join("engine.sock"))
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (commands, orders) = mpsc::unbounded_channel();
        let relay = Arc::new(Relay::new(engine, commands));
        let (stop, stopped) = oneshot::channel();
        let (ready, bound) = channel();
        let shared = relay.clone();
        let thread = std::thread::Builder::new()
            .name("fault-proxy".to_owned())
            .spawn(move || {
                // The directory is removed when the thread ends, because this value is dropped.
                let _directory = directory;
                runtime.block_on(async {
                    let listener = match Listener::bind(&condition).await {
                        Ok(listener) => listener,
                        Err(error) => return drop(ready.send(Err(error))),
                    };
                    let address = match listener.address(&condition) {
                        Ok(address) => address,
                        Err(error) => return drop(ready.send(Err(error))),
                    };
                    drop(ready.send(Ok(address.clone())));
                    tokio::select! {
                        () = listen(listener, address, shared, orders) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        let address = bound.recv().map_err(io::Error::other)??;
        Ok(Self {
            address,
            relay,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Returns the URI of the proxy, to which drivers connect: `unix:///path` or `tcp://127.0.0.1:port`.
    pub fn uri(&self) -> String {
        self.address.to_string()
    }

    /// Adds a rule. If several rules match a request, the rule that was added first applies.
    pub fn inject(&self, rule: Rule) -> Injected {
        let injected = Injected::new(rule);
        self.relay.rules().push(injected.clone());
        injected
    }

    /// Removes all rules and restores the listening socket. A fault that is already injected into a connection remains.
    ///
    /// # Errors
    /// The same errors as [`set_endpoint`](Self::set_endpoint).
    pub fn clear(&self) -> io::Result<()> {
        self.relay.rules().clear();
        self.set_endpoint(Endpoint::Listening)
    }

    /// Changes the state of the listening socket, and returns when the change is complete.
    ///
    /// # Errors
    /// The operating system's error from the change.
    pub fn set_endpoint(&self, endpoint: Endpoint) -> io::Result<()> {
        let (done, result) = channel();
        self.relay
            .request_endpoint(endpoint, move |changed| drop(done.send(changed)));
        result.recv().map_err(io::Error::other)?
    }

    /// Breaks all open connections in the way `how`.
    pub fn break_all(&self, how: Break) {
        self.relay.cut_all(how);
    }

    /// Returns the number of open connections.
    pub fn connections(&self) -> usize {
        self.relay.connections()
    }

    /// Returns the requests that the proxy has received since the last call of this method, in order.
    pub fn take_exchanges(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.relay.exchanges())
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // This fails if the proxy's thread has already ended.
        let _ = self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
